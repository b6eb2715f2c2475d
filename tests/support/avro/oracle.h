/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro/oracle: json_avro's rules done slowly with other people's code: Jansson reads the JSON, OpenSSL's
 * big numbers the numbers, libc the dates, Avro C holds and writes the values.
 *
 * Jansson would lose a number's text, keep the last of two members of one name, and merge both into
 * its tree. So each string and number token is marked first: "x" becomes "S7:x" and 12 becomes
 * "N8:12", with a running number that makes all names differ. What is no JSON stays no JSON, but for a
 * number in a name's place, which the walk over the tree refuses.
 *
 * Where Jansson and the rules differ all the same:
 *   - Jansson nests to 2048, the rules to 64: the walk counts.
 *   - Jansson has no names with U+0000: ORACLE_SILENT.
 *   - Jansson refuses numbers beyond int64 and double: a regular expression judges the tokens.
 */
#ifndef TESTS_SUPPORT_AVRO_ORACLE_H
#define TESTS_SUPPORT_AVRO_ORACLE_H

#include <assert.h>
#include <avro.h>
#include <jansson.h>
#include <math.h>
#include <openssl/bn.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buffer.h"
#include "core/schema.h"
#include "tests/support/avro/random.h"

/* Avro C's value macros call through a table that the analyser takes for NULL.
 * NOLINTBEGIN(clang-analyzer-core.*) */

enum oracle_verdict { ORACLE_TAKEN, ORACLE_REFUSED, ORACLE_SILENT };

enum { ORACLE_DEPTH_MAX = 64, ORACLE_TRIES_MAX = 20000 };

struct oracle {
    unsigned tries; /* Left. */
    unsigned depth; /* Of the value that is written. */
    bool keep;      /* Unknown members go into the marked field, or are refused. */
    const uint8_t *json;
    const struct buffer *places; /* Where each string and number begins, as size_t. */
};

/* Strings get S and numbers N in front, and all a running number, by which places tells where they are. */
static inline void oracle_mark(const uint8_t *json, size_t size, struct buffer *out,
                               struct buffer *places)
{
    unsigned count = 0;
    size_t i = 0;

    while (i < size) {
        if (json[i] == '"' || json[i] == '-' || (json[i] >= '0' && json[i] <= '9'))
            buffer_append(places, &i, sizeof i);
        if (json[i] == '"') {
            buffer_appendf(out, "\"S%u:", count++);
            for (i++; i < size && json[i] != '"'; i++) {
                buffer_append_byte(out, json[i]);
                if (json[i] == '\\' && i + 1 < size)
                    buffer_append_byte(out, json[++i]);
            }
            if (i < size)
                buffer_append_byte(out, json[i++]);
        } else if (json[i] == '-' || (json[i] >= '0' && json[i] <= '9')) {
            buffer_appendf(out, "\"N%u:", count++);
            for (; i < size && json[i] != 0 && strchr("0123456789+-.eE", json[i]) != NULL; i++)
                buffer_append_byte(out, json[i]);
            buffer_append_byte(out, '"');
        } else {
            buffer_append_byte(out, json[i++]);
        }
    }
}

/* A marked text without its mark. */
static inline const char *oracle_text(const char *marked, size_t *size)
{
    const char *text = strchr(marked, ':') + 1;

    *size -= (size_t)(text - marked);
    return text;
}

static inline bool oracle_is_number_text(const char *text, size_t size)
{
    static regex_t grammar;
    static bool compiled;
    char *copy = memory_text_n(text, size);

    if (!compiled)
        compiled = regcomp(&grammar, "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$",
                           REG_EXTENDED | REG_NOSUB)
                   == 0;
    assert(compiled);

    bool number = strlen(copy) == size && regexec(&grammar, copy, 0, NULL, 0) == 0;

    free(copy);
    return number;
}

static inline bool oracle_is(json_t *json, char mark)
{
    return json_is_string(json) && json_string_value(json)[0] == mark;
}

