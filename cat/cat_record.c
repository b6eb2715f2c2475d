/* SPDX-License-Identifier: Apache-2.0 */
#include "cat/cat_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/provenance.h"

/* --- Bytes --- */

static json_t *hex_of(const uint8_t *bytes, size_t size)
{
    struct buffer text = {0};

    for (size_t i = 0; i < size; i++)
        buffer_appendf(&text, "%02x", bytes[i]);
    json_t *json = json_pack("{s:s}", "hex", buffer_text(&text));
    buffer_fini(&text);
    return json;
}

static json_t *text_of(const void *bytes, size_t size)
{
    json_t *text = codec_is_utf8(bytes, size) ? json_stringn(bytes, size) : NULL;

    return text != NULL ? text : hex_of(bytes, size);
}

json_t *cat_bytes(const void *bytes, size_t size)
{
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);

    return json != NULL ? json : text_of(bytes, size);
}

/* --- Our headers --- */

static json_t *place(int32_t partition, int64_t offset)
{
    return json_sprintf("%d:%lld", (int)partition, (long long)offset);
}

static json_t *source_json(const void *text, size_t size)
{
    struct provenance_source source;

    if (!provenance_parse_source(text, size, &source))
        return NULL;
    json_t *json =
        json_pack("{s:s%, s:s%, s:I}", "subscription", source.subscription,
                  source.subscription_size, "message_id", source.message_id, source.message_id_size,
                  "publish_time_us", (json_int_t)source.publish_time_us);
    if (source.attempt > 0)
        json_object_set_new(json, "attempt", json_integer(source.attempt));
    return json;
}

static json_t *replay_json(const void *text, size_t size)
{
    struct provenance_replay replay;

    if (!provenance_parse_replay(text, size, &replay))
        return NULL;
    return json_pack("{s:o, s:i}", "from", place(replay.partition, replay.offset), "attempt",
                     (int)replay.attempt);
}

static json_t *join_json(const void *text, size_t size)
{
    struct provenance_join join;
    char sample[2 * sizeof join.sample_id + 1];

    if (!provenance_parse_join(text, size, &join))
        return NULL;
    for (size_t i = 0; i < sizeof join.sample_id; i++)
        snprintf(sample + 2 * i, 3, "%02x", join.sample_id[i]);
    return json_pack("{s:s, s:o, s:I, s:b}", "sample", sample, "from",
                     place(join.partition, join.offset), "watermark_ms",
                     (json_int_t)join.watermark_ms, "final", (int)join.final);
}

static json_t *late_json(const void *text, size_t size)
{
    struct provenance_late late;

    if (!provenance_parse_late(text, size, &late))
        return NULL;
    return json_pack("{s:s%, s:o, s:I, s:I, s:s}", "input", late.input, late.input_size, "from",
                     place(late.partition, late.offset), "time_ms", (json_int_t)late.time_ms,
                     "watermark_ms", (json_int_t)late.watermark_ms, "outcome",
                     late.outcome == LATE_ADMITTED ? "admitted" : "dropped");
}

static const struct {
    const char *header, *member;
    json_t *(*read)(const void *text, size_t size);
} known_headers[] = {
    {HEADER_SOURCE, "source", source_json}, {HEADER_ORDERING_KEY, "ordering_key", text_of},
    {HEADER_REASON, "reason", text_of},     {HEADER_REPLAY, "replay", replay_json},
    {HEADER_JOIN, "join", join_json},       {HEADER_LATE, "late", late_json},
};
enum { KNOWN_HEADERS = sizeof known_headers / sizeof *known_headers };

/* A name that comes twice has a list. */
static void add_header(json_t *headers, const char *name, json_t *value)
{
    json_t *before = json_object_get(headers, name);

    if (before == NULL) {
        json_object_set_new(headers, name, value);
        return;
    }
    if (!json_is_array(before)) {
        json_t *list = json_array();
        json_array_append(list, before);
        json_object_set_new(headers, name, list);
        before = list;
    }
    json_array_append_new(before, value);
}

