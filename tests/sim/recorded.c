/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases that join_model.py recorded (join_model.py --record): another language, another author, the
 * same contract. Each case is one interleaving with what came out and what was late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "store_memory.h"

static const char *file;

static int64_t at(const json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i));
}

static struct model_row read_row(const json_t *row)
{
    struct model_row result = {.input = (int)at(row, 0),
                               .key = (int)at(row, 1),
                               .time = at(row, 2),
                               .id = (int)at(row, 3),
                               .offset = at(row, 5)};

    snprintf(result.kind, sizeof result.kind, "%s", json_string_value(json_array_get(row, 4)));
    return result;
}

static struct model_join read_join(const json_t *recorded)
{
    const json_t *windows = json_object_get(recorded, "windows"), *window;
    struct model_join join = {
        .inputs = 1 + (int)json_array_size(windows),
        .lateness = json_integer_value(json_object_get(recorded, "lateness")),
        .latest = strcmp(json_string_value(json_object_get(recorded, "attribute")), "latest") == 0,
    };
    size_t i;

    json_array_foreach(windows, i, window)
    {
        join.before[i + 1] = at(window, 0);
        join.after[i + 1] = at(window, 1);
    }
    return join;
}

/* [time, id, kind], or null. */
static void check_end(const json_t *want, const struct model_row *got)
{
    assert_int_equal(got->time, at(want, 0));
    assert_int_equal(got->id, at(want, 1));
    assert_string_equal(got->kind, json_string_value(json_array_get(want, 2)));
}

static void check_out(const json_t *out, const struct harness *harness)
{
    const json_t *want;
    size_t i;

    assert_int_equal(harness->out_count, json_array_size(out));
    json_array_foreach(out, i, want)
    {
        const struct model_label *got = &harness->out[i];

        assert_int_equal(got->key, at(want, 0));
        assert_int_equal(got->id, at(want, 1));
        assert_int_equal(got->matches, at(want, 2));
        if (got->matches > 0) {
            check_end(json_array_get(want, 3), &got->first);
            check_end(json_array_get(want, 4), &got->last);
        }
    }
}

static void check_late(const json_t *late, const struct harness *harness)
{
    const json_t *want;
    size_t i;

    assert_int_equal(harness->late_count, json_array_size(late));
    json_array_foreach(late, i, want)
    {
        assert_int_equal(harness->late[i].row.input, at(want, 0));
        assert_int_equal(harness->late[i].row.offset, at(want, 1));
        assert_string_equal(harness->late[i].dropped ? "dropped" : "admitted",
                            json_string_value(json_array_get(want, 2)));
    }
}

static void every_recorded_case_comes_out_as_recorded(void **state)
{
    static struct harness harness;
    struct store *store = store_memory_new();
    json_error_t err;
    json_t *cases = json_load_file(file, 0, &err), *recorded, *row;
    size_t i, j;

    (void)state;
    if (cases == NULL)
        fail_msg("%s: %s", file, err.text);
    assert_true(json_array_size(cases) >= 200);
    json_array_foreach(cases, i, recorded)
    {
        struct model_join join = read_join(recorded);

        harness_start(&harness, &join, store);
        json_array_foreach(json_object_get(recorded, "rows"), j, row)
        {
            struct model_row next = read_row(row);

            harness_feed(&harness, &next);
        }
        harness_close(&harness);
        check_out(json_object_get(recorded, "out"), &harness);
        check_late(json_object_get(recorded, "late"), &harness);
        assert_int_equal(task_row_count(harness.task),
                         json_integer_value(json_object_get(recorded, "live")));
        harness_stop(&harness);
    }
    json_decref(cases);
    store->ops->close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_case_comes_out_as_recorded),
    };

    if (argc != 2) {
        fprintf(stderr, "usage: sim-recorded FILE\n");
        return 3;
    }
    file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
