/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/mapping.h"
#include "core/codec.h"

static char directory[64], registry_path[96], schema_path[96];
static struct registry *registry;
static struct pipeline_stream stream;

static const char schema_text[] = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":"
                                  "\"id\",\"type\":[\"null\",\"string\"],"
                                  "\"default\":null},{\"name\":\"n\",\"type\":\"long\"}]}";

static int set_up(void **state)
{
    struct pipeline_kafka kafka = {.registry_directory = registry_path};
    struct error err;
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(directory, sizeof directory, "%s/dualrun-mapping.XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    snprintf(registry_path, sizeof registry_path, "%s/registry", directory);
    snprintf(schema_path, sizeof schema_path, "%s/e.avsc", directory);
    assert_int_equal(mkdir(registry_path, 0700), 0);
    FILE *file = fopen(schema_path, "w");
    assert_non_null(file);
    fputs(schema_text, file);
    fclose(file);
    registry = registry_open(&kafka, &err);
    assert_non_null(registry);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    registry_close(registry);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static struct mapping *mapping_of(enum pipeline_decode decode, enum pipeline_key_kind kind,
                                  const char *key)
{
    static char name[] = "s", topic[] = "t";
    static char key_text[64];
    struct error err;

    snprintf(key_text, sizeof key_text, "%s", key != NULL ? key : "");
    stream = (struct pipeline_stream){.name = name,
                                      .topic = {.name = topic, .partitions = 1},
                                      .decode = decode,
                                      .schema_file = schema_path,
                                      .key_kind = kind,
                                      .key = key_text};
    struct mapping *mapping = mapping_new(&stream, registry, &err);
    if (mapping == NULL)
        print_error("%s\n", err.text);
    assert_non_null(mapping);
    return mapping;
}

static const struct envelope_attribute attributes[] = {{{"shop", 4}, {"north", 5}}};
static const struct envelope envelope = {.attributes = (struct envelope_attribute *)attributes};

static struct envelope_message message_of(const char *data)
{
    return (struct envelope_message){.data = (const uint8_t *)data,
                                     .data_size = strlen(data),
                                     .message_id = {"1", 1},
                                     .attribute_count = 1};
}

static void a_json_message_becomes_framed_avro_with_its_key(void **state)
{
    struct mapping *mapping = mapping_of(DECODE_JSON, KEY_FIELD, "id");
    struct envelope_message message = message_of("{\"n\":3,\"id\":\"abc\"}");
    static const uint8_t expected[] = {2, 6, 'a', 'b', 'c', 6};
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;
    int32_t id;

    (void)state;
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_int_equal(mapped.key_size, 3);
    assert_memory_equal(mapped.key, "abc", 3);
    assert_int_equal(mapped.value_size, CODEC_FRAME_SIZE + sizeof expected);
    const uint8_t *data = codec_frame(mapped.value, mapped.value_size, &id);
    assert_non_null(data);
    assert_memory_equal(data, expected, sizeof expected);

    struct error err;
    int32_t registered;
    assert_non_null(registry_latest(registry, "t-value", &registered, &err));
    assert_int_equal(registered, id);
    mapping_free(mapping);
}

static void what_does_not_fit_gives_its_reason_without_its_content(void **state)
{
    static const struct {
        const char *data;
        const char *reason;
    } misfits[] = {
        {"", "DECODE: "},
        {"{\"n\":\"geheim\"}", "DECODE: "},
        {"{\"n\":1", "DECODE: "},
        {"{\"n\":1}", "KEY: id is null"},
        {"{\"n\":1,\"id\":null}", "KEY: id is null"},
    };
    struct mapping *mapping = mapping_of(DECODE_JSON, KEY_FIELD, "id");
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;

    (void)state;
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        struct envelope_message message = message_of(misfits[i].data);
        assert_false(mapping_apply(mapping, &envelope, &message, &mapped, reason));
        assert_memory_equal(reason, misfits[i].reason, strlen(misfits[i].reason));
        assert_null(strstr(reason, "geheim"));
    }
    struct envelope_message bad = message_of("x");
    bad.data_bad = true;
    assert_false(mapping_apply(mapping, &envelope, &bad, &mapped, reason));
    assert_string_equal(reason, "BASE64: data is not Base64");
    mapping_free(mapping);
}

static void a_raw_message_keeps_its_bytes(void **state)
{
    struct mapping *mapping = mapping_of(DECODE_RAW, KEY_ATTRIBUTE, "shop");
    struct envelope_message message = message_of("any bytes");
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;

    (void)state;
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_memory_equal(mapped.key, "north", 5);
    assert_ptr_equal(mapped.value, message.data);
    mapping_free(mapping);

    mapping = mapping_of(DECODE_RAW, KEY_ATTRIBUTE, "city");
    assert_false(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_string_equal(reason, "KEY: no attribute city");
    mapping_free(mapping);

    mapping = mapping_of(DECODE_RAW, KEY_ORDERING_KEY, NULL);
    assert_false(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_string_equal(reason, "KEY: no ordering key");
    message.ordering_key = (struct envelope_text){"o", 1};
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_memory_equal(mapped.key, "o", 1);
    mapping_free(mapping);
}

static void an_avro_message_is_checked_and_framed(void **state)
{
    struct mapping *mapping = mapping_of(DECODE_AVRO, KEY_FIELD, "id");
    struct envelope_message message = message_of("\x02\x06"
                                                 "abc\x06");
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;

    (void)state;
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_int_equal(mapped.value_size, CODEC_FRAME_SIZE + 6);
    assert_memory_equal(mapped.key, "abc", 3);
    message.data_size--;
    assert_false(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_string_equal(reason, "DECODE: not one Avro value of the stream's schema");
    mapping_free(mapping);
}

static void an_avro_message_in_its_frame_is_framed_once(void **state)
{
    enum { SIZE = CODEC_FRAME_SIZE + 6 };
    struct mapping *mapping = mapping_of(DECODE_AVRO, KEY_FIELD, "id");
    struct envelope_message message = message_of("\x02\x06"
                                                 "abc\x06");
    uint8_t framed[SIZE] = {0};
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;

    (void)state;
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_int_equal(mapped.value_size, SIZE);
    memcpy(framed, mapped.value, SIZE);
    message.data = framed;
    message.data_size = SIZE;
    assert_true(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    assert_int_equal(mapped.value_size, SIZE);
    assert_memory_equal(mapped.value, framed, SIZE);
    framed[4]++; /* Another schema's id. */
    assert_false(mapping_apply(mapping, &envelope, &message, &mapped, reason));
    mapping_free(mapping);
}

static void a_field_as_key_of_raw_messages_is_refused(void **state)
{
    static char name[] = "s", topic[] = "t", key[] = "id";
    const struct pipeline_stream raw = {.name = name,
                                        .topic = {.name = topic},
                                        .decode = DECODE_RAW,
                                        .key_kind = KEY_FIELD,
                                        .key = key};
    struct error err;

    (void)state;
    assert_null(mapping_new(&raw, NULL, &err));
    assert_string_equal(err.text, "key id: a raw message has no fields");
    assert_string_equal(err.hint, "use attribute:NAME or ordering_key as key, or decode json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_message_becomes_framed_avro_with_its_key),
        cmocka_unit_test(what_does_not_fit_gives_its_reason_without_its_content),
        cmocka_unit_test(a_raw_message_keeps_its_bytes),
        cmocka_unit_test(an_avro_message_is_checked_and_framed),
        cmocka_unit_test(an_avro_message_in_its_frame_is_framed_once),
        cmocka_unit_test(a_field_as_key_of_raw_messages_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
