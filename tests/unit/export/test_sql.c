/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(struct buffer *out, const char *text)
{
    assert_string_equal(buffer_text(out), text);
    buffer_fini(out);
}

static void a_template_takes_arguments_and_keeps_other_dollars(void **state)
{
    struct buffer out = {0};

    (void)state;
    SQL_PUT(&out, "f($1, '$.$0', $0) $9 $", "a", "b$0");
    expect(&out, "f(b$0, '$.a', a) $9 $");
}

static void text_cannot_end_its_literal(void **state)
{
    struct buffer out = {0};

    (void)state;
    sql_put_literal(&out, false, "it's\\");
    expect(&out, "'it''s\\'");
    out = (struct buffer){0};
    sql_put_literal(&out, true, "it's\\\n");
    expect(&out, "'it\\'s\\\\\\n'");
}

static void every_part_of_a_path_is_quoted(void **state)
{
    struct buffer out = {0};

    (void)state;
    sql_put_path(&out, '`', "user.id");
    expect(&out, "`user`.`id`");
}

static void every_line_of_a_comment_is_one(void **state)
{
    struct buffer out = {0};

    (void)state;
    sql_put_comment(&out, "one\n\ntwo\n");
    expect(&out, "-- one\n--\n-- two\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_takes_arguments_and_keeps_other_dollars),
        cmocka_unit_test(text_cannot_end_its_literal),
        cmocka_unit_test(every_part_of_a_path_is_quoted),
        cmocka_unit_test(every_line_of_a_comment_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
