/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample: some messages of a subscription, tried as the bridge would take them, and given back.
 */
#ifndef PLAN_SAMPLE_H
#define PLAN_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/mapping.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "core/pubsub.h"

enum { SAMPLE_REASONS_MAX = 8 };

struct sample_reason {
    char text[MAPPING_REASON_SIZE]; /* The first of its kind. */
    size_t kind_size;               /* Of text: what makes a kind, position and field left out. */
    int64_t count;
};

struct sample {
    int64_t messages, fit;
    struct sample_reason reasons[SAMPLE_REASONS_MAX];
    size_t reason_count;
    int64_t other_reasons;
    int64_t largest_bytes;   /* Content and attributes. */
    int64_t published_bytes; /* Content, attributes and ordering key, of all. */
    int64_t fitting_published_bytes;
    int64_t record_bytes;      /* Of those that fit: Kafka's records, uncompressed. */
    int64_t stored_bytes;      /* The same as compressed batches. */
    int64_t first_us, last_us; /* Publish times. */
    /* Event time less publish time, of those that have one. */
    int64_t timed, no_time, ahead, behind_ms_least, ahead_ms_most;
};

/* Up to `most` messages. An empty subscription gives an empty sample. */
bool sample_take(struct sample *sample, struct pubsub *pubsub, const struct pipeline *pipeline,
                 const struct pipeline_stream *stream, int64_t most, struct error *err);

/* Messages a second, by the publish times; 0: they do not say. */
double sample_rate(const struct sample *sample);

#endif
