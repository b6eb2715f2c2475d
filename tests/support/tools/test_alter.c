/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "alter.h"
#include "core/codec.h"
#include "core/schema.h"

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"r\",\"fields\":["
    "{\"name\":\"key\",\"type\":\"string\"},"
    "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"u\",\"size\":2}},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"flag\",\"type\":\"boolean\"},"
    "{\"name\":\"number\",\"type\":\"long\"},"
    "{\"name\":\"real\",\"type\":\"double\"},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"a\",\"b\"]}},"
    "{\"name\":\"note\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"none\",\"type\":[\"null\",\"int\"]}]}";

enum { ALTERABLE = 5, PICKS = 20 }; /* flag, number, real, kind, note */

static struct schema *schema_of(const char *text)
{
    struct error err;
    struct schema *schema = schema_parse(text, "test", &err);

    assert_non_null(schema);
    return schema;
}

static void put_record(struct buffer *out, int64_t number)
{
    codec_put_bytes(out, "the-key", 7);
    buffer_append(out, "\x01\x02", 2);
    codec_put_long(out, 1763717400000);
    codec_put_boolean(out, true);
    codec_put_long(out, number);
    codec_put_double(out, 0.25);
    codec_put_long(out, 1);
    codec_put_long(out, 1); /* note: the string */
    codec_put_bytes(out, "hello", 5);
    codec_put_long(out, 0); /* none: null */
}

/* The names of the members that differ, each followed by a blank. */
static void differences(const json_t *before, json_t *after, char text[static 256])
{
    const char *name;
    json_t *value;

    text[0] = '\0';
    json_object_foreach(after, name, value)
    {
        if (!json_equal(value, json_object_get(before, name)))
            snprintf(text + strlen(text), 256 - strlen(text), "%s ", name);
    }
}

static void exactly_the_named_field_changes(void **state)
{
    struct schema *schema = schema_of(schema_text);
    struct buffer record = {0};
    bool seen[ALTERABLE] = {0};
    static const char *const names[ALTERABLE] = {"flag", "number", "real", "kind", "note"};

    (void)state;
    put_record(&record, 7);
    json_t *before = codec_to_json(schema->root, record.data, record.data + record.size);
    for (uint64_t pick = 0; pick < PICKS; pick++) {
        struct buffer altered = {0};
        const char *field;
        char expected[64], found[256];
        assert_true(
            alter_record(schema, record.data, record.size, "the-key", 7, pick, &altered, &field));
        json_t *after = codec_to_json(schema->root, altered.data, altered.data + altered.size);
        assert_non_null(after);
        snprintf(expected, sizeof expected, "%s ", field);
        differences(before, after, found);
        assert_string_equal(found, expected);
        for (int i = 0; i < ALTERABLE; i++)
            seen[i] = seen[i] || strcmp(names[i], field) == 0;
        json_decref(after);
        buffer_fini(&altered);
    }
    for (int i = 0; i < ALTERABLE; i++)
        assert_true(seen[i]);
    json_decref(before);
    buffer_fini(&record);
    schema_free(schema);
}

static void the_greatest_number_can_be_altered(void **state)
{
    struct schema *schema = schema_of(schema_text);
    static const int64_t numbers[] = {INT64_MAX, INT64_MIN, 0};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        for (uint64_t pick = 0; pick < ALTERABLE; pick++) {
            struct buffer record = {0}, altered = {0};
            const char *field;
            put_record(&record, numbers[i]);
            assert_true(alter_record(schema, record.data, record.size, "the-key", 7, pick, &altered,
                                     &field));
            assert_true(codec_check(schema->root, altered.data, altered.data + altered.size));
            buffer_fini(&record);
            buffer_fini(&altered);
        }
    }
    schema_free(schema);
}

static void a_record_without_such_a_field_is_left_alone(void **state)
{
    struct schema *schema = schema_of("{\"type\":\"record\",\"name\":\"r\",\"fields\":["
                                      "{\"name\":\"key\",\"type\":\"string\"}]}");
    struct buffer record = {0}, altered = {0};
    const char *field;

    (void)state;
    codec_put_bytes(&record, "the-key", 7);
    assert_false(alter_record(schema, record.data, record.size, "the-key", 7, 0, &altered, &field));
    assert_true(alter_record(schema, record.data, record.size, "another", 7, 0, &altered, &field));
    altered.size = 0;
    assert_false(
        alter_record(schema, record.data, record.size - 1, "another", 7, 0, &altered, &field));
    assert_int_equal(altered.size, 0);
    buffer_fini(&record);
    buffer_fini(&altered);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_named_field_changes),
        cmocka_unit_test(the_greatest_number_can_be_altered),
        cmocka_unit_test(a_record_without_such_a_field_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
