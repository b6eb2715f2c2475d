/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "joiner/status.h"

enum { NOW = 1000000 };

static struct status_task running_task(void)
{
    return (struct status_task){
        .partition = 3,
        .watermark_ms = NOW - 4200,
        .holder = 1,
        .live_rows = 600000,
        .labels = 200,
        .inputs = {{.name = "views", .offset = 900, .max_time_ms = NOW, .idle = IDLE_READING},
                   {.name = "engagements",
                    .offset = 70,
                    .lag = 1234,
                    .max_time_ms = NOW - 4200,
                    .idle = IDLE_READING}},
        .input_count = 2,
    };
}

static struct status status_of(const struct status_task *tasks, size_t count)
{
    return (struct status){.join = "labels",
                           .slot = "labels-0",
                           .time_ms = NOW,
                           .inputs_per_second = 12400,
                           .commits = 7,
                           .commit_ms = 12,
                           .idle_after_ms = 5000,
                           .tasks = tasks,
                           .task_count = count};
}

static void assert_line(const struct status *status, const char *expected)
{
    struct buffer out = {0};

    status_line(status, &out);
    assert_string_equal(buffer_text(&out), expected);
    buffer_fini(&out);
}

static void the_line_says_which_input_holds_the_watermark_and_why(void **state)
{
    struct status_task task = running_task();
    struct status status = status_of(&task, 1);

    (void)state;
    assert_line(&status, "labels: 12.4k/s, lag 1.2k, 600.0k live, 200 rows, 0 late, 0 dead, commit "
                         "12 ms, watermark 4s behind now, held by engagements: 1234 records to "
                         "read");
    task.inputs[1].idle = IDLE_NO_BRIDGE;
    task.inputs[1].lag = 0;
    assert_line(&status, "labels: 12.4k/s, lag 0, 600.0k live, 200 rows, 0 late, 0 dead, commit 12 "
                         "ms, watermark 4s behind now, held by engagements: silent, and no bridge "
                         "says that it is alive");
}

static void each_reason_has_its_words(void **state)
{
    static const struct {
        enum idle_verdict idle;
        const char *words;
    } cases[] = {
        {IDLE_YES, "every input is silent"},
        {IDLE_READING, "its records come"},
        {IDLE_NOT_YET, "silent for 3.2 s, idle after 5s"},
        {IDLE_NO_BRIDGE, "silent, and no bridge says that it is alive"},
        {IDLE_BEHIND, "silent, and its bridge is behind"},
    };
    struct status_task task = running_task();
    struct status status = status_of(&task, 1);
    char text[128];

    (void)state;
    task.inputs[1].lag = 0;
    task.inputs[1].silent_ms = 3200;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        task.inputs[1].idle = cases[i].idle;
        assert_string_equal(status_hold(&status, &task, text, sizeof text), cases[i].words);
    }
}

static void a_restore_tells_how_long_it_will_take(void **state)
{
    struct status_task tasks[2] = {running_task(), running_task()};
    struct status status = status_of(tasks, 2);

    (void)state;
    assert_int_equal(status_restore_left_ms(&status), 0);
    tasks[1].restoring = true;
    tasks[1].restore_total = 4000;
    status.restoring_ms = 500;
    assert_int_equal(status_restore_left_ms(&status), -1);
    tasks[1].restored = 1000;
    assert_int_equal(status_restore_left_ms(&status), 1500);
    assert_line(&status, "labels: restoring 1 of 2 tasks, 3.0k records to replay, about 1.5 s");
}

static void without_partitions_it_says_who_has_them(void **state)
{
    struct status status = status_of(NULL, 0);

    (void)state;
    assert_line(&status, "labels: no partition: other processes have them all");
}

static void the_object_has_what_is_not_known_as_null(void **state)
{
    struct status_task task = running_task();
    const struct status_field field = {"liked", 50};
    struct status status = status_of(&task, 1);
    struct buffer out = {0};

    (void)state;
    status.fields = &field;
    status.field_count = 1;
    task.watermark_ms = TASK_TIME_NONE;
    task.inputs[0].max_time_ms = TASK_TIME_NONE;
    task.inputs[0].lag = -1;
    status_json(&status, &out);
    json_t *json = json_loads(buffer_text(&out), 0, NULL);
    json_t *first = json_array_get(json_object_get(json, "tasks"), 0);
    json_t *input = json_array_get(json_object_get(first, "inputs"), 0);
    json_t *rate = json_array_get(json_object_get(json, "fields"), 0);
    assert_true(json_is_null(json_object_get(first, "watermark_ms")));
    assert_true(json_is_null(json_object_get(input, "lag")));
    assert_true(json_is_null(json_object_get(input, "max_time_ms")));
    assert_true(json_real_value(json_object_get(rate, "match_rate")) == 0.25);
    assert_string_equal(json_string_value(json_object_get(first, "held_by")), "engagements");
    json_decref(json);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_which_input_holds_the_watermark_and_why),
        cmocka_unit_test(each_reason_has_its_words),
        cmocka_unit_test(a_restore_tells_how_long_it_will_take),
        cmocka_unit_test(without_partitions_it_says_who_has_them),
        cmocka_unit_test(the_object_has_what_is_not_known_as_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
