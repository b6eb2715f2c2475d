/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: drains a stream's audit subscription into its capture.
 */
#ifndef VALIDATOR_AUDIT_H
#define VALIDATOR_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "validator/progress.h"

struct audit_options {
    const struct pipeline *pipeline;
    const struct pipeline_stream *stream;
    const char *directory;
    int64_t started_us; /* What is published later need not be waited for. */
    int64_t settle_ms;  /* Ends when nothing older came for so long, */
    int64_t timeout_ms; /* or after this. */
    struct progress *progress;
};

/* `quiet` is false if the timeout ended it. */
bool audit_capture(const struct audit_options *options, bool *quiet, int64_t *messages,
                   struct error *err);

#endif