/* The tree is JSON by the rules: depth, numbers' grammar, names that were strings. */
static inline bool oracle_walk(json_t *json, unsigned depth)
{
    json_t *value;
    const char *key;
    size_t index, size;

    if (json_is_string(json) && oracle_is(json, 'N')) {
        size = json_string_length(json);
        key = oracle_text(json_string_value(json), &size);
        return oracle_is_number_text(key, size);
    }
    if ((json_is_array(json) || json_is_object(json)) && ++depth > ORACLE_DEPTH_MAX)
        return false;
    json_array_foreach(json, index, value)
    {
        if (!oracle_walk(value, depth))
            return false;
    }
    json_object_foreach(json, key, value)
    {
        if (key[0] != 'S' || !oracle_walk(value, depth))
            return false;
    }
    return true;
}

/* number * 10^shift as a whole number; NULL if it is none or has more than 1200 digits. */
static inline BIGNUM *oracle_whole(const char *text, size_t size, long shift)
{
    struct buffer digits = {0};
    BIGNUM *whole = NULL, *rest = BN_new(), *power = BN_new(), *ten = BN_new();
    BN_CTX *context = BN_CTX_new();
    char *copy = memory_text_n(text, size);
    char *exponent_text = strpbrk(copy, "eE");
    double exponent = (double)shift + (exponent_text != NULL ? strtod(exponent_text + 1, NULL) : 0);

    for (const char *at = copy, *point = NULL; *at != '\0' && at != exponent_text; at++) {
        if (*at == '.')
            point = at;
        else if (*at != '-')
            buffer_append_byte(&digits, (uint8_t)*at);
        exponent -= point != NULL && at != point;
    }
    BN_dec2bn(&whole, buffer_text(&digits));
    BN_set_word(ten, 10);
    if (BN_is_zero(whole))
        exponent = 0;
    bool possible = exponent < 1200 && exponent > -(double)digits.size - 1;

    if (possible) {
        BIGNUM *steps = BN_new();

        BN_set_word(steps, (BN_ULONG)fabs(exponent));
        BN_exp(power, ten, steps, context);
        if (exponent >= 0)
            BN_mul(whole, whole, power, context);
        else
            BN_div(whole, rest, whole, power, context);
        possible = BN_is_zero(rest);
        BN_free(steps);
    }
    if (possible && copy[0] == '-')
        BN_set_negative(whole, 1);
    if (!possible) {
        BN_free(whole);
        whole = NULL;
    }
    BN_free(rest);
    BN_free(power);
    BN_free(ten);
    BN_CTX_free(context);
    free(copy);
    buffer_fini(&digits);
    return whole;
}

static inline bool oracle_long(const char *text, size_t size, int64_t *value)
{
    BIGNUM *whole = oracle_whole(text, size, 0);
    char *decimal = whole == NULL ? NULL : BN_bn2dec(whole);
    char again[32] = "";

    if (decimal != NULL && strlen(decimal) < sizeof again) {
        *value = strtoll(decimal, NULL, 10); /* Saturates: the text tells. */
        snprintf(again, sizeof again, "%lld", (long long)*value);
    }
    bool same = decimal != NULL && (strcmp(decimal, again) == 0 || BN_is_zero(whole));

    OPENSSL_free(decimal);
    BN_free(whole);
    return same;
}

/* "dddd-dd-dd" by a pattern: d is a digit, everything else itself. */
static inline bool oracle_like(const char *text, size_t size, const char *pattern)
{
    if (size < strlen(pattern))
        return false;
    for (size_t i = 0; pattern[i] != '\0'; i++)
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9'
                              : (text[i] | (pattern[i] == 't' ? 32 : 0)) != pattern[i])
            return false;
    return true;
}

/* The date, and with `whole` the time of day behind it. False if there is no such moment. */
static inline bool oracle_seconds(const char *text, bool whole, int64_t *seconds)
{
    struct tm back, normal;
    struct tm given = {.tm_year = (int)strtol(text, NULL, 10),
                       .tm_mon = (int)strtol(text + 5, NULL, 10),
                       .tm_mday = (int)strtol(text + 8, NULL, 10)};
    if (whole) {
        given.tm_hour = (int)strtol(text + 11, NULL, 10);
        given.tm_min = (int)strtol(text + 14, NULL, 10);
        given.tm_sec = (int)strtol(text + 17, NULL, 10);
    }
    if (given.tm_year < 1)
        return false;
    given.tm_year -= 1900;
    given.tm_mon -= 1;

    normal = given;

    time_t time = timegm(&normal);

    gmtime_r(&time, &back);
    *seconds = time;
    return back.tm_year == given.tm_year && back.tm_mon == given.tm_mon
           && back.tm_mday == given.tm_mday && back.tm_hour == given.tm_hour
           && back.tm_min == given.tm_min && back.tm_sec == given.tm_sec;
}

