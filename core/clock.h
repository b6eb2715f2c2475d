/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: the time, real or told by a test.
 *
 * Pure modules take times as arguments; only turn loops hold a clock. Wall time (ms since 1970) is
 * for stamps and idle rules, monotonic time (us, arbitrary start) for deadlines and measurements.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(struct clock *clock);
    int64_t (*monotonic_us)(struct clock *clock);
    int64_t fake_wall_ms;
    int64_t fake_monotonic_us;
};

/* The machine's clock. Shared, never freed. */
struct clock *clock_real(void);
/* Stands still until clock_fake_advance. */
void clock_fake_init(struct clock *clock, int64_t wall_ms);
void clock_fake_advance(struct clock *clock, int64_t ms);

static inline int64_t clock_wall_ms(struct clock *clock)
{
    return clock->wall_ms(clock);
}

static inline int64_t clock_monotonic_us(struct clock *clock)
{
    return clock->monotonic_us(clock);
}

/* RFC 3339 in UTC with milliseconds, "2026-11-21T09:30:00.123Z". */
enum { CLOCK_TEXT_SIZE = 32 };
const char *clock_format_ms(int64_t wall_ms, char text[static CLOCK_TEXT_SIZE]);

#endif
