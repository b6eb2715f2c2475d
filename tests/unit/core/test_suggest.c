/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/suggest.h"

static const char *const names[] = {"subscription", "audit_subscription", "topic", "key", "decode"};
enum { NAME_COUNT = sizeof names / sizeof *names };

static void a_slip_of_the_finger_is_understood(void **state)
{
    (void)state;
    assert_string_equal(suggest_nearest("topci", names, NAME_COUNT), "topic");
    assert_string_equal(suggest_nearest("tpoic", names, NAME_COUNT), "topic");
    assert_string_equal(suggest_nearest("kye", names, NAME_COUNT), "key");
    assert_string_equal(suggest_nearest("subscriptions", names, NAME_COUNT), "subscription");
    assert_string_equal(suggest_nearest("audit-subscription", names, NAME_COUNT),
                        "audit_subscription");
}

static void a_name_that_is_far_from_all_is_not_guessed(void **state)
{
    char endless[1000];

    (void)state;
    memset(endless, 'k', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    assert_null(suggest_nearest("zzzzzz", names, NAME_COUNT));
    assert_null(suggest_nearest("", names, NAME_COUNT));
    assert_null(suggest_nearest("key", names, 0));
    assert_null(suggest_nearest(endless, names, NAME_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_finger_is_understood),
        cmocka_unit_test(a_name_that_is_far_from_all_is_not_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
