/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic: all committed records of a topic, from its beginning, for the test tools.
 *
 * Reads every partition without a consumer group's help. Owned by one thread.
 */
#ifndef TOOLS_TOPIC_H
#define TOOLS_TOPIC_H

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "core/registry.h"

/* Brokers and schemas (a directory or a URL; NULL: none) as the core takes them. Borrows the texts. */
void topic_kafka_init(struct pipeline_kafka *kafka, const char *brokers, const char *schemas);

struct topic_reader {
    rd_kafka_t *consumer;
    int32_t partition_count;
    int32_t end_count; /* Partitions that are at their end now. */
    bool *at_end;
};

/* Waits up to wait_ms for the topic to exist. */
bool topic_reader_open(struct topic_reader *reader, const struct pipeline_kafka *kafka,
                       const char *topic, int64_t wait_ms, struct error *err);
void topic_reader_close(struct topic_reader *reader);
/* The next record, the caller's to destroy; NULL with err->text empty if there is none now. */
rd_kafka_message_t *topic_reader_next(struct topic_reader *reader, int timeout_ms,
                                      struct error *err);
bool topic_reader_at_end(const struct topic_reader *reader);

/* A JSON string of text; NULL if the bytes are no UTF-8. */
json_t *topic_text(const void *data, size_t size);
/* A JSON string of the bytes in Base64. */
json_t *topic_base64(const void *data, size_t size);
/* The record behind its frame as JSON; NULL if there is no frame or the schema does not fit. */
json_t *topic_decode(struct registry *registry, const void *data, size_t size);
/* Headers as one object; of two with one name the last is taken. */
json_t *topic_headers(const rd_kafka_message_t *message);

#endif
