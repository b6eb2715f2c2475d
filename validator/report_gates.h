/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_gates: what one comparison's result means, by the limits of the pipeline file.
 */
#ifndef VALIDATOR_REPORT_GATES_H
#define VALIDATOR_REPORT_GATES_H

#include <jansson.h>

#include "core/exit_codes.h"
#include "core/pipeline.h"
#include "validator/result.h"

/* "bridge", "join" or "legacy". */
const char *report_kind(const struct result *result);

/*
 * Appends every gate to `gates`: {comparison, of, name, value, limit, sense, pass, meaning, advice, detail}; and to
 * `reasons` what a gate cannot decide. Returns the comparison's verdict.
 */
enum exit_code report_gates(const struct pipeline_gates *limits, const struct result *result,
                            const json_t *identities, json_t *gates, json_t *reasons);

/* {width_ms, list: [{from_ms, to_ms, rows, unexplained, share}]}: the few worst, the worst first. Returns (caller
 * decrefs). */
json_t *report_worst_buckets(const struct result *result);

#endif
