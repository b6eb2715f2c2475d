/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro_scalar: one JSON string, number or word -> one Avro value, exact or a fault.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro_run.h"
#include "core/rfc3339.h"

enum {
    NUMBER_SHOWN_MAX = 32, /* Digits of a number that a fault repeats. */
    SYMBOLS_SHOWN_MAX = 12,
    UUID_TEXT_SIZE = 36,
};

uint8_t json_run_class(const struct json_run *run)
{
    switch (json_scan_peek(&run->scan)) {
    case 'n':
        return JSON_CLASS_NULL;
    case 't':
    case 'f':
        return JSON_CLASS_BOOLEAN;
    case '"':
        return JSON_CLASS_STRING;
    case '[':
        return JSON_CLASS_ARRAY;
    case '{':
        return JSON_CLASS_OBJECT;
    case '-':
    case '0' ... '9':
        return JSON_CLASS_NUMBER;
    default:
        return 0;
    }
}

bool json_run_put_text(struct json_run *run, size_t *size)
{
    struct json_text text = {0};

    if (!json_scan_string(&run->scan, &text))
        return json_run_fail_scan(run);
    if (!text.escaped) {
        codec_put_bytes(run->out, text.data, text.size);
        *size = text.size;
        return true;
    }
    buffer_clear(run->scratch);
    json_text_decode(&text, run->scratch);
    codec_put_bytes(run->out, run->scratch->data, run->scratch->size);
    *size = run->scratch->size;
    return true;
}

/* A string without its escapes; points into the JSON or into the scratch buffer. */
static bool read_text(struct json_run *run, const struct json_node *node, struct json_text *text)
{
    if (json_scan_peek(&run->scan) != '"')
        return json_run_mismatch(run, node);
    if (!json_scan_string(&run->scan, text))
        return json_run_fail_scan(run);
    if (text->escaped) {
        buffer_clear(run->scratch);
        json_text_decode(text, run->scratch);
        text->data = run->scratch->data;
        text->size = run->scratch->size;
        text->ascii = false; /* Not known. */
    }
    return true;
}

static bool fail_number(struct json_run *run, const struct json_number *number,
                        enum json_verdict verdict, const char *kind)
{
    bool cut = number->size > NUMBER_SHOWN_MAX;

    return json_run_fail(run, number->text, "%.*s%s is %s %s",
                         (int)(cut ? NUMBER_SHOWN_MAX : number->size), (const char *)number->text,
                         cut ? "..." : "", verdict == JSON_NOT_WHOLE ? "no" : "out of range of",
                         kind);
}

static bool read_number(struct json_run *run, const struct json_node *node,
                        struct json_number *number)
{
    if (json_run_class(run) != JSON_CLASS_NUMBER)
        return json_run_mismatch(run, node);
    return json_scan_number(&run->scan, number) || json_run_fail_scan(run);
}

static bool put_integer(struct json_run *run, const struct json_node *node)
{
    struct json_number number = {0};
    int64_t value = 0;

    if (!read_number(run, node, &number))
        return false;

    enum json_verdict verdict = json_number_long(&number, &value);

    if (verdict == JSON_EXACT && node->type->kind == SCHEMA_INT && value != (int32_t)value)
        verdict = JSON_OUT_OF_RANGE;
    if (verdict != JSON_EXACT)
        return fail_number(run, &number, verdict, schema_kind_name(node->type->kind));
    codec_put_long(run->out, value);
    return true;
}

static bool put_real(struct json_run *run, const struct json_node *node)
{
    struct json_number number = {0};
    enum json_verdict verdict;
    double value = 0;
    float single = 0;

    if (!read_number(run, node, &number))
        return false;
    if (node->op == OP_FLOAT)
        verdict = json_number_float(&number, &single);
    else
        verdict = json_number_double(&number, &value);
    if (verdict != JSON_EXACT)
        return fail_number(run, &number, verdict, schema_kind_name(node->type->kind));
    if (node->op == OP_FLOAT)
        codec_put_float(run->out, single);
    else
        codec_put_double(run->out, value);
    return true;
}

static bool put_boolean(struct json_run *run, const struct json_node *node)
{
    bool value = json_scan_peek(&run->scan) == 't';

    if (json_run_class(run) != JSON_CLASS_BOOLEAN)
        return json_run_mismatch(run, node);
    if (!json_scan_word(&run->scan, value ? "true" : "false"))
        return json_run_fail_scan(run);
    codec_put_boolean(run->out, value);
    return true;
}

