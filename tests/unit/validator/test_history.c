/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "validator/history.h"

enum { HOUR_MS = 3600 * 1000 };

static const struct pipeline_gates gates = {.consecutive = 3, .span_ms = 24 * (int64_t)HOUR_MS};

/* A run of one or two comparisons that judged [from, to] hours. */
static json_t *run(const char *verdict, int from, int to, bool both)
{
    json_t *line =
        json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:I, s:I}]}", "pipeline", "test", "verdict",
                  verdict, "comparisons", "kind", "join", "name", "labels", "verdict", verdict,
                  "from_ms", (json_int_t)from * HOUR_MS, "to_ms", (json_int_t)to * HOUR_MS);

    if (both)
        json_array_append_new(json_object_get(line, "comparisons"),
                              json_pack("{s:s, s:s, s:s, s:I, s:I}", "kind", "bridge", "name",
                                        "views", "verdict", verdict, "from_ms",
                                        (json_int_t)from * HOUR_MS, "to_ms",
                                        (json_int_t)(from + 1) * HOUR_MS));
    return line;
}

/* Takes both. */
static void assert_streak(json_t *runs, json_t *line, int count, int hours, bool holds)
{
    json_t *streak = history_streak(runs, line, &gates);

    assert_int_equal(json_integer_value(json_object_get(streak, "runs")), count);
    assert_int_equal(json_integer_value(json_object_get(streak, "span_ms")),
                     (int64_t)hours * HOUR_MS);
    assert_int_equal(json_is_true(json_object_get(streak, "holds")), holds);
    json_decref(streak);
    json_decref(runs);
    json_decref(line);
}

static json_t *two(json_t *first, json_t *second)
{
    return json_pack("[o, o]", first, second);
}

static void a_streak_holds_from_the_last_run_and_hour_that_it_needs(void **state)
{
    (void)state;
    assert_streak(two(run("PASS", 0, 5, false), run("PASS", 8, 20, false)),
                  run("PASS", 20, 24, false), 3, 24, true);
    assert_streak(two(run("PASS", 0, 5, false), run("PASS", 8, 20, false)),
                  run("PASS", 20, 23, false), 3, 23, false);
    assert_streak(json_pack("[o]", run("PASS", 0, 5, false)), run("PASS", 20, 30, false), 2, 30,
                  false);
    assert_streak(json_array(), run("PASS", 0, 50, false), 1, 50, false);
}

static void any_verdict_but_pass_breaks_a_streak_and_so_does_what_cannot_be_read(void **state)
{
    (void)state;
    assert_streak(two(run("PASS", 0, 24, false), run("FAIL", 24, 30, false)),
                  run("PASS", 30, 36, false), 1, 6, false);
    assert_streak(two(run("PASS", 0, 24, false), run("INCONCLUSIVE", 24, 30, false)),
                  run("PASS", 30, 36, false), 1, 6, false);
    assert_streak(two(run("PASS", 0, 24, false), json_null()), run("PASS", 30, 36, false), 1, 6,
                  false);
    assert_streak(two(run("PASS", 0, 24, false), run("PASS", 24, 30, false)),
                  run("FAIL", 30, 36, false), 0, 0, false);
}

static void the_comparison_that_judged_the_least_counts(void **state)
{
    (void)state;
    assert_streak(two(run("PASS", 0, 90, true), run("PASS", 10, 90, true)),
                  run("PASS", 22, 99, true), 3, 23, false);
    assert_streak(two(run("PASS", 0, 90, true), run("PASS", 10, 90, true)),
                  run("PASS", 23, 99, true), 3, 24, true);
}

static void a_run_that_judged_less_or_another_pipeline_neither_counts_nor_breaks(void **state)
{
    json_t *other = run("FAIL", 0, 90, true);

    (void)state;
    json_object_set_new(other, "pipeline", json_string("other"));
    assert_streak(json_pack("[o, o, o, o]", run("PASS", 0, 9, true), run("PASS", 0, 99, false),
                            run("PASS", 10, 20, true), other),
                  run("PASS", 30, 40, true), 3, 31, true);
}

static void a_line_that_was_cut_short_spoils_no_other(void **state)
{
    struct fixture f;
    struct error err = {0};
    json_t *line = run("PASS", 0, 1, false);

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    json_t *runs = history_read(f.directory, &err);
    assert_int_equal(json_array_size(runs), 0);
    json_decref(runs);
    assert_true(history_append(f.directory, line, &err));
    fixture_file(&f, "history.jsonl", "{\"verdict\": \"PASS\"}\n{\"verdict\": \"PA");
    assert_true(history_append(f.directory, line, &err));
    assert_true(history_append(f.directory, line, &err));
    runs = history_read(f.directory, &err);
    assert_int_equal(json_array_size(runs), 4);
    assert_true(json_is_object(json_array_get(runs, 0)));
    assert_true(json_is_null(json_array_get(runs, 1)));
    assert_true(json_equal(json_array_get(runs, 2), line));
    assert_true(json_equal(json_array_get(runs, 3), line));
    json_decref(runs);
    json_decref(line);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_streak_holds_from_the_last_run_and_hour_that_it_needs),
        cmocka_unit_test(any_verdict_but_pass_breaks_a_streak_and_so_does_what_cannot_be_read),
        cmocka_unit_test(the_comparison_that_judged_the_least_counts),
        cmocka_unit_test(a_run_that_judged_less_or_another_pipeline_neither_counts_nor_breaks),
        cmocka_unit_test(a_line_that_was_cut_short_spoils_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
