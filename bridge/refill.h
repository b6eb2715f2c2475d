/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refill: what a stream has written lately, read back from Kafka when the bridge starts.
 *
 * After a crash Pub/Sub delivers again what was written and not yet acknowledged; of an ordering key,
 * also what was acknowledged and comes behind such a message. The ids stand in the provenance of the last
 * records of topic and dead letters: with them in the window, a message is not written twice.
 */
#ifndef BRIDGE_REFILL_H
#define BRIDGE_REFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/flight.h"
#include "core/error.h"
#include "core/pipeline.h"

/*
 * Reads the last bridge.dedup_ids records, as many of each partition, and tells how many ids it
 * remembered.
 */
bool refill_window(struct flight *flight, const struct pipeline *pipeline,
                   const struct pipeline_stream *stream, int32_t partition_count, int64_t *count,
                   struct error *err);

#endif