/* Ours go to their members; one that cannot be read stays a header, so that it is seen. */
static void add_headers(json_t *object, const rd_kafka_message_t *record)
{
    rd_kafka_headers_t *list;
    json_t *others = json_object();
    const char *name;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(record, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        list = NULL;
    for (size_t i = 0; list != NULL && rd_kafka_header_get_all(list, i, &name, &value, &size) == 0;
         i++) {
        json_t *read = NULL;

        for (size_t k = 0; k < KNOWN_HEADERS && read == NULL; k++)
            if (strcmp(name, known_headers[k].header) == 0 && value != NULL
                && json_object_get(object, known_headers[k].member) == NULL) {
                read = known_headers[k].read(value, size);
                if (read != NULL)
                    json_object_set_new(object, known_headers[k].member, read);
            }
        if (read == NULL)
            add_header(others, name, value != NULL ? text_of(value, size) : json_null());
    }
    if (json_object_size(others) > 0)
        json_object_set(object, "headers", others);
    json_decref(others);
}

/* --- Values --- */

/* A frame with a schema that is known is Avro; all else is shown as what it looks like. */
static void add_value(json_t *object, const rd_kafka_message_t *record, struct registry *registry)
{
    const uint8_t *bytes = record->payload, *end = bytes + record->len, *data = NULL;
    const struct schema *schema = NULL;
    struct error err;
    int32_t schema_id;

    if (record->payload == NULL) {
        json_object_set_new(object, "value", json_null());
        return;
    }
    if (registry != NULL)
        data = codec_frame(bytes, record->len, &schema_id);
    if (data != NULL) {
        json_object_set_new(object, "schema_id", json_integer(schema_id));
        schema = registry_schema(registry, schema_id, &err);
    }
    json_t *value = schema != NULL ? codec_to_json(schema->root, data, end) : NULL;

    if (data != NULL && schema == NULL)
        json_object_set_new(object, "value_error", json_string(err.text));
    else if (data != NULL && value == NULL)
        json_object_set_new(object, "value_error",
                            json_sprintf("not of schema %d", (int)schema_id));
    json_object_set_new(object, "value",
                        value != NULL ? value : cat_bytes(record->payload, record->len));
}

json_t *cat_record(const rd_kafka_message_t *record, struct registry *registry)
{
    char time[CLOCK_TEXT_SIZE];
    int64_t timestamp_ms = rd_kafka_message_timestamp(record, NULL);
    json_t *object =
        json_pack("{s:s, s:i, s:I}", "topic", rd_kafka_topic_name(record->rkt), "partition",
                  (int)record->partition, "offset", (json_int_t)record->offset);

    if (timestamp_ms >= 0)
        json_object_set_new(object, "timestamp", json_string(clock_format_ms(timestamp_ms, time)));
    json_object_set_new(object, "key",
                        record->key != NULL ? text_of(record->key, record->key_len) : json_null());
    add_headers(object, record);
    add_value(object, record, registry);
    return object;
}

json_t *cat_message(const char *subscription, const struct pubsub_message *message)
{
    char time[CLOCK_TEXT_SIZE];
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:s}", "subscription", subscription, "message_id",
                  message->message_id, "publish_time_us", (json_int_t)message->publish_time_us,
                  "timestamp", clock_format_ms(message->publish_time_us / 1000, time));

    if (message->attempt > 0)
        json_object_set_new(object, "attempt", json_integer(message->attempt));
    if (*message->ordering_key != '\0')
        json_object_set_new(object, "ordering_key", json_string(message->ordering_key));
    if (json_object_size(message->attributes) > 0)
        json_object_set(object, "attributes", message->attributes);
    json_object_set_new(object, "value", cat_bytes(message->data, message->data_size));
    return object;
}
