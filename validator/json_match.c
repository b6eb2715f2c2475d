/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/json_match.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "validator/result.h"

enum { PATH_SIZE = 256 };

struct finds {
    json_t *fields;
    bool asking;       /* Only whether it fits. */
    bool keep;         /* Unknown members lie in marked fields. */
    size_t load_flags; /* How the JSON was read. */
};

static bool match(const struct schema_type *type, const json_t *want, const json_t *have,
                  const char *path, struct finds *finds);

static bool differ(struct finds *finds, const char *path, const json_t *want, const json_t *have)
{
    if (finds->asking)
        return false;
    if (finds->fields == NULL)
        finds->fields = json_array();
    json_array_append_new(finds->fields,
                          result_field(path, json_deep_copy(want), json_deep_copy(have)));
    return false;
}

/* -- Values -- */

static bool days_of(const char *text, int64_t *days)
{
    struct tm date = {0};
    const char *end = strptime(text, "%Y-%m-%d", &date);

    *days = end != NULL && *end == '\0' ? (int64_t)timegm(&date) / 86400 : 0;
    return end != NULL && *end == '\0';
}

/* By the C library, for the bridge reads times by core/rfc3339: a fault there must not be shared. */
static bool microseconds_of(const char *text, int64_t *us)
{
    static const int64_t units_us[] = {100000, 10000, 1000, 100, 10, 1};
    struct tm date = {0};
    int64_t fraction_us = 0;
    const char *end = strptime(text, "%Y-%m-%d", &date);

    if (end == NULL || (*end != 'T' && *end != 't'))
        return false;
    end = strptime(end + 1, "%H:%M:%S", &date);
    if (end != NULL && *end == '.')
        for (size_t i = 0; isdigit((unsigned char)*++end); i++)
            fraction_us += i < sizeof units_us / sizeof *units_us ? (*end - '0') * units_us[i] : 0;
    if (end == NULL || (end = strptime(*end == 'z' ? "Z" : end, "%z", &date)) == NULL
        || *end != '\0')
        return false;
    /* timegm sets the offset to 0: take it before. */
    int64_t east_s = date.tm_gmtoff;
    *us = ((int64_t)timegm(&date) - east_s) * 1000000 + fraction_us;
    return true;
}

/* Times may be published as text. */
static bool time_text(const struct schema_type *type, const json_t *want, int64_t *value)
{
    const char *text = json_string_value(want);
    int64_t us;

    if (type->logical == LOGICAL_DATE)
        return days_of(text, value);
    if (!microseconds_of(text, &us))
        return false;
    *value = us;
    if (type->logical == LOGICAL_TIMESTAMP_MILLIS)
        *value = us / 1000 - (us % 1000 < 0);
    return type->logical == LOGICAL_TIMESTAMP_MILLIS || type->logical == LOGICAL_TIMESTAMP_MICROS;
}

static bool same_integer(const struct schema_type *type, const json_t *want, const json_t *have)
{
    int64_t value;

    if (!json_is_integer(have))
        return false;
    if (json_is_integer(want))
        return json_integer_value(want) == json_integer_value(have);
    if (json_is_real(want))
        return json_real_value(want) == (double)json_integer_value(have);
    return json_is_string(want) && time_text(type, want, &value)
           && value == json_integer_value(have);
}

static bool same_real(const struct schema_type *type, const json_t *want, const json_t *have)
{
    if (!json_is_number(want) || !json_is_number(have))
        return false;
    double value = json_number_value(want);
    if (type->kind == SCHEMA_FLOAT)
        value = (double)(float)value;
    return value == json_number_value(have);
}

/* Avro's JSON form of bytes: each code point is a byte. What is decoded is hexadecimal. */
static bool same_bytes(const json_t *want, const json_t *have)
{
    const uint8_t *text = (const uint8_t *)json_string_value(want);
    size_t size = json_string_length(want);
    struct buffer hex = {0};
    bool fits = true;

    for (size_t i = 0; fits && i < size; i++) {
        unsigned byte = text[i];
        if (byte >= 0x80) {
            fits = byte < 0xc4 && i + 1 < size;
            byte = fits ? ((byte & 0x1f) << 6) | (text[i + 1] & 0x3f) : 0;
            i++;
        }
        buffer_appendf(&hex, "%02x", byte);
    }
    fits = fits && hex.size == json_string_length(have)
           && (hex.size == 0 || memcmp(hex.data, json_string_value(have), hex.size) == 0);
    buffer_fini(&hex);
    return fits;
}

