/* SPDX-License-Identifier: Apache-2.0 */
/* Times, durations, base64 and paths: what comes in and goes out as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "call.h"
#include "emulator.h"
#include "message.h"
#include "timestamp.h"

static void times_are_read_with_offsets_and_up_to_nine_decimals(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T07:39:54.000409Z", 1795246794000409},
        {"2026-11-21T07:39:54.000409999Z", 1795246794000409},
        {"2026-11-21T07:39:54.5Z", 1795246794500000},
        {"2026-11-21T13:09:54+05:30", 1795246794000000},
        {"2026-11-20T23:39:54-08:00", 1795246794000000},
    };
    static const char *const bad[] = {"",
                                      "2026-11-21",
                                      "2026-11-21T07:39:54",
                                      "now",
                                      "2026-11-21T07:39:54.Z",
                                      "2026-11-21T07:39:54.1234567890Z",
                                      "2026-11-21T07:39:54+5",
                                      "2026-11-21T07:39:54+25:00"};
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(timestamp_parse(good[i].text, &us));
        assert_int_equal(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(timestamp_parse(bad[i], &us));
}

static void times_and_durations_read_back_the_same(void **state)
{
    static const int64_t values[] = {0, 1, 1000, 999999, 1000000, 1795246794000409};
    char text[TIMESTAMP_TEXT_SIZE];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_true(timestamp_parse(timestamp_format(values[i], text), &back));
        assert_int_equal(back, values[i]);
        assert_true(duration_parse(duration_format(values[i], text), &back));
        assert_int_equal(back, values[i]);
    }
    assert_string_equal(timestamp_format(1795246794000409, text), "2026-11-21T07:39:54.000409Z");
    assert_string_equal(duration_format(3500000, text), "3.500s");
    assert_false(duration_parse("600", &back));
    assert_false(duration_parse("-1s", &back));
}

static void expect_base64(const char *text, const char *standard, uint32_t size)
{
    struct buffer out = {0};
    uint32_t bytes = 0;

    assert_true(message_base64(text, strlen(text), &out, &bytes));
    assert_string_equal(buffer_text(&out), standard);
    assert_int_equal(bytes, size);
    buffer_fini(&out);
}

static void base64_of_either_alphabet_becomes_standard(void **state)
{
    static const char *const bad[] = {"a", "a===", "aGVs bG8=", "aGVsbG8==", "aGVs*G8="};
    struct buffer out = {0};
    uint32_t bytes;

    (void)state;
    expect_base64("", "", 0);
    expect_base64("aGVsbG8=", "aGVsbG8=", 5);
    expect_base64("aGVsbG8", "aGVsbG8=", 5);
    expect_base64("-_-_", "+/+/", 3);
    expect_base64("aA", "aA==", 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(message_base64(bad[i], strlen(bad[i]), &out, &bytes));
    buffer_clear(&out);
    message_base64_encode("hello", 5, &out);
    message_base64_encode("\xfb\xff\xbf\xfb", 4, &out);
    assert_string_equal(buffer_text(&out), "aGVsbG8=+/+/+w==");
    buffer_fini(&out);
}

static void a_path_is_taken_apart_before_it_is_decoded(void **state)
{
    struct call call;

    (void)state;
    assert_true(call_init(
        &call, "POST",
        "/v1/projects/p/topics/a%2Fb%3Ac:publish?%24alt=json%3Benum-encoding%3Dint&x=1+2"));
    assert_int_equal(call.segment_count, 5);
    assert_string_equal(call.segments[4], "a/b:c");
    assert_string_equal(call.verb, "publish");
    assert_true(call.enums_as_numbers);
    assert_string_equal(json_string_value(json_object_get(call.query, "x")), "1 2");
    call_fini(&call);
    assert_false(call_init(&call, "GET", "/v1/%zz"));
    call_fini(&call);
    assert_false(call_init(&call, "GET", "/v1/%00"));
    call_fini(&call);
    assert_false(call_init(&call, "GET", "/1/2/3/4/5/6/7/8/9"));
    call_fini(&call);
}

static void keys_become_camel_case_but_not_inside_the_users_own_maps(void **state)
{
    json_t *json = json_pack("{s:{s:i}, s:{s:s}}", "dead_letter_policy", "max_delivery_attempts", 5,
                             "labels", "team_name", "a");
    json_t *camel = call_camel_keys(json);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(json_object_get(camel, "deadLetterPolicy"),
                                                        "maxDeliveryAttempts")),
                     5);
    assert_non_null(json_object_get(json_object_get(camel, "labels"), "team_name"));
    json_decref(json);
    json_decref(camel);
}

static void the_clock_stands_still_runs_fast_and_tells_how_long_to_wait(void **state)
{
    struct emulator emulator;

    (void)state;
    emulator_init(&emulator, 1000);
    assert_int_equal(emulator_now_us(&emulator, 3000), 3000);
    emulator_clock_set(&emulator, 3000, 500000, 10);
    assert_int_equal(emulator_now_us(&emulator, 3100), 501000);
    assert_in_range(emulator_wait_us(&emulator, 3100, 502000), 100, 101);
    assert_int_equal(emulator_wait_us(&emulator, 3100, 501000), 0);
    emulator_clock_set(&emulator, 3100, 7, 0);
    assert_int_equal(emulator_now_us(&emulator, 999999), 7);
    assert_int_equal(emulator_wait_us(&emulator, 999999, 8), INT64_MAX);
    emulator_fini(&emulator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_offsets_and_up_to_nine_decimals),
        cmocka_unit_test(times_and_durations_read_back_the_same),
        cmocka_unit_test(base64_of_either_alphabet_becomes_standard),
        cmocka_unit_test(a_path_is_taken_apart_before_it_is_decoded),
        cmocka_unit_test(keys_become_camel_case_but_not_inside_the_users_own_maps),
        cmocka_unit_test(the_clock_stands_still_runs_fast_and_tells_how_long_to_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
