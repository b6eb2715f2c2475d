/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_text: encoded values as what people and keys need: JSON, decimal text, times.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/pipeline.h"
#include "core/rfc3339.h"

enum { DECIMAL_SIZE_MAX = 512, UUID_SIZE = 36 };

static json_t *hexadecimal(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = memory_new(2 * size + 1);

    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_t *json = json_stringn_nocheck(text, 2 * size);

    free(text);
    return json;
}

static void uuid_text(const uint8_t bytes[static 16], char text[static UUID_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at] = '\0';
}

/* Divides a big-endian number by 10 in place and returns the remainder. */
static unsigned divide_by_ten(uint8_t *bytes, size_t size)
{
    unsigned rest = 0;

    for (size_t i = 0; i < size; i++) {
        rest = rest << 8 | bytes[i];
        bytes[i] = (uint8_t)(rest / 10);
        rest %= 10;
    }
    return rest;
}

static void negate(uint8_t *bytes, size_t size)
{
    unsigned carry = 1;

    for (size_t i = size; i-- > 0;) {
        carry += (uint8_t)~bytes[i];
        bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Two's complement, big endian, as decimal text with `scale` decimals. */
static json_t *decimal(const uint8_t *bytes, size_t size, int32_t scale)
{
    uint8_t number[DECIMAL_SIZE_MAX];
    char text[3 * DECIMAL_SIZE_MAX + 1100]; /* 2.41 digits a byte; a scale has 1024 at most. */
    size_t at = sizeof text;
    bool negative = size > 0 && bytes[0] >= 0x80;

    if (size > DECIMAL_SIZE_MAX)
        return hexadecimal(bytes, size);
    memcpy(number, bytes, size);
    if (negative)
        negate(number, size);
    for (int32_t digits = 0; digits <= scale || !is_zero(number, size); digits++) {
        if (digits == scale && scale > 0)
            text[--at] = '.';
        text[--at] = (char)('0' + divide_by_ten(number, size));
    }
    if (negative)
        text[--at] = '-';
    return json_stringn_nocheck(text + at, sizeof text - at);
}

static json_t *real(double value)
{
    if (isnan(value))
        return json_string("NaN");
    if (isinf(value))
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    return json_real(value);
}

static json_t *bytes_to_json(const struct codec_value *value)
{
    char text[UUID_SIZE + 1];

    if (value->kind == SCHEMA_STRING)
        return json_stringn((const char *)value->bytes, value->size);
    if (value->type->logical == LOGICAL_DECIMAL)
        return decimal(value->bytes, value->size, value->type->scale);
    if (value->type->logical == LOGICAL_UUID) {
        uuid_text(value->bytes, text);
        return json_string(text);
    }
    return hexadecimal(value->bytes, value->size);
}

/* The data was checked as a whole before, so the walk below cannot fail or run long. */
static json_t *to_json(const struct schema_type *type, const uint8_t **data, const uint8_t *end);

static json_t *record_to_json(const struct schema_type *type, const uint8_t **data,
                              const uint8_t *end)
{
    json_t *json = json_object();

    for (size_t i = 0; i < type->field_count; i++)
        json_object_set_new_nocheck(json, type->fields[i].name,
                                    to_json(type->fields[i].type, data, end));
    return json;
}

static json_t *blocks_to_json(const struct schema_type *type, const uint8_t **data,
                              const uint8_t *end)
{
    json_t *json = type->kind == SCHEMA_ARRAY ? json_array() : json_object();
    const uint8_t *key;
    size_t key_size;
    int64_t count, size;

    for (;;) {
        *data = codec_get_long(*data, end, &count);
        if (count == 0)
            return json;
        if (count < 0) {
            count = -count;
            *data = codec_get_long(*data, end, &size);
        }
        for (; count > 0; count--) {
            if (type->kind == SCHEMA_ARRAY) {
                json_array_append_new(json, to_json(type->items, data, end));
                continue;
            }
            *data = codec_get_bytes(*data, end, &key, &key_size);
            json_object_setn_new_nocheck(json, (const char *)key, key_size,
                                         to_json(type->items, data, end));
        }
    }
}

static json_t *to_json(const struct schema_type *type, const uint8_t **data, const uint8_t *end)
{
    struct codec_value value;
    int64_t branch;

    if (type->kind == SCHEMA_UNION) {
        *data = codec_get_long(*data, end, &branch);
        type = type->branches[branch];
    }
    if (type->kind == SCHEMA_RECORD)
        return record_to_json(type, data, end);
    if (type->kind == SCHEMA_ARRAY || type->kind == SCHEMA_MAP)
        return blocks_to_json(type, data, end);
    *data = codec_get(type, *data, end, &value);
    switch (value.kind) {
    case SCHEMA_BOOLEAN:
        return json_boolean(value.boolean);
    case SCHEMA_INT:
    case SCHEMA_LONG:
        return json_integer(value.integer);
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return real(value.real);
    case SCHEMA_ENUM:
        return json_string_nocheck(type->symbols[value.integer]);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_FIXED:
        return bytes_to_json(&value);
    default:
        return json_null();
    }
}

json_t *codec_to_json(const struct schema_type *type, const uint8_t *data, const uint8_t *end)
{
    return codec_check(type, data, end) ? to_json(type, &data, end) : NULL;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static bool integer_time_ms(int64_t value, int unit, int64_t *ms)
{
    int64_t scaled = unit == TIME_US ? floor_divide(value, 1000) : value;

    if (unit == TIME_RFC3339)
        return false;
    if (unit == TIME_S && __builtin_mul_overflow(value, (int64_t)1000, &scaled))
        return false;
    *ms = scaled;
    return true;
}

static bool real_time_ms(double value, int unit, int64_t *ms)
{
    double scaled = unit == TIME_US ? value / 1000.0 : unit == TIME_S ? value * 1000.0 : value;

    /* 1763717400.123 s times 1000 is a hair below or above: round, do not cut. */
    if (unit == TIME_RFC3339 || !(fabs(scaled) < 9.0e15))
        return false;
    *ms = (int64_t)llround(scaled);
    return true;
}

bool codec_time_ms(const struct codec_value *value, int unit, int64_t *ms)
{
    enum schema_logical logical = value->type->logical;
    int64_t seconds;
    int32_t nanoseconds;

    if (logical == LOGICAL_DATE) {
        *ms = value->integer * 86400000;
        return true;
    }
    if (logical == LOGICAL_TIMESTAMP_MILLIS)
        unit = TIME_MS;
    else if (logical == LOGICAL_TIMESTAMP_MICROS)
        unit = TIME_US;
    if (value->kind == SCHEMA_INT || value->kind == SCHEMA_LONG)
        return integer_time_ms(value->integer, unit, ms);
    if (value->kind == SCHEMA_FLOAT || value->kind == SCHEMA_DOUBLE)
        return real_time_ms(value->real, unit, ms);
    if (value->kind != SCHEMA_STRING || unit != TIME_RFC3339
        || !rfc3339_parse_time((const char *)value->bytes, value->size, &seconds, &nanoseconds))
        return false;
    *ms = seconds * 1000 + nanoseconds / 1000000;
    return true;
}

bool codec_key(const struct codec_value *value, struct buffer *out)
{
    char text[UUID_SIZE + 1];

    switch (value->kind) {
    case SCHEMA_BOOLEAN:
        buffer_append_text(out, value->boolean ? "true" : "false");
        return true;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        buffer_appendf(out, "%" PRId64, value->integer);
        return true;
    case SCHEMA_FLOAT:
        buffer_appendf(out, "%.9g", value->real);
        return true;
    case SCHEMA_DOUBLE:
        buffer_appendf(out, "%.17g", value->real);
        return true;
    case SCHEMA_ENUM:
        buffer_append_text(out, value->type->symbols[value->integer]);
        return true;
    case SCHEMA_FIXED:
        if (value->type->logical != LOGICAL_UUID)
            break;
        uuid_text(value->bytes, text);
        buffer_append(out, text, UUID_SIZE);
        return true;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        break;
    default:
        return false;
    }
    buffer_append(out, value->bytes, value->size);
    return true;
}
