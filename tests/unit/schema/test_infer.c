/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "schema/infer.h"

static char *quoted(const char *text)
{
    char *copy = memory_text(text);

    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return copy;
}

static void add(struct infer *infer, const char *event)
{
    char *text = quoted(event);

    infer_add(infer, text, strlen(text));
    free(text);
}

/* The type that the field a gets; takes infer. */
static void assert_type(struct infer *infer, bool enums, const char *expected)
{
    const struct infer_options options = {.name = "Event", .enums = enums};
    json_t *result = infer_result(infer, &options), *field;
    char *wanted = quoted(expected), *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(result, "schema"), "fields"), i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), "a") == 0)
            found = json_dumps(json_object_get(field, "type"), JSON_COMPACT | JSON_ENCODE_ANY);
    }
    assert_non_null(found);
    assert_string_equal(found, wanted);
    free(found);
    free(wanted);
    json_decref(result);
    infer_free(infer);
}

static struct infer *of(const char *const *events, size_t count)
{
    struct infer *infer = infer_new();

    for (size_t i = 0; i < count; i++)
        add(infer, events[i]);
    return infer;
}

#define OF(...)                                                                                    \
    of((const char *const[]){__VA_ARGS__},                                                         \
       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void what_is_absent_or_null_somewhere_may_be_null(void **state)
{
    (void)state;
    assert_type(OF("{'a':1}", "{'a':2}"), true, "'long'");
    assert_type(OF("{'a':1}", "{}"), true, "['null','long']");
    assert_type(OF("{'a':true}", "{'a':null}"), true, "['null','boolean']");
    assert_type(OF("{'a':null}"), true, "['null','string']");
}

static void numbers_are_long_double_or_a_time(void **state)
{
    (void)state;
    assert_type(OF("{'a':1}", "{'a':1.5}"), true, "'double'");
    assert_type(OF("{'a':1763717400139}"), true, "'long'"); /* One number proves nothing. */
    struct infer *infer = infer_new();
    for (int n = 0; n < 20; n++)
        add(infer, "{'a':1763717400139}");
    assert_type(infer, true, "{'type':'long','logicalType':'timestamp-millis'}");
}

static void texts_are_uuids_times_dates_words_or_texts(void **state)
{
    (void)state;
    assert_type(OF("{'a':'62f5bd72-95a8-481f-a26c-b4772ad39ed6'}"), true,
                "{'type':'fixed','name':'A','size':16,'logicalType':'uuid'}");
    /* In upper case it would not come back as it was. */
    assert_type(OF("{'a':'62F5BD72-95A8-481F-A26C-B4772AD39ED6'}"), true, "'string'");
    assert_type(OF("{'a':'2026-11-21T09:30:00Z'}"), true,
                "{'type':'long','logicalType':'timestamp-micros'}");
    assert_type(OF("{'a':'2026-11-21'}"), true, "{'type':'int','logicalType':'date'}");
    assert_type(OF("{'a':'x'}", "{'a':'y'}"), true, "'string'"); /* Too few to call it an enum. */
    for (int enums = 0; enums < 2; enums++) {
        struct infer *infer = infer_new();
        for (int n = 0; n < 40; n++)
            add(infer, n % 2 == 0 ? "{'a':'x'}" : "{'a':'y'}");
        assert_type(infer, enums,
                    enums ? "{'type':'enum','name':'A','symbols':['x','y']}" : "'string'");
    }
}

static void what_holds_others_is_an_array_a_record_or_a_map(void **state)
{
    struct infer *infer = infer_new();

    (void)state;
    assert_type(OF("{'a':[1,null]}", "{'a':[]}"), true, "{'type':'array','items':['null','long']}");
    assert_type(
        OF("{'a':{'b':1}}", "{'a':{'b':2,'c':true}}"), true,
        "{'type':'record','name':'A','fields':[{'name':'b','type':'long'},{'name':'c','type':"
        "['null','boolean'],'default':null}]}");
    for (int n = 0; n < 100; n++) {
        char event[64];
        snprintf(event, sizeof event, "{'a':{'user %d':%d}}", n, n);
        add(infer, event);
    }
    assert_type(infer, true, "{'type':'map','values':'long'}");
    assert_type(OF("{'a':1}", "{'a':'x'}", "{'a':null}"), true, "['null','long','string']");
}

static void what_is_no_object_is_counted_and_passed_over(void **state)
{
    const struct infer_options options = {.name = "Event", .enums = true};
    struct infer *infer = OF("{'a':1}", "[1]", "7", "{'a':");
    json_t *result = infer_result(infer, &options);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(result, "events")), 1);
    assert_int_equal(json_integer_value(json_object_get(result, "refused")), 3);
    json_decref(result);
    infer_free(infer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent_or_null_somewhere_may_be_null),
        cmocka_unit_test(numbers_are_long_double_or_a_time),
        cmocka_unit_test(texts_are_uuids_times_dates_words_or_texts),
        cmocka_unit_test(what_holds_others_is_an_array_a_record_or_a_map),
        cmocka_unit_test(what_is_no_object_is_counted_and_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
