/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "dualrun_"

/* Upper bounds, each included: what Prometheus calls le. */
static const int64_t bounds[] = {
    1,         2,         5,         10,         20,         50,         100,      200,
    500,       1000,      2000,      5000,       10000,      20000,      50000,    100000,
    200000,    500000,    1000000,   2000000,    5000000,    10000000,   20000000, 50000000,
    100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000,
};
enum { BOUND_COUNT = sizeof bounds / sizeof *bounds };

struct metric {
    const struct metric_def *def;
    char *labels; /* "" without labels. */
    struct metric *next;
    _Atomic int64_t value; /* Of a histogram: the sum. */
    _Atomic bool withdrawn;
    _Atomic uint64_t
        buckets[]; /* Histograms only: BOUND_COUNT, and one for all above. Not summed up. */
};

struct family {
    const struct metric_def *def;
    struct metric *first;
    struct metric **last;
    struct family *next;
};

/* The lock guards the lists. Values are changed and read without it. */
struct metrics {
    pthread_mutex_t mutex;
    struct family *first;
    struct family **last;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = memory_new(sizeof *metrics);

    pthread_mutex_init(&metrics->mutex, NULL);
    metrics->last = &metrics->first;
    return metrics;
}

static void family_free(struct family *family)
{
    for (struct metric *metric = family->first, *next; metric != NULL; metric = next) {
        next = metric->next;
        free(metric->labels);
        free(metric);
    }
    free(family);
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (struct family *family = metrics->first, *next; family != NULL; family = next) {
        next = family->next;
        family_free(family);
    }
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

/* Escapes as the text format asks: in label values also the quote. */
static void append_escaped(struct buffer *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buffer_append_text(out, "\\n");
        else if (*text == '\\' || (quoted && *text == '"'))
            buffer_appendf(out, "\\%c", *text);
        else
            buffer_append_byte(out, (uint8_t)*text);
    }
}

void metrics_label(struct buffer *labels, const char *name, const char *value)
{
    if (labels->size > 0)
        buffer_append_byte(labels, ',');
    buffer_appendf(labels, "%s=\"", name);
    append_escaped(labels, value, true);
    buffer_append_byte(labels, '"');
}

/* Returns what follows a name, or NULL if there is none. */
static const char *skip_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return NULL;
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return text;
}

/* name="value",name="value" with every quote, backslash and line end of a value escaped. */
static bool labels_are_well_formed(const char *text)
{
    while (*text != '\0') {
        text = skip_name(text);
        if (text == NULL || *text++ != '=' || *text++ != '"')
            return false;
        for (; *text != '"'; text++) {
            if (*text == '\0' || *text == '\n')
                return false;
            if (*text == '\\' && *++text != '\\' && *text != '"' && *text != 'n')
                return false;
        }
        text++;
        if (*text == ',' && text[1] != '\0')
            text++;
        else if (*text != '\0')
            return false;
    }
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_size = strlen(text), end_size = strlen(end);

    return text_size >= end_size && strcmp(text + text_size - end_size, end) == 0;
}

static void check_def(const struct metric_def *def)
{
    const char *end = skip_name(def->name);

    assert(end != NULL && *end == '\0');
    assert(ends_with(def->name, "_total") == (def->kind == METRIC_COUNTER));
    assert(def->scale > 0);
    assert(def->help != NULL && def->help[0] != '\0');
}

static struct family *family_take(struct metrics *metrics, const struct metric_def *def)
{
    for (struct family *family = metrics->first; family != NULL; family = family->next) {
        if (family->def == def)
            return family;
        if (strcmp(family->def->name, def->name) == 0) {
            assert(family->def->kind == def->kind);
            return family;
        }
    }
    check_def(def);

    struct family *family = memory_new(sizeof *family);

    family->def = def;
    family->last = &family->first;
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

static struct metric *metric_take(struct family *family, const char *labels)
{
    for (struct metric *metric = family->first; metric != NULL; metric = metric->next)
        if (strcmp(metric->labels, labels) == 0)
            return metric;

    size_t bucket_count = family->def->kind == METRIC_HISTOGRAM ? BOUND_COUNT + 1 : 0;
    struct metric *metric = memory_new(sizeof *metric + bucket_count * sizeof metric->buckets[0]);

