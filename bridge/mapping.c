/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/mapping.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro.h"
#include "core/codec.h"
#include "core/schema.h"

struct mapping {
    const struct pipeline_stream *stream;
    struct schema *schema;     /* NULL with DECODE_RAW. */
    struct json_avro *program; /* DECODE_JSON */
    int32_t schema_id;
    struct schema_path key_path; /* KEY_FIELD */
    unsigned key_capture;        /* KEY_FIELD with DECODE_JSON */
    struct buffer value;
    struct buffer key;
};

static bool open_key(struct mapping *mapping, struct error *err)
{
    const struct pipeline_stream *stream = mapping->stream;

    if (stream->key_kind != KEY_FIELD)
        return true;
    if (mapping->schema == NULL) {
        error_set(err, EXIT_CODE_CONFIG, "key %s: a raw message has no fields", stream->key);
        return error_hint(err, "use attribute:NAME or ordering_key as key, or decode json");
    }
    if (!schema_path_resolve(&mapping->key_path, mapping->schema, stream->key, err))
        return error_wrap(err, "key");
    if (mapping->program != NULL)
        mapping->key_capture = json_avro_capture(mapping->program, &mapping->key_path);
    return true;
}

static bool open_schema(struct mapping *mapping, struct registry *registry, struct error *err)
{
    const struct pipeline_stream *stream = mapping->stream;
    char subject[300];

    if (stream->decode == DECODE_RAW)
        return true;
    mapping->schema = schema_load(stream->schema_file, err);
    if (mapping->schema == NULL)
        return false;
    if (stream->decode == DECODE_JSON) {
        mapping->program = json_avro_new(mapping->schema, err);
        if (mapping->program == NULL)
            return false;
        if (stream->unknown_fields == UNKNOWN_DEAD_LETTER)
            json_avro_refuse_unknown(mapping->program);
        if (stream->unknown_fields == UNKNOWN_KEEP
            && !json_avro_keep_unknown(mapping->program, err))
            return error_wrap(err, "%s", stream->schema_file);
    }
    snprintf(subject, sizeof subject, "%s-value", stream->topic.name);
    return registry == NULL
           || registry_register(registry, subject, mapping->schema->text, &mapping->schema_id, err);
}

struct mapping *mapping_new(const struct pipeline_stream *stream, struct registry *registry,
                            struct error *err)
{
    struct mapping *mapping = memory_new(sizeof *mapping);

    mapping->stream = stream;
    if (open_schema(mapping, registry, err) && open_key(mapping, err))
        return mapping;
    mapping_free(mapping);
    return NULL;
}

void mapping_free(struct mapping *mapping)
{
    if (mapping == NULL)
        return;
    json_avro_free(mapping->program);
    schema_free(mapping->schema);
    buffer_fini(&mapping->value);
    buffer_fini(&mapping->key);
    free(mapping);
}

