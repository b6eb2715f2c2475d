/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "schema/compat.h"

static struct schema *parse(const char *text)
{
    struct error err;
    char *copy = memory_text(text);

    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    struct schema *schema = schema_parse(copy, "s", &err);
    if (schema == NULL)
        fail_msg("%s: %s", text, err.text);
    free(copy);
    return schema;
}

/* "PATH: FACT" of the first problem; "" if the reader can read it. */
static void assert_reads(const char *reader, const char *writer, const char *expected)
{
    struct schema *a = parse(reader), *b = parse(writer);
    struct compat compat = {0};
    struct buffer text = {0};
    bool reads = compat_reads(&compat, a, b);

    if (compat.count > 0)
        buffer_appendf(&text, "%s: %s", compat.problems[0].path, compat.problems[0].fact);
    assert_string_equal(buffer_text(&text), expected);
    assert_int_equal(reads, *expected == '\0');
    buffer_fini(&text);
    schema_free(a);
    schema_free(b);
}

#define RECORD(fields)    "{'type':'record','name':'R','fields':[" fields "]}"
#define FIELD(name, type) "{'name':'" name "','type':" type "}"

static void a_new_field_needs_a_default_and_an_old_one_may_go(void **state)
{
    (void)state;
    assert_reads(RECORD(FIELD("a", "'int'")), RECORD(FIELD("a", "'int'") "," FIELD("b", "'int'")),
                 "");
    assert_reads(RECORD(FIELD("a", "'int'") "," FIELD("b", "'int'")), RECORD(FIELD("a", "'int'")),
                 "b: the reader needs it, what was written lacks it, and it has no default");
    assert_reads(RECORD("{'name':'b','type':'int','default':0}"), RECORD(FIELD("a", "'int'")), "");
    assert_reads(RECORD("{'name':'b','type':'int','aliases':['a']}"), RECORD(FIELD("a", "'int'")),
                 "");
}

static void numbers_may_grow_and_never_shrink(void **state)
{
    static const char *const kinds[] = {"'int'", "'long'", "'float'", "'double'"};

    (void)state;
    for (size_t reader = 0; reader < 4; reader++)
        for (size_t writer = 0; writer < 4; writer++) {
            struct schema *a = parse(kinds[reader]), *b = parse(kinds[writer]);
            struct compat compat = {0};
            assert_int_equal(compat_reads(&compat, a, b), reader >= writer);
            schema_free(a);
            schema_free(b);
        }
    assert_reads("'bytes'", "'string'", "");
    assert_reads("'string'", "'int'", ": the reader takes a string, what was written is a int");
}

static void a_symbol_or_a_size_that_the_reader_does_not_know_is_named(void **state)
{
    (void)state;
    assert_reads("{'type':'enum','name':'E','symbols':['a','b']}",
                 "{'type':'enum','name':'E','symbols':['b']}", "");
    assert_reads("{'type':'enum','name':'E','symbols':['a']}",
                 "{'type':'enum','name':'E','symbols':['a','tv']}",
                 ": the symbol tv is not known to the reader");
    assert_reads("{'type':'fixed','name':'F','size':16}", "{'type':'fixed','name':'F','size':8}",
                 ": it had 8 bytes, now 16");
    assert_reads("{'type':'fixed','name':'F','size':16}", "{'type':'fixed','name':'G','size':16}",
                 ": fixed F was G");
}

static void null_may_be_added_and_not_taken_away(void **state)
{
    (void)state;
    assert_reads(RECORD(FIELD("a", "['null','int']")), RECORD(FIELD("a", "'int'")), "");
    assert_reads(RECORD(FIELD("a", "'int'")), RECORD(FIELD("a", "['null','int']")),
                 "a: the reader takes a int, what was written is a null");
    assert_reads("['string','long']", "['int','string']", "");
    assert_reads(RECORD(FIELD("a", "['null','long']")), RECORD(FIELD("a", "'string'")),
                 "a: no branch of the union reads a string");
}

static void a_unit_that_changes_is_a_problem(void **state)
{
    (void)state;
    assert_reads("{'type':'long','logicalType':'timestamp-micros'}",
                 "{'type':'long','logicalType':'timestamp-millis'}",
                 ": the logical type was changed: numbers would be taken for something else");
}

static void what_is_deep_inside_is_found_with_its_path(void **state)
{
    (void)state;
    assert_reads(RECORD(FIELD("d", "{'type':'array','items':{'type':'map','values':'int'}}")),
                 RECORD(FIELD("d", "{'type':'array','items':{'type':'map','values':'long'}}")),
                 "d[][]: the reader takes a int, what was written is a long");
    assert_reads(RECORD(FIELD("next", "['null','R']") "," FIELD("n", "'int'")),
                 RECORD(FIELD("next", "['null','R']") "," FIELD("n", "'int'")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_field_needs_a_default_and_an_old_one_may_go),
        cmocka_unit_test(numbers_may_grow_and_never_shrink),
        cmocka_unit_test(a_symbol_or_a_size_that_the_reader_does_not_know_is_named),
        cmocka_unit_test(null_may_be_added_and_not_taken_away),
        cmocka_unit_test(a_unit_that_changes_is_a_problem),
        cmocka_unit_test(what_is_deep_inside_is_found_with_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
