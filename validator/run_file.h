/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_file: one sorted run of the sorter on disk, a zstd stream of rows.
 *
 * A row is its key, the payload's size in four bytes, and the payload. Written once, then read once.
 */
#ifndef VALIDATOR_RUN_FILE_H
#define VALIDATOR_RUN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "validator/sorter.h"

struct run_file;

/* Makes the file and takes its name away. NULL on error. */
struct run_file *run_file_create(const char *directory, size_t key_size, struct error *err);
void run_file_free(struct run_file *run);

bool run_file_put(struct run_file *run, const struct sorter_row *row, struct error *err);
/* Ends writing and goes back to the start. `*bytes` is raised by the size on disk. */
bool run_file_rewind(struct run_file *run, uint64_t *bytes, struct error *err);
/* Borrowed until the next call. key is NULL at the end. */
bool run_file_get(struct run_file *run, struct sorter_row *row, struct error *err);

#endif