static bool misfit(char reason[static MAPPING_REASON_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool misfit(char reason[static MAPPING_REASON_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, MAPPING_REASON_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool map_json(struct mapping *mapping, const struct envelope_message *message,
                     char reason[static MAPPING_REASON_SIZE])
{
    struct json_avro_fault fault;
    struct buffer text = {0};

    buffer_clear(&mapping->value);
    codec_put_frame(&mapping->value, mapping->schema_id);
    if (json_avro_encode(mapping->program, message->data, message->data_size, &mapping->value,
                         &fault))
        return true;
    json_avro_fault_format(&fault, &text);
    misfit(reason, "DECODE: %s", buffer_text(&text));
    buffer_fini(&text);
    return false;
}

static bool map_avro(struct mapping *mapping, const struct envelope_message *message,
                     char reason[static MAPPING_REASON_SIZE])
{
    const struct schema_type *type = mapping->schema->root;
    const uint8_t *end = message->data + message->data_size;
    int32_t id;
    const uint8_t *data = codec_frame(message->data, message->data_size, &id);

    /* Bare Avro may begin like a frame, but hardly like this one with a value of the schema behind. */
    if (data == NULL || id != mapping->schema_id || !codec_check(type, data, end))
        data = message->data;
    if (message->data_size == 0 || !codec_check(type, data, end))
        return misfit(reason, "DECODE: not one Avro value of the stream's schema");
    buffer_clear(&mapping->value);
    codec_put_frame(&mapping->value, mapping->schema_id);
    buffer_append(&mapping->value, data, (size_t)(end - data));
    return true;
}

static bool map_value(struct mapping *mapping, const struct envelope_message *message,
                      struct mapped *mapped, char reason[static MAPPING_REASON_SIZE])
{
    bool fits = true;

    switch (mapping->stream->decode) {
    case DECODE_JSON:
        fits = map_json(mapping, message, reason);
        break;
    case DECODE_AVRO:
        fits = map_avro(mapping, message, reason);
        break;
    case DECODE_RAW:
        mapped->value = message->data;
        mapped->value_size = message->data_size;
        return true;
    }
    mapped->value = mapping->value.data;
    mapped->value_size = mapping->value.size;
    return fits;
}

static bool map_field_key(struct mapping *mapping, struct mapped *mapped,
                          char reason[static MAPPING_REASON_SIZE])
{
    const uint8_t *data = mapping->value.data + CODEC_FRAME_SIZE;
    const uint8_t *end = mapping->value.data + mapping->value.size;
    struct codec_value value;

    if (mapping->program != NULL)
        json_avro_captured(mapping->program, mapping->key_capture, &value);
    else if (!codec_find(&mapping->key_path, data, end, &value))
        value.kind = SCHEMA_NULL;
    buffer_clear(&mapping->key);
    if (!codec_key(&value, &mapping->key))
        return misfit(reason, "KEY: %s is %s", mapping->stream->key, schema_kind_name(value.kind));
    mapped->key = mapping->key.data != NULL ? mapping->key.data : (const void *)"";
    mapped->key_size = mapping->key.size;
    return true;
}

static bool map_attribute_key(const struct mapping *mapping, const struct envelope *envelope,
                              const struct envelope_message *message, struct mapped *mapped,
                              char reason[static MAPPING_REASON_SIZE])
{
    const char *name = mapping->stream->key;
    size_t size = strlen(name);

    for (size_t i = 0; i < message->attribute_count; i++) {
        const struct envelope_attribute *attribute =
            &envelope->attributes[message->attribute_first + i];
        if (attribute->name.size == size && memcmp(attribute->name.data, name, size) == 0) {
            mapped->key = attribute->value.data;
            mapped->key_size = attribute->value.size;
            return true;
        }
    }
    return misfit(reason, "KEY: no attribute %s", name);
}

static bool map_key(struct mapping *mapping, const struct envelope *envelope,
                    const struct envelope_message *message, struct mapped *mapped,
                    char reason[static MAPPING_REASON_SIZE])
{
    switch (mapping->stream->key_kind) {
    case KEY_FIELD:
        return map_field_key(mapping, mapped, reason);
    case KEY_ATTRIBUTE:
        return map_attribute_key(mapping, envelope, message, mapped, reason);
    case KEY_ORDERING_KEY:
        break;
    }
    mapped->key = message->ordering_key.data;
    mapped->key_size = message->ordering_key.size;
    return mapped->key_size > 0 || misfit(reason, "KEY: no ordering key");
}

bool mapping_apply(struct mapping *mapping, const struct envelope *envelope,
                   const struct envelope_message *message, struct mapped *mapped,
                   char reason[static MAPPING_REASON_SIZE])
{
    if (message->data_bad)
        return misfit(reason, "BASE64: data is not Base64");
    return map_value(mapping, message, mapped, reason)
           && map_key(mapping, envelope, message, mapped, reason);
}
