/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/retry.h"

#include <stddef.h>

void retry_init(struct retry *retry, uint64_t seed)
{
    *retry = (struct retry){.random = seed};
}

/* Sebastiano Vigna's splitmix64. */
static uint64_t random_next(struct retry *retry)
{
    uint64_t z = retry->random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

int64_t retry_delay_ms(struct retry *retry)
{
    uint32_t doublings = retry->failures < 16 ? retry->failures : 16;
    int64_t most = (int64_t)RETRY_FIRST_MS << doublings;

    if (most > RETRY_LAST_MS)
        most = RETRY_LAST_MS;
    retry->failures++;
    return most / 2 + (int64_t)(random_next(retry) % (uint64_t)(most / 2 + 1));
}

void retry_reset(struct retry *retry)
{
    retry->failures = 0;
}

enum retry_class retry_classify(long status, bool has_json)
{
    switch (status) {
    case 200:
        return has_json ? RETRY_SUCCESS : RETRY_LATER;
    case 429:
    case 503:
    case 504:
        return RETRY_BUSY;
    case 401:
        return RETRY_REFUSED;
    case 0:
    case 408:
    case 409: /* ABORTED */
    case 499:
        return RETRY_LATER;
    default:
        return status >= 500 || status < 300 ? RETRY_LATER : RETRY_NEVER;
    }
}
