/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec.h"
#include "core/pipeline.h"
#include "core/rfc3339.h"
#include "tests/support/avro/random.h"

static struct schema *parse(const char *text)
{
    struct error err;
    struct schema *schema = schema_parse(text, "s", &err);

    if (schema == NULL)
        fail_msg("%s", err.text);
    return schema;
}

static bool check(const struct schema *schema, const void *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1); /* So that a read behind the end is seen. */

    memcpy(exact, data, size);

    bool good = codec_check(schema->root, exact, exact + size);

    assert_int_equal(codec_skip(schema->root, exact, exact + size) != NULL || !good, 1);
    free(exact);
    return good;
}

static void a_frame_is_a_zero_and_the_id(void **state)
{
    struct buffer out = {0};
    int32_t id;

    (void)state;
    codec_put_frame(&out, 0x01020304);
    buffer_append_byte(&out, 7);
    assert_int_equal(out.size, 6);
    assert_memory_equal(out.data, "\0\1\2\3\4\7", 6);
    assert_ptr_equal(codec_frame(out.data, out.size, &id), out.data + 5);
    assert_int_equal(id, 0x01020304);
    assert_null(codec_frame(out.data, 4, &id));
    assert_null(codec_frame(out.data + 1, 5, &id));
    buffer_fini(&out);
}

static void a_long_of_every_length_reads_back(void **state)
{
    struct buffer out = {0};
    int64_t back;

    (void)state;
    for (int shift = 0; shift < 64; shift++)
        for (int sign = -1; sign <= 1; sign++) {
            int64_t value = (int64_t)((UINT64_C(1) << shift) + (uint64_t)(int64_t)sign);

            buffer_clear(&out);
            codec_put_long(&out, value);
            assert_ptr_equal(codec_get_long(out.data, out.data + out.size, &back),
                             out.data + out.size);
            assert_int_equal(back, value);
            assert_null(codec_get_long(out.data, out.data + out.size - 1, &back));
        }
    buffer_fini(&out);
}

static void a_long_beyond_64_bits_is_refused(void **state)
{
    static const uint8_t greatest[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t beyond[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    static const uint8_t longer[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    int64_t value;

    (void)state;
    assert_non_null(codec_get_long(greatest, greatest + sizeof greatest, &value));
    assert_int_equal(value, INT64_MIN);
    assert_null(codec_get_long(beyond, beyond + sizeof beyond, &value));
    assert_null(codec_get_long(longer, longer + sizeof longer, &value));
}

static void what_no_writer_makes_is_refused(void **state)
{
    static const struct {
        const char *type;
        const char *data;
        size_t size;
        bool good;
    } cases[] = {
        {"\"boolean\"", "\1", 1, true},
        {"\"boolean\"", "\2", 1, false},
        {"\"int\"", "\xff\xff\xff\xff\x0f", 5, true},
        {"\"int\"", "\x80\x80\x80\x80\x10", 5, false},
        {"\"string\"", "\4ab", 3, true},
        {"\"string\"", "\4a", 2, false},
        {"\"string\"", "\1", 1, false},
        {"\"string\"", "\4\xc3\x28", 3, false},
        {"\"string\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, false},
        {"[\"null\",\"int\"]", "\0", 1, true},
        {"[\"null\",\"int\"]", "\4\0", 2, false},
        {"[\"null\",\"int\"]", "\1\0", 2, false},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "\2", 1, false},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "ab", 2, true},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "a", 1, false},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\4\1\2\0", 4, true},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\2\1\2\1\0", 5, true},  /* Two blocks. */
        {"{\"type\":\"array\",\"items\":\"int\"}", "\3\4\1\2\0", 5, true},  /* With its size. */
        {"{\"type\":\"array\",\"items\":\"int\"}", "\3\2\1\2\0", 5, false}, /* With a wrong one. */
        {"{\"type\":\"array\",\"items\":\"int\"}", "\3\6\1\2\0", 5, false},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\3\x7f\1\2\0", 5, false},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\4\1\2", 3, false}, /* No end. */
        {"{\"type\":\"array\",\"items\":\"int\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0", 12,
         false},
        {"{\"type\":\"array\",\"items\":\"null\"}", "\x80\x80\x08\0", 4, true}, /* 65536 */
        {"{\"type\":\"array\",\"items\":\"null\"}", "\x82\x80\x08\0", 4, false},
        {"{\"type\":\"array\",\"items\":\"null\"}", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\0", 11,
         false},
        {"{\"type\":\"map\",\"values\":\"int\"}", "\2\2k\6\0", 5, true},
        {"{\"type\":\"map\",\"values\":\"int\"}", "\2\2\xff\6\0", 5, false},
        {"\"null\"", "", 0, true},
        {"\"null\"", "\0", 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct schema *schema = parse(cases[i].type);

        if (check(schema, cases[i].data, cases[i].size) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].type);
        schema_free(schema);
    }
}