static bool same_decimal(const json_t *want, const json_t *have)
{
    double value =
        json_is_string(want) ? strtod(json_string_value(want), NULL) : json_number_value(want);

    return json_is_string(have) && value == strtod(json_string_value(have), NULL);
}

static bool same_text(const struct schema_type *type, const json_t *want, const json_t *have)
{
    if (type->logical == LOGICAL_DECIMAL)
        return (json_is_string(want) || json_is_number(want)) && same_decimal(want, have);
    if (!json_is_string(want) || !json_is_string(have))
        return false;
    if (type->logical == LOGICAL_UUID && type->kind != SCHEMA_STRING)
        return strcasecmp(json_string_value(want), json_string_value(have)) == 0;
    if (type->kind == SCHEMA_BYTES || type->kind == SCHEMA_FIXED)
        return same_bytes(want, have);
    return json_equal(want, have);
}

static bool same_scalar(const struct schema_type *type, const json_t *want, const json_t *have)
{
    switch (type->kind) {
    case SCHEMA_NULL:
        return json_is_null(want) && json_is_null(have);
    case SCHEMA_BOOLEAN:
        return json_is_boolean(want) && json_equal(want, have);
    case SCHEMA_INT:
    case SCHEMA_LONG:
        return same_integer(type, want, have);
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return same_real(type, want, have);
    default:
        return same_text(type, want, have);
    }
}

/* -- Shapes -- */

static bool fits(const struct schema_type *type, const json_t *want, const json_t *have,
                 const char *path, const struct finds *finds)
{
    struct finds asking = *finds;

    asking.asking = true;
    return match(type, want, have, path, &asking);
}

/* NULL: it is missing. */
static const json_t *member(const struct schema_field *field, const json_t *want)
{
    const json_t *value = json_object_get(want, field->name);

    for (size_t i = 0; value == NULL && i < field->alias_count; i++)
        value = json_object_get(want, field->aliases[i]);
    return value;
}

static bool is_named(const struct schema_field *field, const char *name)
{
    bool named = strcmp(field->name, name) == 0;

    for (size_t i = 0; i < field->alias_count; i++)
        named = named || strcmp(field->aliases[i], name) == 0;
    return named;
}

/* All members that no other field has are in the map, each as a text that means the same. */
static bool match_unknown(const struct schema_type *type, const struct schema_field *marked,
                          const json_t *want, const json_t *have, const char *path,
                          struct finds *finds)
{
    json_t *expected = json_object();
    const json_t *value;
    const char *key;

    json_object_foreach((json_t *)want, key, value)
    {
        bool known = false;

        for (size_t i = 0; i < type->field_count; i++)
            known = known || (&type->fields[i] != marked && is_named(&type->fields[i], key));
        if (!known)
            json_object_set(expected, key, (json_t *)value);
    }

    bool same = json_object_size(expected) == json_object_size(have);

    json_object_foreach(expected, key, value)
    {
        const json_t *text = json_object_get(have, key);
        json_t *kept = json_is_string(text)
                           ? json_loadb(json_string_value(text), json_string_length(text),
                                        finds->load_flags | JSON_DECODE_ANY, NULL)
                           : NULL;

        same = same && kept != NULL && json_equal(kept, value);
        json_decref(kept);
    }
    same = same || differ(finds, path, expected, have);
    json_decref(expected);
    return same;
}

static bool match_field(const struct schema_type *type, const struct schema_field *field,
                        const json_t *want, const json_t *have, const char *path,
                        struct finds *finds)
{
    const json_t *value = member(field, want);
    bool keep = finds->keep, same;

    if (have == NULL)
        have = json_null();
    if (keep && field->takes_unknown)
        return match_unknown(type, field, want, have, path, finds);
    if (value != NULL)
        return match(field->type, value, have, path, finds);
    value = field->default_value;
    finds->keep = false; /* A default is a value of the type as it stands. */
    same = match(field->type, value != NULL ? value : json_null(), have, path, finds);
    finds->keep = keep;
    return same;
}

