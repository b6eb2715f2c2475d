/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heartbeat: the bridge's word, once a second and stream, that it is alive and how far behind.
 *
 * Lies on the ledger topic under the key "heartbeat/STREAM/INSTANCE" as JSON. The joiner believes a
 * silent input to be idle only with a fresh one.
 */
#ifndef CORE_HEARTBEAT_H
#define CORE_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

enum { HEARTBEAT_INTERVAL_MS = 1000, HEARTBEAT_NAME_SIZE = 256 };

struct heartbeat {
    char stream[HEARTBEAT_NAME_SIZE];
    char instance[HEARTBEAT_NAME_SIZE]; /* Of the bridge process: host and process id. */
    int64_t time_ms;                    /* Wall clock of the bridge. */
    int64_t behind_ms; /* Age of what it delivers now; 0 when pulls come back empty. */
    int64_t in_flight; /* Messages pulled and not yet in Kafka. */
};

void heartbeat_format(const struct heartbeat *heartbeat, struct buffer *key, struct buffer *value);
bool heartbeat_parse(const void *value, size_t size, struct heartbeat *heartbeat);

#endif
