/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: from which offset a replay of one input finds every live row.
 *
 * Rows die in the order of their place in time, not of their offsets. A row matters only if it
 * outlives every row with a smaller offset, so a staircase of (time of death, offset) is enough.
 * Its steps are at least step_ms wide, so it is short, and the answer may be somewhat low.
 */
#ifndef JOINER_FLOOR_H
#define JOINER_FLOOR_H

#include <stddef.h>
#include <stdint.h>

struct floor_step {
    int64_t until_ms; /* Rows from this offset on may live up to and including this time. */
    int64_t offset;
};

struct floor_stairs {
    int64_t step_ms;
    struct floor_step *steps; /* Owned; a ring would save little. */
    size_t first, count, capacity;
};

void floor_init(struct floor_stairs *stairs, int64_t step_ms);
void floor_fini(struct floor_stairs *stairs);
void floor_clear(struct floor_stairs *stairs);
/* Offsets rise from call to call. */
void floor_add(struct floor_stairs *stairs, int64_t place_ms, int64_t offset);
/* A step as another staircase of the same input had it; in order. */
void floor_push(struct floor_stairs *stairs, struct floor_step step);
/* Rows before cutoff_ms are dead. */
void floor_cut(struct floor_stairs *stairs, int64_t cutoff_ms);
/* `none` if no row is live. */
int64_t floor_offset(const struct floor_stairs *stairs, int64_t none);

#endif
