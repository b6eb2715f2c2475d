/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "filter.h"

static void expect(const char *text, bool matches)
{
    json_t *attributes =
        json_pack("{s:s, s:s, s:s}", "kind", "view", "region", "asia-1", "a b", "");
    struct error err;
    struct filter *filter = filter_new(text, &err);

    if (filter == NULL)
        fail_msg("%s: %s", text, err.text);
    if (filter_matches(filter, attributes) != matches)
        fail_msg("%s: must %smatch", text, matches ? "" : "not ");
    filter_free(filter);
    json_decref(attributes);
}

static void refuse(const char *text, const char *message)
{
    struct error err;

    assert_null(filter_new(text, &err));
    assert_string_equal(err.text, message);
}

static void a_filter_sees_presence_equality_and_prefixes(void **state)
{
    (void)state;
    expect("attributes:kind", true);
    expect("attributes:none", false);
    expect("attributes:\"a b\"", true);
    expect("attributes.kind = \"view\"", true);
    expect("attributes.kind=\"vie\"", false);
    expect("attributes.kind != \"view\"", false);
    expect("attributes.none != \"view\"", true);
    expect("hasPrefix(attributes.region, \"asia\")", true);
    expect("hasPrefix( attributes.region , \"europe\" )", false);
    expect("hasPrefix(attributes.none, \"\")", false);
}

static void terms_combine_with_and_or_not_and_parentheses(void **state)
{
    (void)state;
    expect("NOT attributes:none", true);
    expect("-attributes:kind", false);
    expect("attributes:kind AND attributes:none", false);
    expect("attributes:none OR attributes:kind", true);
    expect("attributes:none OR attributes:no OR attributes:kind", true);
    expect("(attributes:none OR attributes:kind) AND NOT attributes:x", true);
    expect("NOT (attributes:kind AND hasPrefix(attributes.region, \"asia\"))", false);
    assert_true(filter_matches(NULL, NULL));
}

static void a_bad_filter_is_refused_with_its_column(void **state)
{
    (void)state;
    refuse("", "column 1: expected 'attributes', 'hasPrefix', 'NOT' or '('");
    refuse("attributes.kind = view", "column 19: expected a quoted string");
    refuse("attributes.kind ~ \"view\"", "column 17: expected '=' or '!='");
    refuse("attributes:a AND attributes:b OR attributes:c",
           "column 33: expected parentheses where AND and OR meet");
    refuse("(attributes:a", "column 14: expected ')'");
    refuse("attributes:a attributes:b", "column 14: expected AND, OR or the end");
    refuse("attributes.a = \"open", "column 21: expected a closing quote");
    refuse("data:a", "column 1: expected 'attributes', 'hasPrefix', 'NOT' or '('");
    refuse("((((((((((((((((((((((((((((((((((((((((attributes:a",
           "column 33: expected less nesting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_sees_presence_equality_and_prefixes),
        cmocka_unit_test(terms_combine_with_and_or_not_and_parentheses),
        cmocka_unit_test(a_bad_filter_is_refused_with_its_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
