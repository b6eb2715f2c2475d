/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/lease.h"

#define S 1000000LL

static void a_quick_stream_is_extended_only_before_its_deadline(void **state)
{
    struct lease lease;

    (void)state;
    lease_init(&lease, 10, false);
    lease_observe(&lease, 20000, 1000);
    assert_int_equal(lease_first_us(&lease, 100 * S), 106 * S);
    assert_int_equal(lease_seconds(&lease), 10);
    assert_int_equal(lease_next_us(100 * S, 10, 95 * S), 106 * S);
}

static void a_slow_stream_is_extended_on_receipt_and_for_longer(void **state)
{
    struct lease lease;

    (void)state;
    lease_init(&lease, 10, false);
    lease_observe(&lease, 1 * S, 900);
    lease_observe(&lease, 40 * S, 100);
    assert_int_equal(lease_first_us(&lease, 7 * S), 7 * S);
    assert_in_range(lease_seconds(&lease), 60,
                    75); /* 40 s in its bucket, and half as much again. */
}

static void extensions_stay_within_what_pubsub_takes(void **state)
{
    struct lease lease;

    (void)state;
    lease_init(&lease, 600, false);
    lease_observe(&lease, 3000 * S, 10);
    assert_int_equal(lease_seconds(&lease), 600);
    lease_init(&lease, 10, true);
    lease_observe(&lease, 1000, 10);
    assert_int_equal(lease_seconds(&lease), 60);
}

static void a_message_is_let_go_after_an_hour(void **state)
{
    (void)state;
    assert_int_equal(lease_next_us(3000 * S, 600, 0), 3570 * S);
    assert_true(lease_next_us(3100 * S, 600, 0) == LEASE_NEVER);
}

static void old_latencies_are_forgotten(void **state)
{
    struct lease lease;

    (void)state;
    lease_init(&lease, 10, false);
    lease_observe(&lease, 100 * S, 10000);
    for (int i = 0; i < 30; i++)
        lease_observe(&lease, 5000, 150000);
    assert_in_range(lease_latency_us(&lease, 0.99), 5000, 7000);
}

static void a_percentile_is_never_below_the_truth_and_at_most_a_quarter_above(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms < 600000; ms = ms * 17 / 16 + 1) {
        struct lease lease;
        lease_init(&lease, 10, false);
        lease_observe(&lease, ms * 1000, 1);
        assert_in_range(lease_latency_us(&lease, 0.99), ms * 1000, (ms * 5 / 4 + 1) * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quick_stream_is_extended_only_before_its_deadline),
        cmocka_unit_test(a_slow_stream_is_extended_on_receipt_and_for_longer),
        cmocka_unit_test(extensions_stay_within_what_pubsub_takes),
        cmocka_unit_test(a_message_is_let_go_after_an_hour),
        cmocka_unit_test(old_latencies_are_forgotten),
        cmocka_unit_test(a_percentile_is_never_below_the_truth_and_at_most_a_quarter_above),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
