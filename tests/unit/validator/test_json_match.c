/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/error.h"
#include "validator/json_match.h"

/* A record of one long, at, of that logical type; true if the validator takes it for what was published. */
static bool time_matches(const char *logical, const char *published, int64_t stored)
{
    char avsc[256], json[128];
    uint8_t avro[10];
    size_t size = 0;
    struct error err = {0};
    uint64_t zigzag = ((uint64_t)stored << 1) ^ (stored < 0 ? UINT64_MAX : 0);

    snprintf(avsc, sizeof avsc,
             "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"at\", \"type\":"
             " {\"type\": \"long\", \"logicalType\": \"%s\"}}]}",
             logical);
    int json_size = snprintf(json, sizeof json, "{\"at\": \"%s\"}", published);
    for (; zigzag > 127; zigzag >>= 7)
        avro[size++] = (uint8_t)(zigzag | 128);
    avro[size++] = (uint8_t)zigzag;

    struct schema *schema = schema_parse(avsc, "R.avsc", &err);
    assert_non_null(schema);
    json_t *differences = json_match(schema, false, json, (size_t)json_size, avro, size);
    bool matches = differences == NULL;
    json_decref(differences);
    schema_free(schema);
    return matches;
}

static void a_time_published_as_text_matches_its_number_and_no_other(void **state)
{
    (void)state;
    assert_true(time_matches("timestamp-micros", "2025-11-21T09:30:00.000123Z", 1763717400000123));
    assert_true(
        time_matches("timestamp-micros", "2025-11-21T09:30:00.000123999Z", 1763717400000123));
    assert_false(time_matches("timestamp-micros", "2025-11-21T09:30:00.000123Z", 1763717400000124));
    assert_true(time_matches("timestamp-millis", "2025-11-21T09:30:00.123Z", 1763717400123));
    assert_false(time_matches("timestamp-millis", "2025-11-21T09:30:00.123Z", 1763717400124));
    assert_true(time_matches("timestamp-millis", "1969-12-31T23:59:59.9995Z", -1));
    assert_true(time_matches("timestamp-millis", "2025-11-21t15:00:00.5+05:30", 1763717400500));
    assert_true(time_matches("timestamp-millis", "2025-11-21T01:30:00-08:00", 1763717400000));
    assert_true(time_matches("timestamp-millis", "2025-11-21T09:30:00z", 1763717400000));
    assert_false(time_matches("timestamp-millis", "2025-11-21T09:30:00", 1763717400000));
    assert_false(time_matches("timestamp-millis", "yesterday", 1763717400000));
}

/* A record of a map that takes what is unknown, with one member of that name and text. */
static bool kept_matches(bool keep, const char *published, const char *name, const char *text)
{
    static const char avsc[] =
        "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"rest\", \"type\": "
        "{\"type\":"
        " \"map\", \"values\": \"string\"}, \"default\": {}, \"dualrun\": \"unknown\"}]}";
    struct buffer avro = {0};
    struct error err = {0};
    struct schema *schema = schema_parse(avsc, "R.avsc", &err);

    assert_non_null(schema);
    codec_put_long(&avro, 1);
    codec_put_bytes(&avro, name, strlen(name));
    codec_put_bytes(&avro, text, strlen(text));
    codec_put_long(&avro, 0);

    json_t *differences =
        json_match(schema, keep, published, strlen(published), avro.data, avro.size);
    bool matches = differences == NULL;

    json_decref(differences);
    schema_free(schema);
    buffer_fini(&avro);
    return matches;
}

static void a_kept_member_matches_by_name_and_meaning_and_is_neither_lost_nor_added(void **state)
{
    (void)state;
    assert_true(kept_matches(true, "{\"x\": [1, 2]}", "x", "[1, 2]"));
    assert_true(kept_matches(true, "{\"x\": \"a\"}", "x", "\"a\""));
    assert_true(
        kept_matches(true, "{\"x\": 123456789012345678901234}", "x", "123456789012345678901234"));
    assert_true(kept_matches(true, "{\"rest\": {\"a\": \"b\"}}", "rest", "{\"a\": \"b\"}"));
    assert_false(kept_matches(true, "{\"x\": \"a\"}", "x", "a"));
    assert_false(kept_matches(true, "{\"x\": [1, 2]}", "x", "[1, 3]"));
    assert_false(kept_matches(true, "{\"x\": 1}", "y", "1"));
    assert_false(kept_matches(true, "{\"x\": 1, \"y\": 1}", "x", "1"));
    assert_false(kept_matches(true, "{}", "x", "1"));
    assert_true(kept_matches(false, "{\"rest\": {\"a\": \"b\"}}", "a", "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_member_matches_by_name_and_meaning_and_is_neither_lost_nor_added),
        cmocka_unit_test(a_time_published_as_text_matches_its_number_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