static void nesting_has_a_limit(void **state)
{
    struct schema *schema = parse("{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\","
                                  "\"type\":[\"null\",\"N\"]}]}");
    uint8_t data[CODEC_DEPTH_MAX + 1];

    (void)state;
    memset(data, 2, sizeof data);
    data[CODEC_DEPTH_MAX - 1] = 0;
    assert_true(check(schema, data, CODEC_DEPTH_MAX));
    data[CODEC_DEPTH_MAX - 1] = 2;
    data[CODEC_DEPTH_MAX] = 0;
    assert_false(check(schema, data, CODEC_DEPTH_MAX + 1));
    schema_free(schema);
}

/* Avro C's value macros call through a table that the analyser takes for NULL.
 * NOLINTBEGIN(clang-analyzer-core.*) */

/* Writes what Avro C's value holds with our functions. */
static void put(const avro_value_t *value, struct buffer *out)
{
    const void *bytes = NULL;
    const char *name = NULL;
    avro_value_t item = {0};
    size_t size = 0, count = 0;
    int32_t small = 0;
    int64_t large = 0;
    float single = 0;
    double real = 0;
    int flag = 0;

    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        avro_value_get_boolean(value, &flag);
        codec_put_boolean(out, flag != 0);
        break;
    case AVRO_INT32:
        avro_value_get_int(value, &small);
        codec_put_long(out, small);
        break;
    case AVRO_INT64:
        avro_value_get_long(value, &large);
        codec_put_long(out, large);
        break;
    case AVRO_FLOAT:
        avro_value_get_float(value, &single);
        codec_put_float(out, single);
        break;
    case AVRO_DOUBLE:
        avro_value_get_double(value, &real);
        codec_put_double(out, real);
        break;
    case AVRO_STRING:
        avro_value_get_string(value, &name, &size); /* Counts the NUL. */
        codec_put_bytes(out, name, size - 1);
        break;
    case AVRO_BYTES:
        avro_value_get_bytes(value, &bytes, &size);
        codec_put_bytes(out, bytes, size);
        break;
    case AVRO_FIXED:
        avro_value_get_fixed(value, &bytes, &size);
        buffer_append(out, bytes, size);
        break;
    case AVRO_ENUM:
        avro_value_get_enum(value, &flag);
        codec_put_long(out, flag);
        break;
    case AVRO_UNION:
        avro_value_get_discriminant(value, &flag);
        codec_put_long(out, flag);
        avro_value_get_current_branch(value, &item);
        put(&item, out);
        break;
    default:
        avro_value_get_size(value, &count);
        if (avro_value_get_type(value) != AVRO_RECORD && count > 0)
            codec_put_long(out, (int64_t)count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &item, &name);
            if (avro_value_get_type(value) == AVRO_MAP)
                codec_put_bytes(out, name, strlen(name));
            put(&item, out);
        }
        if (avro_value_get_type(value) != AVRO_RECORD)
            codec_put_long(out, 0);
    }
}

static void assert_bytes(const struct codec_value *ours, const void *bytes, size_t size)
{
    assert_int_equal(ours->size, size);
    assert_memory_equal(ours->bytes, bytes, size);
}

/* Reads with our functions and compares with what Avro C's value holds. Returns the byte behind. */
static const uint8_t *compare(const struct schema_type *type, const avro_value_t *value,
                              const uint8_t *data, const uint8_t *end);

static const uint8_t *compare_items(const struct schema_type *type, const avro_value_t *value,
                                    const uint8_t *data, const uint8_t *end)
{
    const uint8_t *key;
    avro_value_t item;
    const char *name;
    size_t count = 0, key_size = 0;
    int64_t block;

    avro_value_get_size(value, &count);
    if (type->kind == SCHEMA_RECORD) {
        assert_int_equal(count, type->field_count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &item, NULL);
            data = compare(type->fields[i].type, &item, data, end);
        }
        return data;
    }
    if (count > 0) {
        data = codec_get_long(data, end, &block);
        assert_int_equal(block, count);
    }
    for (size_t i = 0; i < count; i++) {
        avro_value_get_by_index(value, i, &item, &name);
        if (type->kind == SCHEMA_MAP) {
            data = codec_get_bytes(data, end, &key, &key_size);
            assert_int_equal(key_size, strlen(name));
            assert_memory_equal(key, name, key_size);
        }
        data = compare(type->items, &item, data, end);
    }
    data = codec_get_long(data, end, &block);
    assert_int_equal(block, 0);
    return data;
}

