/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sorter: rows in the order of their keys, however many there are.
 *
 * Rows fill one block of memory; a full block is sorted and written as a compressed run, and the
 * runs are merged while they are read. Keys of one sorter have one size and compare as bytes. Run
 * files have no name once they are open, so nothing is left behind by a crash. Owned by one thread.
 */
#ifndef VALIDATOR_SORTER_H
#define VALIDATOR_SORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct sorter;

struct sorter_options {
    const char *directory; /* Where runs go. Must exist. */
    size_t key_size;       /* SORTER_KEY_SIZE_MIN to SORTER_KEY_SIZE_MAX bytes. */
    size_t memory_bytes;   /* Of rows and their index together. */
};

enum { SORTER_KEY_SIZE_MIN = 8, SORTER_KEY_SIZE_MAX = 64 };

struct sorter_row { /* Borrowed until the next call. */
    const uint8_t *key;
    const uint8_t *payload;
    size_t size; /* Of the payload. */
};

struct sorter_stats {
    uint64_t row_count;
    uint64_t row_bytes;     /* Keys and payloads as added. */
    uint64_t spilled_bytes; /* Written to runs, compressed. */
    uint32_t run_count;     /* Ever written; 0: everything fitted. */
};

struct sorter *sorter_new(const struct sorter_options *options);
void sorter_free(struct sorter *sorter);

/* Copies the key; the caller writes the payload to where this points, before the next call. NULL on
 * error: the disk, or a row that alone is larger than the memory. */
uint8_t *sorter_add(struct sorter *sorter, const void *key, size_t payload_size, struct error *err);
/* No row may follow. */
bool sorter_sort(struct sorter *sorter, struct error *err);
/* The next row in order; rows with equal keys come in any order. key is NULL at the end. */
bool sorter_next(struct sorter *sorter, struct sorter_row *row, struct error *err);

struct sorter_stats sorter_stats(const struct sorter *sorter);

#endif
