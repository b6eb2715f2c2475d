/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: counters, gauges and histograms, declared in a table, written in Prometheus' text form.
 *
 * Each part has a metrics.def: METRIC(name, kind, unit, help), made into a table of metric_def. A
 * series is a metric with its labels; taking one allocates, changing one is an atomic add, from any
 * thread. Label values are names from the pipeline file or partitions: bounded, never ids.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_def {
    const char *name; /* Without the prefix dualrun_; counters end with _total. */
    enum metric_kind kind;
    double scale;     /* Stored integers times this are shown: 1e-6 for microseconds as seconds. */
    const char *help; /* One sentence: what it counts, and what to do when it moves. */
};

struct metrics;
struct metric; /* One series. */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* Appends `name="value"` to labels, with a comma before it where needed and the value escaped. */
void metrics_label(struct buffer *labels, const char *name, const char *value);

/* Labels as `stream="views",partition="3"` (metrics_label makes them), or NULL. The same name and
 * labels give the same series; a name has one kind. Owned by metrics; def must outlive it. */
struct metric *metrics_series(struct metrics *metrics, const struct metric_def *def,
                              const char *labels);

void metric_add(struct metric *metric, int64_t delta);
void metric_set(struct metric *metric, int64_t value);
/* Of a gauge: it says nothing until it is set again, as of a partition that another process has now. */
void metric_withdraw(struct metric *metric);
/* Of a histogram: how many values were observed. */
int64_t metric_value(const struct metric *metric);
/* Histogram with buckets of 1, 2, 5 × 10^n up to 5 × 10^9; value in stored units, below 0 counts as 0. */
void metric_observe(struct metric *metric, int64_t value);

/* Everything in Prometheus' text form, metrics in the order of their first use. */
void metrics_format(struct metrics *metrics, struct buffer *out);

#endif
