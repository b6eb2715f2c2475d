/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_bytes: the bytes of a file, unpacked when they begin as gzip or zstd do.
 *
 * What the file's name says of its packing is not believed. Several packed parts one after the other
 * are one file, as gzip and zstd have it. A stream that ends in its middle is an error, never an end.
 */
#ifndef VALIDATOR_LEGACY_BYTES_H
#define VALIDATOR_LEGACY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct legacy_bytes;

/* NULL on error. */
struct legacy_bytes *legacy_bytes_open(const char *path, struct error *err);
void legacy_bytes_close(struct legacy_bytes *bytes);

/* Up to `size` bytes; `*count` is less only at the end. False if the file cannot be read or unpacked. */
bool legacy_bytes_read(struct legacy_bytes *bytes, void *data, size_t size, size_t *count,
                       struct error *err);
/* The next byte, -1 at the end, -2 after an error. */
int legacy_bytes_next(struct legacy_bytes *bytes, struct error *err);

#endif