static inline bool oracle_date(const char *text, size_t size, int64_t *days)
{
    int64_t seconds;

    if (size != 10 || !oracle_like(text, size, "dddd-dd-dd")
        || !oracle_seconds(text, false, &seconds))
        return false;
    *days = seconds / 86400;
    return true;
}

static inline bool oracle_time(const char *text, size_t size, int64_t unit_ns, int64_t *value)
{
    int64_t seconds, nanoseconds = 0;
    int hours = 0, minutes = 0;
    size_t at = 19;

    if (!oracle_like(text, size, "dddd-dd-ddtdd:dd:dd") || !oracle_seconds(text, true, &seconds))
        return false;
    if (at < size && text[at] == '.') {
        int64_t scale = 100000000;

        for (at++; at < size && text[at] >= '0' && text[at] <= '9'; at++, scale /= 10) {
            if (scale == 0)
                return false;
            nanoseconds += (text[at] - '0') * scale;
        }
        if (text[at - 1] == '.')
            return false;
    }
    if (size - at == 6
        && (oracle_like(text + at, 6, "+dd:dd") || oracle_like(text + at, 6, "-dd:dd"))) {
        hours = (text[at + 1] - '0') * 10 + text[at + 2] - '0';
        minutes = (text[at + 4] - '0') * 10 + text[at + 5] - '0';
        seconds -= (text[at] == '-' ? -1 : 1) * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
    } else if (size - at != 1 || (text[at] | 32) != 'z') {
        return false;
    }
    *value = seconds * (1000000000 / unit_ns) + nanoseconds / unit_ns;
    return hours < 24 && minutes < 60 && nanoseconds % unit_ns == 0;
}

/* Two's complement of the fewest bytes, or of `fixed` bytes. */
static inline size_t oracle_complement(const BIGNUM *number, size_t fixed, uint8_t *out)
{
    BIGNUM *copy = BN_dup(number), *shift = BN_new();
    size_t size = 1;

    for (;; size++) { /* Grows until -2^(8n-1) <= number < 2^(8n-1). */
        BN_one(shift);
        BN_lshift(shift, shift, (int)(8 * size - 1));
        if (BN_ucmp(number, shift) < 0 || (BN_is_negative(number) && BN_ucmp(number, shift) == 0))
            break;
    }
    size = fixed > 0 ? fixed : size;
    if (BN_is_negative(number)) {
        BN_one(shift);
        BN_lshift(shift, shift, (int)(8 * size));
        BN_add(copy, copy, shift);
    }
    BN_bn2binpad(copy, out, (int)size);
    BN_free(copy);
    BN_free(shift);
    return size;
}

static inline bool oracle_decimal(const struct schema_type *type, const char *text, size_t size,
                                  avro_value_t *value)
{
    BIGNUM *whole =
        oracle_is_number_text(text, size) ? oracle_whole(text, size, type->scale) : NULL;
    uint8_t bytes[1024];
    bool fits = false;

    if (whole != NULL) {
        char *decimal = BN_bn2dec(whole);

        fits = BN_is_zero(whole)
               || strlen(decimal) - (BN_is_negative(whole) ? 1 : 0) <= (size_t)type->precision;
        if (BN_is_zero(whole))
            BN_set_negative(whole, 0);
        OPENSSL_free(decimal);
    }
    if (fits) {
        size_t count =
            oracle_complement(whole, type->kind == SCHEMA_FIXED ? type->fixed_size : 0, bytes);

        if (type->kind == SCHEMA_FIXED)
            avro_value_set_fixed(value, bytes, count);
        else
            avro_value_set_bytes(value, bytes, count);
    }
    BN_free(whole);
    return fits;
}

static inline bool oracle_is_uuid(const char *text, size_t size, uint8_t bytes[static 16])
{
    size_t digits = 0;
    char pair[3] = "";

    if (size != 36 || strlen(text) != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
        if (dash)
            continue;
        pair[digits % 2] = text[i];
        if (++digits % 2 == 0)
            bytes[digits / 2 - 1] = (uint8_t)strtol(pair, NULL, 16);
    }
    return true;
}

