/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One topic record against its message: payload, envelope, then key and partition.
 */
#include <string.h>

#include "core/codec.h"
#include "core/hash.h"
#include "validator/bridge_rows.h"
#include "validator/json_match.h"

static void add_field(json_t **fields, const char *name, json_t *expected, json_t *found)
{
    if (*fields == NULL)
        *fields = json_array();
    json_array_append_new(*fields, result_field(name, expected, found));
}

static void compare_bytes(json_t **fields, const char *name, const void *expected,
                          size_t expected_size, const void *found, size_t found_size)
{
    if (expected_size == found_size
        && (found_size == 0 || memcmp(expected, found, found_size) == 0))
        return;
    add_field(fields, name, result_bytes(expected, expected_size), result_bytes(found, found_size));
}

static bool compare_payload(struct bridge_compare *c, const struct bridge_row *audit,
                            const struct bridge_row *found, json_t **fields,
                            const struct schema **schema, struct error *err)
{
    int32_t id;

    *schema = NULL;
    if (c->stream->decode == DECODE_RAW) {
        compare_bytes(fields, "@value", audit->value, audit->head.value_size, found->value,
                      found->head.value_size);
        return true;
    }
    const uint8_t *avro =
        found->value != NULL ? codec_frame(found->value, found->head.value_size, &id) : NULL;
    if (avro == NULL) {
        add_field(fields, "@value", result_bytes(audit->value, audit->head.value_size),
                  json_string("(no schema frame)"));
        c->result->counts.undecoded++;
        return true;
    }
    *schema = registry_schema(c->registry, id, err);
    if (*schema == NULL)
        return error_wrap(err, "topic %s", c->stream->topic.name);
    size_t size = found->head.value_size - CODEC_FRAME_SIZE;
    if (c->stream->decode == DECODE_AVRO) {
        int32_t published;
        const uint8_t *bare = codec_frame(audit->value, audit->head.value_size, &published);
        size_t frame = bare != NULL && published == id ? CODEC_FRAME_SIZE : 0;
        compare_bytes(fields, "@value", audit->value + frame, audit->head.value_size - frame, avro,
                      size);
        return true;
    }
    *fields = json_match(*schema, c->stream->unknown_fields == UNKNOWN_KEEP, audit->value,
                         audit->head.value_size, avro, size);
    return true;
}

static void compare_envelope(const struct bridge_row *audit, const struct bridge_row *found,
                             json_t **fields)
{
    int64_t publish_ms = audit->head.publish_time_us / 1000;

    compare_bytes(fields, "@attributes", audit->attributes, audit->head.attributes_size,
                  found->attributes, found->head.attributes_size);
    compare_bytes(fields, "@ordering_key", audit->ordering_key, audit->head.ordering_key_size,
                  found->ordering_key, found->head.ordering_key_size);
    if (audit->head.publish_time_us != found->head.publish_time_us)
        add_field(fields, "@publish_time_us", json_integer(audit->head.publish_time_us),
                  json_integer(found->head.publish_time_us));
    if (publish_ms != found->head.timestamp_ms)
        add_field(fields, "@timestamp_ms", json_integer(publish_ms),
                  json_integer(found->head.timestamp_ms));
}

static bool key_from_attribute(const char *name, const struct bridge_row *audit, struct buffer *key)
{
    json_t *attributes = json_loadb(audit->attributes, audit->head.attributes_size, 0, NULL);
    const json_t *value = json_object_get(attributes, name);

    if (value != NULL)
        buffer_append(key, json_string_value(value), json_string_length(value));
    json_decref(attributes);
    return value != NULL;
}

/* The value is proved to be as published, so the key may be taken from it. */
static bool expected_key(const struct bridge_compare *c, const struct bridge_row *audit,
                         const struct bridge_row *found, const struct schema *schema,
                         struct buffer *key)
{
    const uint8_t *end = found->value + found->head.value_size;
    struct schema_path path;
    struct codec_value value;
    struct error ignored;

    buffer_clear(key);
    if (c->stream->key_kind == KEY_ATTRIBUTE)
        return key_from_attribute(c->stream->key, audit, key);
    if (c->stream->key_kind == KEY_ORDERING_KEY) {
        buffer_append(key, audit->ordering_key, audit->head.ordering_key_size);
        return audit->head.ordering_key_size > 0;
    }
    return schema != NULL && schema_path_resolve(&path, schema, c->stream->key, &ignored)
           && codec_find(&path, found->value + CODEC_FRAME_SIZE, end, &value)
           && codec_key(&value, key);
}

static enum difference_kind compare_place(struct bridge_compare *c, const struct bridge_row *audit,
                                          const struct bridge_row *found,
                                          const struct schema *schema, json_t **fields)
{
    bool has_key = expected_key(c, audit, found, schema, &c->scratch);

    if (has_key) {
        compare_bytes(fields, "@key", c->scratch.data, c->scratch.size, found->key,
                      found->head.key_size);
        if (*fields != NULL)
            return DIFFERENCE_WRONG_KEY;
    }
    if (!found->head.has_key)
        return DIFFERENCE_ALTERED;
    int32_t partition = hash_partition(found->key, found->head.key_size, c->partition_count);
    if (partition != found->partition)
        add_field(fields, "@partition", json_integer(partition), json_integer(found->partition));
    return DIFFERENCE_WRONG_PARTITION;
}

bool bridge_match(struct bridge_compare *c, const struct bridge_row *audit,
                  const struct bridge_row *found, enum difference_kind *kind, json_t **fields,
                  struct error *err)
{
    const struct schema *schema;

    *fields = NULL;
    *kind = DIFFERENCE_ALTERED;
    if (!compare_payload(c, audit, found, fields, &schema, err))
        return false;
    compare_envelope(audit, found, fields);
    if (*fields == NULL)
        *kind = compare_place(c, audit, found, schema, fields);
    return true;
}
