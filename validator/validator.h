/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validator: an independent recompute, compared record by record, and a verdict.
 *
 * Shares no code with the joiner: CMake refuses the link.
 */
#ifndef VALIDATOR_VALIDATOR_H
#define VALIDATOR_VALIDATOR_H

#include <stdbool.h>

#include "core/error.h"
#include "core/exit_codes.h"
#include "core/pipeline.h"

struct validator_options {
    bool bridge;           /* Which comparisons: audit subscription against topic, */
    bool join;             /* recompute against output, */
    bool legacy;           /* the old system's output against ours. */
    const char *stream;    /* Bridge: one stream. NULL: all that have an audit subscription. */
    const char *join_name; /* Join: one join. NULL: all. */
    const char *report;    /* The report's folder. NULL: from the file. */
    bool json;             /* The report as JSON on stdout instead of the summary. */
};

/*
 * Runs every comparison asked for, prints and writes the report. `*verdict` is EXIT_CODE_OK (PASS),
 * EXIT_CODE_DIFFERENT (FAIL) or EXIT_CODE_INCONCLUSIVE. False if no verdict could be reached.
 */
bool validator_run(const struct pipeline *pipeline, const struct validator_options *options,
                   enum exit_code *verdict, struct error *err);

#endif
