/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t real_wall_ms(struct clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t real_monotonic_us(struct clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct clock *clock_real(void)
{
    static struct clock real = {.wall_ms = real_wall_ms, .monotonic_us = real_monotonic_us};

    return &real;
}

static int64_t fake_wall_ms(struct clock *clock)
{
    return clock->fake_wall_ms;
}

static int64_t fake_monotonic_us(struct clock *clock)
{
    return clock->fake_monotonic_us;
}

void clock_fake_init(struct clock *clock, int64_t wall_ms)
{
    *clock = (struct clock){.wall_ms = fake_wall_ms,
                            .monotonic_us = fake_monotonic_us,
                            .fake_wall_ms = wall_ms,
                            .fake_monotonic_us = 1};
}

void clock_fake_advance(struct clock *clock, int64_t ms)
{
    clock->fake_wall_ms += ms;
    clock->fake_monotonic_us += ms * 1000;
}

const char *clock_format_ms(int64_t wall_ms, char text[static CLOCK_TEXT_SIZE])
{
    int64_t seconds = wall_ms / 1000;
    int64_t ms = wall_ms % 1000;
    struct tm utc;
    char stamp[24];

    if (ms < 0) {
        seconds--;
        ms += 1000;
    }
    time_t time = (time_t)seconds;
    if (gmtime_r(&time, &utc) == NULL
        || strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        snprintf(text, CLOCK_TEXT_SIZE, "%lld ms", (long long)wall_ms);
    else
        snprintf(text, CLOCK_TEXT_SIZE, "%s.%03dZ", stamp, (int)ms);
    return text;
}
