/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_index: who is live, in 24 bytes a row.
 *
 * A hash table with open addressing in which all rows of a key lie in one run: finding a row, and
 * finding every row of a key, is one walk along the run. It knows rows by hashes; whoever needs
 * certainty compares the stored bytes.
 *
 * When the table may grow no further, its entries go to a row_run on disk, and it begins anew. Nothing is
 * taken out of such a run: what lies before the cutoff is passed over, and when all of it does, the file is
 * dropped. A file that cannot be written or read makes row_index_check fail from then on.
 */
#ifndef JOINER_ROW_INDEX_H
#define JOINER_ROW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "joiner/row_run.h"

/* The times are milliseconds. */
struct row_index_limits {
    const char *directory; /* Of the files; borrowed. */
    size_t memory_bytes;   /* 0: the table grows without end. */
};

struct row_index_run {
    struct row_run *run;
    int64_t last_home_ms; /* It is of no use when the cutoff is behind this. */
};

struct row_index {
    struct row_index_limits limits;
    const int64_t *before_ms; /* By input: how long a row outlives its time. Borrowed. */
    struct row_index_entry *slots;
    size_t slot_bits;
    size_t slot_mask;  /* Count of slots, a power of two, less one. */
    size_t slot_count; /* Of those that are taken. */
    size_t count;      /* Live rows, in the table and in the runs. */
    struct row_index_run *runs;
    size_t run_count;
    int64_t cutoff_ms;
    bool failed;
    struct error error;
};

/* limits NULL: none. */
void row_index_init(struct row_index *index, const struct row_index_limits *limits,
                    const int64_t *before_ms);
void row_index_fini(struct row_index *index);
/* False, with the first failure, if what the index said may be wrong. */
bool row_index_check(const struct row_index *index, struct error *err);

void row_index_add(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms);
bool row_index_has(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms);
/* For a row that leaves; false if it is not there (of one on disk only nearly always so). */
bool row_index_remove(struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                      uint32_t input, int64_t time_ms);
/* Every row whose time and before_ms lie before the cutoff has been removed. */
void row_index_forget(struct row_index *index, int64_t cutoff_ms);

/* Over the rows of a key. No change of the index in between. */
struct row_index_walk {
    struct row_index *index;
    uint64_t key_hash;
    size_t slot; /* SIZE_MAX: the table is done. */
    size_t run;  /* The next, or the one that is read. */
    bool in_run;
    struct row_run_walk walk;
};

void row_index_walk_begin(struct row_index_walk *walk, struct row_index *index, uint64_t key_hash);
/* NULL behind the last one; valid until the next call. */
const struct row_index_entry *row_index_walk_next(struct row_index_walk *walk);

static inline int64_t row_index_time_ms(const struct row_index_entry *entry)
{
    return entry->time_input >> 8;
}

static inline uint32_t row_index_input(const struct row_index_entry *entry)
{
    return (uint32_t)(entry->time_input & 0xff);
}

size_t row_index_memory_bytes(const struct row_index *index);
size_t row_index_disk_bytes(const struct row_index *index);

#endif
