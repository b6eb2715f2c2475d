/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/cost.h"

static const struct pipeline_prices prices = {
    .pubsub_tib = 40, .kafka_gib = 0.02, .kafka_gib_month = 0.10, .messages_per_second = 1000};

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6 * fabs(b);
}

/* 100 messages, of which 80 fit: 400 bytes published and 100 stored, each. */
static struct sample sample_of(int64_t span_us)
{
    return (struct sample){.messages = 100,
                           .fit = 80,
                           .published_bytes = 50000,
                           .fitting_published_bytes = 32000,
                           .stored_bytes = 8000,
                           .first_us = 5000000,
                           .last_us = 5000000 + span_us};
}

static void a_month_is_reckoned_from_bytes_rate_copies_and_retention(void **state)
{
    struct sample sample = sample_of(0);
    struct cost cost = cost_of(&sample, &prices, 3, 7 * (int64_t)86400000);
    double month = 2629800 * 1000.0; /* Messages. */

    (void)state;
    assert_true(cost.known && !cost.rate_is_measured);
    assert_true(near(cost.published_bytes, 400) && near(cost.stored_bytes, 100));
    assert_true(near(cost.pubsub_month, 2 * month * 400 / 1099511627776.0 * 40));
    assert_true(near(cost.kafka_month, month * 300 / 1073741824.0 * 0.02
                                           + 604800 * 1000.0 * 300 / 1073741824.0 * 0.10));
}

static void without_a_rate_in_the_file_the_sample_says_it(void **state)
{
    struct pipeline_prices without = prices;
    struct sample sample = sample_of(9900000);

    (void)state;
    without.messages_per_second = 0;
    struct cost cost = cost_of(&sample, &without, 1, 1000);
    assert_true(cost.known && cost.rate_is_measured && near(cost.messages_per_second, 10));
}

static void what_is_not_known_is_not_invented(void **state)
{
    struct pipeline_prices without = prices;
    struct sample short_sample = sample_of(500000), nothing = sample_of(5000000);

    (void)state;
    without.messages_per_second = 0;
    nothing.fit = 0;
    assert_false(cost_of(&short_sample, &without, 1, 1000).known);
    assert_false(cost_of(&nothing, &prices, 1, 1000).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_month_is_reckoned_from_bytes_rate_copies_and_retention),
        cmocka_unit_test(without_a_rate_in_the_file_the_sample_says_it),
        cmocka_unit_test(what_is_not_known_is_not_invented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
