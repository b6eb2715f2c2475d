/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_share: whether too many of a stream's messages become dead letters.
 *
 * Counts over a sliding window, in tenths of it. Judges only when the window has seen enough messages
 * to tell: one bad message in the first ten is no reason to stop. Pure.
 */
#ifndef BRIDGE_DEAD_SHARE_H
#define BRIDGE_DEAD_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum { DEAD_SHARE_SLOTS = 10 };

struct dead_share {
    double above; /* 0: never too many. */
    int64_t window_us;
    int64_t least; /* Messages. */
    int64_t slot;  /* The newest, counted from time 0. */
    struct {
        int64_t messages;
        int64_t dead;
    } slots[DEAD_SHARE_SLOTS];
};

/* Also changes the limits; what was counted stays if the window does. */
void dead_share_set(struct dead_share *share, double above, int64_t window_us, int64_t least);
/* So many messages went to Kafka, `dead` of them as dead letters. */
void dead_share_add(struct dead_share *share, int64_t now_us, int64_t messages, int64_t dead);
/* More than the share, and enough messages to say so; the counts are those of the window. */
bool dead_share_is_above(const struct dead_share *share, int64_t *messages, int64_t *dead);

#endif
