/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/retry.h"

static void delays_double_up_to_half_a_minute_and_are_spread(void **state)
{
    static const int64_t most[] = {100,  200,   400,   800,   1600, 3200,
                                   6400, 12800, 25600, 30000, 30000};

    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct retry retry;
        retry_init(&retry, seed);
        for (size_t i = 0; i < sizeof most / sizeof *most; i++)
            assert_in_range(retry_delay_ms(&retry), most[i] / 2, most[i]);
        retry_reset(&retry);
        assert_in_range(retry_delay_ms(&retry), 50, 100);
    }
}

static void two_bridges_do_not_come_back_together(void **state)
{
    struct retry one, other;
    int same = 0;

    (void)state;
    retry_init(&one, 1);
    retry_init(&other, 2);
    for (int i = 0; i < 20; i++)
        same += retry_delay_ms(&one) == retry_delay_ms(&other);
    assert_in_range(same, 0, 3);
}

static void every_status_has_its_class(void **state)
{
    static const struct {
        long status;
        enum retry_class class;
    } classes[] = {
        {200, RETRY_SUCCESS}, {429, RETRY_BUSY},  {503, RETRY_BUSY},  {504, RETRY_BUSY},
        {500, RETRY_LATER},   {502, RETRY_LATER}, {499, RETRY_LATER}, {0, RETRY_LATER},
        {401, RETRY_REFUSED}, {400, RETRY_NEVER}, {403, RETRY_NEVER}, {404, RETRY_NEVER},
        {301, RETRY_NEVER},   {409, RETRY_LATER}, {204, RETRY_LATER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        assert_int_equal(retry_classify(classes[i].status, true), classes[i].class);
}

static void a_success_without_json_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(retry_classify(200, false), RETRY_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_half_a_minute_and_are_spread),
        cmocka_unit_test(two_bridges_do_not_come_back_together),
        cmocka_unit_test(every_status_has_its_class),
        cmocka_unit_test(a_success_without_json_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
