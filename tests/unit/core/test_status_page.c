/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/status_page.h"

/* Returns the page (caller frees). */
static char *page_of(const char *json)
{
    struct buffer out = {0};

    status_page(json, strlen(json), &out);
    char *text = memory_text(buffer_text(&out));
    buffer_fini(&out);
    return text;
}

static void assert_has(const char *page, const char *part)
{
    if (strstr(page, part) == NULL)
        fail_msg("%s is not in %s", part, strstr(page, "<h1>"));
}

static void every_value_is_shown_in_its_place(void **state)
{
    char *page =
        page_of("{\"pipeline\":\"ads\",\"oldest_unacked_ms\":1234567,\"streams\":["
                "{\"stream\":\"views\",\"state\":\"running\",\"backlog_estimate\":null,"
                "\"tasks\":[{\"partition\":0,\"rows\":12},{\"partition\":1,\"rows\":-1234}]}]}");

    (void)state;
    assert_has(page, "<dt>pipeline</dt><dd>ads</dd>");
    assert_has(page, "<dt>oldest unacked ms</dt><dd>1,234,567</dd>");
    assert_has(page, "<section><h2>stream views</h2>");
    assert_has(page, "<dd class=\"running\">running</dd>");
    assert_has(page, "<dt>backlog estimate</dt><dd>–</dd>");
    assert_has(page, "<tr><th>partition<th>rows<tr><td>0<td>12<tr><td>1<td>-1,234</table>");
    free(page);
}

static void nothing_is_taken_for_markup(void **state)
{
    char *page =
        page_of("{\"<a>\":\"<script>\",\"streams\":[{\"n\":\"\\\"&\",\"state\":\"\\\"><b>\"}]}");

    (void)state;
    assert_has(page, "<dt>&lt;a&gt;</dt><dd>&lt;script&gt;</dd>");
    assert_has(page, "<h2>n &quot;&amp;</h2>");
    assert_has(page, "<dd class=\"&quot;&gt;&lt;b&gt;\">");
    free(page);
    page = page_of("no <json>");
    assert_has(page, "<pre>no &lt;json&gt;</pre>");
    free(page);
}

static void the_page_needs_no_script_and_no_network(void **state)
{
    char *page = page_of("{}");

    (void)state;
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "://"));
    assert_has(page, "name=\"viewport\"");
    assert_has(page, "prefers-color-scheme:dark");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_shown_in_its_place),
        cmocka_unit_test(nothing_is_taken_for_markup),
        cmocka_unit_test(the_page_needs_no_script_and_no_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
