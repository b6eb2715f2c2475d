/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "joiner/idle.h"

static const struct idle_rule with_bridge = {.idle_after_ms = 60000, .needs_evidence = true};
static const struct idle_rule without_bridge = {.idle_after_ms = 60000};

enum { NOW = 1000000 };

static void silence_before_the_end_of_the_partition_is_not_idle(void **state)
{
    struct idle_input input = {.at_end = false, .silent_since_ms = 0};
    struct idle_evidence evidence = {.heard_ms = NOW};

    (void)state;
    assert_int_equal(idle_judge(&without_bridge, &input, &evidence, NOW), IDLE_READING);
    assert_int_equal(idle_judge(&with_bridge, &input, &evidence, NOW), IDLE_READING);
}

static void an_input_is_idle_only_after_the_whole_time(void **state)
{
    struct idle_input input = {.at_end = true, .silent_since_ms = NOW - 59999};
    struct idle_evidence evidence = {.heard_ms = NOW};

    (void)state;
    assert_int_equal(idle_judge(&with_bridge, &input, &evidence, NOW), IDLE_NOT_YET);
    assert_int_equal(idle_judge(&with_bridge, &input, &evidence, NOW + 1), IDLE_YES);
}

static void a_dead_bridge_leaves_its_input_holding_the_watermark(void **state)
{
    struct idle_input input = {.at_end = true, .silent_since_ms = 0};
    struct idle_evidence never = {.heard_ms = IDLE_NEVER};
    struct idle_evidence stale = {.heard_ms = NOW - IDLE_FRESH_MS - 1};

    (void)state;
    assert_int_equal(idle_judge(&with_bridge, &input, &never, NOW), IDLE_NO_BRIDGE);
    assert_int_equal(idle_judge(&with_bridge, &input, &stale, NOW), IDLE_NO_BRIDGE);
    assert_int_equal(idle_judge(&without_bridge, &input, &never, NOW), IDLE_YES);
}

static void a_bridge_that_is_behind_leaves_its_input_holding_the_watermark(void **state)
{
    struct idle_input input = {.at_end = true, .silent_since_ms = 0};
    struct idle_evidence behind = {.heard_ms = NOW, .behind_ms = 60001};
    struct idle_evidence near = {.heard_ms = NOW, .behind_ms = 60000};

    (void)state;
    assert_int_equal(idle_judge(&with_bridge, &input, &behind, NOW), IDLE_BEHIND);
    assert_int_equal(idle_judge(&with_bridge, &input, &near, NOW), IDLE_YES);
}

static void silence_while_the_process_stood_still_is_not_believed(void **state)
{
    (void)state;
    assert_false(idle_stalled(NOW, NOW));
    assert_false(idle_stalled(NOW, NOW + IDLE_STALL_MS));
    assert_true(idle_stalled(NOW, NOW + IDLE_STALL_MS + 1));
    assert_true(idle_stalled(NOW, NOW - 1)); /* The clock was set back. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_before_the_end_of_the_partition_is_not_idle),
        cmocka_unit_test(an_input_is_idle_only_after_the_whole_time),
        cmocka_unit_test(a_dead_bridge_leaves_its_input_holding_the_watermark),
        cmocka_unit_test(a_bridge_that_is_behind_leaves_its_input_holding_the_watermark),
        cmocka_unit_test(silence_while_the_process_stood_still_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
