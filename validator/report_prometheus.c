/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as numbers, in Prometheus' text form: for the textfile collector of node_exporter.
 *
 * Every series is there in every report, also when it is 0: an alert on a series that comes and goes misses what it
 * waits for.
 */
#include <inttypes.h>
#include <string.h>

#include "core/buffer.h"
#include "core/metrics.h"
#include "core/rfc3339.h"
#include "validator/html.h"
#include "validator/report.h"

/* A line: the metric's name, labels, value. */
static void sample(FILE *out, const char *metric, struct buffer *labels, double value)
{
    fprintf(out, "dualrun_%s{%s} %.15g\n", metric, buffer_text(labels), value);
}

static void head(FILE *out, const char *metric, const char *help)
{
    fprintf(out, "# HELP dualrun_%s %s\n# TYPE dualrun_%s gauge\n", metric, help, metric);
}

static void pipeline_label(struct buffer *labels, const json_t *document)
{
    buffer_clear(labels);
    metrics_label(labels, "pipeline",
                  html_text(json_object_get(document, "provenance"), "pipeline"));
}

static void comparison_labels(struct buffer *labels, const json_t *document, const char *kind,
                              const char *name)
{
    pipeline_label(labels, document);
    metrics_label(labels, "comparison", kind);
    metrics_label(labels, "of", name);
}

/* -- The run -- */

static void info(FILE *out, const json_t *document, const char *metric)
{
    struct buffer labels = {0};
    char version[32];

    snprintf(version, sizeof version, "%" PRId64, html_count(document, "schema_version"));
    pipeline_label(&labels, document);
    metrics_label(&labels, "version",
                  html_text(json_object_get(document, "provenance"), "version"));
    metrics_label(&labels, "schema_version", version);
    sample(out, metric, &labels, 1);
    buffer_fini(&labels);
}

static void moment(FILE *out, const json_t *document, const char *metric, const char *member)
{
    const char *text = html_text(json_object_get(document, "provenance"), member);
    struct buffer labels = {0};
    int64_t us = 0;

    if (!rfc3339_parse_us(text, strlen(text), &us))
        return; /* No time is better than 1970. */
    pipeline_label(&labels, document);
    sample(out, metric, &labels, (double)us / 1e6);
    buffer_fini(&labels);
}

static void verdicts(FILE *out, struct buffer *labels, const char *metric, const char *verdict)
{
    size_t mark = labels->size;

    for (size_t i = 0; i < REPORT_VERDICTS; i++) {
        labels->size = mark;
        metrics_label(labels, "verdict", report_verdict_names[i]);
        sample(out, metric, labels, strcmp(verdict, report_verdict_names[i]) == 0);
    }
}

static void streak(FILE *out, const json_t *document, const char *metric, double value)
{
    struct buffer labels = {0};

    pipeline_label(&labels, document);
    sample(out, metric, &labels, value);
    buffer_fini(&labels);
}

static void run_verdict(FILE *out, const json_t *document, const char *metric)
{
    struct buffer labels = {0};

    pipeline_label(&labels, document);
    verdicts(out, &labels, metric, html_text(document, "verdict"));
    buffer_fini(&labels);
}

/* -- Comparisons -- */

static void comparison_verdict(FILE *out, struct buffer *labels, const char *metric,
                               const json_t *one)
{
    verdicts(out, labels, metric, html_text(one, "verdict"));
}

static void records(FILE *out, struct buffer *labels, const char *metric, const json_t *one)
{
    size_t mark = labels->size;
    const json_t *value;
    const char *name;

    json_object_foreach((json_t *)json_object_get(one, "counts"), name, value)
    {
        labels->size = mark;
        metrics_label(labels, "count", name);
        sample(out, metric, labels, json_number_value(value));
    }
}

static double found(const json_t *one, const char *kind, const char *cause)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(one, "causes"), i, entry)
    {
        if (strcmp(html_text(entry, "kind"), kind) == 0
            && strcmp(html_text(entry, "cause"), cause) == 0)
            return (double)html_count(entry, "count");
    }
    return 0;
}

