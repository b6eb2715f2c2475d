/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/rfc3339.h"

static void assert_time(const char *text, int64_t expected)
{
    int64_t us = 0;

    if (!rfc3339_parse_us(text, strlen(text), &us))
        fail_msg("refused: %s", text);
    assert_true(us == expected);
}

static void times_are_read_to_the_microsecond(void **state)
{
    (void)state;
    assert_time("1970-01-01T00:00:00Z", 0);
    assert_time("2025-11-21T09:30:00.000123456Z", 1763717400000123);
    assert_time("2025-11-21T09:30:00.1Z", 1763717400100000);
    assert_time("2025-11-21T09:30:00.999999999Z", 1763717400999999);
    assert_time("2025-11-21T15:00:00+05:30", 1763717400000000);
    assert_time("2025-11-21T01:30:00.5-08:00", 1763717400500000);
    assert_time("2024-02-29T23:59:59Z", 1709251199000000);
    assert_time("2000-02-29T00:00:00Z", 951782400000000);
    assert_time("1969-12-31T23:59:59.999999Z", -1);
    assert_time("9999-12-31T23:59:59Z", 253402300799000000);
    assert_time("0001-01-01T00:00:00Z", -62135596800000000);
}

/* Against the C library, a day and some hours apart over 130 years. */
static void times_agree_with_the_c_library(void **state)
{
    (void)state;
    for (time_t now = 0; now < 4102444800; now += 97531) {
        char text[32];
        struct tm utc;
        gmtime_r(&now, &utc);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
        assert_time(text, (int64_t)now * 1000000);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2025-11-21",
        "2025-11-21T09:30:00",
        "2025-11-21 09:30:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-11-21T24:00:00Z",
        "2025-11-21T09:60:00Z",
        "2025-11-21T09:30:60Z",
        "2025-11-21T09:30:61Z",
        "2025-11-21T09:30:00.Z",
        "2025-11-21T09:30:00.1234567890Z",
        "2025-11-21T09:30:00z0",
        "2025-11-21T09:30:00+0530",
        "2025-11-21T09:30:00+24:00",
        "2025-11-21T09:30:00+05:60",
        "2025-11-21T09:30:00ZZ",
        "x025-11-21T09:30:00Z",
        "2025-11-21T09:30:0xZ",
        "0000-01-01T00:00:00Z",
    };
    int64_t us;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t size = strlen(bad[i]);
        char *exact = memory_new(size + 1); /* So that a byte too far is seen. */
        memcpy(exact + 1, bad[i], size);
        if (rfc3339_parse_us(exact + 1, size, &us))
            fail_msg("accepted: %s", bad[i]);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_to_the_microsecond),
        cmocka_unit_test(times_agree_with_the_c_library),
        cmocka_unit_test(what_is_no_time_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
