/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/cell.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cell text_cell(enum cell_kind kind, const void *bytes, size_t size)
{
    return (struct cell){.kind = kind, .bytes = bytes, .size = size};
}

void cell_from_json(const json_t *json, struct arena *arena, struct cell *cell)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
        *cell = (struct cell){.kind = CELL_NULL};
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        *cell = (struct cell){.kind = CELL_BOOLEAN, .boolean = json_is_true(json)};
        return;
    case JSON_INTEGER:
        *cell = (struct cell){.kind = CELL_INTEGER, .integer = json_integer_value(json)};
        return;
    case JSON_REAL:
        *cell = (struct cell){.kind = CELL_REAL, .real = json_real_value(json)};
        return;
    case JSON_STRING:
        *cell = text_cell(CELL_TEXT,
                          arena_text(arena, json_string_value(json), json_string_length(json)),
                          json_string_length(json));
        return;
    default:;
        char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
        assert(text != NULL);
        size_t size = strlen(text);
        *cell = text_cell(CELL_JSON, arena_text(arena, text, size), size);
        free(text);
    }
}

static bool nested_cell(const struct codec_value *value, struct arena *arena, struct cell *cell)
{
    json_t *json = codec_to_json(value->type, value->bytes, value->bytes + value->size);

    if (json == NULL)
        return false;
    cell_from_json(json, arena, cell);
    json_decref(json);
    return true;
}

/* Decimals and uuids in bytes are text to people, so they are text here. */
static bool bytes_cell(const struct codec_value *value, struct arena *arena, struct cell *cell)
{
    if (value->type->logical == LOGICAL_NONE) {
        *cell = text_cell(CELL_BYTES, value->bytes, value->size);
        return true;
    }
    struct buffer encoded = {0};
    if (value->kind == SCHEMA_BYTES)
        codec_put_bytes(&encoded, value->bytes, value->size);
    else
        buffer_append(&encoded, value->bytes, value->size);
    struct codec_value whole = {.type = value->type, .bytes = encoded.data, .size = encoded.size};
    bool done = nested_cell(&whole, arena, cell);
    if (value->type->logical == LOGICAL_DECIMAL && cell->kind == CELL_TEXT)
        cell->kind = CELL_DECIMAL;
    buffer_fini(&encoded);
    return done;
}

bool cell_from_value(const struct codec_value *value, struct arena *arena, struct cell *cell)
{
    switch (value->kind) {
    case SCHEMA_NULL:
        *cell = (struct cell){.kind = CELL_NULL};
        return true;
    case SCHEMA_BOOLEAN:
        *cell = (struct cell){.kind = CELL_BOOLEAN, .boolean = value->boolean};
        return true;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        *cell = (struct cell){.kind = CELL_INTEGER, .integer = value->integer};
        return true;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        *cell = (struct cell){.kind = CELL_REAL, .real = value->real};
        return true;
    case SCHEMA_STRING:
        *cell = text_cell(CELL_TEXT, value->bytes, value->size);
        return true;
    case SCHEMA_ENUM:
        *cell = text_cell(CELL_TEXT, value->type->symbols[value->integer],
                          strlen(value->type->symbols[value->integer]));
        return true;
    case SCHEMA_BYTES:
    case SCHEMA_FIXED:
        return bytes_cell(value, arena, cell);
    default:
        return nested_cell(value, arena, cell);
    }
}

bool cell_has_text(const struct cell *cell)
{
    return cell->kind == CELL_TEXT || cell->kind == CELL_DECIMAL;
}

