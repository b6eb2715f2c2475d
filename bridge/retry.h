/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry: what an HTTP answer asks for, and how long to wait before the next try.
 *
 * Delays double from 100 ms to 30 s; each is drawn from its upper half, so that many bridges do not
 * come back together. Pure: the random numbers come from a seed.
 */
#ifndef BRIDGE_RETRY_H
#define BRIDGE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_FIRST_MS = 100, RETRY_LAST_MS = 30000 };

struct retry {
    uint32_t failures; /* In a row. */
    uint64_t random;
};

enum retry_class {
    RETRY_SUCCESS,
    RETRY_BUSY,    /* 429, 503, 504 on a pull: how Pub/Sub says "nothing now". */
    RETRY_LATER,   /* The same request may succeed later. */
    RETRY_REFUSED, /* 401: with a new token, once. */
    RETRY_NEVER,   /* The request is wrong, or the resource: only a person can mend it. */
};

void retry_init(struct retry *retry, uint64_t seed);
/* A failure: how long to wait now. */
int64_t retry_delay_ms(struct retry *retry);
/* A success: the next failure begins at the first delay. */
void retry_reset(struct retry *retry);

/* status 0: no whole answer came. has_json: the body begins as an object; a 200 without is the
 * answer that libcurl 7.88 makes of one cut inside its headers. */
enum retry_class retry_classify(long status, bool has_json);

#endif