static bool match_record(const struct schema_type *type, const json_t *want, const json_t *have,
                         const char *path, struct finds *finds)
{
    bool same = true;

    if (!json_is_object(want) || !json_is_object(have))
        return differ(finds, path, want, have);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[i];
        char inner[PATH_SIZE];
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", field->name);
        same &= match_field(type, field, want, json_object_get(have, field->name), inner, finds);
    }
    return same;
}

static bool match_array(const struct schema_type *type, const json_t *want, const json_t *have,
                        const char *path, struct finds *finds)
{
    bool same = json_is_array(want) && json_is_array(have)
                && json_array_size(want) == json_array_size(have);

    for (size_t i = 0; same && i < json_array_size(want); i++)
        same = fits(type->items, json_array_get(want, i), json_array_get(have, i), path, finds);
    return same || differ(finds, path, want, have);
}

static bool match_map(const struct schema_type *type, const json_t *want, const json_t *have,
                      const char *path, struct finds *finds)
{
    bool same = json_is_object(want) && json_is_object(have)
                && json_object_size(want) == json_object_size(have);
    const json_t *value;
    const char *key;

    if (same)
        json_object_foreach((json_t *)want, key, value)
        {
            const json_t *other = json_object_get(have, key);
            same = same && other != NULL && fits(type->items, value, other, path, finds);
        }
    return same || differ(finds, path, want, have);
}

static bool match_union(const struct schema_type *type, const json_t *want, const json_t *have,
                        const char *path, struct finds *finds)
{
    const struct schema_type *other = NULL;
    size_t others = 0;

    for (size_t i = 0; i < type->branch_count; i++) {
        if (type->branches[i]->kind == SCHEMA_NULL)
            continue;
        other = type->branches[i];
        others++;
    }
    if (json_is_null(want) || json_is_null(have))
        return (json_is_null(want) && json_is_null(have)) || differ(finds, path, want, have);
    if (others == 1)
        return match(other, want, have, path, finds);
    for (size_t i = 0; i < type->branch_count; i++)
        if (fits(type->branches[i], want, have, path, finds))
            return true;
    return differ(finds, path, want, have);
}

static bool match(const struct schema_type *type, const json_t *want, const json_t *have,
                  const char *path, struct finds *finds)
{
    if (have == NULL)
        have = json_null();
    switch (type->kind) {
    case SCHEMA_RECORD:
        return match_record(type, want, have, path, finds);
    case SCHEMA_ARRAY:
        return match_array(type, want, have, path, finds);
    case SCHEMA_MAP:
        return match_map(type, want, have, path, finds);
    case SCHEMA_UNION:
        return match_union(type, want, have, path, finds);
    default:
        return same_scalar(type, want, have) || differ(finds, path, want, have);
    }
}

static json_t *load(const void *json, size_t size, size_t *flags)
{
    json_error_t fault;

    *flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;

    json_t *loaded = json_loadb(json, size, *flags, &fault);

    /* A whole number that no int64 holds may still be a good double. */
    if (loaded == NULL && json_error_code(&fault) == json_error_numeric_overflow) {
        *flags |= JSON_DECODE_INT_AS_REAL;
        loaded = json_loadb(json, size, *flags, &fault);
    }
    return loaded;
}

json_t *json_match(const struct schema *schema, bool keep, const void *json, size_t json_size,
                   const uint8_t *avro, size_t avro_size)
{
    struct finds finds = {.keep = keep};
    json_t *want = load(json, json_size, &finds.load_flags);
    json_t *have = avro != NULL ? codec_to_json(schema->root, avro, avro + avro_size) : NULL;

    if (want == NULL || have == NULL) {
        finds.fields = json_array();
        json_array_append_new(
            finds.fields,
            result_field("@value", result_bytes(json, json_size),
                         json_string(have == NULL ? "(does not fit its schema)"
                                                  : "(made from what is no JSON object)")));
    } else {
        match(schema->root, want, have, "", &finds);
    }
    json_decref(want);
    json_decref(have);
    return finds.fields;
}
