/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "bridge/delivery.h"
#include "core/codec.h"
#include "core/provenance.h"
#include "core/pubsub_peek.h"

enum {
    RECORD_OVERHEAD = 12,  /* Lengths, deltas and counts of one record in a batch of Kafka. */
    HEADER_OVERHEAD = 2,   /* Two lengths. */
    BATCH_OVERHEAD = 61,   /* The header of a batch. */
    BATCH_BYTES = 1000000, /* librdkafka's batch.size. */
    ZSTD_LEVEL = 3,        /* librdkafka's default. */
    AHEAD_MS = 3600000,
};

struct trial {
    struct sample *sample;
    const struct pipeline_stream *stream;
    struct mapping *mapping;
    struct schema *schema; /* NULL: no event time to look at. */
    struct schema_path time_path;
    bool has_time;
    bool compresses;
    struct envelope envelope;
    struct buffer batch, packed;
};

/* --- One message --- */

/* "DECODE: at byte 17, view_id: is missing" -> up to where the place begins. */
static size_t kind_size(const char *reason)
{
    const char *place = strstr(reason, ": at ");

    return place != NULL ? (size_t)(place - reason) : strlen(reason);
}

/* The part behind the place says what is wrong with which field: it belongs to the kind. */
static const char *fault_of(const char *reason)
{
    const char *place = strstr(reason, ": at "), *comma = place != NULL ? strchr(place, ',') : NULL;

    return comma != NULL ? comma : reason;
}

static void count_reason(struct sample *sample, const char *reason)
{
    for (size_t i = 0; i < sample->reason_count; i++) {
        struct sample_reason *known = &sample->reasons[i];

        if (known->kind_size == kind_size(reason)
            && strncmp(known->text, reason, known->kind_size) == 0
            && strcmp(fault_of(known->text), fault_of(reason)) == 0) {
            known->count++;
            return;
        }
    }
    if (sample->reason_count == SAMPLE_REASONS_MAX) {
        sample->other_reasons++;
        return;
    }
    struct sample_reason *fresh = &sample->reasons[sample->reason_count++];

    snprintf(fresh->text, sizeof fresh->text, "%s", reason);
    fresh->kind_size = kind_size(reason);
    fresh->count = 1;
}

static void look_at_time(struct trial *trial, const struct mapped *mapped, int64_t publish_us)
{
    struct sample *sample = trial->sample;
    struct codec_value value;
    int64_t time_ms, ahead_ms;

    if (!trial->has_time)
        return;
    const uint8_t *data = (const uint8_t *)mapped->value + CODEC_FRAME_SIZE;
    const uint8_t *end = (const uint8_t *)mapped->value + mapped->value_size;
    if (!codec_find(&trial->time_path, data, end, &value)
        || !codec_time_ms(&value, (int)trial->stream->event_time_unit, &time_ms)) {
        sample->no_time++;
        return;
    }
    ahead_ms = time_ms - publish_us / 1000;
    if (sample->timed == 0 || ahead_ms < sample->behind_ms_least)
        sample->behind_ms_least = ahead_ms;
    if (sample->timed == 0 || ahead_ms > sample->ahead_ms_most)
        sample->ahead_ms_most = ahead_ms;
    sample->timed++;
    sample->ahead += ahead_ms > AHEAD_MS;
}

static void close_batch(struct trial *trial)
{
    if (trial->batch.size == 0)
        return;
    size_t size = trial->batch.size;

    if (trial->compresses) {
        size_t room = ZSTD_compressBound(size);
        uint8_t *place;

        buffer_clear(&trial->packed);
        place = buffer_reserve(&trial->packed, room);
        size = ZSTD_compress(place, room, trial->batch.data, trial->batch.size, ZSTD_LEVEL);
    }
    trial->sample->stored_bytes += BATCH_OVERHEAD + (int64_t)size;
    buffer_clear(&trial->batch);
}

static void add_header(struct buffer *out, const void *name, size_t name_size, const void *value,
                       size_t size)
{
    static const uint8_t lengths[HEADER_OVERHEAD];

    buffer_append(out, lengths, sizeof lengths);
    buffer_append(out, name, name_size);
    buffer_append(out, value, size);
}

/* What Kafka would hold of it, near enough: the same bytes but for a few lengths. */
static void add_record(struct trial *trial, const struct envelope_message *message,
                       const struct mapped *mapped)
{
    const char *subscription = delivery_subscription(trial->stream);
    const struct provenance_source source = {subscription,
                                             strlen(subscription),
                                             message->message_id.data,
                                             message->message_id.size,
                                             message->publish_time_us,
                                             message->attempt};
    uint8_t overhead[RECORD_OVERHEAD] = {0};
    char text[PROVENANCE_TEXT_SIZE];
    size_t before = trial->batch.size, size = provenance_format_source(&source, text);

    memcpy(overhead, &message->publish_time_us, 2); /* Deltas differ from record to record. */
    buffer_append(&trial->batch, overhead, sizeof overhead);
    buffer_append(&trial->batch, mapped->key, mapped->key_size);
    buffer_append(&trial->batch, mapped->value, mapped->value_size);
    add_header(&trial->batch, HEADER_SOURCE, strlen(HEADER_SOURCE), text, size);
    for (uint32_t i = 0; i < message->attribute_count; i++) {
        const struct envelope_attribute *attribute =
            &trial->envelope.attributes[message->attribute_first + i];
        add_header(&trial->batch, attribute->name.data, attribute->name.size, attribute->value.data,
                   attribute->value.size);
    }
    trial->sample->record_bytes += (int64_t)(trial->batch.size - before);
    if (trial->batch.size >= BATCH_BYTES)
        close_batch(trial);
}

