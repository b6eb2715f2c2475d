/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rate.h"

#define SECOND INT64_C(1000000)

static void no_more_than_the_rate_passes_over_time(void **state)
{
    struct rate rate = {0};
    int64_t taken = 0;

    (void)state;
    rate_set(&rate, 100);
    for (int64_t now = SECOND; now <= 11 * SECOND; now += 1000) {
        int64_t left = rate_left(&rate, now);
        rate_take(&rate, now, left);
        taken += left;
    }
    assert_in_range(taken, 1099, 1100); /* A second's worth at the start, and ten seconds. */
}

static void what_was_taken_beyond_it_is_waited_for(void **state)
{
    struct rate rate = {0};

    (void)state;
    rate_set(&rate, 100);
    rate_take(&rate, SECOND, 350);
    assert_int_equal(rate_left(&rate, SECOND), -250);
    assert_in_range(rate_when_us(&rate, SECOND, 1), 3510000, 3510002);
    assert_in_range(rate_when_us(&rate, SECOND, 1000), 4500000, 4500002);
    assert_int_equal(rate_when_us(&rate, 4 * SECOND, 1), 4 * SECOND);
}

static void without_a_limit_nothing_waits(void **state)
{
    struct rate rate = {0};

    (void)state;
    rate_take(&rate, SECOND, 1000000);
    assert_int_equal(rate_left(&rate, SECOND), INT64_MAX);
    assert_int_equal(rate_when_us(&rate, SECOND, 1000000), SECOND);
    rate_set(&rate, 10);
    assert_int_equal(rate_left(&rate, SECOND), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_the_rate_passes_over_time),
        cmocka_unit_test(what_was_taken_beyond_it_is_waited_for),
        cmocka_unit_test(without_a_limit_nothing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
