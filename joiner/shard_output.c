/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard writes: labels, late records, dead letters. */
#include <inttypes.h>
#include <string.h>

#include "core/hash.h"
#include "core/kafka.h"
#include "core/provenance.h"
#include "joiner/shard_parts.h"

static bool send_record(struct shard *shard, const char *topic, const struct emitter_record *record,
                        struct error *err)
{
    if (emitter_send(shard->context->emitter, topic, record, err))
        return true;
    shard->context->emitter_failed = true;
    return false;
}

bool shard_emit_label(void *context, const struct row *primary, const struct row *matches,
                      size_t match_count, int64_t watermark_ms, bool final, struct error *err)
{
    struct shard *shard = context;
    const struct pipeline_join *join = shard->context->join;
    char header[PROVENANCE_TEXT_SIZE];
    struct provenance_join provenance = {.partition = shard->partition,
                                         .offset = primary->offset,
                                         .watermark_ms = watermark_ms,
                                         .final = final};

    buffer_clear(&shard->key);
    buffer_clear(&shard->value);
    if (!label_encode(shard->context->label, primary, matches, match_count, final, &shard->key,
                      &shard->value, err))
        return false;
    hash_sample_id(join->name, primary->key, primary->key_size, primary->id, primary->id_size,
                   provenance.sample_id);
    shard_count(shard, final ? SHARD_join_labels_total : SHARD_join_early_total, 1);
    if (final)
        shard_count(shard, SHARD_join_matches_total, (int64_t)match_count);
    return send_record(shard, join->output.name,
                       &(struct emitter_record){
                           .partition = shard->partition,
                           .key = shard->key.data,
                           .key_size = shard->key.size,
                           .value = shard->value.data,
                           .value_size = shard->value.size,
                           .timestamp_ms = primary->time_ms < 0 ? 0 : primary->time_ms,
                           .header = HEADER_JOIN,
                           .header_value = header,
                           .header_size = provenance_format_join(&provenance, header),
                       },
                       err);
}

static struct emitter_record copy_of(const rd_kafka_message_t *message)
{
    struct emitter_record record = {
        .key = message->key,
        .key_size = message->key_len,
        .value = message->payload,
        .value_size = message->len,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
    };

    rd_kafka_message_headers(message, &record.headers);
    return record;
}

bool shard_send_late(struct shard *shard, const rd_kafka_message_t *message, const struct row *row,
                     const struct task_verdict *verdict, struct error *err)
{
    const struct pipeline_join *join = shard->context->join;
    const struct pipeline_stream *stream = record_stream(join, row->input);
    char header[PROVENANCE_TEXT_SIZE];
    struct provenance_late late = {
        .input = stream->name,
        .input_size = strlen(stream->name),
        .partition = message->partition,
        .offset = message->offset,
        .time_ms = row->time_ms,
        .watermark_ms = verdict->watermark_ms,
        .outcome = verdict->admitted ? LATE_ADMITTED : LATE_DROPPED,
    };
    struct emitter_record record = copy_of(message);

    shard_count(shard,
                verdict->admitted ? SHARD_join_late_admitted_total : SHARD_join_late_dropped_total,
                1);
    if (join->late_topic == NULL)
        return true;
    record.partition = shard->partition;
    record.header = HEADER_LATE;
    record.header_value = header;
    record.header_size = provenance_format_late(&late, header);
    return send_record(shard, join->late_topic, &record, err);
}

bool shard_send_dead(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                     const char *reason, struct error *err)
{
    const struct pipeline_stream *stream = record_stream(shard->context->join, input);
    struct emitter_record record = copy_of(message);

    shard_count(shard, SHARD_join_dead_letters_total, 1);
    if (stream->dead_letter == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "topic %s partition %" PRId32 " offset %" PRId64 ": %s",
                  stream->topic.name, message->partition, message->offset, reason);
        return error_hint(err, "give stream %s a dead_letter topic, so that such records go there",
                          stream->name);
    }
    record.partition = RD_KAFKA_PARTITION_UA;
    record.header = HEADER_REASON;
    record.header_value = reason;
    record.header_size = strlen(reason);
    return send_record(shard, stream->dead_letter, &record, err);
}
