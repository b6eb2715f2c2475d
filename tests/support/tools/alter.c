/* SPDX-License-Identifier: Apache-2.0 */
#include "alter.h"

#include <assert.h>
#include <string.h>

#include "core/codec.h"

/* One field as it lies in the record. */
struct span {
    const uint8_t *start;
    const uint8_t *content; /* Behind the number of a union's branch. */
    const uint8_t *end;
    struct codec_value value;
};

static const uint8_t *read_span(const struct schema_type *type, const uint8_t *data,
                                const uint8_t *end, struct span *span)
{
    int64_t branch;

    span->start = data;
    span->content = type->kind == SCHEMA_UNION ? codec_get_long(data, end, &branch) : data;
    span->end = codec_get(type, data, end, &span->value);
    return span->end;
}

static bool can_alter(const struct codec_value *value, const void *key, size_t key_size)
{
    switch (value->kind) {
    case SCHEMA_BOOLEAN:
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return true;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        return value->type->logical == LOGICAL_NONE;
    case SCHEMA_ENUM:
        return value->type->symbol_count > 1;
    case SCHEMA_STRING:
        return value->type->logical == LOGICAL_NONE
               && (value->size != key_size || memcmp(value->bytes, key, key_size) != 0);
    default:
        return false;
    }
}

static void put_altered(struct buffer *out, const struct codec_value *value)
{
    struct buffer text = {0};

    switch (value->kind) {
    case SCHEMA_BOOLEAN:
        codec_put_boolean(out, !value->boolean);
        break;
    case SCHEMA_FLOAT:
        codec_put_float(out, (float)value->real + 0.5f);
        break;
    case SCHEMA_DOUBLE:
        codec_put_double(out, value->real + 0.5);
        break;
    case SCHEMA_INT:
    case SCHEMA_LONG: /* Towards zero, so that it cannot overflow. */
        codec_put_long(out, value->integer > 0 ? value->integer - 1 : value->integer + 1);
        break;
    case SCHEMA_ENUM:
        codec_put_long(out, (value->integer + 1) % (int64_t)value->type->symbol_count);
        break;
    case SCHEMA_STRING:
        buffer_append(&text, value->bytes, value->size);
        buffer_append_byte(&text, '~');
        codec_put_bytes(out, text.data, text.size);
        buffer_fini(&text);
        break;
    default:
        assert(false); /* can_alter said yes. */
    }
}

/* How many fields can be altered; finds the one with number `wanted` among them. */
static size_t find(const struct schema_type *type, const uint8_t *data, const uint8_t *end,
                   const void *key, size_t key_size, size_t wanted, struct span *found,
                   const char **name)
{
    size_t count = 0;

    for (size_t i = 0; i < type->field_count; i++) {
        struct span span;
        data = read_span(type->fields[i].type, data, end, &span);
        if (data == NULL)
            return 0;
        if (!can_alter(&span.value, key, key_size))
            continue;
        if (count++ == wanted) {
            *found = span;
            *name = type->fields[i].name;
        }
    }
    return count;
}

bool alter_record(const struct schema *schema, const uint8_t *record, size_t size, const void *key,
                  size_t key_size, uint64_t pick, struct buffer *out, const char **field)
{
    const uint8_t *end = record + size;
    const struct schema_type *type = schema->root;
    struct span span = {0};
    size_t count;

    if (type->kind != SCHEMA_RECORD)
        return false;
    count = find(type, record, end, key, key_size, SIZE_MAX, &span, field);
    if (count == 0)
        return false;
    find(type, record, end, key, key_size, pick % count, &span, field);
    assert(span.content != NULL && span.end != NULL); /* It is one of those that were counted. */
    buffer_append(out, record, (size_t)(span.content - record));
    put_altered(out, &span.value);
    buffer_append(out, span.end, (size_t)(end - span.end));
    return true;
}
