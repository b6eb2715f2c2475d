/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: the comparisons with their inputs: Kafka, Pub/Sub and the capture.
 *
 * Each looks twice: what is suspect at first is looked at again after the settle time, with the same
 * cut and newer ends, before it counts.
 */
#ifndef VALIDATOR_CHECK_H
#define VALIDATOR_CHECK_H

#include <stdbool.h>

#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/progress.h"
#include "validator/result.h"

struct check {
    const struct pipeline *pipeline;
    struct registry *registry;
    struct progress *progress;
    const char *work_directory;
};

/* Fills an initialised result. False if the comparison could not be made. */
bool check_bridge(const struct check *check, const struct pipeline_stream *stream,
                  struct result *result, struct error *err);
bool check_join(const struct check *check, const struct pipeline_join *join, struct result *result,
                struct error *err);
/* The file's validate.legacy against the output of that join. */
bool check_legacy(const struct check *check, const struct pipeline_join *join,
                  struct result *result, struct error *err);

/* Waits, unless the process is to stop. */
bool check_settle(const struct check *check, struct error *err);
/* Keeps the second look, and notes how many suspects it cleared. */
void check_keep_second(struct result *first, struct result *second);

#endif