static inline bool oracle_bytes(const struct schema_type *type, const char *text, size_t size,
                                avro_value_t *value)
{
    uint8_t *bytes = memory_new(size);
    size_t count = 0;
    bool good = true;

    for (size_t i = 0; i < size && good; i++) {
        unsigned lead = (unsigned char)text[i];

        good = lead < 0x80 || lead == 0xc2 || lead == 0xc3;
        bytes[count++] =
            (uint8_t)(lead < 0x80 || !good ? lead
                                           : (lead & 3) * 64 + ((unsigned char)text[++i] & 63U));
    }
    if (good && type->kind == SCHEMA_FIXED)
        good = count == type->fixed_size && avro_value_set_fixed(value, bytes, count) == 0;
    else if (good)
        avro_value_set_bytes(value, bytes, count);
    free(bytes);
    return good;
}

static inline bool oracle_encode(struct oracle *oracle, const struct schema_type *type,
                                 json_t *json, avro_value_t *value);

static inline bool oracle_encode_missing(struct oracle *oracle, const struct schema_field *field,
                                         avro_value_t *value)
{
    json_t *json = json_null();
    bool taken;

    if (field->default_value != NULL) {
        char *text = json_dumps(field->default_value, JSON_ENCODE_ANY);
        struct buffer marked = {0}, places = {0};

        oracle_mark((const uint8_t *)text, strlen(text), &marked, &places);
        json = json_loadb((const char *)marked.data, marked.size, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                          NULL);
        free(text);
        buffer_fini(&marked);
        buffer_fini(&places);
    }
    bool keep = oracle->keep;

    oracle->keep = false; /* A default is a value of the schema's type as it stands. */
    taken = oracle_encode(oracle, field->type, json, value);
    oracle->keep = keep;
    json_decref(json);
    return taken;
}

static inline bool oracle_names(const struct schema_field *field, const char *name)
{
    bool same = strcmp(field->name, name) == 0;

    for (size_t i = 0; i < field->alias_count; i++)
        same = same || strcmp(field->aliases[i], name) == 0;
    return same;
}

/* Where a string ends that begins here. */
static inline size_t oracle_string_end(const uint8_t *json, size_t at)
{
    for (at++; json[at] != '"'; at++)
        at += json[at] == '\\';
    return at + 1;
}

/* Adds the text of the value that follows a name; the whole is known to be JSON. */
static inline bool oracle_keep(const struct oracle *oracle, const char *key, avro_value_t *map)
{
    static const char spaces[] = " \t\r\n";
    const uint8_t *json = oracle->json;
    avro_value_t slot = {0};
    size_t at, end, size = strlen(key);
    int depth = 0, is_new = 0;

    memcpy(&at, oracle->places->data + strtoul(key + 1, NULL, 10) * sizeof at, sizeof at);
    at = oracle_string_end(json, at);
    at += strspn((const char *)json + at, spaces) + 1; /* The colon. */
    at += strspn((const char *)json + at, spaces);
    for (end = at; depth > 0 || strchr(",}", json[end]) == NULL;) {
        depth += (json[end] == '{' || json[end] == '[') - (json[end] == '}' || json[end] == ']');
        end = json[end] == '"' ? oracle_string_end(json, end) : end + 1;
    }
    while (strchr(spaces, json[end - 1]) != NULL)
        end--;

    char *text = memory_text_n((const char *)json + at, end - at);

    avro_value_add(map, oracle_text(key, &size), &slot, NULL, &is_new);
    avro_value_set_string(&slot, text);
    free(text);
    return is_new;
}

static inline int oracle_compare_keys(const void *left, const void *right)
{
    size_t size = 0;

    return strcmp(oracle_text(*(const char *const *)left, &size),
                  oracle_text(*(const char *const *)right, &size));
}

/* The field for unknown members, or NULL. */
static inline const struct schema_field *oracle_marked(const struct oracle *oracle,
                                                       const struct schema_type *type)
{
    for (size_t i = 0; oracle->keep && i < type->field_count; i++)
        if (type->fields[i].takes_unknown)
            return &type->fields[i];
    return NULL;
}

