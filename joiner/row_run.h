/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_run: entries of the row index that memory has no room for, in a file without a name.
 *
 * Written once, in the order of the keys' hashes, and never changed. A filter in memory (12 bits an
 * entry) says of nearly every key that is not there that it is not, so that only keys that are cost a
 * read: of one page, which a directory in memory finds.
 */
#ifndef JOINER_ROW_RUN_H
#define JOINER_ROW_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct row_index_entry {
    uint64_t key_hash;
    uint64_t tail_hash;
    int64_t time_input; /* Event time in the upper bits, the input in the lowest 8. */
};

struct row_run;

/* An empty one for at most so many entries. NULL on error. */
struct row_run *row_run_new(const char *directory, size_t count_most, struct error *err);
void row_run_free(struct row_run *run);

/* In the order of key_hash. Then row_run_end, and only then the rest. */
bool row_run_add(struct row_run *run, const struct row_index_entry *entry, struct error *err);
bool row_run_end(struct row_run *run, struct error *err);

/* False: no entry has this key. True: nearly always one has. */
bool row_run_may_have(const struct row_run *run, uint64_t key_hash);
size_t row_run_memory_bytes(const struct row_run *run);
size_t row_run_disk_bytes(const struct row_run *run);

enum { ROW_RUN_PAGE = 128 }; /* Entries: 3 KiB. */

/* Where a walk over the entries of one key stands. */
struct row_run_walk {
    uint64_t key_hash;
    size_t next_page; /* To read. */
    size_t at, count; /* In the page. */
    struct row_index_entry page[ROW_RUN_PAGE];
};

void row_run_walk_begin(struct row_run_walk *walk, const struct row_run *run, uint64_t key_hash);
/* *entry is NULL behind the last one, else valid until the next call. */
bool row_run_walk_next(struct row_run_walk *walk, const struct row_run *run,
                       const struct row_index_entry **entry, struct error *err);

#endif
