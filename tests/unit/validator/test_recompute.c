/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "validator/recompute.h"

enum { INPUTS_MAX = 4, PER_INPUT = 3 };

static struct pipeline_stream streams[INPUTS_MAX];

/* A join whose every secondary yields count, first and last of its kind. */
struct fixture {
    struct pipeline_secondary secondaries[INPUTS_MAX];
    struct pipeline_output_field fields[INPUTS_MAX * PER_INPUT + 8];
    struct pipeline_join join;
    struct recompute_plan plan;
    struct arena arena;
};

static void add_field(struct fixture *f, enum pipeline_aggregate aggregate, size_t input,
                      const char *field)
{
    f->fields[f->join.field_count++] = (struct pipeline_output_field){
        .aggregate = aggregate, .stream = &streams[input], .field = (char *)field};
}

static void fixture_init(struct fixture *f, size_t secondary_count, const int64_t windows[][2])
{
    memset(f, 0, sizeof *f);
    f->join.primary = &streams[0];
    f->join.secondaries = f->secondaries;
    f->join.secondary_count = secondary_count;
    f->join.fields = f->fields;
    for (size_t i = 0; i < secondary_count; i++)
        f->secondaries[i] = (struct pipeline_secondary){
            .stream = &streams[i + 1], .before_ms = windows[i][0], .after_ms = windows[i][1]};
    arena_init(&f->arena, 1 << 16);
}

static void fixture_fini(struct fixture *f)
{
    recompute_plan_fini(&f->plan);
    arena_fini(&f->arena);
}

static void add_counts(struct fixture *f)
{
    for (size_t i = 1; i <= f->join.secondary_count; i++) {
        add_field(f, AGGREGATE_COUNT, i, NULL);
        add_field(f, AGGREGATE_FIRST, i, "kind");
        add_field(f, AGGREGATE_LAST, i, "kind");
    }
    recompute_plan_init(&f->plan, &f->join);
}

/* -- Recorded cases -- */

static const uint8_t every_bit[8] = {255, 255, 255, 255, 255, 255, 255, 255};

struct case_rows {
    struct recompute_row rows[256];
    struct cell cells[256];
    uint32_t ids[256];
    size_t count;
};

static void load_row(struct case_rows *rows, const json_t *json)
{
    size_t at = rows->count++;
    struct recompute_row *row = &rows->rows[at];
    const json_t *kind = json_array_get(json, 4);

    rows->ids[at] = htobe32((uint32_t)json_integer_value(json_array_get(json, 3)));
    rows->cells[at] = (struct cell){.kind = CELL_TEXT,
                                    .bytes = (const uint8_t *)json_string_value(kind),
                                    .size = json_string_length(kind)};
    *row = (struct recompute_row){.input = (uint32_t)json_integer_value(json_array_get(json, 0)),
                                  .time_ms = json_integer_value(json_array_get(json, 2)),
                                  .offset = json_integer_value(json_array_get(json, 5)),
                                  .id = (const uint8_t *)&rows->ids[at],
                                  .id_size = sizeof rows->ids[at],
                                  .mask = every_bit,
                                  .cells = &rows->cells[at]};
    if (json_array_size(json) > 6) {
        row->late = true;
        row->late_watermark_ms = json_integer_value(json_array_get(json, 6));
        row->dropped = strcmp(json_string_value(json_array_get(json, 7)), "dropped") == 0;
    }
}

struct check {
    const json_t *expected; /* The case. */
    int64_t key;
    size_t secondary_count;
    size_t truth_count, streamed_count, differ_count;
};

static const json_t *find_label(const json_t *labels, int64_t key, uint32_t id)
{
    const json_t *label;
    size_t i;

    json_array_foreach(labels, i, label) if (json_integer_value(json_array_get(label, 0)) == key
                                             && json_integer_value(json_array_get(label, 1))
                                                    == id) return label;
    return NULL;
}

static void assert_kind(const struct cell *cell, const json_t *expected)
{
    if (json_is_null(expected)) {
        assert_int_equal(cell->kind, CELL_NULL);
        return;
    }
    assert_int_equal(cell->kind, CELL_TEXT);
    assert_memory_equal(cell->bytes, json_string_value(expected), cell->size);
}

