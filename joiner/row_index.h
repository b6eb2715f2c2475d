/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_index: who is live, in 24 bytes a row.
 *
 * A hash table with open addressing in which all rows of a key lie in one run: finding a row, and
 * finding every row of a key, is one walk along the run. It knows rows by hashes; whoever needs
 * certainty compares the stored bytes.
 */
#ifndef JOINER_ROW_INDEX_H
#define JOINER_ROW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_index_entry {
    uint64_t key_hash;
    uint64_t tail_hash;
    int64_t time_input; /* Event time in the upper bits, the input in the lowest 8. */
};

struct row_index {
    struct row_index_entry *slots;
    size_t slot_mask; /* Count of slots, a power of two, less one. */
    size_t count;
};

void row_index_init(struct row_index *index);
void row_index_fini(struct row_index *index);
void row_index_clear(struct row_index *index);

void row_index_add(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms);
bool row_index_has(const struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                   uint32_t input, int64_t time_ms);
/* False if it is not there. */
bool row_index_remove(struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                      uint32_t input, int64_t time_ms);

/* The rows of a key: *cursor starts at SIZE_MAX; NULL behind the last. No change in between. */
const struct row_index_entry *row_index_next(const struct row_index *index, uint64_t key_hash,
                                             size_t *cursor);

static inline int64_t row_index_time_ms(const struct row_index_entry *entry)
{
    return entry->time_input >> 8;
}

static inline uint32_t row_index_input(const struct row_index_entry *entry)
{
    return (uint32_t)(entry->time_input & 0xff);
}

size_t row_index_bytes(const struct row_index *index);

#endif
