/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

enum { DRAW_EVERY_US = 200000 };

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.shown = isatty(STDERR_FILENO) == 1};
}

static void draw(struct progress *progress, int64_t now_us)
{
    int64_t elapsed_us = now_us - progress->started_us;
    char line[sizeof progress->phase + 64];
    int64_t rate = elapsed_us > 0 ? progress->count * 1000000 / elapsed_us : 0;

    progress->drawn_us = now_us;
    snprintf(line, sizeof line, "%s: %" PRId64 " records, %" PRId64 "/s", progress->phase,
             progress->count, rate);
    log_status_line(line);
}

void progress_phase(struct progress *progress, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(progress->phase, sizeof progress->phase, format, args);
    va_end(args);
    progress->count = 0;
    progress->started_us = clock_monotonic_us(clock_real());
    if (progress->shown)
        draw(progress, progress->started_us);
}

void progress_step(struct progress *progress, int64_t count)
{
    progress->count += count;
    if (!progress->shown)
        return;
    int64_t now_us = clock_monotonic_us(clock_real());
    if (now_us - progress->drawn_us >= DRAW_EVERY_US)
        draw(progress, now_us);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        log_status_line(NULL);
}