static void differences(FILE *out, struct buffer *labels, const char *metric, const json_t *one)
{
    size_t mark = labels->size;

    for (size_t kind = 0; kind < DIFFERENCE_KINDS; kind++)
        for (size_t cause = 0; cause < CAUSES; cause++) {
            labels->size = mark;
            metrics_label(labels, "kind", difference_kind_names[kind]);
            metrics_label(labels, "cause", cause_infos[cause].name);
            sample(out, metric, labels,
                   found(one, difference_kind_names[kind], cause_infos[cause].name));
        }
}

static void coverage(FILE *out, struct buffer *labels, const char *metric, const json_t *one)
{
    sample(out, metric, labels, html_real(one, "coverage"));
}

static const json_t *worst_of(const json_t *one)
{
    return json_array_get(json_object_get(json_object_get(one, "worst_buckets"), "list"), 0);
}

static void worst_ratio(FILE *out, struct buffer *labels, const char *metric, const json_t *one)
{
    sample(out, metric, labels, worst_of(one) != NULL ? html_real(worst_of(one), "share") : 1);
}

static void worst_time(FILE *out, struct buffer *labels, const char *metric, const json_t *one)
{
    if (worst_of(one) != NULL) /* No time is better than 1970. */
        sample(out, metric, labels, (double)html_count(worst_of(one), "from_ms") / 1e3);
}

static void each_comparison(FILE *out, const json_t *document, const char *metric,
                            void (*tell)(FILE *, struct buffer *, const char *, const json_t *))
{
    struct buffer labels = {0};
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(document, "comparisons"), i, one)
    {
        comparison_labels(&labels, document, html_text(one, "kind"), html_text(one, "name"));
        tell(out, &labels, metric, one);
    }
    buffer_fini(&labels);
}

/* -- Gates -- */

static void gates(FILE *out, const json_t *document, const char *metric, const char *member)
{
    struct buffer labels = {0};
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        comparison_labels(&labels, document, html_text(gate, "comparison"), html_text(gate, "of"));
        metrics_label(&labels, "gate", html_text(gate, "name"));
        sample(out, metric, &labels,
               member != NULL ? html_real(gate, member) : html_is_true(gate, "pass"));
    }
    buffer_fini(&labels);
}

/* -- The whole, in the order of metrics.def -- */

#define validate_info_tell                      info(out, document, name)
#define validate_started_timestamp_seconds_tell moment(out, document, name, "started")
#define validate_ended_timestamp_seconds_tell   moment(out, document, name, "ended")
#define validate_verdict_tell                   run_verdict(out, document, name)
#define validate_comparison_verdict_tell        each_comparison(out, document, name, comparison_verdict)
#define validate_gate_pass_tell                 gates(out, document, name, NULL)
#define validate_gate_value_tell                gates(out, document, name, "value")
#define validate_gate_limit_tell                gates(out, document, name, "limit")
#define validate_records_tell                   each_comparison(out, document, name, records)
#define validate_differences_tell               each_comparison(out, document, name, differences)
#define validate_coverage_ratio_tell            each_comparison(out, document, name, coverage)

#define validate_worst_bucket_ratio_tell each_comparison(out, document, name, worst_ratio)
#define validate_worst_bucket_timestamp_seconds_tell                                               \
    each_comparison(out, document, name, worst_time)

#define validate_streak_runs_tell streak(out, document, name, (double)html_count(runs, "runs"))
#define validate_streak_span_seconds_tell                                                          \
    streak(out, document, name, (double)html_count(runs, "span_ms") / 1e3)
#define validate_streak_holds_tell streak(out, document, name, html_is_true(runs, "holds"))

void report_prometheus(const json_t *document, FILE *out)
{
    const json_t *runs = json_object_get(document, "streak");
    const char *name;

#define SAID(metric, labels, help)                                                                 \
    name = #metric;                                                                                \
    head(out, name, help);                                                                         \
    metric##_tell;
#include "validator/metrics.def"
}
