/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/error.h"

static void context_is_put_in_front_and_the_rest_is_kept(void **state)
{
    struct error err;

    (void)state;
    assert_false(error_retry(&err, EXIT_CODE_TARGET, "broker %s: message is %d bytes", "k1", 7));
    assert_false(error_hint(&err, "raise %s", "message.max.bytes"));
    assert_false(error_wrap(&err, "send to topic %s", "orders"));
    assert_string_equal(err.text, "send to topic orders: broker k1: message is 7 bytes");
    assert_string_equal(err.hint, "raise message.max.bytes");
    assert_int_equal(err.code, EXIT_CODE_TARGET);
    assert_int_equal(err.class, ERROR_RETRY);
}

static void a_new_error_forgets_the_old_hint_and_class(void **state)
{
    struct error err;

    (void)state;
    error_retry(&err, EXIT_CODE_SOURCE, "first");
    error_hint(&err, "wait");
    assert_false(error_set(&err, EXIT_CODE_BUG, "second"));
    assert_string_equal(err.text, "second");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.class, ERROR_STOP);
}

static void a_long_message_keeps_its_beginning(void **state)
{
    char text[3 * ERROR_TEXT_SIZE];
    struct error err;

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    error_set(&err, EXIT_CODE_BUG, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_wrap(&err, "context");
    assert_memory_equal(err.text, "context: xxx", 12);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_hint(&err, "%s", text);
    assert_int_equal(strlen(err.hint), ERROR_HINT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_put_in_front_and_the_rest_is_kept),
        cmocka_unit_test(a_new_error_forgets_the_old_hint_and_class),
        cmocka_unit_test(a_long_message_keeps_its_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
