/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge_compare: what was published (the audit) against what lies in Kafka, by message id.
 *
 * Audit, topic and dead-letter records are sorted together by message id and judged id by id, both
 * ways and with multiplicity. Nothing here reads Kafka, Pub/Sub or the clock.
 */
#ifndef VALIDATOR_BRIDGE_COMPARE_H
#define VALIDATOR_BRIDGE_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/capture.h"
#include "validator/record.h"
#include "validator/result.h"

struct bridge_compare;

struct bridge_compare_options {
    const struct pipeline_stream *stream;
    const struct pipeline_validate *validate;
    struct registry *registry;
    const char *work_directory;
    int32_t partition_count; /* Of the topic. */
    const int64_t *begins;   /* Per partition its first offset; NULL: all 0. Borrowed until free. */
    int64_t horizon_us;      /* What was published later is pending. */
    struct result *result;   /* Borrowed until bridge_compare_free. */
};

struct bridge_compare *bridge_compare_new(const struct bridge_compare_options *options);
void bridge_compare_free(struct bridge_compare *compare);

bool bridge_compare_audit(struct bridge_compare *compare, const struct capture_message *message,
                          struct error *err);
bool bridge_compare_topic(struct bridge_compare *compare, const struct record *record,
                          struct error *err);
bool bridge_compare_dead(struct bridge_compare *compare, const struct record *record,
                         struct error *err);
bool bridge_compare_finish(struct bridge_compare *compare, struct error *err);

#endif
