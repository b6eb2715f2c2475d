/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/lease.h"

#include <string.h>

enum { MEMORY_MESSAGES = 200000 }; /* Beyond that many, older ones are halved. */

void lease_init(struct lease *lease, int32_t deadline_s, bool exactly_once)
{
    memset(lease, 0, sizeof *lease);
    lease->deadline_s = deadline_s;
    lease->exactly_once = exactly_once;
}

/* Four buckets a doubling: the position of the highest bit and the two bits behind it. */
static unsigned bucket_of(int64_t latency_us)
{
    uint64_t ms = latency_us < 1000 ? 1 : (uint64_t)latency_us / 1000;
    unsigned top = 63 - (unsigned)__builtin_clzll(ms);
    unsigned rest = top >= 2 ? (unsigned)(ms >> (top - 2)) & 3 : (unsigned)(ms << (2 - top)) & 3;
    unsigned bucket = top * 4 + rest;

    return bucket < LEASE_BUCKETS ? bucket : LEASE_BUCKETS - 1;
}

/* The end of a bucket. */
static int64_t bucket_us(unsigned bucket)
{
    return ((int64_t)(4 + bucket % 4 + 1) << (bucket / 4)) * 1000 / 4;
}

void lease_observe(struct lease *lease, int64_t latency_us, uint32_t count)
{
    lease->counts[bucket_of(latency_us)] += count;
    lease->total += count;
    if (lease->total < MEMORY_MESSAGES)
        return;
    lease->total = 0;
    for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
        lease->counts[i] /= 2;
        lease->total += lease->counts[i];
    }
}

int64_t lease_latency_us(const struct lease *lease, double share)
{
    uint64_t below = 0;

    for (unsigned i = 0; i < LEASE_BUCKETS && lease->total > 0; i++) {
        below += lease->counts[i];
        if ((double)below >= share * (double)lease->total)
            return bucket_us(i);
    }
    return 0;
}

int32_t lease_seconds(const struct lease *lease)
{
    int32_t least = lease->exactly_once ? LEASE_SECONDS_MIN_EXACTLY_ONCE : LEASE_SECONDS_MIN;
    int64_t seconds = (lease_latency_us(lease, 0.99) * 3 / 2 + 999999) / 1000000;

    return seconds < least               ? least
           : seconds > LEASE_SECONDS_MAX ? LEASE_SECONDS_MAX
                                         : (int32_t)seconds;
}

/* Extended with this much still to go: room for a slow request and one retry. */
static int64_t margin_us(int32_t seconds)
{
    int64_t margin_ms = (int64_t)seconds * 400;

    return (margin_ms > 30000 ? 30000 : margin_ms) * 1000;
}

int64_t lease_first_us(const struct lease *lease, int64_t now_us)
{
    int64_t deadline_us = (int64_t)lease->deadline_s * 1000000;
    int64_t margin = margin_us(lease->deadline_s);

    if (lease_latency_us(lease, 0.99) > deadline_us - margin)
        return now_us;
    return now_us + deadline_us - margin;
}

int64_t lease_next_us(int64_t now_us, int32_t seconds, int64_t received_us)
{
    int64_t next = now_us + (int64_t)seconds * 1000000 - margin_us(seconds);

    return next - received_us > (int64_t)LEASE_TOTAL_MAX_S * 1000000 ? LEASE_NEVER : next;
}