/* All members that no field but the marked one has, which there must be if there are any. */
static inline bool oracle_encode_unknown(const struct oracle *oracle,
                                         const struct schema_type *type, json_t *json,
                                         avro_value_t *value)
{
    const struct schema_field *marked = oracle_marked(oracle, type);
    const char **keys = memory_array(json_object_size(json), sizeof(char *));
    const char *key;
    json_t *member;
    size_t count = 0, size;
    avro_value_t map = {0};
    bool kept = true;

    json_object_foreach(json, key, member)
    {
        bool known = false;

        size = strlen(key);
        for (size_t i = 0; i < type->field_count; i++)
            known = known
                    || (&type->fields[i] != marked
                        && oracle_names(&type->fields[i], oracle_text(key, &size)));
        if (!known)
            keys[count++] = key;
    }
    qsort((void *)keys, count, sizeof *keys, oracle_compare_keys);
    if (marked != NULL)
        avro_value_get_by_index(value, (size_t)(marked - type->fields), &map, NULL);
    for (size_t i = 0; i < count && kept; i++)
        kept = marked != NULL && oracle_keep(oracle, keys[i], &map);
    free((void *)keys);
    return kept && (marked == NULL || oracle->depth < ORACLE_DEPTH_MAX);
}

static inline bool oracle_encode_record(struct oracle *oracle, const struct schema_type *type,
                                        json_t *json, avro_value_t *value)
{
    avro_value_t item = {0};
    const char *key;
    json_t *member;
    size_t size;

    if (!json_is_object(json))
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        json_t *found = NULL;

        if (&type->fields[i] == oracle_marked(oracle, type))
            continue;
        json_object_foreach(json, key, member)
        {
            size = strlen(key);
            if (!oracle_names(&type->fields[i], oracle_text(key, &size)))
                continue;
            if (found != NULL)
                return false;
            found = member;
        }
        avro_value_get_by_index(value, i, &item, NULL);
        if (found != NULL ? !oracle_encode(oracle, type->fields[i].type, found, &item)
                          : !oracle_encode_missing(oracle, &type->fields[i], &item))
            return false;
    }
    return !oracle->keep || oracle_encode_unknown(oracle, type, json, value);
}

static inline bool oracle_encode_items(struct oracle *oracle, const struct schema_type *type,
                                       json_t *json, avro_value_t *value)
{
    json_t *item;
    avro_value_t slot = {0};
    const char *key;
    size_t index, size;
    int is_new = 1;

    if (type->kind == SCHEMA_ARRAY) {
        if (!json_is_array(json))
            return false;
        json_array_foreach(json, index, item)
        {
            avro_value_append(value, &slot, NULL);
            if (!oracle_encode(oracle, type->items, item, &slot))
                return false;
        }
        return true;
    }
    if (!json_is_object(json))
        return false;
    json_object_foreach(json, key, item)
    {
        size = strlen(key);
        avro_value_add(value, oracle_text(key, &size), &slot, NULL, &is_new);
        if (!is_new || !oracle_encode(oracle, type->items, item, &slot))
            return false;
    }
    return true;
}

static inline bool oracle_encode_union(struct oracle *oracle, const struct schema_type *type,
                                       json_t *json, avro_value_t *value)
{
    avro_value_t branch = {0};

    for (size_t i = 0; i < type->branch_count && oracle->tries > 0; i++) {
        oracle->tries--;
        avro_value_reset(value);
        avro_value_set_branch(value, (int)i, &branch);
        if (oracle_encode(oracle, type->branches[i], json, &branch))
            return true;
    }
    return false;
}

static inline bool oracle_encode_text(const struct schema_type *type, const char *text, size_t size,
                                      avro_value_t *value)
{
    uint8_t uuid[16] = {0};
    int64_t number = 0;

    switch (type->logical) {
    case LOGICAL_DATE:
        return oracle_date(text, size, &number) && avro_value_set_int(value, (int32_t)number) == 0;
    case LOGICAL_TIMESTAMP_MILLIS:
        return oracle_time(text, size, 1000000, &number) && avro_value_set_long(value, number) == 0;
    case LOGICAL_TIMESTAMP_MICROS:
        return oracle_time(text, size, 1000, &number) && avro_value_set_long(value, number) == 0;
    case LOGICAL_DECIMAL:
        return oracle_decimal(type, text, size, value);
    case LOGICAL_UUID:
        if (!oracle_is_uuid(text, size, uuid))
            return false;
        if (type->kind == SCHEMA_FIXED)
            return avro_value_set_fixed(value, uuid, 16) == 0;
        break;
    default:
        break;
    }
    if (type->kind == SCHEMA_STRING) /* Jansson puts a NUL behind the text; Avro C counts it. */
        return avro_value_set_string_len(value, text, size + 1) == 0;
    if (type->kind == SCHEMA_BYTES || type->kind == SCHEMA_FIXED)
        return oracle_bytes(type, text, size, value);
    for (size_t i = 0; type->kind == SCHEMA_ENUM && i < type->symbol_count; i++)
        if (strlen(text) == size && strcmp(type->symbols[i], text) == 0)
            return avro_value_set_enum(value, (int)i) == 0;
    return false;
}

