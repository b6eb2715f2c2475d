/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: whether a whole group has come to the end, not only the tasks of this process.
 *
 * A process that stopped a moment ago keeps its partitions until its session has timed out. Whoever
 * drains must not end before those have come to it, or rows would stay behind unseen. Each task's
 * commit tells: read to the ends that the inputs had when the drain began, and no row live.
 */
#ifndef JOINER_DRAIN_H
#define JOINER_DRAIN_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"

struct drain;

/* Notes the ends of all partitions of the join's inputs. */
struct drain *drain_new(rd_kafka_t *consumer, const struct pipeline_join *join,
                        int32_t partition_count, struct error *err);
void drain_free(struct drain *drain);

/* Asks what the group has committed. False on an error. */
bool drain_is_done(struct drain *drain, rd_kafka_t *consumer, bool *done, struct error *err);

#endif
