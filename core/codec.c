/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec: the binary encoding. Values are walked, never built: a reader holds the type and a position.
 *
 * Three things in the data could make a reader run for ever or far: nesting (limited), blocks of
 * items that take no bytes (a budget), and a block's byte count (checked against what is left).
 */
#include "core/codec.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

struct reader {
    const uint8_t *end;
    unsigned depth;
    uint32_t empty_items; /* Items without bytes seen so far. */
    bool strict;          /* Check what skipping need not look at. */
};

void codec_put_frame(struct buffer *out, int32_t schema_id)
{
    uint8_t frame[CODEC_FRAME_SIZE] = {0, (uint8_t)((uint32_t)schema_id >> 24),
                                       (uint8_t)((uint32_t)schema_id >> 16),
                                       (uint8_t)((uint32_t)schema_id >> 8), (uint8_t)schema_id};

    buffer_append(out, frame, sizeof frame);
}

const uint8_t *codec_frame(const uint8_t *data, size_t size, int32_t *schema_id)
{
    if (size < CODEC_FRAME_SIZE || data[0] != 0)
        return NULL;
    *schema_id = (int32_t)((uint32_t)data[1] << 24 | (uint32_t)data[2] << 16
                           | (uint32_t)data[3] << 8 | data[4]);
    return data + CODEC_FRAME_SIZE;
}

void codec_put_long(struct buffer *out, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    uint8_t *to = buffer_reserve(out, CODEC_LONG_SIZE_MAX);
    size_t size = 0;

    while (rest >= 0x80) {
        to[size++] = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    to[size++] = (uint8_t)rest;
    out->size += size;
}

void codec_put_boolean(struct buffer *out, bool value)
{
    buffer_append_byte(out, value);
}

void codec_put_float(struct buffer *out, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole32(bits);
    buffer_append(out, &bits, sizeof bits);
}

void codec_put_double(struct buffer *out, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole64(bits);
    buffer_append(out, &bits, sizeof bits);
}

void codec_put_bytes(struct buffer *out, const void *data, size_t size)
{
    assert(size <= INT64_MAX);
    codec_put_long(out, (int64_t)size);
    buffer_append(out, data, size);
}

const uint8_t *codec_get_long(const uint8_t *data, const uint8_t *end, int64_t *value)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; shift < 70 && data < end; shift += 7) {
        uint8_t byte = *data++;

        if (shift == 63 && byte > 1)
            return NULL;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return data;
        }
    }
    return NULL;
}

const uint8_t *codec_get_bytes(const uint8_t *data, const uint8_t *end, const uint8_t **bytes,
                               size_t *size)
{
    int64_t length;

    data = codec_get_long(data, end, &length);
    if (data == NULL || length < 0 || length > end - data)
        return NULL;
    *bytes = data;
    *size = (size_t)length;
    return data + length;
}

