/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro/event: JSON texts by seed that mostly fit a schema, and damage to them.
 */
#ifndef TESTS_SUPPORT_AVRO_EVENT_H
#define TESTS_SUPPORT_AVRO_EVENT_H

#include "core/schema.h"
#include "tests/support/avro/random.h"

static inline void event_value(struct avro_random *random, const struct schema_type *type,
                               unsigned depth, struct buffer *out);

static inline void event_space(struct avro_random *random, struct buffer *out)
{
    static const char *const spaces[] = {" ", "\n", "\t", "\r\n"};

    if (avro_random_below(random, 12) == 0)
        buffer_append_text(out, spaces[avro_random_below(random, 4)]);
}

static inline void event_number(struct avro_random *random, struct buffer *out)
{
    static const char *const odd[] = {"0",
                                      "-0",
                                      "1e3",
                                      "1.0",
                                      "12.50e1",
                                      "2147483648",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "1e-5",
                                      "0.1",
                                      "1E+2",
                                      "123456789012345678901234567890",
                                      "1e400",
                                      "5e-324",
                                      "4.35",
                                      "100000000000000000000e-20",
                                      "16777217",
                                      "999999999.999"};

    switch (avro_random_below(random, 5)) {
    case 0:
        buffer_append_text(out, odd[avro_random_below(random, sizeof odd / sizeof *odd)]);
        break;
    case 1:
        buffer_appendf(out, "%.*g", 1 + (int)avro_random_below(random, 20),
                       (double)avro_random_long(random) / 977.0);
        break;
    case 2:
        buffer_appendf(out, "%lld", (long long)avro_random_long(random));
        break;
    default:
        buffer_appendf(out, "%d", (int)(avro_random_long(random) >> 40));
    }
}

static inline void event_text(struct avro_random *random, struct buffer *out)
{
    static const char *const pieces[] = {"a",
                                         "Z 9 ",
                                         "\\n",
                                         "\\\"",
                                         "\xc3\xa9",
                                         "\\u00e9",
                                         "\xf0\x9f\x98\x80",
                                         "\\ud83d\\ude00",
                                         "\xe2\x82\xac",
                                         "\\/",
                                         "0123456789abcdefgh",
                                         "\\u0000"};

    buffer_append_byte(out, '"');
    for (unsigned i = avro_random_below(random, 12); i > 0; i--)
        buffer_append_text(
            out, pieces[avro_random_below(random, avro_random_below(random, 8) ? 4 : 12)]);
    buffer_append_byte(out, '"');
}

static inline void event_logical_text(struct avro_random *random, const struct schema_type *type,
                                      struct buffer *out)
{
    unsigned a = avro_random_below(random, 62), b = avro_random_below(random, 62);

    switch (type->logical) {
    case LOGICAL_DATE:
        buffer_appendf(out, "\"%04u-%02u-%02u\"", 1890 + 3 * a, 1 + b % 13, 1 + a % 31);
        break;
    case LOGICAL_TIMESTAMP_MILLIS:
    case LOGICAL_TIMESTAMP_MICROS:
        buffer_appendf(out, "\"%04u-%02u-%02uT%02u:%02u:%02u.%0*u%s\"", 1940 + 2 * a, 1 + b % 12,
                       1 + a % 30, b % 25, a, b, 1 + (int)(a % 9), b, a % 3 ? "Z" : "-05:30");
        break;
    case LOGICAL_UUID:
        buffer_appendf(out, "\"%08x-%04x-%04X-%04x-%012llx\"", a * 7777777, b * 999, a * 888,
                       b * 777, (unsigned long long)a * 99999999999ULL);
        break;
    case LOGICAL_DECIMAL:
        buffer_append_byte(out, '"');
        event_number(random, out);
        buffer_append_byte(out, '"');
        break;
    default:
        event_text(random, out);
    }
}

static inline void event_fixed(struct avro_random *random, size_t size, struct buffer *out)
{
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < size; i++)
        buffer_append_text(out, avro_random_below(random, 2) ? "\\u00fe" : "q");
    buffer_append_byte(out, '"');
}