/* As the bridge's own parser would give it. */
static struct envelope_message message_of(struct trial *trial, const struct pubsub_message *pulled)
{
    struct envelope *envelope = &trial->envelope;
    size_t count = json_object_size(pulled->attributes);
    const char *name;
    json_t *value;

    if (count > envelope->attribute_capacity) {
        envelope->attribute_capacity = count;
        envelope->attributes =
            memory_resize(envelope->attributes, count * sizeof *envelope->attributes);
    }
    envelope->attribute_count = 0;
    json_object_foreach(pulled->attributes, name, value)
        envelope->attributes[envelope->attribute_count++] = (struct envelope_attribute){
        {name, strlen(name)}, {json_string_value(value), json_string_length(value)}};
    return (struct envelope_message){
        .message_id = {pulled->message_id, strlen(pulled->message_id)},
        .ordering_key = {pulled->ordering_key, strlen(pulled->ordering_key)},
        .publish_time_us = pulled->publish_time_us,
        .attempt = pulled->attempt,
        .attribute_count = (uint32_t)envelope->attribute_count,
        .data = pulled->data,
        .data_size = pulled->data_size,
    };
}

static int64_t published_size(const struct envelope *envelope,
                              const struct envelope_message *message)
{
    int64_t size = (int64_t)(message->data_size + message->ordering_key.size);

    for (size_t i = 0; i < message->attribute_count; i++)
        size += (int64_t)(envelope->attributes[i].name.size + envelope->attributes[i].value.size);
    return size;
}

static bool try_message(void *context, const struct pubsub_message *pulled, struct error *err)
{
    struct trial *trial = context;
    struct sample *sample = trial->sample;
    struct envelope_message message = message_of(trial, pulled);
    int64_t size = published_size(&trial->envelope, &message);
    char reason[MAPPING_REASON_SIZE];
    struct mapped mapped;

    (void)err;
    sample->first_us = sample->messages == 0 || message.publish_time_us < sample->first_us
                           ? message.publish_time_us
                           : sample->first_us;
    sample->last_us = sample->messages == 0 || message.publish_time_us > sample->last_us
                          ? message.publish_time_us
                          : sample->last_us;
    sample->messages++;
    sample->published_bytes += size;
    sample->largest_bytes = size > sample->largest_bytes ? size : sample->largest_bytes;
    if (!mapping_apply(trial->mapping, &trial->envelope, &message, &mapped, reason)) {
        count_reason(sample, reason);
        return true;
    }
    sample->fit++;
    sample->fitting_published_bytes += size;
    look_at_time(trial, &mapped, message.publish_time_us);
    add_record(trial, &message, &mapped);
    return true;
}

/* --- All of them --- */

static bool open_trial(struct trial *trial, struct error *err)
{
    const struct pipeline_stream *stream = trial->stream;

    trial->mapping = mapping_new(stream, NULL, err);
    if (trial->mapping == NULL)
        return false;
    if (stream->schema_file == NULL || stream->event_time_field == NULL)
        return true;
    trial->schema = schema_load(stream->schema_file, err);
    if (trial->schema == NULL)
        return false;
    trial->has_time =
        schema_path_resolve(&trial->time_path, trial->schema, stream->event_time_field, err);
    return trial->has_time || error_wrap(err, "event_time");
}

bool sample_take(struct sample *sample, struct pubsub *pubsub, const struct pipeline *pipeline,
                 const struct pipeline_stream *stream, int64_t most, struct error *err)
{
    struct trial trial = {.sample = sample,
                          .stream = stream,
                          .compresses = strcmp(pipeline->kafka.compression, "none") != 0};

    *sample = (struct sample){0};
    bool ok = open_trial(&trial, err)
              && pubsub_peek(pubsub, stream->subscription, most, try_message, &trial, err);

    close_batch(&trial);
    mapping_free(trial.mapping);
    schema_free(trial.schema);
    envelope_fini(&trial.envelope);
    buffer_fini(&trial.batch);
    buffer_fini(&trial.packed);
    return ok;
}

double sample_rate(const struct sample *sample)
{
    int64_t span_us = sample->last_us - sample->first_us;

    return sample->messages > 1 && span_us >= 1000000
               ? (double)(sample->messages - 1) * 1e6 / (double)span_us
               : 0;
}
