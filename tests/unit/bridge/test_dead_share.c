/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/dead_share.h"

#define SECOND INT64_C(1000000)

static bool is_above(const struct dead_share *share)
{
    int64_t messages, dead;

    return dead_share_is_above(share, &messages, &dead);
}

static struct dead_share share_of(double above, int64_t window_us, int64_t least)
{
    struct dead_share share = {0};

    dead_share_set(&share, above, window_us, least);
    return share;
}

static void few_messages_are_not_judged(void **state)
{
    struct dead_share share = share_of(0.01, 60 * SECOND, 100);

    (void)state;
    dead_share_add(&share, SECOND, 99, 99);
    assert_false(is_above(&share));
    dead_share_add(&share, SECOND, 1, 0);
    assert_true(is_above(&share));
}

static void the_share_itself_is_borne_and_more_is_not(void **state)
{
    struct dead_share share = share_of(0.01, 60 * SECOND, 100);

    (void)state;
    dead_share_add(&share, SECOND, 1000, 10);
    assert_false(is_above(&share));
    dead_share_add(&share, SECOND, 0, 1);
    assert_true(is_above(&share));
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
    struct dead_share share = share_of(0.01, 60 * SECOND, 100);

    (void)state;
    dead_share_add(&share, SECOND, 1000, 1000);
    dead_share_add(&share, 30 * SECOND, 1000, 0);
    assert_true(is_above(&share));
    dead_share_add(&share, 61 * SECOND, 1000, 0);
    assert_false(is_above(&share));
    dead_share_add(&share, 3600 * SECOND, 0, 0); /* A long silence empties it. */
    dead_share_add(&share, 3600 * SECOND, 99, 99);
    assert_false(is_above(&share));
}

static void without_a_limit_nothing_is_too_much(void **state)
{
    struct dead_share share = share_of(0, 60 * SECOND, 1);

    (void)state;
    dead_share_add(&share, SECOND, 1000, 1000);
    assert_false(is_above(&share));
}

static void a_new_limit_judges_what_was_counted_before(void **state)
{
    struct dead_share share = share_of(0.5, 60 * SECOND, 100);

    (void)state;
    dead_share_add(&share, SECOND, 1000, 100);
    assert_false(is_above(&share));
    dead_share_set(&share, 0.05, 60 * SECOND, 100);
    assert_true(is_above(&share));
    dead_share_set(&share, 0.05, 30 * SECOND, 100); /* Its tenths are others. */
    assert_false(is_above(&share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_messages_are_not_judged),
        cmocka_unit_test(the_share_itself_is_borne_and_more_is_not),
        cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
        cmocka_unit_test(without_a_limit_nothing_is_too_much),
        cmocka_unit_test(a_new_limit_judges_what_was_counted_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
