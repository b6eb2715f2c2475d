/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "core/metrics.h"

static const struct metric_def pulled = {"bridge_pulled_total", METRIC_COUNTER, 1,
                                         "Messages pulled."};
static const struct metric_def behind = {"bridge_behind_seconds", METRIC_GAUGE, 1e-3,
                                         "Age of what is delivered.\nA \\ and a \"quote\"."};
static const struct metric_def latency = {"bridge_latency_seconds", METRIC_HISTOGRAM, 1e-6,
                                          "From pull to ack."};

static int start(void **state)
{
    *state = metrics_new();
    return 0;
}

static int stop(void **state)
{
    metrics_free(*state);
    return 0;
}

static void assert_formats(struct metrics *metrics, const char *expected)
{
    struct buffer out = {0};

    metrics_format(metrics, &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_fini(&out);
}

static void counters_and_gauges_are_written_in_prometheus_text_form(void **state)
{
    struct metrics *metrics = *state;

    assert_formats(metrics, "");
    metric_add(metrics_series(metrics, &pulled, "stream=\"views\""), 40);
    metric_set(metrics_series(metrics, &behind, NULL), -1500);
    metric_add(metrics_series(metrics, &pulled, "stream=\"engagements\""), 1);
    metric_add(metrics_series(metrics, &pulled, "stream=\"views\""), 2);
    assert_formats(metrics,
                   "# HELP dualrun_bridge_pulled_total Messages pulled.\n"
                   "# TYPE dualrun_bridge_pulled_total counter\n"
                   "dualrun_bridge_pulled_total{stream=\"views\"} 42\n"
                   "dualrun_bridge_pulled_total{stream=\"engagements\"} 1\n"
                   "# HELP dualrun_bridge_behind_seconds Age of what is delivered.\\nA \\\\ "
                   "and a \"quote\".\n"
                   "# TYPE dualrun_bridge_behind_seconds gauge\n"
                   "dualrun_bridge_behind_seconds -1.5\n");
}

#define HEAD                                                                                       \
    "# HELP dualrun_bridge_behind_seconds Age of what is delivered.\\nA \\\\ and a \"quote\".\n"   \
    "# TYPE dualrun_bridge_behind_seconds gauge\n"

static void a_gauge_that_is_withdrawn_says_nothing_until_it_is_set(void **state)
{
    struct metrics *metrics = *state;
    struct metric *one = metrics_series(metrics, &behind, "partition=\"1\"");

    metric_set(one, 2000);
    metric_set(metrics_series(metrics, &behind, "partition=\"2\""), 3000);
    metric_withdraw(one);
    assert_formats(metrics, HEAD "dualrun_bridge_behind_seconds{partition=\"2\"} 3\n");
    metric_set(one, 1000);
    assert_formats(metrics, HEAD "dualrun_bridge_behind_seconds{partition=\"1\"} 1\n"
                                 "dualrun_bridge_behind_seconds{partition=\"2\"} 3\n");
}

static void the_same_name_and_labels_are_one_series(void **state)
{
    struct metric_def again = pulled;
    struct metric *one = metrics_series(*state, &pulled, "stream=\"views\"");

    assert_ptr_equal(metrics_series(*state, &again, "stream=\"views\""), one);
    assert_ptr_not_equal(metrics_series(*state, &pulled, "stream=\"other\""), one);
    assert_ptr_not_equal(metrics_series(*state, &pulled, NULL), one);
    assert_ptr_equal(metrics_series(*state, &pulled, NULL), metrics_series(*state, &pulled, ""));
}

static void label_values_are_escaped(void **state)
{
    struct buffer labels = {0};

    metrics_label(&labels, "stream", "a\"b\\c\nd");
    metrics_label(&labels, "partition", "3");
    assert_string_equal(buffer_text(&labels), "stream=\"a\\\"b\\\\c\\nd\",partition=\"3\"");
    metric_add(metrics_series(*state, &pulled, buffer_text(&labels)), 1);
    buffer_fini(&labels);
}

/* The value of the line that begins so. */
static double line_value(struct metrics *metrics, const char *line)
{
    struct buffer out = {0};

    metrics_format(metrics, &out);
    const char *found = strstr(buffer_text(&out), line);
    assert_non_null(found);
    char *end;
    double value = strtod(found + strlen(line), &end);
    assert_ptr_not_equal(end, found + strlen(line));
    buffer_fini(&out);
    return value;
}

static void a_histogram_counts_each_value_in_its_bucket_and_all_above(void **state)
{
    static const int64_t values[] = {-5, 0,       1,       2,          3,         5,
                                     6,  1000000, 1000001, 5000000000, 5000000001};
    struct metric *metric = metrics_series(*state, &latency, "stream=\"views\"");

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        metric_observe(metric, values[i]);
    assert_int_equal(metric_value(metric), 11);
#define BUCKET(le) line_value(*state, "latency_seconds_bucket{stream=\"views\",le=\"" le "\"}")
    assert_float_equal(BUCKET("1e-06"), 3, 0);
    assert_float_equal(BUCKET("2e-06"), 4, 0);
    assert_float_equal(BUCKET("5e-06"), 6, 0);
    assert_float_equal(BUCKET("1e-05"), 7, 0);
    assert_float_equal(BUCKET("0.5"), 7, 0);
    assert_float_equal(BUCKET("1"), 8, 0);
    assert_float_equal(BUCKET("2"), 9, 0);
    assert_float_equal(BUCKET("5000"), 10, 0);
    assert_float_equal(BUCKET("+Inf"), 11, 0);
    assert_float_equal(line_value(*state, "latency_seconds_count{stream=\"views\"}"), 11, 0);
    assert_float_equal(line_value(*state, "latency_seconds_sum{stream=\"views\"}"), 10002.000019,
                       1e-9);
}

enum { THREADS = 4, ROUNDS = 50000 };

static void *add_much(void *argument)
{
    struct metrics *metrics = argument;
    struct metric *counter = metrics_series(metrics, &pulled, NULL);
    struct metric *histogram = metrics_series(metrics, &latency, NULL);

    for (int i = 0; i < ROUNDS; i++) {
        metric_add(counter, 1);
        metric_observe(histogram, i);
    }
    return NULL;
}

static void nothing_is_lost_when_threads_add_while_another_reads(void **state)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_much, *state), 0);
    for (int i = 0; i < 20; i++) {
        struct buffer out = {0};
        metrics_format(*state, &out);
        buffer_fini(&out);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_value(metrics_series(*state, &pulled, NULL)), THREADS * ROUNDS);
    assert_int_equal(metric_value(metrics_series(*state, &latency, NULL)), THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counters_and_gauges_are_written_in_prometheus_text_form,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_gauge_that_is_withdrawn_says_nothing_until_it_is_set,
                                        start, stop),
        cmocka_unit_test_setup_teardown(the_same_name_and_labels_are_one_series, start, stop),
        cmocka_unit_test_setup_teardown(label_values_are_escaped, start, stop),
        cmocka_unit_test_setup_teardown(a_histogram_counts_each_value_in_its_bucket_and_all_above,
                                        start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_lost_when_threads_add_while_another_reads, start,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
