/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/units.h"

static void assert_duration(const char *text, int64_t expected)
{
    int64_t ms = -1;

    assert_true(units_parse_duration(text, &ms));
    assert_int_equal(ms, expected);
}

static void a_duration_is_the_sum_of_its_parts(void **state)
{
    (void)state;
    assert_duration("0", 0);
    assert_duration("15ms", 15);
    assert_duration("30s", 30000);
    assert_duration("10m", 600000);
    assert_duration("1h30m", 5400000);
    assert_duration("24h", 86400000);
    assert_duration("2d", 172800000);
}

static void a_quantity_without_a_unit_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "30", "s", "30 s", "1.5s", "-1s", "30sec", "1h30", "9999999999999999d"};
    int64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(units_parse_duration(bad[i], &value));
        assert_false(units_parse_size(bad[i], &value));
    }
    assert_false(units_parse_size("1MiB1KiB", &value));
}

static void a_printed_quantity_reads_back_the_same(void **state)
{
    static const int64_t values[] = {0,     1,        999,      1000,     1024,   60000,
                                     90000, 86400000, 86400001, 67108864, 5000000};
    char text[UNITS_TEXT_SIZE];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(units_parse_duration(units_format_duration(values[i], text), &back));
        assert_int_equal(back, values[i]);
        assert_true(units_parse_size(units_format_size(values[i], text), &back));
        assert_int_equal(back, values[i]);
    }
    assert_string_equal(units_format_duration(90000, text), "1m30s");
    assert_string_equal(units_format_size(67108864, text), "64MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_the_sum_of_its_parts),
        cmocka_unit_test(a_quantity_without_a_unit_is_refused),
        cmocka_unit_test(a_printed_quantity_reads_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