static bool put_null(struct json_run *run, const struct json_node *node)
{
    if (json_run_class(run) != JSON_CLASS_NULL)
        return json_run_mismatch(run, node);
    return json_scan_word(&run->scan, "null") || json_run_fail_scan(run);
}

static bool put_enum(struct json_run *run, const struct json_node *node)
{
    const struct schema_type *type = node->type;
    const uint8_t *at = run->scan.at;
    struct json_text text = {0};

    if (!read_text(run, node, &text))
        return false;

    uint32_t index = json_names_find(&node->names, text.data, text.size);

    if (index != NAME_NONE) {
        codec_put_long(run->out, index);
        return true;
    }
    struct buffer names = {0};

    for (size_t i = 0; i < type->symbol_count && i < SYMBOLS_SHOWN_MAX; i++)
        buffer_appendf(&names, "%s%s", i > 0 ? ", " : "", type->symbols[i]);
    if (type->symbol_count > SYMBOLS_SHOWN_MAX)
        buffer_append_text(&names, ", ...");
    json_run_fail(run, at, "the string is no symbol of enum %s: %s", type->name,
                  buffer_text(&names));
    buffer_fini(&names);
    return false;
}

/* Code points up to U+00FF as bytes; points into the text or into the second scratch buffer. */
static bool text_bytes(struct json_run *run, const uint8_t *at, struct json_text *text)
{
    struct buffer *bytes = &run->scratch[1];

    if (text->ascii)
        return true;
    buffer_clear(bytes);
    for (size_t i = 0; i < text->size; i++) {
        uint8_t byte = text->data[i];

        if (byte > 0xc3)
            return json_run_fail(run, at, "a character above U+00FF is no byte");
        if (byte >= 0xc2) /* The text is UTF-8, so one more byte follows. */
            byte = (uint8_t)(byte << 6 | (text->data[++i] & 0x3f));
        buffer_append_byte(bytes, byte);
    }
    text->data = bytes->data;
    text->size = bytes->size;
    return true;
}

static bool put_bytes(struct json_run *run, const struct json_node *node)
{
    const uint8_t *at = run->scan.at;
    struct json_text text = {0};

    if (!read_text(run, node, &text) || !text_bytes(run, at, &text))
        return false;
    if (node->op == OP_BYTES) {
        codec_put_bytes(run->out, text.data, text.size);
        return true;
    }
    if (text.size != node->type->fixed_size)
        return json_run_fail(run, at, "%zu bytes are no fixed %s of %zu", text.size,
                             node->type->name, node->type->fixed_size);
    buffer_append(run->out, text.data, text.size);
    return true;
}

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool parse_uuid(const struct json_text *text, uint8_t bytes[static 16])
{
    size_t digits = 0;

    if (text->size != UUID_TEXT_SIZE)
        return false;
    memset(bytes, 0, 16);
    for (size_t i = 0; i < UUID_TEXT_SIZE; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text->data[i] != '-')
                return false;
            continue;
        }
        int value = hex_value(text->data[i]);

        if (value < 0)
            return false;
        bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | value);
        digits++;
    }
    return true;
}

static bool put_uuid(struct json_run *run, const struct json_node *node)
{
    const uint8_t *at = run->scan.at;
    struct json_text text = {0};
    uint8_t bytes[16];

    if (!read_text(run, node, &text))
        return false;
    if (!parse_uuid(&text, bytes))
        return json_run_fail(run, at, "the string is no uuid");
    if (node->op == OP_UUID_FIXED)
        buffer_append(run->out, bytes, sizeof bytes);
    else
        codec_put_bytes(run->out, text.data, text.size);
    return true;
}

static bool put_date(struct json_run *run, const struct json_node *node)
{
    const uint8_t *at = run->scan.at;
    struct json_text text = {0};
    int32_t days;

    if (json_scan_peek(&run->scan) != '"')
        return put_integer(run, node);
    if (!read_text(run, node, &text))
        return false;
    if (!rfc3339_parse_date((const char *)text.data, text.size, &days))
        return json_run_fail(run, at, "the string is no date of the form YYYY-MM-DD");
    codec_put_long(run->out, days);
    return true;
}

static bool put_timestamp(struct json_run *run, const struct json_node *node)
{
    const uint8_t *at = run->scan.at;
    struct json_text text = {0};
    int64_t seconds;
    int32_t nanoseconds;

    if (json_scan_peek(&run->scan) != '"')
        return put_integer(run, node);
    if (!read_text(run, node, &text))
        return false;
    if (!rfc3339_parse_time((const char *)text.data, text.size, &seconds, &nanoseconds))
        return json_run_fail(run, at, "the string is no RFC 3339 time");
    if (nanoseconds % node->unit_ns != 0)
        return json_run_fail(run, at, "the time is finer than %s",
                             node->unit_ns == 1000 ? "microseconds" : "milliseconds");
    codec_put_long(run->out, seconds * (1000000000 / node->unit_ns) + nanoseconds / node->unit_ns);
    return true;
}

