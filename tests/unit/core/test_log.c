/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/log.h"

static FILE *captured;
static int real_stderr;
static char text[65536];

/* What is written to stderr goes to a file until take(). */
static void capture(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    real_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static const char *take(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(captured);
    size_t size = fread(text, 1, sizeof text - 1, captured);
    text[size] = '\0';
    fclose(captured);
    return text;
}

static void a_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    capture();
    log_info("stream started", LOG_TEXT("stream", "my views"), LOG_INT("pulls", 4),
             LOG_REAL("rate", 0.5), LOG_TEXT("none", NULL), LOG_TEXT("empty", ""));
    const char *line = take();
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    assert_string_equal(line + 24, " info stream started stream=\"my views\" pulls=4 rate=0.5 "
                                   "none=- empty=\"\"\n");
}

static void a_line_break_in_a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    capture();
    log_warn("odd\nname", LOG_TEXT("name", "a\n2026 error \"x\""));
    const char *line = take();
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(strstr(line, "odd\\u000aname name=\"a\\u000a2026 error \\\"x\\\"\""));
}

static void json_lines_are_json(void **state)
{
    (void)state;
    log_set_json(true);
    capture();
    log_error("it \"broke\"", LOG_TEXT("where", "a\\b\tc"), LOG_INT("count", INT64_MIN),
              LOG_REAL("rate", 1.5), LOG_REAL("none", (double)NAN));
    const char *line = take();
    log_set_json(false);
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "message")), "it \"broke\"");
    assert_string_equal(json_string_value(json_object_get(object, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(object, "where")), "a\\b\tc");
    assert_true(json_integer_value(json_object_get(object, "count")) == INT64_MIN);
    assert_true(json_is_null(json_object_get(object, "none")));
    json_decref(object);
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    capture();
    log_debug("not by default");
    log_set_level(LOG_ERROR);
    log_warn("nor now");
    log_set_level(LOG_INFO);
    assert_string_equal(take(), "");
}

static void a_secret_is_hidden_wherever_it_appears(void **state)
{
    (void)state;
    log_redact("hunter2!");
    log_redact("hunter2!-and-more");
    capture();
    log_info("with hunter2! in it", LOG_TEXT("url", "http://u:hunter2!@h/hunter2!"),
             LOG_TEXT("longer", "hunter2!-and-more"));
    const char *line = take();
    assert_null(strstr(line, "hunter2"));
    assert_null(strstr(line, "more"));
    assert_non_null(strstr(line, " info with <secret> in it url=http://u:<secret>@h/<secret> "
                                 "longer=<secret>\n"));
}

static void a_secret_with_a_quote_is_hidden_too(void **state)
{
    (void)state;
    log_redact("pass\"word\\");
    capture();
    log_info("m", LOG_TEXT("value", "x pass\"word\\ y"));
    assert_non_null(strstr(take(), " m value=\"x <secret> y\"\n"));
}

/* The replacement holds the secret: looking at it again would never end. */
static void a_secret_called_secret_is_hidden_once(void **state)
{
    (void)state;
    log_redact("secret");
    capture();
    log_info("m", LOG_TEXT("value", "my-secret"));
    assert_non_null(strstr(take(), " m value=my-<secret>\n"));
}

static void a_secret_of_three_characters_is_no_secret(void **state)
{
    (void)state;
    log_redact("abc");
    log_redact(NULL);
    capture();
    log_info("m", LOG_TEXT("value", "abc"));
    assert_non_null(strstr(take(), " m value=abc\n"));
}

static void a_failure_tells_its_hint(void **state)
{
    struct error err;

    (void)state;
    error_set(&err, EXIT_CODE_SOURCE, "broken");
    capture();
    log_failure("stream stopped", &err);
    assert_non_null(strstr(take(), " error stream stopped error=broken\n"));
    error_hint(&err, "mend it");
    capture();
    log_failure("stream stopped", &err);
    assert_non_null(strstr(take(), " error stream stopped error=broken hint=\"mend it\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_message_and_fields),
        cmocka_unit_test(a_line_break_in_a_value_cannot_forge_a_line),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_secret_is_hidden_wherever_it_appears),
        cmocka_unit_test(a_secret_with_a_quote_is_hidden_too),
        cmocka_unit_test(a_secret_called_secret_is_hidden_once),
        cmocka_unit_test(a_secret_of_three_characters_is_no_secret),
        cmocka_unit_test(a_failure_tells_its_hint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
