/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "validator/minutes.h"

static const int64_t width = MINUTES_WIDTH_MS;

static void add(struct minutes *minutes, int64_t time_ms, int64_t rows, int64_t unexplained)
{
    for (int64_t i = 0; i < rows; i++)
        minutes_add(minutes, time_ms, i < unexplained);
}

static void five_minutes_begin_at_whole_five_minutes_also_before_1970(void **state)
{
    struct minutes minutes = {0};
    size_t count;

    (void)state;
    add(&minutes, -1, MINUTES_ROWS_LEAST, 0);
    add(&minutes, 0, MINUTES_ROWS_LEAST, 1);
    add(&minutes, width - 1, 1, 1);
    add(&minutes, width, MINUTES_ROWS_LEAST, 3);
    struct minutes_stretch *list = minutes_stretches(&minutes, &count);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].from_ms, -width);
    assert_int_equal(list[0].to_ms, 0);
    assert_int_equal(list[0].unexplained, 0);
    assert_int_equal(list[1].rows, MINUTES_ROWS_LEAST + 1);
    assert_int_equal(list[1].unexplained, 2);
    assert_int_equal(list[2].from_ms, width);
    assert_int_equal(list[2].unexplained, 3);
    free(list);
    minutes_fini(&minutes);
}

static void few_rows_are_judged_with_the_next_and_the_last_few_with_those_before(void **state)
{
    struct minutes minutes = {0};
    size_t count;

    (void)state;
    add(&minutes, 0, MINUTES_ROWS_LEAST - 1, 5);
    add(&minutes, 7 * width, 1, 0);
    add(&minutes, 8 * width, MINUTES_ROWS_LEAST, 0);
    add(&minutes, 9 * width, MINUTES_ROWS_LEAST - 1, 7);
    struct minutes_stretch *list = minutes_stretches(&minutes, &count);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].rows, MINUTES_ROWS_LEAST);
    assert_int_equal(list[0].unexplained, 5);
    assert_int_equal(list[0].to_ms, 8 * width);
    assert_int_equal(list[1].rows, 2 * MINUTES_ROWS_LEAST - 1);
    assert_int_equal(list[1].unexplained, 7);
    assert_int_equal(list[1].to_ms, 10 * width);
    free(list);
    minutes_fini(&minutes);
}

static void too_few_rows_at_all_are_one_stretch_and_none_is_none(void **state)
{
    struct minutes minutes = {0};
    size_t count;

    (void)state;
    free(minutes_stretches(&minutes, &count));
    assert_int_equal(count, 0);
    add(&minutes, 3 * width, 2, 1);
    add(&minutes, 900 * width, 2, 0);
    struct minutes_stretch *list = minutes_stretches(&minutes, &count);
    assert_int_equal(count, 1);
    assert_true(minutes_share(&list[0]) == 0.75);
    free(list);
    minutes_fini(&minutes);
}

static void no_row_is_lost_when_buckets_become_wider(void **state)
{
    struct minutes minutes = {0};
    const int64_t all = INT64_C(3) * MINUTES_MAX;
    int64_t rows = 0, unexplained = 0;
    size_t count;

    (void)state;
    for (int64_t i = 0; i < all; i++)
        minutes_add(&minutes, (i * 7919 % all - 5000) * width, i % 100 == 0);
    assert_true(minutes.used <= MINUTES_MAX);
    assert_true(minutes.width_ms > width);
    struct minutes_stretch *list = minutes_stretches(&minutes, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || list[i].from_ms >= list[i - 1].to_ms);
        assert_true(list[i].rows >= MINUTES_ROWS_LEAST);
        rows += list[i].rows;
        unexplained += list[i].unexplained;
    }
    assert_int_equal(rows, all);
    assert_int_equal(unexplained, (all + 99) / 100);
    free(list);
    minutes_fini(&minutes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_minutes_begin_at_whole_five_minutes_also_before_1970),
        cmocka_unit_test(few_rows_are_judged_with_the_next_and_the_last_few_with_those_before),
        cmocka_unit_test(too_few_rows_at_all_are_one_stretch_and_none_is_none),
        cmocka_unit_test(no_row_is_lost_when_buckets_become_wider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
