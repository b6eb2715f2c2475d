/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: how many of something may still happen now, so many a second, a second's worth at once. Pure.
 */
#ifndef BRIDGE_RATE_H
#define BRIDGE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    int64_t per_second; /* 0: no limit. */
    double left;        /* At at_us. Below 0 after more than was left. */
    int64_t at_us;
};

/* Also changes a limit; what was used before counts. */
void rate_set(struct rate *rate, int64_t per_second);
void rate_take(struct rate *rate, int64_t now_us, int64_t count);
/* How many are left; INT64_MAX without a limit. */
int64_t rate_left(const struct rate *rate, int64_t now_us);
/* When `count` will be left, at most a second's worth; now_us if they are. */
int64_t rate_when_us(const struct rate *rate, int64_t now_us, int64_t count);

#endif
