/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/backlog.h"

#define SECOND INT64_C(1000000)

static void a_steady_feed_is_estimated_from_its_density_and_age(void **state)
{
    struct backlog backlog = {0};
    int64_t behind_ms = 600000, received = 0;

    (void)state;
    /* 1,000 messages for each second of publish time; five of those a second are passed through. */
    for (int64_t second = 1; second <= 30; second++) {
        backlog_look(&backlog, second * SECOND, behind_ms, received);
        received += 5000;
        behind_ms -= 4000;
    }
    assert_in_range(backlog_messages(&backlog), 480000, 488000);
}

static void what_is_young_did_not_wait(void **state)
{
    struct backlog backlog = {0};

    (void)state;
    assert_int_equal(backlog_messages(&backlog), 0);
    backlog_look(&backlog, SECOND, 30, 100);
    backlog_look(&backlog, 2 * SECOND, 999, 1000);
    assert_int_equal(backlog_messages(&backlog), 0);
}

static void without_way_through_publish_time_nothing_is_claimed(void **state)
{
    struct backlog backlog = {0};

    (void)state;
    for (int64_t second = 1; second <= 5; second++) /* All of it was published at one moment. */
        backlog_look(&backlog, second * SECOND, 60000 + second * 1000, second * 5000);
    assert_int_equal(backlog_messages(&backlog), BACKLOG_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_feed_is_estimated_from_its_density_and_age),
        cmocka_unit_test(what_is_young_did_not_wait),
        cmocka_unit_test(without_way_through_publish_time_nothing_is_claimed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
