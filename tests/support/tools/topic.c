/* SPDX-License-Identifier: Apache-2.0 */
#include "topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "append.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/kafka.h"
#include "core/process.h"

enum { WAIT_STEP_MS = 200 };

void topic_kafka_init(struct pipeline_kafka *kafka, const char *brokers, const char *schemas)
{
    static char zstd[] = "zstd";
    bool url = schemas != NULL
               && (strncmp(schemas, "http://", 7) == 0 || strncmp(schemas, "https://", 8) == 0);

    /* The pipeline owns its texts and so may not say const; nobody writes to them. */
    *kafka = (struct pipeline_kafka){
        .brokers = (char *)brokers,
        .registry_url = url ? (char *)schemas : NULL,
        .registry_directory = url ? NULL : (char *)schemas,
        .compression = zstd,
    };
}

static bool wait_for_topic(struct topic_reader *reader, const char *topic, int64_t wait_ms,
                           struct error *err)
{
    int64_t end_us = clock_monotonic_us(clock_real()) + wait_ms * 1000;

    while (!kafka_topic_partitions(reader->consumer, topic, &reader->partition_count, err)) {
        if (process_stopping() || clock_monotonic_us(clock_real()) >= end_us)
            return false;
        usleep(WAIT_STEP_MS * 1000);
    }
    return true;
}

static bool assign_all(struct topic_reader *reader, const char *topic, struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(reader->partition_count);
    rd_kafka_resp_err_t code;

    for (int32_t i = 0; i < reader->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    code = rd_kafka_assign(reader->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, topic);
}

bool topic_reader_open(struct topic_reader *reader, const struct pipeline_kafka *kafka,
                       const char *topic, int64_t wait_ms, struct error *err)
{
    char group[64]; /* librdkafka wants one; nothing is ever committed to it. */
    const char *const settings[] = {"group.id",
                                    group,
                                    "enable.partition.eof",
                                    "true",
                                    "enable.auto.commit",
                                    "false",
                                    "isolation.level",
                                    "read_committed",
                                    "auto.offset.reset",
                                    "earliest",
                                    NULL};
    rd_kafka_conf_t *conf;

    *reader = (struct topic_reader){0};
    snprintf(group, sizeof group, "topic-reader-%ld", (long)getpid());
    conf = kafka_conf(kafka, "topic-reader", settings, err);
    if (conf == NULL)
        return false;
    reader->consumer = kafka_consumer(conf, err);
    if (reader->consumer == NULL)
        return false;
    if (!wait_for_topic(reader, topic, wait_ms, err) || !assign_all(reader, topic, err)) {
        topic_reader_close(reader);
        return false;
    }
    reader->at_end = memory_array((size_t)reader->partition_count, sizeof *reader->at_end);
    return true;
}

void topic_reader_close(struct topic_reader *reader)
{
    if (reader->consumer != NULL) {
        rd_kafka_consumer_close(reader->consumer);
        rd_kafka_destroy(reader->consumer);
    }
    free(reader->at_end);
    *reader = (struct topic_reader){0};
}

static void set_end(struct topic_reader *reader, int32_t partition, bool at_end)
{
    if (reader->at_end[partition] != at_end)
        reader->end_count += at_end ? 1 : -1;
    reader->at_end[partition] = at_end;
}

rd_kafka_message_t *topic_reader_next(struct topic_reader *reader, int timeout_ms,
                                      struct error *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->consumer, timeout_ms);

    err->text[0] = '\0';
    if (message == NULL)
        return NULL;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        set_end(reader, message->partition, false);
        return message;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        set_end(reader, message->partition, true);
    else if (message->rkt != NULL) /* Of this partition; the others are retried by librdkafka. */
        kafka_fail(err, message->err, rd_kafka_topic_name(message->rkt));
    rd_kafka_message_destroy(message);
    return NULL;
}

bool topic_reader_at_end(const struct topic_reader *reader)
{
    return reader->end_count == reader->partition_count;
}

json_t *topic_text(const void *data, size_t size)
{
    return json_stringn(size == 0 ? "" : data, size);
}

json_t *topic_base64(const void *data, size_t size)
{
    struct buffer text = {0};
    json_t *json;

    append_base64(&text, data, size);
    json = json_string(buffer_text(&text));
    buffer_fini(&text);
    return json;
}

json_t *topic_decode(struct registry *registry, const void *data, size_t size)
{
    const uint8_t *end = (const uint8_t *)data + size;
    struct error err;
    int32_t id;
    const uint8_t *record;
    const struct schema *schema;

    if (registry == NULL || size == 0)
        return NULL;
    record = codec_frame(data, size, &id);
    schema = record == NULL ? NULL : registry_schema(registry, id, &err);
    return schema == NULL ? NULL : codec_to_json(schema->root, record, end);
}

json_t *topic_headers(const rd_kafka_message_t *message)
{
    json_t *json = json_object();
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return json;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        json_t *text = value == NULL ? json_null() : topic_text(value, size);
        json_object_set_new(json, name, text != NULL ? text : topic_base64(value, size));
    }
    return json;
}
