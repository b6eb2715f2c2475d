/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/schema.h"

static struct schema *parse(const char *text)
{
    struct error err;
    struct schema *schema = schema_parse(text, "s.avsc", &err);

    if (schema == NULL)
        fail_msg("%s", err.text);
    return schema;
}

static void assert_refused(const char *text, const char *message)
{
    struct error err = {0};
    struct schema *schema = schema_parse(text, "s.avsc", &err);

    assert_null(schema);
    assert_string_equal(err.text, message);
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
}

static void every_kind_and_logical_type_is_in_the_tree(void **state)
{
    static const struct {
        const char *type;
        enum schema_kind kind;
        enum schema_logical logical;
    } cases[] = {
        {"\"null\"", SCHEMA_NULL, LOGICAL_NONE},
        {"\"boolean\"", SCHEMA_BOOLEAN, LOGICAL_NONE},
        {"\"int\"", SCHEMA_INT, LOGICAL_NONE},
        {"\"long\"", SCHEMA_LONG, LOGICAL_NONE},
        {"\"float\"", SCHEMA_FLOAT, LOGICAL_NONE},
        {"\"double\"", SCHEMA_DOUBLE, LOGICAL_NONE},
        {"\"bytes\"", SCHEMA_BYTES, LOGICAL_NONE},
        {"\"string\"", SCHEMA_STRING, LOGICAL_NONE},
        {"{\"type\":\"string\"}", SCHEMA_STRING, LOGICAL_NONE},
        {"{\"type\":\"array\",\"items\":\"int\"}", SCHEMA_ARRAY, LOGICAL_NONE},
        {"{\"type\":\"map\",\"values\":\"int\"}", SCHEMA_MAP, LOGICAL_NONE},
        {"[\"null\",\"int\"]", SCHEMA_UNION, LOGICAL_NONE},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", SCHEMA_INT, LOGICAL_DATE},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", SCHEMA_INT, LOGICAL_TIME_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", SCHEMA_LONG, LOGICAL_TIME_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", SCHEMA_LONG,
         LOGICAL_TIMESTAMP_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", SCHEMA_LONG,
         LOGICAL_TIMESTAMP_MICROS},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", SCHEMA_STRING, LOGICAL_UUID},
        {"{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}", SCHEMA_FIXED,
         LOGICAL_UUID},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
         SCHEMA_BYTES, LOGICAL_DECIMAL},
        {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":"
         "9}",
         SCHEMA_FIXED, LOGICAL_DECIMAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct schema *schema = parse(cases[i].type);

        assert_int_equal(schema->root->kind, cases[i].kind);
        assert_int_equal(schema->root->logical, cases[i].logical);
        assert_string_equal(schema->text, cases[i].type);
        schema_free(schema);
    }
}

/* The specification: an unknown or unfitting logical type is as if it were not there. */
static void a_logical_type_that_does_not_fit_is_ignored(void **state)
{
    static const char *const types[] = {
        "{\"type\":\"string\",\"logicalType\":\"timestamp-millis\"}",
        "{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}",
        "{\"type\":\"long\",\"logicalType\":\"date\"}",
        "{\"type\":\"long\",\"logicalType\":\"fortnights\"}",
        "{\"type\":\"fixed\",\"name\":\"U\",\"size\":15,\"logicalType\":\"uuid\"}",
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}",
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\"}",
        "{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":2}",
        ("{\"type\":\"fixed\",\"name\":\"D\",\"size\":4,\"logicalType\":\"decimal\","
         "\"precision\":10}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct schema *schema = parse(types[i]);

        assert_int_equal(schema->root->logical, LOGICAL_NONE);
        schema_free(schema);
    }
}

static void names_follow_their_name_space(void **state)
{
    (void)state;
    struct schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"View\",\"namespace\":\"app\",\"fields\":["
        "{\"name\":\"user\",\"type\":{\"type\":\"record\",\"name\":\"User\",\"fields\":[]}},"
        "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"x.Kind\",\"symbols\":[\"A\"]}},"
        "{\"name\":\"again\",\"type\":\"User\"},"
        "{\"name\":\"whole\",\"type\":\"app.User\"},"
        "{\"name\":\"other\",\"type\":{\"type\":\"x.Kind\"}}]}");
    const struct schema_field *fields = schema->root->fields;

    assert_string_equal(schema->root->name, "app.View");
    assert_string_equal(fields[0].type->name, "app.User");
    assert_string_equal(fields[1].type->name, "x.Kind");
    assert_ptr_equal(fields[2].type, fields[0].type);
    assert_ptr_equal(fields[3].type, fields[0].type);
    assert_ptr_equal(fields[4].type, fields[1].type);
    schema_free(schema);
}

static void a_named_type_may_hold_itself(void **state)
{
    (void)state;
    struct schema *schema =
        parse("{\"type\":\"record\",\"name\":\"Node\",\"fields\":[{\"name\":\"next\","
              "\"type\":[\"null\",\"Node\"],\"default\":null,\"aliases\":[\"tail\",\"rest\"]}]}");
    const struct schema_field *next = schema_field(schema->root, "next");

    assert_ptr_equal(next->type->branches[1], schema->root);
    assert_true(json_is_null(next->default_value));
    assert_int_equal(next->alias_count, 2);
    assert_string_equal(next->aliases[1], "rest");
    assert_null(schema_field(schema->root, "tail"));
    schema_free(schema);
}

