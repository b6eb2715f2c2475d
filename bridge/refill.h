/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refill: what a stream has written lately, read back from Kafka when the bridge starts.
 *
 * After a crash Pub/Sub delivers again what was written and not yet acknowledged. Its message ids stand
 * in the provenance of the last records of topic and dead letters: with them in the window, such a
 * message is acknowledged and not written twice.
 */
#ifndef BRIDGE_REFILL_H
#define BRIDGE_REFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/flight.h"
#include "core/error.h"
#include "core/pipeline.h"

/*
 * Reads so many of the last records of each partition that, spread over all, they are four times
 * bridge.max_messages: what four processes may hold. Tells how many ids it remembered.
 */
bool refill_window(struct flight *flight, const struct pipeline *pipeline,
                   const struct pipeline_stream *stream, int32_t partition_count, int64_t *count,
                   struct error *err);

#endif