static const uint8_t *compare(const struct schema_type *type, const avro_value_t *value,
                              const uint8_t *data, const uint8_t *end)
{
    struct codec_value ours;
    avro_value_t branch = *value;
    const uint8_t *behind = codec_get(type, data, end, &ours);
    const void *bytes = NULL;
    const char *text = NULL;
    size_t size = 0;
    int32_t small = 0;
    int64_t large = 0;
    float single = 0;
    double real = 0;

    assert_non_null(behind);
    assert_ptr_equal(codec_skip(type, data, end), behind);
    if (type->kind == SCHEMA_UNION)
        avro_value_get_current_branch(value, &branch);
    switch (ours.kind) {
    case SCHEMA_NULL:
        assert_int_equal(avro_value_get_type(&branch), AVRO_NULL);
        break;
    case SCHEMA_BOOLEAN:
        avro_value_get_boolean(&branch, &small);
        assert_int_equal(ours.boolean, small != 0);
        break;
    case SCHEMA_INT:
        avro_value_get_int(&branch, &small);
        assert_int_equal(ours.integer, small);
        break;
    case SCHEMA_LONG:
        avro_value_get_long(&branch, &large);
        assert_int_equal(ours.integer, large);
        break;
    case SCHEMA_FLOAT:
        avro_value_get_float(&branch, &single);
        assert_true(ours.real == (double)single);
        break;
    case SCHEMA_DOUBLE:
        avro_value_get_double(&branch, &real);
        assert_true(ours.real == real);
        break;
    case SCHEMA_ENUM:
        avro_value_get_enum(&branch, &small);
        assert_int_equal(ours.integer, small);
        break;
    case SCHEMA_STRING:
        avro_value_get_string(&branch, &text, &size);
        assert_bytes(&ours, text, size - 1);
        break;
    case SCHEMA_BYTES:
        avro_value_get_bytes(&branch, &bytes, &size);
        assert_bytes(&ours, bytes, size);
        break;
    case SCHEMA_FIXED:
        avro_value_get_fixed(&branch, &bytes, &size);
        assert_bytes(&ours, bytes, size);
        break;
    default:
        assert_ptr_equal(compare_items(ours.type, &branch, ours.bytes, end), behind);
        assert_ptr_equal(ours.bytes + ours.size, behind);
    }
    return behind;
}

/* No prefix is a whole value, and no damage makes a reader run away. */
static void assert_robust(struct avro_random *random, const struct schema *schema,
                          const struct buffer *data)
{
    struct buffer damaged = {0};

    for (size_t size = 0; size < data->size && size < 40; size++)
        assert_false(check(schema, data->data, size));
    buffer_append(&damaged, data->data, data->size);
    for (int i = 0; i < 8 && damaged.size > 0; i++) {
        damaged.data[avro_random_below(random, (unsigned)damaged.size)] =
            (uint8_t)avro_random_next(random);
        bool good = check(schema, damaged.data, damaged.size);
        json_t *json = codec_to_json(schema->root, damaged.data, damaged.data + damaged.size);

        assert_true(good == (json != NULL));
        json_decref(json);
    }
    buffer_fini(&damaged);
}

static void check_value(struct avro_random *random, const struct schema *schema,
                        avro_value_iface_t *class)
{
    struct buffer theirs = {0}, ours = {0};
    avro_value_t value, back;

    avro_generic_value_new(class, &value);
    avro_generic_value_new(class, &back);
    avro_random_fill(random, &value, 0);
    avro_random_write(&value, &theirs);
    put(&value, &ours);
    assert_int_equal(ours.size, theirs.size);
    if (ours.size > 0)
        assert_memory_equal(ours.data, theirs.data, ours.size);
    buffer_reserve(&ours, 1);
    assert_true(check(schema, ours.data, ours.size));
    assert_ptr_equal(compare(schema->root, &value, ours.data, ours.data + ours.size),
                     ours.data + ours.size);

    avro_reader_t reader = avro_reader_memory((const char *)ours.data, (int64_t)ours.size);

    assert_int_equal(avro_value_read(reader, &back), 0);
    assert_true(avro_value_equal(&value, &back));
    assert_robust(random, schema, &ours);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_decref(&back);
    buffer_fini(&theirs);
    buffer_fini(&ours);
}