static void assert_label(const struct check *check, const json_t *label, const struct cell *cells)
{
    int64_t count = 0;

    for (size_t i = 0; i < check->secondary_count; i++)
        count += cells[i * PER_INPUT].integer;
    assert_int_equal(count, json_integer_value(json_array_get(label, 2)));
    if (check->secondary_count > 1)
        return; /* The model's first and last go across its inputs, ours are of one. */
    assert_kind(&cells[1], json_array_get(label, 3));
    assert_kind(&cells[2], json_array_get(label, 4));
}

static bool check_result(void *context, const struct recompute_result *result, struct error *err)
{
    struct check *check = context;
    uint32_t id;

    (void)err;
    memcpy(&id, result->primary->id, sizeof id);
    id = be32toh(id);
    const json_t *truth = find_label(json_object_get(check->expected, "truth"), check->key, id);
    const json_t *streamed =
        find_label(json_object_get(check->expected, "streamed"), check->key, id);
    assert_true(result->in_truth);
    assert_non_null(truth);
    assert_label(check, truth, result->truth);
    assert_int_equal(result->in_admitted, streamed != NULL);
    if (streamed != NULL)
        assert_label(check, streamed, result->admitted);
    assert_true(!result->differ || result->witness_count > 0);
    check->truth_count++;
    check->streamed_count += streamed != NULL;
    check->differ_count += result->differ;
    return true;
}

static void run_key(struct fixture *f, const json_t *one, struct check *check)
{
    struct case_rows *rows = memory_new(sizeof *rows);
    const json_t *row;
    struct error err;
    size_t i;

    json_array_foreach(json_object_get(one, "rows"), i,
                       row) if (json_integer_value(json_array_get(row, 1)) == check->key)
        load_row(rows, row);
    assert_true(
        recompute_key(&f->plan, rows->rows, rows->count, &f->arena, check_result, check, &err));
    arena_reset(&f->arena, 0);
    free(rows);
}

static size_t run_case(const json_t *one)
{
    const json_t *window, *windows = json_object_get(one, "windows");
    int64_t pairs[INPUTS_MAX][2];
    struct check check = {.expected = one};
    struct fixture f;
    size_t i;

    json_array_foreach(windows, i, window)
    {
        pairs[i][0] = json_integer_value(json_array_get(window, 0));
        pairs[i][1] = json_integer_value(json_array_get(window, 1));
    }
    fixture_init(&f, json_array_size(windows), (const int64_t(*)[2])pairs);
    f.join.lateness_ms = json_integer_value(json_object_get(one, "lateness"));
    if (strcmp(json_string_value(json_object_get(one, "attribute")), "latest") == 0)
        f.join.attribution = ATTRIBUTE_LATEST;
    add_counts(&f);
    check.secondary_count = json_array_size(windows);
    for (check.key = 0; check.key < 3; check.key++)
        run_key(&f, one, &check);
    assert_int_equal(check.truth_count, json_array_size(json_object_get(one, "truth")));
    assert_int_equal(check.streamed_count, json_array_size(json_object_get(one, "streamed")));
    fixture_fini(&f);
    return check.differ_count;
}

static void both_readings_equal_what_the_model_of_the_contract_recorded(void **state)
{
    json_error_t fault;
    json_t *one, *cases = json_load_file("tests/unit/validator/recompute_cases.json",
                                         JSON_REJECT_DUPLICATES, &fault);
    size_t i, differ = 0;

    (void)state;
    assert_non_null(cases);
    json_array_foreach(cases, i, one) differ += run_case(one);
    assert_int_equal(json_array_size(cases), 80);
    assert_true(differ > 50); /* Late rows are among the cases. */
    json_decref(cases);
}

/* -- By hand -- */

struct expectation {
    const char *const *truth; /* One JSON text per aggregate. */
    size_t seen;
};

static bool check_by_hand(void *context, const struct recompute_result *result, struct error *err)
{
    struct expectation *expectation = context;

    (void)err;
    for (size_t i = 0; expectation->truth[i] != NULL; i++) {
        json_t *json = cell_to_json(&result->truth[i]);
        char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        assert_string_equal(text, expectation->truth[i]);
        free(text);
        json_decref(json);
    }
    expectation->seen++;
    return true;
}

static struct recompute_row hand_row(uint32_t input, int64_t time_ms, const char *id,
                                     const struct cell *cells)
{
    static int64_t offset;

    return (struct recompute_row){.input = input,
                                  .time_ms = time_ms,
                                  .offset = offset++,
                                  .id = (const uint8_t *)id,
                                  .id_size = strlen(id),
                                  .mask = every_bit,
                                  .cells = cells};
}

