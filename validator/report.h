/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: verdict, gates, counts that add up, causes, differences, and what was not checked.
 *
 * The document is JSON with a version; the terminal's summary and the page are made from the
 * document alone, so that an old report can be shown again.
 */
#ifndef VALIDATOR_REPORT_H
#define VALIDATOR_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"
#include "core/exit_codes.h"
#include "core/pipeline.h"
#include "validator/result.h"

enum { REPORT_SCHEMA_VERSION = 1 };

struct report {
    const struct pipeline *pipeline;
    const struct result *results;
    size_t result_count;
    int64_t started_ms, ended_ms;
    const char *run_id;
};

/* The document. Returns (caller decrefs). */
json_t *report_json(const struct report *report);
enum exit_code report_verdict(const json_t *document);

void report_text(const json_t *document, FILE *out);
/* One page that needs nothing else. */
void report_html(const json_t *document, FILE *out);

/* report.json and report.html, each whole or not at all. */
bool report_write(const json_t *document, const char *directory, struct error *err);

/* A JSON value as a person reads it: strings without quotes, nothing for an absent one. Returns (caller
 * frees). */
char *report_value(const json_t *value);

#endif