static inline bool oracle_encode_number(const struct schema_type *type, const char *text,
                                        size_t size, avro_value_t *value)
{
    int64_t whole = 0;
    double real;
    float single;

    switch (type->kind) {
    case SCHEMA_INT:
        return oracle_long(text, size, &whole) && whole >= INT32_MIN && whole <= INT32_MAX
               && avro_value_set_int(value, (int32_t)whole) == 0;
    case SCHEMA_LONG:
        return oracle_long(text, size, &whole) && avro_value_set_long(value, whole) == 0;
    case SCHEMA_FLOAT:
        single = strtof(text, NULL);
        return !isinf(single) && avro_value_set_float(value, single) == 0;
    case SCHEMA_DOUBLE:
        real = strtod(text, NULL);
        return !isinf(real) && avro_value_set_double(value, real) == 0;
    default:
        return type->logical == LOGICAL_DECIMAL && oracle_decimal(type, text, size, value);
    }
}

static inline bool oracle_encode(struct oracle *oracle, const struct schema_type *type,
                                 json_t *json, avro_value_t *value)
{
    unsigned depth = oracle->depth;
    bool taken;

    switch (type->kind) {
    case SCHEMA_RECORD:
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        oracle->depth++;
        taken = type->kind == SCHEMA_RECORD ? oracle_encode_record(oracle, type, json, value)
                                            : oracle_encode_items(oracle, type, json, value);
        oracle->depth = depth;
        return taken;
    case SCHEMA_UNION:
        return oracle_encode_union(oracle, type, json, value);
    case SCHEMA_NULL:
        return json_is_null(json) && avro_value_set_null(value) == 0;
    case SCHEMA_BOOLEAN:
        return json_is_boolean(json) && avro_value_set_boolean(value, json_is_true(json)) == 0;
    default:
        break;
    }
    if (!json_is_string(json))
        return false;

    size_t size = json_string_length(json);
    const char *text = oracle_text(json_string_value(json), &size);

    return oracle_is(json, 'S') ? oracle_encode_text(type, text, size, value)
                                : oracle_encode_number(type, text, size, value);
}

/* What the rules make of the text; out is appended to if it is taken. */
static inline enum oracle_verdict oracle_run(const struct schema *schema, avro_value_iface_t *class,
                                             bool keep, const uint8_t *json, size_t size,
                                             struct buffer *out)
{
    struct buffer marked = {0}, places = {0};
    struct oracle oracle = {
        .tries = ORACLE_TRIES_MAX, .keep = keep, .json = json, .places = &places};
    enum oracle_verdict verdict = ORACLE_REFUSED;
    json_error_t error;
    avro_value_t value = {0};

    oracle_mark(json, size, &marked, &places);
    json_t *tree =
        json_loadb(buffer_text(&marked), marked.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (tree == NULL && json_error_code(&error) == json_error_null_byte_in_key)
        verdict = ORACLE_SILENT;
    /* JSON has no zero byte anywhere; Jansson passes over some of them. */
    if (tree != NULL && memchr(json, 0, size) == NULL && oracle_walk(tree, 0)) {
        avro_generic_value_new(class, &value);
        if (oracle_encode(&oracle, schema->root, tree, &value)) {
            avro_random_write(&value, out);
            verdict = ORACLE_TAKEN;
        }
        avro_value_decref(&value);
        if (oracle.tries == 0)
            verdict = ORACLE_SILENT; /* The rules' own limit is another one. */
    }
    json_decref(tree);
    buffer_fini(&marked);
    buffer_fini(&places);
    return verdict;
}

/* NOLINTEND(clang-analyzer-core.*) */

#endif
