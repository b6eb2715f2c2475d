/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat: one decoded record a line, with where it came from, out of Kafka or Pub/Sub.
 *
 * Changes nothing: Kafka is read without a consumer group, messages of Pub/Sub are given back.
 */
#ifndef CAT_CAT_H
#define CAT_CAT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/kafka.h"
#include "core/pipeline.h"

struct cat_options {
    const char *name; /* A stream, a join (its output), or a topic. */
    bool pubsub;      /* The stream's subscription instead of its topic. */
    struct kafka_range range;
    int64_t to_ms;   /* Records before that time; INT64_MAX: all. */
    const char *key; /* Only records of this key, as text. NULL: all. */
    int64_t count;   /* At most so many; 0: all. */
};

/* Prints to stdout. False on an error; what was read before is printed. */
bool cat_run(const struct pipeline *pipeline, const struct cat_options *options, struct error *err);

#endif