/* NOLINTEND(clang-analyzer-core.*) */

enum { SCHEMAS = 400, VALUES = 10 };

static void avro_c_writes_and_reads_the_same_bytes(void **state)
{
    struct buffer text = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SCHEMAS; seed++) {
        struct avro_random random = {.state = seed};
        avro_schema_t theirs;

        buffer_clear(&text);
        avro_random_record(&random, 0, &text);

        struct schema *schema = parse(buffer_text(&text));

        assert_int_equal(avro_schema_from_json_length(buffer_text(&text), text.size, &theirs), 0);

        avro_value_iface_t *class = avro_generic_class_from_schema(theirs);

        for (int i = 0; i < VALUES; i++)
            check_value(&random, schema, class);
        avro_value_iface_decref(class);
        avro_schema_decref(theirs);
        schema_free(schema);
    }
    buffer_fini(&text);
}

#define VIEW                                                                                       \
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":["                                             \
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"                      \
    "{\"name\":\"user\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"U\",\"fields\":["       \
    "{\"name\":\"age\",\"type\":\"int\"},{\"name\":\"id\",\"type\":\"string\"}]}]},"               \
    "{\"name\":\"n\",\"type\":\"long\"}]}"

static void a_value_is_found_at_its_path(void **state)
{
    static const uint8_t full[] = "\2\2t\0\2\x3e\4me\x0a", empty[] = "\0\0\x0a";
    struct schema *schema = parse(VIEW);
    struct schema_path id, n;
    struct codec_value value;
    struct error err;

    (void)state;
    assert_true(schema_path_resolve(&id, schema, "user.id", &err));
    assert_true(schema_path_resolve(&n, schema, "n", &err));
    assert_true(codec_find(&id, full, full + sizeof full - 1, &value));
    assert_int_equal(value.kind, SCHEMA_STRING);
    assert_bytes(&value, "me", 2);
    assert_true(codec_find(&n, full, full + sizeof full - 1, &value));
    assert_int_equal(value.integer, 5);
    assert_true(codec_find(&id, empty, empty + sizeof empty - 1, &value));
    assert_int_equal(value.kind, SCHEMA_NULL);
    assert_true(codec_find(&n, empty, empty + sizeof empty - 1, &value));
    assert_int_equal(value.integer, 5);
    assert_false(codec_find(&id, full, full + 6, &value));
    assert_false(codec_find(&n, full, full + sizeof full - 2, &value));
    schema_free(schema);
}

static void assert_json(const char *type, const char *data, size_t size, const char *expected)
{
    struct schema *schema = parse(type);
    json_t *json = codec_to_json(schema->root, (const uint8_t *)data, (const uint8_t *)data + size);
    char *text;

    assert_non_null(json);
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
    schema_free(schema);
}

static void people_see_json(void **state)
{
    static const char decimal[] =
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":2}";

    (void)state;
    assert_json(VIEW, "\2\2t\0\2\x3e\4me\x0a", 10,
                "{\"tags\":[\"t\"],\"user\":{\"age\":31,\"id\":\"me\"},\"n\":5}");
    assert_json("\"bytes\"", "\4\x0a\xff", 3, "\"0aff\"");
    assert_json("\"double\"", "\0\0\0\0\0\0\xf8\x7f", 8, "\"NaN\"");
    assert_json("\"float\"", "\0\0\x80\xff", 4, "\"-Infinity\"");
    assert_json("\"float\"", "\0\0\xc0\x3f", 4, "1.5");
    assert_json(decimal, "\2\x05", 2, "\"0.05\"");
    assert_json(decimal, "\2\xfb", 2, "\"-0.05\"");
    assert_json(decimal, "\4\x80\0", 3, "\"-327.68\"");
    assert_json(decimal, "\0", 1, "\"0.00\"");
    assert_json(decimal, "\x12\0\xff\xff\xff\xff\xff\xff\xff\xff", 10, "\"184467440737095516.15\"");
    assert_json("{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}",
                "\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16,
                "\"00112233-4455-6677-8899-aabbccddeeff\"");
}

static void an_event_time_is_read_in_its_unit(void **state)
{
    static const struct schema_type plain = {.kind = SCHEMA_LONG};
    static const struct schema_type micros = {.kind = SCHEMA_LONG,
                                              .logical = LOGICAL_TIMESTAMP_MICROS};
    static const struct schema_type date = {.kind = SCHEMA_INT, .logical = LOGICAL_DATE};
    static const struct schema_type real = {.kind = SCHEMA_DOUBLE};
    static const struct schema_type text = {.kind = SCHEMA_STRING};
    static const struct {
        const struct schema_type *type;
        int64_t integer;
        double real;
        const char *text;
        int unit;
        bool good;
        int64_t ms;
    } cases[] = {
        {&plain, 1500, 0, "", TIME_MS, true, 1500},
        {&plain, -1501, 0, "", TIME_US, true, -2},
        {&plain, 3, 0, "", TIME_S, true, 3000},
        {&plain, INT64_MAX, 0, "", TIME_S, false, 0},
        {&plain, 3, 0, "", TIME_RFC3339, false, 0},
        {&micros, 1999, 0, "", TIME_MS, true, 1},
        {&micros, 1999, 0, "", TIME_RFC3339, true, 1},
        {&date, 2, 0, "", TIME_MS, true, 172800000},
        {&real, 0, 1763717400.123, "", TIME_S, true, 1763717400123},
        {&real, 0, 1e300, "", TIME_S, false, 0},
        {&real, 0, 12.0, "", TIME_RFC3339, false, 0},
        {&text, 0, 0, "2025-11-21T09:30:00.1239Z", TIME_RFC3339, true, 1763717400123},
        {&text, 0, 0, "1763717400123", TIME_RFC3339, false, 0},
        {&text, 0, 0, "2025-11-21T09:30:00Z", TIME_MS, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct codec_value value = {.kind = cases[i].type->kind,
                                    .type = cases[i].type,
                                    .integer = cases[i].integer,
                                    .bytes = (const uint8_t *)cases[i].text,
                                    .size = strlen(cases[i].text)};
        int64_t ms = 0;

        if (value.kind == SCHEMA_DOUBLE)
            value.real = cases[i].real;
        if (codec_time_ms(&value, cases[i].unit, &ms) != cases[i].good)
            fail_msg("case %zu", i);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void a_key_is_text_or_the_bytes_themselves(void **state)
{
    static const struct {
        const char *type;
        const char *data;
        size_t size;
        const char *key; /* NULL: refused. */
    } cases[] = {
        {"\"string\"", "\4ab", 3, "ab"},
        {"\"bytes\"", "\4ab", 3, "ab"},
        {"\"long\"", "\1", 1, "-1"},
        {"\"boolean\"", "\1", 1, "true"},
        {"\"double\"", "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8, "0.10000000000000001"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\2", 1, "B"},
        {"{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}",
         "0123456789abcdef", 16, "30313233-3435-3637-3839-616263646566"},
        {"[\"null\",\"int\"]", "\0", 1, NULL},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\0", 1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct schema *schema = parse(cases[i].type);
        const uint8_t *data = (const uint8_t *)cases[i].data;
        struct buffer key = {0};
        struct codec_value value;

        assert_non_null(codec_get(schema->root, data, data + cases[i].size, &value));
        assert_int_equal(codec_key(&value, &key), cases[i].key != NULL);
        if (cases[i].key != NULL)
            assert_string_equal(buffer_text(&key), cases[i].key);
        buffer_fini(&key);
        schema_free(schema);
    }
}

static void utf8_is_what_unicode_says(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc1\xbf",         "\xc2",
                                      "\xc2\x41",     "\xe0\x9f\xbf",     "\xe2\x82",
                                      "\xe2\x82\x41", "\xed\xa0\x80",     "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(codec_is_utf8((const uint8_t *)good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(codec_is_utf8((const uint8_t *)bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_a_zero_and_the_id),
        cmocka_unit_test(a_long_of_every_length_reads_back),
        cmocka_unit_test(a_long_beyond_64_bits_is_refused),
        cmocka_unit_test(what_no_writer_makes_is_refused),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(avro_c_writes_and_reads_the_same_bytes),
        cmocka_unit_test(a_value_is_found_at_its_path),
        cmocka_unit_test(people_see_json),
        cmocka_unit_test(an_event_time_is_read_in_its_unit),
        cmocka_unit_test(a_key_is_text_or_the_bytes_themselves),
        cmocka_unit_test(utf8_is_what_unicode_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