/* Multiplies a little-endian number by 10 and adds a digit. */
static void times_ten_plus(struct buffer *number, unsigned digit)
{
    unsigned carry = digit;

    for (size_t i = 0; i < number->size; i++) {
        carry += number->data[i] * 10U;
        number->data[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry != 0)
        buffer_append_byte(number, (uint8_t)carry);
}

/* The shortest two's complement of a little-endian magnitude, still little endian. */
static void set_sign(struct buffer *number, bool negative)
{
    unsigned carry = 1;

    buffer_append_byte(number, 0);
    for (size_t i = 0; negative && i < number->size; i++) {
        carry += (uint8_t)~number->data[i];
        number->data[i] = (uint8_t)carry;
        carry >>= 8;
    }
    while (number->size > 1) {
        uint8_t top = number->data[number->size - 1];
        bool below = (number->data[number->size - 2] & 0x80) != 0;

        if (top != (below ? 0xff : 0))
            break;
        number->size--;
    }
}

static void put_unscaled(struct json_run *run, const struct schema_type *type,
                         const struct buffer *number)
{
    size_t size = type->kind == SCHEMA_FIXED ? type->fixed_size : number->size;
    bool negative = (number->data[number->size - 1] & 0x80) != 0;

    assert(size >= number->size); /* set_logical asks that the precision fits. */
    if (type->kind == SCHEMA_BYTES)
        codec_put_long(run->out, (int64_t)size);

    uint8_t *to = buffer_reserve(run->out, size);

    for (size_t i = 0; i < size; i++)
        to[size - 1 - i] = i < number->size ? number->data[i] : negative ? 0xff : 0;
    run->out->size += size;
}

static bool put_decimal_number(struct json_run *run, const struct schema_type *type,
                               const struct json_number *number, const uint8_t *at)
{
    struct buffer *digits = &run->scratch[1], unscaled = {0};
    int64_t exponent;

    json_number_digits(number, digits, &exponent);
    if (digits->size == 0)
        exponent = -type->scale;
    exponent += type->scale;
    if (exponent < 0)
        return json_run_fail(run, at, "more than %" PRId32 " decimals", type->scale);
    if ((int64_t)digits->size + exponent > type->precision)
        return json_run_fail(run, at, "more than %" PRId32 " digits", type->precision);
    for (size_t i = 0; i < digits->size + (size_t)exponent; i++)
        times_ten_plus(&unscaled, i < digits->size ? (unsigned)(digits->data[i] - '0') : 0);
    set_sign(&unscaled, number->negative && digits->size > 0);
    put_unscaled(run, type, &unscaled);
    buffer_fini(&unscaled);
    return true;
}

static bool put_decimal(struct json_run *run, const struct json_node *node)
{
    const uint8_t *at = run->scan.at;
    struct json_number number = {0};
    struct json_text text = {0};

    if (json_scan_peek(&run->scan) != '"')
        return read_number(run, node, &number) && put_decimal_number(run, node->type, &number, at);
    if (!read_text(run, node, &text))
        return false;

    struct json_scan inner = {.begin = text.data, .at = text.data, .end = text.data + text.size};
    uint8_t first = json_scan_peek(&inner);

    if ((first != '-' && (first < '0' || first > '9')) || !json_scan_number(&inner, &number)
        || inner.at != inner.end)
        return json_run_fail(run, at, "the string is no decimal number");
    return put_decimal_number(run, node->type, &number, at);
}

bool json_run_put_scalar(struct json_run *run, const struct json_node *node)
{
    switch (node->op) {
    case OP_NULL:
        return put_null(run, node);
    case OP_BOOLEAN:
        return put_boolean(run, node);
    case OP_INT:
    case OP_LONG:
        return put_integer(run, node);
    case OP_FLOAT:
    case OP_DOUBLE:
        return put_real(run, node);
    case OP_BYTES:
    case OP_FIXED:
        return put_bytes(run, node);
    case OP_UUID_TEXT:
    case OP_UUID_FIXED:
        return put_uuid(run, node);
    case OP_ENUM:
        return put_enum(run, node);
    case OP_DATE:
        return put_date(run, node);
    case OP_TIMESTAMP:
        return put_timestamp(run, node);
    case OP_DECIMAL:
        return put_decimal(run, node);
    default:
        abort(); /* An op that holds others. */
    }
}