static bool same_bytes(const struct cell *a, const struct cell *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static bool same_real(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool cell_equal(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind) {
        if (a->kind == CELL_INTEGER && b->kind == CELL_REAL)
            return (double)a->integer == b->real && (int64_t)b->real == a->integer;
        if (cell_has_text(a) && cell_has_text(b))
            return same_bytes(a, b);
        return a->kind == CELL_REAL && b->kind == CELL_INTEGER && cell_equal(b, a);
    }
    switch (a->kind) {
    case CELL_NULL:
        return true;
    case CELL_BOOLEAN:
        return a->boolean == b->boolean;
    case CELL_INTEGER:
        return a->integer == b->integer;
    case CELL_REAL:
        return same_real(a->real, b->real);
    case CELL_TEXT:
    case CELL_DECIMAL:
    case CELL_BYTES:
    case CELL_JSON:
        return same_bytes(a, b);
    }
    return false;
}

static bool number(const struct cell *cell, double *value)
{
    *value = cell->kind == CELL_INTEGER ? (double)cell->integer : cell->real;
    return cell->kind == CELL_INTEGER || cell->kind == CELL_REAL;
}

bool cell_near(const struct cell *a, const struct cell *b, double absolute)
{
    double x, y;

    if (cell_equal(a, b))
        return true;
    return absolute > 0 && number(a, &x) && number(b, &y) && fabs(x - y) <= absolute;
}

/* The digits on both sides of the point, without zeroes in front. */
struct decimal {
    bool negative;
    const uint8_t *whole, *fraction;
    size_t whole_size, fraction_size;
};

static struct decimal parse_decimal(const struct cell *cell)
{
    struct decimal decimal = {.negative = cell->size > 0 && cell->bytes[0] == '-'};
    const uint8_t *at = cell->bytes + decimal.negative, *end = cell->bytes + cell->size;

    while (at < end && *at == '0')
        at++;
    decimal.whole = at;
    while (at < end && *at != '.')
        at++;
    decimal.whole_size = (size_t)(at - decimal.whole);
    decimal.fraction = at < end ? at + 1 : at;
    decimal.fraction_size = (size_t)(end - decimal.fraction);
    return decimal;
}

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t shorter = a_size < b_size ? a_size : b_size;
    int order = shorter == 0 ? 0 : memcmp(a, b, shorter);

    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_decimals(const struct cell *a, const struct cell *b)
{
    struct decimal x = parse_decimal(a), y = parse_decimal(b);

    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    int order = (x.whole_size > y.whole_size) - (x.whole_size < y.whole_size);
    if (order == 0)
        order = compare_bytes(x.whole, x.whole_size, y.whole, y.whole_size);
    if (order == 0)
        order = compare_bytes(x.fraction, x.fraction_size, y.fraction, y.fraction_size);
    return x.negative ? -order : order;
}

int cell_compare(const struct cell *a, const struct cell *b)
{
    double x, y;

    if (a->kind == CELL_INTEGER && b->kind == CELL_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (number(a, &x) && number(b, &y))
        return (x > y) - (x < y);
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == CELL_BOOLEAN)
        return a->boolean - b->boolean;
    if (a->kind == CELL_DECIMAL)
        return compare_decimals(a, b);
    return compare_bytes(a->bytes, a->size, b->bytes, b->size);
}

bool cell_is_text(const struct cell *cell, const char *text)
{
    char number_text[32];

    switch (cell->kind) {
    case CELL_NULL:
        return false;
    case CELL_BOOLEAN:
        return strcmp(text, cell->boolean ? "true" : "false") == 0;
    case CELL_INTEGER:
        snprintf(number_text, sizeof number_text, "%" PRId64, cell->integer);
        return strcmp(text, number_text) == 0;
    case CELL_REAL:;
        char *end;
        double wanted = strtod(text, &end);
        return *text != '\0' && *end == '\0'
               && (wanted == cell->real || (double)(float)wanted == cell->real);
    default:
        return strlen(text) == cell->size && memcmp(text, cell->bytes, cell->size) == 0;
    }
}

static json_t *hexadecimal(const struct cell *cell)
{
    struct buffer text = {0};

    for (size_t i = 0; i < cell->size; i++)
        buffer_appendf(&text, "%02x", cell->bytes[i]);
    json_t *json = json_stringn(text.size > 0 ? (const char *)text.data : "", text.size);
    buffer_fini(&text);
    return json;
}

json_t *cell_to_json(const struct cell *cell)
{
    json_t *json;

    switch (cell->kind) {
    case CELL_NULL:
        return json_null();
    case CELL_BOOLEAN:
        return json_boolean(cell->boolean);
    case CELL_INTEGER:
        return json_integer(cell->integer);
    case CELL_REAL:
        json = json_real(cell->real);
        return json != NULL ? json : json_string(isnan(cell->real) ? "NaN" : "Infinity");
    case CELL_TEXT:
    case CELL_DECIMAL:
        json = json_stringn(cell->size > 0 ? (const char *)cell->bytes : "", cell->size);
        return json != NULL ? json : hexadecimal(cell); /* Not UTF-8. */
    case CELL_BYTES:
        return hexadecimal(cell);
    case CELL_JSON:
        return json_loadb((const char *)cell->bytes, cell->size, JSON_DECODE_ANY, NULL);
    }
    return NULL;
}

void cell_put(struct buffer *out, const struct cell *cell)
{
    uint32_t size = (uint32_t)cell->size;

    buffer_append_byte(out, (uint8_t)cell->kind);
    switch (cell->kind) {
    case CELL_NULL:
        break;
    case CELL_BOOLEAN:
        buffer_append_byte(out, cell->boolean);
        break;
    case CELL_INTEGER:
    case CELL_REAL:
        buffer_append(out, &cell->integer, sizeof cell->integer);
        break;
    case CELL_TEXT:
    case CELL_DECIMAL:
    case CELL_BYTES:
    case CELL_JSON:
        buffer_append(out, &size, sizeof size);
        buffer_append(out, cell->bytes, cell->size);
        break;
    }
}

const uint8_t *cell_get(const uint8_t *data, struct cell *cell)
{
    uint32_t size;

    *cell = (struct cell){.kind = (enum cell_kind) * data++};
    switch (cell->kind) {
    case CELL_NULL:
        return data;
    case CELL_BOOLEAN:
        cell->boolean = *data != 0;
        return data + 1;
    case CELL_INTEGER:
    case CELL_REAL:
        memcpy(&cell->integer, data, sizeof cell->integer);
        return data + sizeof cell->integer;
    case CELL_TEXT:
    case CELL_DECIMAL:
    case CELL_BYTES:
    case CELL_JSON:
        memcpy(&size, data, sizeof size);
        cell->bytes = data + sizeof size;
        cell->size = size;
        return cell->bytes + size;
    }
    return data;
}
