/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/kafka.h"
#include "core/provenance.h"

struct record_plan {
    int32_t schema_id;
    const struct schema *schema; /* The registry's. */
    struct schema_path key, time, id;
    char fault[RECORD_REASON_SIZE]; /* Not empty: no record of this schema fits. */
};

const struct pipeline_stream *record_stream(const struct pipeline_join *join, uint32_t input)
{
    return input == ROW_PRIMARY ? join->primary : join->secondaries[input - 1].stream;
}

const char *record_key_path(const struct pipeline_join *join, uint32_t input)
{
    return input == ROW_PRIMARY ? join->primary_key : join->secondaries[input - 1].key;
}

void record_reader_init(struct record_reader *reader, const struct pipeline_join *join,
                        uint32_t input, struct registry *registry)
{
    *reader = (struct record_reader){
        .stream = record_stream(join, input),
        .key_path = record_key_path(join, input),
        .input = input,
        .max_ahead_ms = join->max_ahead_ms,
        .registry = registry,
    };
}

void record_reader_fini(struct record_reader *reader)
{
    for (size_t i = 0; i < reader->plan_count; i++)
        free(reader->plans[i]);
    free(reader->plans);
    buffer_fini(&reader->key);
    buffer_fini(&reader->id);
    *reader = (struct record_reader){0};
}

static enum record_result dead(char reason[static RECORD_REASON_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum record_result dead(char reason[static RECORD_REASON_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, RECORD_REASON_SIZE, format, arguments);
    va_end(arguments);
    return RECORD_DEAD;
}

static void resolve(struct record_plan *plan, struct schema_path *path, const char *text)
{
    struct error err;

    if (text != NULL && plan->fault[0] == '\0'
        && !schema_path_resolve(path, plan->schema, text, &err))
        dead(plan->fault, "SCHEMA: schema %" PRId32 ": %.200s", plan->schema_id, err.text);
}

/*
 * NULL if the registry cannot be asked or does not have the schema. That is no fault of the record: it may be registered
 * a moment later, and a replay must judge as the first reading did.
 */
static struct record_plan *plan_new(struct record_reader *reader, int32_t schema_id,
                                    struct error *err)
{
    struct record_plan *plan = memory_new(sizeof *plan);

    plan->schema_id = schema_id;
    plan->schema = registry_schema(reader->registry, schema_id, err);
    if (plan->schema == NULL) {
        free(plan);
        return NULL;
    }
    resolve(plan, &plan->key, reader->key_path);
    resolve(plan, &plan->time, reader->stream->event_time_field);
    resolve(plan, &plan->id, reader->stream->event_id_field);
    reader->plans =
        memory_resize(reader->plans, (reader->plan_count + 1) * sizeof(struct record_plan *));
    reader->plans[reader->plan_count++] = plan;
    return plan;
}

static struct record_plan *find_plan(struct record_reader *reader, int32_t schema_id,
                                     struct error *err)
{
    for (size_t i = 0; i < reader->plan_count; i++)
        if (reader->plans[i]->schema_id == schema_id)
            return reader->plans[i];
    return plan_new(reader, schema_id, err);
}

/* "/NUMBER"; printf would cost more than the rest of the record. */
static void put_number(struct buffer *out, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = (uint64_t)number;

    assert(number >= 0);
    do
        digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    buffer_append_byte(out, '/');
    buffer_append(out, digits + at, sizeof digits - at);
}

/* The event id: a field, else the Pub/Sub message id, else the record's own position. */
static bool read_id(struct record_reader *reader, const struct record_plan *plan,
                    const rd_kafka_message_t *message, const uint8_t *data, const uint8_t *end)
{
    struct provenance_source source;
    struct codec_value value;
    const void *text;
    size_t size;

    if (reader->stream->event_id_field != NULL)
        return codec_find(&plan->id, data, end, &value) && codec_key(&value, &reader->id);
    if (kafka_header(message, HEADER_SOURCE, &text, &size)
        && provenance_parse_source(text, size, &source)) {
        buffer_append(&reader->id, source.message_id, source.message_id_size);
        return true;
    }
    buffer_append_text(&reader->id, reader->stream->topic.name);
    put_number(&reader->id, message->partition);
    put_number(&reader->id, message->offset);
    return true;
}

static enum record_result read_time(struct record_reader *reader, const struct record_plan *plan,
                                    const rd_kafka_message_t *message, const uint8_t *data,
                                    const uint8_t *end, int64_t *time_ms, char *reason)
{
    const char *field = reader->stream->event_time_field;
    int64_t stamp_ms = rd_kafka_message_timestamp(message, NULL);
    struct codec_value value;

    *time_ms = stamp_ms;
    if (field != NULL
        && (!codec_find(&plan->time, data, end, &value)
            || !codec_time_ms(&value, (int)reader->stream->event_time_unit, time_ms)))
        return dead(reason, "TIME: %s is no time", field);
    if (*time_ms < -ROW_TIME_MAX || *time_ms > ROW_TIME_MAX || stamp_ms < 0)
        return dead(reason, "TIME: the event time is out of range");
    if (*time_ms - stamp_ms > reader->max_ahead_ms)
        return dead(reason,
                    "AHEAD: the event time is %" PRId64 " ms past the record's own, the limit is "
                    "%" PRId64 " ms",
                    *time_ms - stamp_ms, reader->max_ahead_ms);
    return RECORD_OK;
}

enum record_result record_read(struct record_reader *reader, const rd_kafka_message_t *message,
                               struct row *row, char reason[static RECORD_REASON_SIZE],
                               struct error *err)
{
    const uint8_t *value = message->payload, *end = value + message->len;
    struct codec_value key;
    int32_t schema_id;
    const uint8_t *data = codec_frame(value, message->len, &schema_id);

    if (data == NULL)
        return dead(reason, "DECODE: not in Confluent's wire format");

    struct record_plan *plan = find_plan(reader, schema_id, err);

    if (plan == NULL) {
        error_wrap(err, "topic %s partition %" PRId32 " offset %" PRId64,
                   reader->stream->topic.name, message->partition, message->offset);
        error_hint(err, "make schema %" PRId32 " known to the registry, then start again",
                   schema_id);
        return RECORD_FAILED;
    }
    if (plan->fault[0] != '\0')
        return dead(reason, "%s", plan->fault);
    if (!codec_check(plan->schema->root, data, end))
        return dead(reason, "DECODE: not one Avro value of schema %" PRId32, schema_id);
    buffer_clear(&reader->key);
    buffer_clear(&reader->id);
    if (!codec_find(&plan->key, data, end, &key) || !codec_key(&key, &reader->key))
        return dead(reason, "KEY: %s has no value", reader->key_path);
    if (!read_id(reader, plan, message, data, end))
        return dead(reason, "ID: %s has no value", reader->stream->event_id_field);
    *row = (struct row){
        .input = reader->input,
        .offset = message->offset,
        .key = reader->key.data,
        .key_size = reader->key.size,
        .id = reader->id.data,
        .id_size = reader->id.size,
        .value = value,
        .value_size = message->len,
    };
    return read_time(reader, plan, message, data, end, &row->time_ms, reason);
}
