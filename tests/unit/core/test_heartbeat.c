/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/heartbeat.h"

static const struct heartbeat beat = {.stream = "views",
                                      .instance = "host-1/4711",
                                      .time_ms = 1763717400123,
                                      .behind_ms = 250,
                                      .in_flight = 12000};

static void a_heartbeat_reads_as_documented(void **state)
{
    struct buffer key = {0}, value = {0};

    (void)state;
    heartbeat_format(&beat, &key, &value);
    assert_string_equal(buffer_text(&key), "heartbeat/views/host-1/4711");
    assert_string_equal(
        buffer_text(&value),
        "{\"stream\":\"views\",\"instance\":\"host-1/4711\",\"time_ms\":1763717400123,"
        "\"behind_ms\":250,\"in_flight\":12000}");
    buffer_fini(&key);
    buffer_fini(&value);
}

static void a_heartbeat_reads_back_the_same(void **state)
{
    struct heartbeat sent = beat, back;
    struct buffer key = {0}, value = {0};

    (void)state;
    memset(sent.stream, '"', sizeof sent.stream - 1); /* The longest name, each byte escaped. */
    sent.time_ms = INT64_MAX;
    heartbeat_format(&sent, &key, &value);
    assert_true(heartbeat_parse(value.data, value.size, &back));
    assert_string_equal(back.stream, sent.stream);
    assert_string_equal(back.instance, sent.instance);
    assert_true(back.time_ms == INT64_MAX);
    assert_int_equal(back.behind_ms, 250);
    assert_int_equal(back.in_flight, 12000);
    buffer_fini(&key);
    buffer_fini(&value);
}

static void a_key_of_a_later_version_is_passed_over(void **state)
{
    static const char text[] = "{\"later\":[1],\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":1,"
                               "\"behind_ms\":2,\"in_flight\":3}";
    struct heartbeat back;

    (void)state;
    assert_true(heartbeat_parse(text, sizeof text - 1, &back));
    assert_string_equal(back.stream, "s");
}

static void what_is_no_heartbeat_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":2}",
        "{\"stream\":\"\",\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":2,\"in_flight\":3}",
        "{\"stream\":1,\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":2,\"in_flight\":3}",
        "{\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":\"1\",\"behind_ms\":2,\"in_flight\":3}",
        "{\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":1.5,\"behind_ms\":2,\"in_flight\":3}",
        "{\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":-2,\"in_flight\":3}",
        "{\"stream\":\"s\",\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":2,\"in_flight\":3} x",
        ("{\"time_ms\":1,\"time_ms\":1,\"stream\":\"s\",\"instance\":\"i\",\"behind_ms\":2,"
         "\"in_flight\":3}"),
    };
    struct heartbeat back;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(heartbeat_parse(bad[i], strlen(bad[i]), &back));
}

static void a_name_that_is_too_long_is_refused_and_not_cut(void **state)
{
    struct buffer value = {0};
    struct heartbeat back;

    (void)state;
    for (int size = HEARTBEAT_NAME_SIZE - 1; size <= HEARTBEAT_NAME_SIZE; size++) {
        buffer_clear(&value);
        buffer_appendf(&value,
                       "{\"stream\":\"%0*d\",\"instance\":\"i\",\"time_ms\":1,\"behind_ms\":2,"
                       "\"in_flight\":3}",
                       size, 0);
        assert_int_equal(heartbeat_parse(value.data, value.size, &back),
                         size < HEARTBEAT_NAME_SIZE);
    }
    buffer_fini(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_reads_as_documented),
        cmocka_unit_test(a_heartbeat_reads_back_the_same),
        cmocka_unit_test(a_key_of_a_later_version_is_passed_over),
        cmocka_unit_test(what_is_no_heartbeat_is_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_refused_and_not_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
