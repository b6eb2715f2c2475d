/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: looks at both ends and at what the file says, moves nothing.
 *
 * Nothing is written, created, registered or acknowledged. A sample of messages is pulled and given
 * back, which Pub/Sub counts as a delivery attempt.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "plan/finding.h"

struct plan_options {
    const char *stream;    /* Only this one. NULL: all. */
    int64_t sample;        /* Messages of each stream; 0: none are pulled. */
    enum severity fail_on; /* A finding as bad makes *passed false. */
    bool json;
};

/* Prints to stdout. False on an error of its own: what it cannot reach is a finding. */
bool plan_run(const struct pipeline *pipeline, const struct plan_options *options, bool *passed,
              struct error *err);

#endif
