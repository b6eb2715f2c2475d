/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minutes: judged rows by five minutes of event time, to find the worst of them.
 *
 * Memory is bounded: beyond MINUTES_MAX buckets in use the width doubles, which minutes_width_ms tells.
 */
#ifndef VALIDATOR_MINUTES_H
#define VALIDATOR_MINUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MINUTES_WIDTH_MS = 5 * 60 * 1000,
    MINUTES_ROWS_LEAST = 1000, /* Fewer rows are judged together with the next ones. */
    MINUTES_MAX = 1 << 16,     /* Buckets: seven months without a pause. */
};

struct minutes_bucket {
    int64_t number; /* Of its width since 1970. */
    int64_t rows, unexplained;
};

struct minutes {
    struct minutes_bucket *slots; /* A hash table; free ones have no rows. */
    size_t capacity, used;
    int64_t width_ms; /* 0 until the first row. */
};

/* `struct minutes m = {0}` is a valid empty one. */
void minutes_fini(struct minutes *minutes);
void minutes_add(struct minutes *minutes, int64_t time_ms, bool unexplained);

/* A stretch of one or more buckets. */
struct minutes_stretch {
    int64_t from_ms, to_ms; /* Half open. */
    int64_t rows, unexplained;
};

/*
 * The stretches in the order of time: a bucket with fewer than MINUTES_ROWS_LEAST rows is joined with those that follow
 * until it has them; what is left at the end is joined with the stretch before. Returns (caller frees).
 */
struct minutes_stretch *minutes_stretches(const struct minutes *minutes, size_t *count);

/* The share of its rows that are equal or explained. */
double minutes_share(const struct minutes_stretch *stretch);

#endif
