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

enum { REPORT_SCHEMA_VERSION = 1, REPORT_VERDICTS = 3 };

/* By exit code: PASS, FAIL, INCONCLUSIVE. */
extern const char *const report_verdict_names[REPORT_VERDICTS];

struct report {
    const struct pipeline *pipeline;
    const struct result *results;
    size_t result_count;
    int64_t started_ms, ended_ms;
    const char *run_id;
    const json_t
        *history; /* Earlier runs (history.h). NULL: no report is kept, so there is no streak. */
};

/* The document. Returns (caller decrefs). */
json_t *report_json(const struct report *report);
enum exit_code report_verdict(const json_t *document);

void report_text(const json_t *document, FILE *out);
/* One page that needs nothing else. */
void report_html(const json_t *document, FILE *out);
/* A suite a comparison, a case for it and for each of its gates. */
void report_junit(const json_t *document, FILE *out);
/* Text exposition for a textfile collector; metrics.def lists the numbers. */
void report_prometheus(const json_t *document, FILE *out);

/* What a document can be shown as; text, json, html, junit, prometheus. */
struct report_format {
    const char *name;
    const char *file; /* Its name in the report's folder; NULL: it is not written there. */
    void (*render)(const json_t *document, FILE *out);
};
enum { REPORT_FORMATS = 5 };
extern const struct report_format report_formats[REPORT_FORMATS];

/* report.json, report.html, report.xml and report.prom, each whole or not at all. */
bool report_write(const json_t *document, const char *directory, struct error *err);

/*
 * A document that report_write wrote: `path` is the file, or its folder. NULL if it cannot be read, is no report, is
 * broken, or of a newer version; the error says which. Returns (caller decrefs).
 */
json_t *report_read(const char *path, struct error *err);

/* A JSON value as a person reads it: strings without quotes, nothing for an absent one. Returns (caller
 * frees). */
char *report_value(const json_t *value);

#endif
