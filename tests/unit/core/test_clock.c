/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "core/clock.h"

static void a_fake_clock_moves_only_when_it_is_told(void **state)
{
    struct clock clock;

    (void)state;
    clock_fake_init(&clock, 1000);
    int64_t start_us = clock_monotonic_us(&clock);
    assert_int_equal(clock_wall_ms(&clock), 1000);
    assert_int_equal(clock_monotonic_us(&clock), start_us);
    clock_fake_advance(&clock, 250);
    assert_int_equal(clock_wall_ms(&clock), 1250);
    assert_int_equal(clock_monotonic_us(&clock), start_us + 250000);
}

static void the_real_clock_tells_the_machines_time(void **state)
{
    struct clock *clock = clock_real();
    int64_t before_s = (int64_t)time(NULL);
    int64_t wall_ms = clock_wall_ms(clock);
    int64_t after_s = (int64_t)time(NULL);
    int64_t first_us = clock_monotonic_us(clock);

    (void)state;
    assert_true(wall_ms >= (before_s - 1) * 1000 && wall_ms <= (after_s + 1) * 1000);
    assert_true(clock_monotonic_us(clock) >= first_us);
    assert_ptr_equal(clock, clock_real());
}

static void a_time_is_written_in_utc_with_milliseconds(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    assert_string_equal(clock_format_ms(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_format_ms(1795253400123, text), "2026-11-21T09:30:00.123Z");
    assert_string_equal(clock_format_ms(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format_ms(951782400000, text), "2000-02-29T00:00:00.000Z");
}

static void a_time_that_no_calendar_has_is_written_as_a_number(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    assert_string_equal(clock_format_ms(INT64_MAX, text), "9223372036854775807 ms");
    assert_string_equal(clock_format_ms(INT64_MIN, text), "-9223372036854775808 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fake_clock_moves_only_when_it_is_told),
        cmocka_unit_test(the_real_clock_tells_the_machines_time),
        cmocka_unit_test(a_time_is_written_in_utc_with_milliseconds),
        cmocka_unit_test(a_time_that_no_calendar_has_is_written_as_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