static void nulls_are_skipped_sums_are_exact_and_order_is_by_time_then_id(void **state)
{
    static const int64_t windows[][2] = {{5, 10}};
    static const struct cell null[] = {{.kind = CELL_NULL}};
    static const struct cell three[] = {{.kind = CELL_INTEGER, .integer = 3}};
    static const struct cell big[] = {{.kind = CELL_INTEGER, .integer = INT64_MAX - 3}};
    static const char *const expected[] = {"3",
                                           "9223372036854775804",
                                           "3",
                                           "3",
                                           "9223372036854775804",
                                           "9223372036854775807",
                                           "[9223372036854775804,3]",
                                           "true",
                                           NULL};
    struct expectation expectation = {.truth = expected};
    struct recompute_row rows[] = {
        hand_row(1, 107, "b", three), hand_row(0, 100, "v", NULL), hand_row(1, 107, "a", big),
        hand_row(1, 95, "z", null),   hand_row(1, 94, "y", three), hand_row(1, 111, "x", three),
        hand_row(1, 107, "b", big), /* A double: the lower offset wins. */
    };
    struct fixture f;
    struct error err;

    (void)state;
    fixture_init(&f, 1, windows);
    add_field(&f, AGGREGATE_COUNT, 1, NULL);
    add_field(&f, AGGREGATE_FIRST, 1, "n");
    add_field(&f, AGGREGATE_LAST, 1, "n");
    add_field(&f, AGGREGATE_MIN, 1, "n");
    add_field(&f, AGGREGATE_MAX, 1, "n");
    add_field(&f, AGGREGATE_SUM, 1, "n");
    add_field(&f, AGGREGATE_LIST, 1, "n");
    add_field(&f, AGGREGATE_ANY, 1, NULL);
    recompute_plan_init(&f.plan, &f.join);
    assert_true(recompute_key(&f.plan, rows, sizeof rows / sizeof *rows, &f.arena, check_by_hand,
                              &expectation, &err));
    assert_int_equal(expectation.seen, 1);
    fixture_fini(&f);
}

static bool count_result(void *context, const struct recompute_result *result, struct error *err)
{
    size_t *counts = context;

    (void)err;
    counts[0] += result->in_truth;
    counts[1] += result->conflict;
    return true;
}

static void an_inner_join_has_no_row_without_a_match_and_both_window_edges_match(void **state)
{
    static const int64_t windows[][2] = {{5, 10}};
    static const struct cell cells[] = {{.kind = CELL_NULL}};
    static const struct {
        int64_t time_ms;
        size_t rows;
    } cases[] = {{94, 0}, {95, 1}, {110, 1}, {111, 0}};
    struct fixture f;
    struct error err;

    (void)state;
    fixture_init(&f, 1, windows);
    f.join.kind = JOIN_INNER;
    add_counts(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct recompute_row rows[] = {hand_row(0, 100, "v", NULL),
                                       hand_row(1, cases[i].time_ms, "e", cells)};
        size_t counts[2] = {0};
        assert_true(recompute_key(&f.plan, rows, 2, &f.arena, count_result, counts, &err));
        assert_int_equal(counts[0], cases[i].rows);
    }
    fixture_fini(&f);
}

static void a_double_with_another_time_marks_the_rows_it_touches(void **state)
{
    static const int64_t windows[][2] = {{5, 10}};
    static const struct cell cells[] = {{.kind = CELL_NULL}};
    struct recompute_row rows[] = {hand_row(0, 100, "v", NULL), hand_row(1, 101, "e", cells),
                                   hand_row(1, 500, "e", cells), hand_row(0, 300, "w", NULL)};
    size_t counts[2] = {0};
    struct fixture f;
    struct error err;

    (void)state;
    fixture_init(&f, 1, windows);
    add_counts(&f);
    assert_true(recompute_key(&f.plan, rows, 4, &f.arena, count_result, counts, &err));
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 1);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_readings_equal_what_the_model_of_the_contract_recorded),
        cmocka_unit_test(nulls_are_skipped_sums_are_exact_and_order_is_by_time_then_id),
        cmocka_unit_test(an_inner_join_has_no_row_without_a_match_and_both_window_edges_match),
        cmocka_unit_test(a_double_with_another_time_marks_the_rows_it_touches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