/* Members in the schema's order or turned round, some left out, some that nobody knows. */
static inline void event_record(struct avro_random *random, const struct schema_type *type,
                                unsigned depth, struct buffer *out)
{
    size_t turn = avro_random_below(random, 2) ? 0 : avro_random_below(random, 8);
    bool first = true;

    buffer_append_byte(out, '{');
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[(i + turn) % type->field_count];
        bool nullable = field->default_value != NULL || field->type->kind == SCHEMA_UNION;
        const char *name = field->alias_count > 0 && avro_random_below(random, 3) == 0
                               ? field->aliases[0]
                               : field->name;

        if (nullable && avro_random_below(random, 3) == 0)
            continue;
        if (avro_random_below(random, 30) == 0)
            buffer_appendf(out, "%s\"unknown\":[{\"x\":1},null,\"\\u0041\"]", first ? "" : ",");
        else if (avro_random_below(random, 150) == 0)
            name = type->fields[0].name;
        else
            buffer_append_text(out, first ? "" : ",");
        if (out->data[out->size - 1] == ']')
            buffer_append_byte(out, ',');
        event_space(random, out);
        buffer_appendf(out, "\"%s\"", name);
        event_space(random, out);
        buffer_append_byte(out, ':');
        event_space(random, out);
        event_value(random, field->type, depth + 1, out);
        event_space(random, out);
        first = false;
    }
    buffer_append_byte(out, '}');
}

static inline void event_items(struct avro_random *random, const struct schema_type *type,
                               unsigned depth, struct buffer *out)
{
    unsigned count = depth > 6 ? 0 : avro_random_below(random, 4);

    if (depth < 3 && avro_random_below(random, 25) == 0)
        count = 60 + avro_random_below(random, 30);
    buffer_append_byte(out, type->kind == SCHEMA_ARRAY ? '[' : '{');
    for (unsigned i = 0; i < count; i++) {
        buffer_append_text(out, i > 0 ? "," : "");
        if (type->kind == SCHEMA_MAP)
            buffer_appendf(out, "\"k%u\":", avro_random_below(random, 40) ? i : 0);
        event_value(random, type->items, depth + 1, out);
    }
    buffer_append_byte(out, type->kind == SCHEMA_ARRAY ? ']' : '}');
}

static inline void event_value(struct avro_random *random, const struct schema_type *type,
                               unsigned depth, struct buffer *out)
{
    static const char *const others[] = {"null", "true", "7", "\"x\"", "[]", "{}"};

    if (avro_random_below(random, 400) == 0) {
        buffer_append_text(out, others[avro_random_below(random, 6)]);
        return;
    }
    switch (type->kind) {
    case SCHEMA_NULL:
        buffer_append_text(out, "null");
        break;
    case SCHEMA_BOOLEAN:
        buffer_append_text(out, avro_random_below(random, 2) ? "true" : "false");
        break;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        if (type->logical != LOGICAL_NONE && avro_random_below(random, 2))
            event_logical_text(random, type, out);
        else if (avro_random_below(random, 10) == 0)
            event_number(random, out);
        else
            buffer_appendf(out, "%d", (int)(avro_random_long(random) >> 33));
        break;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        event_number(random, out);
        break;
    case SCHEMA_FIXED:
        if (type->logical != LOGICAL_NONE)
            event_logical_text(random, type, out);
        else
            event_fixed(random, type->fixed_size, out);
        break;
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
        event_logical_text(random, type, out);
        break;
    case SCHEMA_ENUM:
        buffer_appendf(out, "\"%s\"",
                       type->symbols[avro_random_below(random, (unsigned)type->symbol_count)]);
        break;
    case SCHEMA_RECORD:
        event_record(random, type, depth, out);
        break;
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        event_items(random, type, depth, out);
        break;
    case SCHEMA_UNION:
        if (depth > 6)
            buffer_append_text(out, "null");
        else
            event_value(random,
                        type->branches[avro_random_below(random, (unsigned)type->branch_count)],
                        depth + 1, out);
        break;
    }
}

/* A few bytes changed, left out, doubled or moved. */
static inline void event_damage(struct avro_random *random, struct buffer *text)
{
    static const char pieces[] = "{}[]\",:0123456789-+.eE\\u \tntf\xc3\xa9\xff";
    struct buffer piece = {0};

    if (text->size == 0 || text->data == NULL)
        return;

    size_t at = avro_random_below(random, (unsigned)text->size);
    size_t size = 1 + avro_random_below(random, 12);

    if (size > text->size - at)
        size = text->size - at;
    switch (avro_random_below(random, 8)) {
    case 0: /* Leave out. */
        memmove(text->data + at, text->data + at + size, text->size - at - size);
        text->size -= size;
        break;
    case 1: /* Put a copy of another place in. */
        buffer_append(&piece,
                      text->data + avro_random_below(random, (unsigned)(text->size - size + 1)),
                      size);
        buffer_append(&piece, text->data + at, text->size - at);
        text->size = at;
        buffer_append(text, piece.data, piece.size);
        break;
    case 2: /* Cut. */
        text->size = at;
        break;
    case 3: /* Often still the same kind of value. */
    case 4:
        if (text->data[at] >= '0')
            text->data[at] = (uint8_t)('0' + avro_random_below(random, 10));
        break;
    default:
        text->data[at] = (uint8_t)pieces[avro_random_below(random, sizeof pieces - 1)];
    }
    buffer_fini(&piece);
}

#endif
