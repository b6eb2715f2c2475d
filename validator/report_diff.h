/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_diff: what changed from one report of a pipeline to a later one.
 *
 * The finding is a document too: {old, new, worse, comparisons: {new, gone}, gates: [flipped], counts: [changed, by kind
 * and cause], differences: {new, gone, changed, complete}}. Pure.
 */
#ifndef VALIDATOR_REPORT_DIFF_H
#define VALIDATOR_REPORT_DIFF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/error.h"

/* Both from report_read. NULL if they are not of one pipeline. Returns (caller decrefs). */
json_t *report_diff(const json_t *old, const json_t *new, struct error *err);

/*
 * Worse is: a verdict further from PASS, a gate that no longer passes, a comparison that is gone, more unexplained
 * differences of a kind, or one that is unexplained now.
 */
bool report_diff_is_worse(const json_t *diff);

void report_diff_text(const json_t *diff, FILE *out);

#endif
