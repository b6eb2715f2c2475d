/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro/random: schemas and values by seed, for tests that compare our codec with Avro C's.
 *
 * Everything is made with Avro C's own value interface, so that our code has no part in it.
 */
#ifndef TESTS_SUPPORT_AVRO_RANDOM_H
#define TESTS_SUPPORT_AVRO_RANDOM_H

#include <assert.h>
#include <avro.h>
#include <stdio.h>
#include <string.h>

#include "core/buffer.h"

/* Avro C's value macros call through a table that the analyser takes for NULL.
 * NOLINTBEGIN(clang-analyzer-core.*) */

struct avro_random {
    uint64_t state;
    unsigned names;
};

static inline uint64_t avro_random_next(struct avro_random *random)
{
    uint64_t bits = (random->state += UINT64_C(0x9e3779b97f4a7c15));

    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static inline unsigned avro_random_below(struct avro_random *random, unsigned limit)
{
    return (unsigned)(avro_random_next(random) % limit);
}

static inline void avro_random_type(struct avro_random *random, unsigned depth, const char *outer,
                                    struct buffer *out);

static inline void avro_random_primitive(struct avro_random *random, struct buffer *out)
{
    static const char *const names[] = {
        "\"null\"",
        "\"boolean\"",
        "\"int\"",
        "\"long\"",
        "\"float\"",
        "\"double\"",
        "\"bytes\"",
        "\"string\"",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
        "{\"type\":\"int\",\"logicalType\":\"date\"}",
        "{\"type\":\"string\",\"logicalType\":\"uuid\"}",
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,\"scale\":3}",
    };

    buffer_append_text(out, names[avro_random_below(random, sizeof names / sizeof *names)]);
}

static inline void avro_random_record(struct avro_random *random, unsigned depth,
                                      struct buffer *out)
{
    unsigned count = avro_random_below(random, 7);
    char name[32];

    snprintf(name, sizeof name, "R%u", random->names++);
    buffer_appendf(out, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[", name);
    for (unsigned i = 0; i < count; i++) {
        buffer_appendf(out, "%s{\"name\":\"f%u\",\"type\":", i > 0 ? "," : "", i);
        avro_random_type(random, depth + 1, name, out);
        buffer_append_text(out, "}");
    }
    buffer_append_text(out, "]}");
}

static inline void avro_random_union(struct avro_random *random, unsigned depth, const char *outer,
                                     struct buffer *out)
{
    static const char *const branches[] = {"\"boolean\"", "\"int\"",   "\"long\"",
                                           "\"double\"",  "\"bytes\"", "\"string\""};
    bool null_last = avro_random_below(random, 3) == 0;
    unsigned chosen = 1 + avro_random_below(random, 63);

    buffer_append_text(out, null_last ? "[" : "[\"null\"");
    for (unsigned i = 0, written = !null_last; i < 6; i++)
        if ((chosen >> i & 1) != 0)
            buffer_appendf(out, "%s%s", written++ > 0 ? "," : "", branches[i]);
    if (outer != NULL && avro_random_below(random, 4) == 0) {
        buffer_appendf(out, ",\"%s\"", outer);
    } else if (avro_random_below(random, 3) == 0) {
        buffer_append_text(out, ",");
        avro_random_record(random, depth + 1, out);
    }
    buffer_append_text(out, null_last ? ",\"null\"]" : "]");
}

/* A type as text. `outer`: a record that it may refer to from inside a union. */
static inline void avro_random_type(struct avro_random *random, unsigned depth, const char *outer,
                                    struct buffer *out)
{
    switch (depth > 3 ? 9 : avro_random_below(random, 16)) {
    case 0:
    case 1:
        avro_random_record(random, depth, out);
        break;
    case 2:
    case 3:
    case 4:
        avro_random_union(random, depth, outer, out);
        break;
    case 5:
        buffer_append_text(out, "{\"type\":\"array\",\"items\":");
        avro_random_type(random, depth + 1, outer, out);
        buffer_append_text(out, "}");
        break;
    case 6:
        buffer_append_text(out, "{\"type\":\"map\",\"values\":");
        avro_random_type(random, depth + 1, outer, out);
        buffer_append_text(out, "}");
        break;
    case 7:
        buffer_appendf(out, "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":[\"A\",\"B\",\"CC\"]}",
                       random->names++);
        break;
    case 8:
        buffer_appendf(out, "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%u}", random->names++,
                       1 + avro_random_below(random, 20));
        break;
    default:
        avro_random_primitive(random, out);
    }
}

/* Every length of varint is as likely. */
static inline int64_t avro_random_long(struct avro_random *random)
{
    return (int64_t)avro_random_next(random) >> avro_random_below(random, 64);
}

static inline void avro_random_fill(struct avro_random *random, avro_value_t *value,
                                    unsigned depth);

static inline void avro_random_fill_items(struct avro_random *random, avro_value_t *value,
                                          unsigned depth)
{
    size_t count = depth > 6 ? 0 : avro_random_below(random, 5);
    avro_value_t item;
    char key[32];

    if (depth < 2 && avro_random_below(random, 20) == 0)
        count = 60 + avro_random_below(random, 200);
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        if (avro_value_get_type(value) == AVRO_ARRAY)
            avro_value_append(value, &item, NULL);
        else
            avro_value_add(value, key, &item, NULL, NULL);
        avro_random_fill(random, &item, depth + 1);
    }
}

static inline void avro_random_fill_text(struct avro_random *random, avro_value_t *value)
{
    static const char *const pieces[] = {"a", "Z9", "\xc3\xa9", "\xf0\x9f\x98\x80", " \"", "\\/"};
    struct buffer text = {0};

    for (unsigned i = avro_random_below(random, 30); i > 0; i--)
        buffer_append_text(&text, pieces[avro_random_below(random, 6)]);
    buffer_text(&text);
    if (avro_value_get_type(value) == AVRO_STRING)
        avro_value_set_string(value, (const char *)text.data);
    else
        avro_value_set_bytes(value, text.data, text.size);
    buffer_fini(&text);
}

static inline void avro_random_fill_fixed(struct avro_random *random, avro_value_t *value)
{
    avro_schema_t schema = avro_value_get_schema(value);
    uint8_t bytes[64];
    size_t size = (size_t)avro_schema_fixed_size(schema);

    assert(size <= sizeof bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)avro_random_next(random);
    avro_value_set_fixed(value, bytes, size);
}

static inline void avro_random_fill_union(struct avro_random *random, avro_value_t *value,
                                          unsigned depth)
{
    avro_schema_t schema = avro_value_get_schema(value);
    size_t count = avro_schema_union_size(schema);
    unsigned branch = avro_random_below(random, (unsigned)count);
    avro_value_t item;

    /* Deep down take a branch that ends: every union here has null at one end. */
    if (depth > 6)
        branch = avro_schema_union_branch(schema, 0)->type == AVRO_NULL ? 0 : (unsigned)count - 1;
    avro_value_set_branch(value, (int)branch, &item);
    avro_random_fill(random, &item, depth + 1);
}

static inline void avro_random_fill(struct avro_random *random, avro_value_t *value, unsigned depth)
{
    avro_value_t field;
    size_t count = 0;
    double real;

    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        avro_value_set_null(value);
        break;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(value, (int)avro_random_below(random, 2));
        break;
    case AVRO_INT32:
        avro_value_set_int(value, (int32_t)(avro_random_long(random) >> 32));
        break;
    case AVRO_INT64:
        avro_value_set_long(value, avro_random_long(random));
        break;
    case AVRO_FLOAT:
        avro_value_set_float(value, (float)(avro_random_long(random) >> 40) / 8.0f);
        break;
    case AVRO_DOUBLE:
        real = (double)avro_random_long(random) / 1024.0;
        avro_value_set_double(value, real);
        break;
    case AVRO_STRING:
    case AVRO_BYTES:
        avro_random_fill_text(random, value);
        break;
    case AVRO_FIXED:
        avro_random_fill_fixed(random, value);
        break;
    case AVRO_ENUM:
        avro_value_set_enum(value, (int)avro_random_below(random, 3));
        break;
    case AVRO_UNION:
        avro_random_fill_union(random, value, depth);
        break;
    case AVRO_RECORD:
        avro_value_get_size(value, &count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &field, NULL);
            avro_random_fill(random, &field, depth + 1);
        }
        break;
    default:
        avro_random_fill_items(random, value, depth);
    }
}

/* The value as Avro C's writer encodes it; appended to out. */
static inline void avro_random_write(avro_value_t *value, struct buffer *out)
{
    size_t size = 0;

    avro_value_sizeof(value, &size);

    avro_writer_t writer =
        avro_writer_memory((const char *)buffer_reserve(out, size + 1), (int64_t)size);
    int status = avro_value_write(writer, value);

    assert(status == 0);
    (void)status;
    out->size += (size_t)avro_writer_tell(writer);
    avro_writer_free(writer);
}

/* NOLINTEND(clang-analyzer-core.*) */

#endif
