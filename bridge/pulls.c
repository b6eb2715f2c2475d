/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/pulls.h"

#include <assert.h>

enum { MEAN_BYTES_FIRST = 1024, ASK_LEAST = 50 };

void pulls_init(struct pulls *pulls, int32_t max, int32_t ask_most)
{
    assert(max > 0 && ask_most > 0);
    *pulls = (struct pulls){
        .max = max,
        .ask_most = ask_most < PULLS_ASK_MAX ? ask_most : PULLS_ASK_MAX,
        .target = max < 2 ? max : 2,
        .mean_bytes = MEAN_BYTES_FIRST,
    };
}

void pulls_limit(struct pulls *pulls, int32_t max, int32_t ask_most)
{
    assert(max > 0 && ask_most > 0);
    pulls->max = max;
    pulls->ask_most = ask_most < PULLS_ASK_MAX ? ask_most : PULLS_ASK_MAX;
    pulls->target = pulls->target < max ? pulls->target : max;
}

int64_t pulls_reserved_bytes(const struct pulls *pulls)
{
    return pulls->asked * pulls->mean_bytes;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A pull for a handful costs as much as one for many: wait for room, but for none that never comes. */
static int64_t least_ask(const struct pulls *pulls, const struct pulls_room *room)
{
    int64_t least = smaller(pulls->ask_most, ASK_LEAST);

    least = smaller(least, room->all_messages / 2);
    least = smaller(least, room->all_bytes / pulls->mean_bytes / 2);
    return least > 1 ? least : 1;
}

int32_t pulls_next(const struct pulls *pulls, int64_t now_us, const struct pulls_room *room)
{
    if (pulls->in_flight >= pulls->target || now_us < pulls->earliest_us)
        return 0;

    int64_t ask = smaller(pulls->ask_most, room->messages);
    int64_t fits = room->bytes / pulls->mean_bytes;

    if (fits == 0 && room->bytes == room->all_bytes)
        fits = 1; /* One that is larger than all the room goes alone. */
    ask = smaller(ask, fits);
    return ask >= least_ask(pulls, room) ? (int32_t)ask : 0;
}

void pulls_started(struct pulls *pulls, int32_t asked)
{
    pulls->in_flight++;
    pulls->asked += asked;
}

void pulls_failed(struct pulls *pulls, int32_t asked)
{
    assert(pulls->in_flight > 0 && pulls->asked >= asked);
    pulls->in_flight--;
    pulls->asked -= asked;
}

static void answered_empty(struct pulls *pulls, int64_t now_us, int64_t took_us)
{
    pulls->target = pulls->target > 2 ? pulls->target / 2 : 1;
    if (took_us >= PULLS_IDLE_LAST_US) { /* The server waited for us: ask again at once. */
        pulls->idle_us = 0;
        return;
    }
    pulls->idle_us = pulls->idle_us == 0 ? PULLS_IDLE_FIRST_US : 2 * pulls->idle_us;
    if (pulls->idle_us > PULLS_IDLE_LAST_US)
        pulls->idle_us = PULLS_IDLE_LAST_US;
    pulls->earliest_us = now_us + pulls->idle_us;
}

void pulls_answered(struct pulls *pulls, int64_t now_us, const struct pulls_answer *answer)
{
    bool full = answer->count >= answer->asked - answer->asked / 8;

    pulls_failed(pulls, answer->asked);
    if (answer->count == 0) {
        answered_empty(pulls, now_us, answer->took_us);
        return;
    }
    pulls->idle_us = 0;
    pulls->earliest_us = 0;
    pulls->mean_bytes = (7 * pulls->mean_bytes + answer->bytes / answer->count) / 8;
    if (pulls->mean_bytes < 1)
        pulls->mean_bytes = 1;
    if (full || answer->age_ms > PULLS_BACKLOG_MS) {
        if (pulls->target < pulls->max)
            pulls->target++;
        return;
    }
    if (answer->count < answer->asked / 8) { /* Fewer requests, each with more in it. */
        if (pulls->target > 1)
            pulls->target--;
        pulls->earliest_us = now_us + PULLS_PACE_US;
    }
}