static void what_is_no_schema_is_refused_with_the_reason(void **state)
{
    (void)state;
    assert_refused("{", "schema s.avsc: line 1, column 1: string or '}' expected near end of file");
    assert_refused("{\"type\":\"int\",\n\"type\":\"int\"}",
                   "schema s.avsc: line 2, column 6: duplicate object key near '\"type\"'");
    assert_refused("{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":"
                   "\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}",
                   "schema s.avsc: record A: field a is there twice");
    assert_refused("{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":"
                   "[\"int\",[\"string\"]]}]}",
                   "schema s.avsc: field a: a union may not hold a union");
    assert_refused("{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":"
                   "{\"type\":\"map\",\"values\":\"string\"},\"dualrun\":\"unkown\"}]}",
                   "schema s.avsc: record A: field a: the only mark is \"dualrun\": \"unknown\"");
    assert_refused("[\"int\",\"int\"]", "schema s.avsc: a union has int twice");
    assert_refused("{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":"
                   "\"int\",\"default\":3000000000}]}",
                   "schema s.avsc: record A: field a: the default does not fit the type int");
    assert_refused("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2000}",
                   "schema s.avsc: decimal of precision 2000: the limit is 1024");
}

/* The text behind the colon is Avro C's own. */
static void the_verdict_of_avro_c_is_told(void **state)
{
    static const char *const bad[] = {
        "{\"type\":\"record\",\"name\":\"A\"}",
        "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"a\",\"type\":\"B\"}]}",
        "{\"type\":\"enum\",\"name\":\"A\"}",
        "{\"type\":\"fixed\",\"name\":\"A\"}",
        "{\"type\":\"array\"}",
        "\"integer\"",
        "7",
    };
    static const char prefix[] = "schema s.avsc: no Avro schema: ";

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};

        assert_null(schema_parse(bad[i], "s.avsc", &err));
        if (strncmp(err.text, prefix, sizeof prefix - 1) != 0)
            fail_msg("%s: %s", bad[i], err.text);
        assert_true(strlen(err.text) > sizeof prefix);
    }
}

static void nesting_has_a_limit(void **state)
{
    struct buffer text = {0};

    (void)state;
    for (int i = 0; i < 70; i++)
        buffer_append_text(&text, "{\"type\":\"array\",\"items\":");
    buffer_append_text(&text, "\"int\"");
    for (int i = 0; i < 70; i++)
        buffer_append_text(&text, "}");
    assert_refused(buffer_text(&text), "schema s.avsc: types are nested deeper than 64");
    buffer_clear(&text);
    for (int i = 0; i < 300; i++)
        buffer_append_text(&text, "[");
    for (int i = 0; i < 300; i++)
        buffer_append_text(&text, "]");
    assert_refused(buffer_text(&text), "schema s.avsc: the JSON is nested deeper than 256");
    buffer_fini(&text);
}

static void a_path_goes_through_records_and_nullable_records(void **state)
{
    struct schema_path path;
    struct error err;

    (void)state;
    struct schema *schema = parse(
        "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"
        "{\"name\":\"user\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"U\","
        "\"fields\":[{\"name\":\"age\",\"type\":\"int\"},{\"name\":\"id\",\"type\":[\"string\""
        ",\"null\"]}]}]}]}");

    assert_true(schema_path_resolve(&path, schema, "id", &err));
    assert_int_equal(path.depth, 1);
    assert_int_equal(path.type->kind, SCHEMA_LONG);
    assert_false(path.nullable);
    assert_true(schema_path_resolve(&path, schema, "user.id", &err));
    assert_int_equal(path.depth, 2);
    assert_int_equal(path.fields[0], 1);
    assert_int_equal(path.fields[1], 1);
    assert_int_equal(path.type->kind, SCHEMA_STRING);
    assert_true(path.nullable);

    assert_false(schema_path_resolve(&path, schema, "user.name", &err));
    assert_string_equal(err.text, "field user.name: record U has no field name");
    assert_string_equal(err.hint, "its fields are: age, id");
    assert_false(schema_path_resolve(&path, schema, "id.x", &err));
    assert_string_equal(err.text, "field id.x: x cannot be looked up in a long");
    assert_false(schema_path_resolve(&path, schema, "", &err));
    assert_string_equal(err.text, "field : record V has no field ");
    schema_free(schema);
}

static void a_schema_is_loaded_from_a_file(void **state)
{
    char name[] = "/tmp/schema-XXXXXX";
    int file = mkstemp(name);
    struct error err;

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(write(file, "\"long\"\n", 7), 7);
    close(file);
    struct schema *schema = schema_load(name, &err);

    assert_non_null(schema);
    assert_int_equal(schema->root->kind, SCHEMA_LONG);
    schema_free(schema);
    unlink(name);
    assert_null(schema_load("/nowhere/view.avsc", &err));
    assert_string_equal(err.text, "schema /nowhere/view.avsc: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_and_logical_type_is_in_the_tree),
        cmocka_unit_test(a_logical_type_that_does_not_fit_is_ignored),
        cmocka_unit_test(names_follow_their_name_space),
        cmocka_unit_test(a_named_type_may_hold_itself),
        cmocka_unit_test(what_is_no_schema_is_refused_with_the_reason),
        cmocka_unit_test(the_verdict_of_avro_c_is_told),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_path_goes_through_records_and_nullable_records),
        cmocka_unit_test(a_schema_is_loaded_from_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
