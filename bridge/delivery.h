/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery: a message of Pub/Sub on its way into Kafka.
 *
 * Decoded, keyed and sent to the stream's topic; what does not fit goes to its dead letters with the
 * reason. One way for a message that a pull brought and for a dead letter that is replayed, so that
 * both give the same record. Not for two threads.
 */
#ifndef BRIDGE_DELIVERY_H
#define BRIDGE_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/envelope.h"
#include "bridge/mapping.h"
#include "bridge/sink_kafka.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "core/registry.h"

struct delivery {
    const struct pipeline_stream *config;
    struct sink *sink;
    struct mapping *mapping; /* Owned. */
    const struct sink_topic *topic;
    const struct sink_topic *dead_letters; /* NULL: none. */
};

struct delivery_outcome { /* Of SINK_SENT. */
    bool dead_letter;
    size_t size_bytes;                /* Key and value of the record. */
    char reason[MAPPING_REASON_SIZE]; /* dead_letter: why. */
};

/* The topics are made where needed, the schema is loaded and registered. */
bool delivery_open(struct delivery *delivery, const struct pipeline_stream *config,
                   struct sink *sink, struct registry *registry, struct error *err);
void delivery_close(struct delivery *delivery);

/*
 * The report will carry tag, or dead_tag for a dead letter. replay is the header of provenance.h, or
 * NULL for a live message. SINK_FAILED is an error that names the stream: a message that fits nowhere.
 */
enum sink_result delivery_send(const struct delivery *delivery, const struct envelope *envelope,
                               const struct envelope_message *message, const char *replay,
                               uint64_t tag, uint64_t dead_tag, struct delivery_outcome *outcome,
                               struct error *err);

/* The subscription as records name it: without its project. */
const char *delivery_subscription(const struct pipeline_stream *config);

#endif
