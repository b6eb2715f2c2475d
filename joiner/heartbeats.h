/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heartbeats: what the bridges say on the ledger topic, by stream.
 *
 * Reads from the topic's end on: an old heartbeat is no evidence. A ledger topic that does not exist
 * gives no evidence either, and no error.
 */
#ifndef JOINER_HEARTBEATS_H
#define JOINER_HEARTBEATS_H

#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "joiner/idle.h"

struct heartbeats;

struct heartbeats *heartbeats_open(const struct pipeline *pipeline, struct error *err);
void heartbeats_close(struct heartbeats *heartbeats);
/* Takes in what has come. Never waits. */
void heartbeats_poll(struct heartbeats *heartbeats, int64_t now_ms);
struct idle_evidence heartbeats_of(const struct heartbeats *heartbeats,
                                   const struct pipeline_stream *stream, int64_t now_ms);

#endif
