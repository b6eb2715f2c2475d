/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome: everything that a plan found, as a document and as text made of it alone.
 */
#ifndef PLAN_OUTCOME_H
#define PLAN_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/pipeline.h"
#include "plan/cost.h"
#include "plan/finding.h"
#include "plan/sample.h"

enum { OUTCOME_VERSION = 1 };

struct outcome_stream {
    const struct pipeline_stream *stream;
    bool sampled; /* The sample below was taken. */
    struct sample sample;
    struct cost cost;
};

struct outcome {
    const struct pipeline *pipeline;
    struct findings findings;
    struct outcome_stream *streams;
    size_t stream_count;
    json_t *not_checked; /* Array of sentences. */
};

/* Returns (caller decrefs). */
json_t *outcome_json(const struct outcome *outcome, bool passed);
void outcome_text(const json_t *document, FILE *out);

#endif
