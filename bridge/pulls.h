/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulls: how many pull requests of a stream are in flight, and what each may ask for.
 *
 * Grows while answers show a backlog (full, or old messages), shrinks to one while they come back
 * empty or nearly so. What a pull asks for is reserved until it is answered, so that the process never holds more
 * messages than it said. A server that answers "nothing" at once is asked less and less often; a
 * stream that keeps up is asked every few milliseconds, so that each answer is worth its request.
 * Pure.
 */
#ifndef BRIDGE_PULLS_H
#define BRIDGE_PULLS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PULLS_ASK_MAX = 1000,        /* Pub/Sub gives no more. */
    PULLS_PACE_US = 4000,        /* Between two pulls of a stream that keeps up. */
    PULLS_IDLE_FIRST_US = 10000, /* Between two pulls that are both answered "nothing" at once. */
    PULLS_IDLE_LAST_US = 500000,
    PULLS_BACKLOG_MS = 1000, /* A message this old was waiting for us. */
};

struct pulls {
    int32_t max;      /* In flight. */
    int32_t ask_most; /* A single one asks for at most so many messages. */
    int32_t target;   /* To have in flight now. */
    int32_t in_flight;
    int64_t asked;       /* Messages, over those in flight. */
    int64_t mean_bytes;  /* Of a message. */
    int64_t idle_us;     /* The present delay after an empty answer; 0 after a full one. */
    int64_t earliest_us; /* No pull before. */
};

struct pulls_room { /* What the process may still take, reservations counted. */
    int64_t messages;
    int64_t bytes;
    int64_t all_messages; /* The same when nothing is held. */
    int64_t all_bytes;
};

struct pulls_answer {
    int32_t asked;
    int32_t count;
    int64_t bytes;
    int64_t took_us;
    int64_t age_ms; /* Of its oldest message. */
};

void pulls_init(struct pulls *pulls, int32_t max, int32_t ask_most);
/* Other bounds, from the next pull on. */
void pulls_limit(struct pulls *pulls, int32_t max, int32_t ask_most);
/* How many messages to ask for now, or 0: not now. The caller then starts the pull. */
int32_t pulls_next(const struct pulls *pulls, int64_t now_us, const struct pulls_room *room);
void pulls_started(struct pulls *pulls, int32_t asked);
void pulls_answered(struct pulls *pulls, int64_t now_us, const struct pulls_answer *answer);
/* No answer to learn from. */
void pulls_failed(struct pulls *pulls, int32_t asked);
/* Bytes that the pulls in flight are expected to bring. */
int64_t pulls_reserved_bytes(const struct pulls *pulls);

#endif
