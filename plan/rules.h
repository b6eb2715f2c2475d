/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: what settings of Pub/Sub and Kafka mean for a pipeline. Pure.
 */
#ifndef PLAN_RULES_H
#define PLAN_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/kafka.h"
#include "core/pipeline.h"
#include "plan/finding.h"

/* What a subscription is there for. */
enum subscription_use { USE_BRIDGE, USE_AUDIT };

/* config: the answer of GET subscription. */
void rules_subscription(struct findings *findings, const struct pipeline_stream *stream,
                        enum subscription_use use, const json_t *config);
/* The two subscriptions of a stream must be given the same messages. */
void rules_same_messages(struct findings *findings, const struct pipeline_stream *stream,
                         const json_t *bridge, const json_t *audit);
/* asked, granted: arrays of permissions. */
void rules_permissions(struct findings *findings, const struct pipeline_pubsub *pubsub,
                       const char *subscription, const json_t *asked, const json_t *granted);

/* How long records of the stream must stay readable for the joins of the file, in ms. 0: no join reads it. */
int64_t rules_retention_ms(const struct pipeline *pipeline, const struct pipeline_stream *stream);

/* A topic that exists: its facts, and its settings (NULL: they could not be read). */
void rules_topic(struct findings *findings, const struct pipeline *pipeline,
                 const struct pipeline_topic *asked, const struct pipeline_stream *stream,
                 const struct kafka_topic_facts *facts, const json_t *settings);
/* One that does not exist yet. */
void rules_new_topic(struct findings *findings, const struct pipeline_topic *asked,
                     bool made_by_dualrun, const struct kafka_topic_facts *facts);

#endif
