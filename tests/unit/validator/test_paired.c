/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "validator/paired.h"

/* The bounds were found by maximising the likelihood by search, without the quadratic that paired.c solves. */
static void the_bound_is_where_the_likelihood_score_puts_it(void **state)
{
    static const struct {
        int64_t pairs, gained, lost;
        double bound;
    } cases[] = {
        {50, 12, 2, 0.3204133859110963},    {1000, 1, 0, 0.004469722909369024},
        {1000, 3, 3, 0.004840071361303767}, {125000, 9, 4, 9.529959616189078e-05},
        {100, 0, 60, 0.6769219494090336},   {1000000, 40, 10, 4.264729469585544e-05},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double bound = paired_bound(cases[i].pairs, cases[i].gained, cases[i].lost);
        assert_true(fabs(bound / cases[i].bound - 1) < 1e-6);
    }
}

static void gained_and_lost_are_alike_and_do_not_cancel_out(void **state)
{
    (void)state;
    assert_true(paired_bound(1000, 5, 2) == paired_bound(1000, 2, 5));
    assert_true(paired_difference(1000, 30, 30) == 0);
    assert_true(paired_bound(1000, 30, 30) > paired_bound(1000, 3, 3));
    assert_true(paired_bound(100000, 30, 30) > 0);
}

static void pairs_that_all_agree_leave_no_doubt_and_no_pairs_leave_all(void **state)
{
    (void)state;
    assert_true(paired_bound(10, 0, 0) == 0);
    assert_true(paired_bound(0, 0, 0) == 1);
    assert_true(paired_difference(0, 0, 0) == 0);
}

static void the_bound_is_never_below_the_difference_nor_above_one(void **state)
{
    (void)state;
    for (int64_t pairs = 1; pairs < 40; pairs++)
        for (int64_t gained = 0; gained <= pairs; gained++)
            for (int64_t lost = 0; gained + lost <= pairs; lost++) {
                double difference = paired_difference(pairs, gained, lost);
                double bound = paired_bound(pairs, gained, lost);
                assert_true(bound >= difference && bound >= -difference && bound <= 1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_is_where_the_likelihood_score_puts_it),
        cmocka_unit_test(gained_and_lost_are_alike_and_do_not_cancel_out),
        cmocka_unit_test(pairs_that_all_agree_leave_no_doubt_and_no_pairs_leave_all),
        cmocka_unit_test(the_bound_is_never_below_the_difference_nor_above_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
