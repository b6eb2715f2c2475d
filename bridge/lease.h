/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease: when the messages of an answer need more time, and how much.
 *
 * A lease begins with the subscription's ack deadline. The length of an extension follows the 99th
 * percentile of the time from pull to acknowledgement, within Pub/Sub's 10 to 600 s (60 to 600 with
 * exactly-once). After an hour a message is let go, as Google's clients do. Pure.
 */
#ifndef BRIDGE_LEASE_H
#define BRIDGE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LEASE_SECONDS_MIN = 10,
    LEASE_SECONDS_MIN_EXACTLY_ONCE = 60,
    LEASE_SECONDS_MAX = 600,
    LEASE_TOTAL_MAX_S = 3600,
    LEASE_BUCKETS = 128,
};

#define LEASE_NEVER INT64_MAX

struct lease {
    int32_t deadline_s; /* Of the subscription. */
    bool exactly_once;
    uint64_t total;
    uint32_t counts[LEASE_BUCKETS]; /* By latency, four buckets a doubling from 1 ms. */
};

void lease_init(struct lease *lease, int32_t deadline_s, bool exactly_once);
/* `count` messages took this long from pull to acknowledgement. Older ones count less. */
void lease_observe(struct lease *lease, int64_t latency_us, uint32_t count);
/* The latency that `share` of the messages stay below. */
int64_t lease_latency_us(const struct lease *lease, double share);

/* How long to extend now. */
int32_t lease_seconds(const struct lease *lease);
/* When messages that came now must be extended first: now, if acknowledging them may well take
 * longer than the deadline. */
int64_t lease_first_us(const struct lease *lease, int64_t now_us);
/* When to extend again after an extension by `seconds` now; LEASE_NEVER once they were held for
 * an hour since received_us. */
int64_t lease_next_us(int64_t now_us, int32_t seconds, int64_t received_us);

#endif