bool codec_is_utf8(const uint8_t *text, size_t size)
{
    const uint8_t *end = text + size;

    while (text < end) {
        uint8_t lead = *text++;
        unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        uint8_t low = 0x80, high = 0xbf; /* Of the second byte. */

        if (more == 0)
            continue;
        if (lead < 0xc2 || lead > 0xf4 || end - text < (ptrdiff_t)more)
            return false;
        if (lead == 0xe0)
            low = 0xa0; /* Else it would be a longer form of a shorter one. */
        else if (lead == 0xed)
            high = 0x9f; /* Surrogates are no characters. */
        else if (lead == 0xf0)
            low = 0x90;
        else if (lead == 0xf4)
            high = 0x8f; /* Nothing lies above U+10FFFF. */
        if (*text < low || *text > high)
            return false;
        for (text++, more--; more > 0; text++, more--)
            if ((*text & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static const uint8_t *skip(struct reader *reader, const struct schema_type *type,
                           const uint8_t *data);

static const uint8_t *skip_fixed(const struct reader *reader, const uint8_t *data, size_t size)
{
    return (size_t)(reader->end - data) < size ? NULL : data + size;
}

static const uint8_t *skip_text(const struct reader *reader, const struct schema_type *type,
                                const uint8_t *data)
{
    const uint8_t *bytes;
    size_t size;

    data = codec_get_bytes(data, reader->end, &bytes, &size);
    if (data != NULL && reader->strict && type->kind == SCHEMA_STRING
        && !codec_is_utf8(bytes, size))
        return NULL;
    return data;
}

static const uint8_t *get_index(const uint8_t *data, const uint8_t *end, size_t count,
                                int64_t *index)
{
    data = codec_get_long(data, end, index);
    return data == NULL || *index < 0 || (uint64_t)*index >= count ? NULL : data;
}

/* One item of an array, or one key and value of a map. */
static const uint8_t *skip_item(struct reader *reader, const struct schema_type *type,
                                const uint8_t *data)
{
    const uint8_t *begin = data;

    if (type->kind == SCHEMA_MAP) {
        static const struct schema_type key = {.kind = SCHEMA_STRING};

        data = skip_text(reader, &key, data);
    }
    if (data != NULL)
        data = skip(reader, type->items, data);
    if (data == begin && ++reader->empty_items > CODEC_EMPTY_ITEMS_MAX)
        return NULL;
    return data;
}

/* A block's head: how many items follow, and in how many bytes (-1 if the writer did not tell). */
static const uint8_t *get_block(const uint8_t *data, const uint8_t *end, int64_t *count,
                                int64_t *size)
{
    *size = -1;
    data = codec_get_long(data, end, count);
    if (data == NULL || *count >= 0)
        return data;
    if (*count == INT64_MIN)
        return NULL;
    *count = -*count;
    data = codec_get_long(data, end, size);
    return data == NULL || *size < 0 || *size > end - data ? NULL : data;
}

static const uint8_t *skip_blocks(struct reader *reader, const struct schema_type *type,
                                  const uint8_t *data)
{
    int64_t count, size;

    while ((data = get_block(data, reader->end, &count, &size)) != NULL && count != 0) {
        const uint8_t *behind = size < 0 ? NULL : data + size;

        if (behind != NULL && !reader->strict) {
            data = behind;
            continue;
        }
        for (int64_t i = 0; i < count && data != NULL; i++)
            data = skip_item(reader, type, data);
        if (data == NULL || (behind != NULL && data != behind))
            return NULL;
    }
    return data;
}

static const uint8_t *skip_nested(struct reader *reader, const struct schema_type *type,
                                  const uint8_t *data)
{
    int64_t branch;

    if (type->kind == SCHEMA_UNION) {
        data = get_index(data, reader->end, type->branch_count, &branch);
        return data == NULL ? NULL : skip(reader, type->branches[branch], data);
    }
    if (reader->depth == CODEC_DEPTH_MAX)
        return NULL;
    reader->depth++;
    if (type->kind == SCHEMA_RECORD)
        for (size_t i = 0; i < type->field_count && data != NULL; i++)
            data = skip(reader, type->fields[i].type, data);
    else
        data = skip_blocks(reader, type, data);
    reader->depth--;
    return data;
}

static const uint8_t *skip(struct reader *reader, const struct schema_type *type,
                           const uint8_t *data)
{
    int64_t integer;

    switch (type->kind) {
    case SCHEMA_NULL:
        return data;
    case SCHEMA_BOOLEAN:
        return data < reader->end && *data <= 1 ? data + 1 : NULL;
    case SCHEMA_INT:
        data = codec_get_long(data, reader->end, &integer);
        return data == NULL || integer < INT32_MIN || integer > INT32_MAX ? NULL : data;
    case SCHEMA_LONG:
        return codec_get_long(data, reader->end, &integer);
    case SCHEMA_FLOAT:
        return skip_fixed(reader, data, sizeof(float));
    case SCHEMA_DOUBLE:
        return skip_fixed(reader, data, sizeof(double));
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
        return skip_text(reader, type, data);
    case SCHEMA_FIXED:
        return skip_fixed(reader, data, type->fixed_size);
    case SCHEMA_ENUM:
        return get_index(data, reader->end, type->symbol_count, &integer);
    case SCHEMA_RECORD:
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
    case SCHEMA_UNION:
        break;
    }
    return skip_nested(reader, type, data);
}

const uint8_t *codec_skip(const struct schema_type *type, const uint8_t *data, const uint8_t *end)
{
    struct reader reader = {.end = end};

    return skip(&reader, type, data);
}

bool codec_check(const struct schema_type *type, const uint8_t *data, const uint8_t *end)
{
    struct reader reader = {.end = end, .strict = true};

    return skip(&reader, type, data) == end;
}

static double get_real(const struct schema_type *type, const uint8_t *data)
{
    uint64_t bits = 0;
    uint32_t half;
    double real;
    float single;

    if (type->kind == SCHEMA_DOUBLE) {
        memcpy(&bits, data, sizeof bits);
        bits = le64toh(bits);
        memcpy(&real, &bits, sizeof real);
        return real;
    }
    memcpy(&half, data, sizeof half);
    half = le32toh(half);
    memcpy(&single, &half, sizeof single);
    return (double)single;
}

const uint8_t *codec_get(const struct schema_type *type, const uint8_t *data, const uint8_t *end,
                         struct codec_value *value)
{
    int64_t branch;

    if (type->kind == SCHEMA_UNION) {
        data = get_index(data, end, type->branch_count, &branch);
        if (data == NULL)
            return NULL;
        type = type->branches[branch];
    }
    *value = (struct codec_value){.kind = type->kind, .type = type, .bytes = data};
    if (type->kind == SCHEMA_STRING || type->kind == SCHEMA_BYTES)
        return codec_get_bytes(data, end, &value->bytes, &value->size);

    const uint8_t *behind = codec_skip(type, data, end);

    if (behind == NULL)
        return NULL;
    value->size = (size_t)(behind - data);
    if (type->kind == SCHEMA_INT || type->kind == SCHEMA_LONG || type->kind == SCHEMA_ENUM)
        return codec_get_long(data, end, &value->integer);
    if (type->kind == SCHEMA_BOOLEAN)
        value->boolean = *data == 1;
    else if (type->kind == SCHEMA_FLOAT || type->kind == SCHEMA_DOUBLE)
        value->real = get_real(type, data);
    return behind;
}

/* Goes through a union; NULL if the data is bad. `type` becomes the branch. */
static const uint8_t *enter_union(const struct schema_type **type, const uint8_t *data,
                                  const uint8_t *end)
{
    int64_t branch;

    if ((*type)->kind != SCHEMA_UNION)
        return data;
    data = get_index(data, end, (*type)->branch_count, &branch);
    if (data != NULL)
        *type = (*type)->branches[branch];
    return data;
}

bool codec_find_from(const struct schema_path *path, size_t step, const struct schema_type *type,
                     const uint8_t *data, const uint8_t *end, struct codec_value *value)
{
    for (; step < path->depth; step++) {
        data = enter_union(&type, data, end);
        if (data == NULL)
            return false;
        if (type->kind != SCHEMA_RECORD)
            break; /* Null on the way: the value is null. */
        for (uint32_t i = 0; i < path->fields[step]; i++) {
            data = codec_skip(type->fields[i].type, data, end);
            if (data == NULL)
                return false;
        }
        type = type->fields[path->fields[step]].type;
    }
    return codec_get(type, data, end, value) != NULL;
}

bool codec_find(const struct schema_path *path, const uint8_t *data, const uint8_t *end,
                struct codec_value *value)
{
    return codec_find_from(path, 0, path->schema->root, data, end, value);
}
