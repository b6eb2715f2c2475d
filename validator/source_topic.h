/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_topic: committed records of exact offset ranges of a topic.
 *
 * Gaps (transaction markers, aborted and compacted records) are stepped over; records that retention
 * took away are told as lost, never skipped in silence.
 */
#ifndef VALIDATOR_SOURCE_TOPIC_H
#define VALIDATOR_SOURCE_TOPIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "validator/progress.h"
#include "validator/record.h"

struct topic_range {
    int32_t partition;
    int64_t from, to; /* Before `to`. */
    int64_t records;  /* Read. */
    bool done;
    bool lost; /* The log starts behind `from`, or started to while it was read. */
};

struct topic_ranges {
    char *topic;
    struct topic_range *ranges; /* One per partition, in order. */
    size_t count;
};

/* All that is committed now. A topic that does not exist has no partition when may_be_absent. */
bool topic_ranges_open(struct topic_ranges *ranges, const struct pipeline_kafka *kafka,
                       const char *topic, bool may_be_absent, struct error *err);
void topic_ranges_fini(struct topic_ranges *ranges);

bool topic_ranges_read(struct topic_ranges *ranges, const struct pipeline_kafka *kafka,
                       struct progress *progress, record_take *take, void *context,
                       struct error *err);
/* What was read, for the report, and what was lost. */
void topic_ranges_note(const struct topic_ranges *ranges, json_t *reads, json_t *inconclusive);

#endif