    assert(labels_are_well_formed(labels));
    metric->def = family->def;
    metric->labels = memory_text(labels);
    *family->last = metric;
    family->last = &metric->next;
    return metric;
}

struct metric *metrics_series(struct metrics *metrics, const struct metric_def *def,
                              const char *labels)
{
    pthread_mutex_lock(&metrics->mutex);
    struct metric *metric = metric_take(family_take(metrics, def), labels != NULL ? labels : "");
    pthread_mutex_unlock(&metrics->mutex);
    return metric;
}

void metric_add(struct metric *metric, int64_t delta)
{
    assert(metric->def->kind != METRIC_HISTOGRAM);
    assert(metric->def->kind != METRIC_COUNTER || delta >= 0);
    atomic_fetch_add_explicit(&metric->value, delta, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    assert(metric->def->kind == METRIC_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
    atomic_store_explicit(&metric->withdrawn, false, memory_order_relaxed);
}

void metric_withdraw(struct metric *metric)
{
    assert(metric->def->kind == METRIC_GAUGE);
    atomic_store_explicit(&metric->withdrawn, true, memory_order_relaxed);
}

void metric_observe(struct metric *metric, int64_t value)
{
    assert(metric->def->kind == METRIC_HISTOGRAM);
    if (value < 0)
        value = 0;

    size_t low = 0, high = BOUND_COUNT;

    while (low < high) { /* The first bound that is not below value. */
        size_t middle = (low + high) / 2;
        if (bounds[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    atomic_fetch_add_explicit(&metric->buckets[low], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    uint64_t count = 0;

    if (metric->def->kind != METRIC_HISTOGRAM)
        return atomic_load_explicit(&metric->value, memory_order_relaxed);
    for (size_t i = 0; i <= BOUND_COUNT; i++)
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    return (int64_t)count;
}

/* Fifteen digits: all that a double keeps of a decimal, so 3 times 1e-6 is 3e-06 and not 2.99…e-06. */
static void append_scaled(struct buffer *out, const struct metric_def *def, int64_t value)
{
    if (def->scale == 1)
        buffer_appendf(out, "%lld", (long long)value);
    else
        buffer_appendf(out, "%.15g", (double)value * def->scale);
}

static void format_value(const struct metric *metric, struct buffer *out)
{
    buffer_appendf(out, PREFIX "%s", metric->def->name);
    if (metric->labels[0] != '\0')
        buffer_appendf(out, "{%s}", metric->labels);
    buffer_append_byte(out, ' ');
    append_scaled(out, metric->def, metric_value(metric));
    buffer_append_byte(out, '\n');
}

/* The count is the sum of the buckets that were read, so the lines agree while others add. */
static void format_histogram(const struct metric *metric, struct buffer *out)
{
    const char *comma = metric->labels[0] != '\0' ? "," : "";
    int64_t sum = atomic_load_explicit(&metric->value, memory_order_relaxed);
    uint64_t count = 0;

    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        buffer_appendf(out, PREFIX "%s_bucket{%s%sle=\"", metric->def->name, metric->labels, comma);
        if (i < BOUND_COUNT)
            append_scaled(out, metric->def, bounds[i]);
        else
            buffer_append_text(out, "+Inf");
        buffer_appendf(out, "\"} %llu\n", (unsigned long long)count);
    }
    const char *open = metric->labels[0] != '\0' ? "{" : "";
    const char *close = metric->labels[0] != '\0' ? "}" : "";
    buffer_appendf(out, PREFIX "%s_sum%s%s%s ", metric->def->name, open, metric->labels, close);
    append_scaled(out, metric->def, sum);
    buffer_appendf(out, "\n" PREFIX "%s_count%s%s%s %llu\n", metric->def->name, open,
                   metric->labels, close, (unsigned long long)count);
}

static void format_family(const struct family *family, struct buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    buffer_appendf(out, "# HELP " PREFIX "%s ", family->def->name);
    append_escaped(out, family->def->help, false);
    buffer_appendf(out, "\n# TYPE " PREFIX "%s %s\n", family->def->name, kinds[family->def->kind]);
    for (const struct metric *metric = family->first; metric != NULL; metric = metric->next) {
        if (family->def->kind == METRIC_HISTOGRAM)
            format_histogram(metric, out);
        else if (!atomic_load_explicit(&metric->withdrawn, memory_order_relaxed))
            format_value(metric, out);
    }
}

void metrics_format(struct metrics *metrics, struct buffer *out)
{
    pthread_mutex_lock(&metrics->mutex);
    for (const struct family *family = metrics->first; family != NULL; family = family->next)
        format_family(family, out);
    pthread_mutex_unlock(&metrics->mutex);
}
