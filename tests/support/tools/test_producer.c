/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test-producer: Avro records for the tests of the tools.
 *
 *     test-producer BROKERS TOPIC FIRST COUNT SCHEMAS      keys "view-FIRST", ...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/kafka.h"
#include "core/provenance.h"
#include "core/registry.h"
#include "topic.h"

enum { PARTITIONS = 4, FLUSH_MS = 30000 };

static const char schema_text[] = "{\"type\":\"record\",\"name\":\"View\",\"fields\":["
                                  "{\"name\":\"view_id\",\"type\":\"string\"},"
                                  "{\"name\":\"liked\",\"type\":\"boolean\"},"
                                  "{\"name\":\"shares\",\"type\":\"long\"},"
                                  "{\"name\":\"kind\",\"type\":[\"null\",\"string\"]}]}";

static bool produce_one(rd_kafka_t *producer, const char *topic, int32_t schema_id, long number,
                        struct error *err)
{
    struct buffer value = {0};
    char header[PROVENANCE_TEXT_SIZE], key[32], id[32];
    struct provenance_source source = {.subscription = "s", .subscription_size = 1};
    rd_kafka_resp_err_t code;

    int key_size = snprintf(key, sizeof key, "view-%ld", number);
    source.message_id = id;
    source.message_id_size = (size_t)snprintf(id, sizeof id, "%ld", 1000000 + number);
    source.publish_time_us = 1763717400000000 + number;
    size_t header_size = provenance_format_source(&source, header);
    codec_put_frame(&value, schema_id);
    codec_put_bytes(&value, key, (size_t)key_size);
    codec_put_boolean(&value, number % 3 == 0);
    codec_put_long(&value, number % 5);
    codec_put_long(&value, number % 2);
    if (number % 2 == 1)
        codec_put_bytes(&value, "click", 5);
    do {
        code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, (size_t)key_size),
            RD_KAFKA_V_VALUE(value.data, value.size), RD_KAFKA_V_TIMESTAMP(1763717400000 + number),
            RD_KAFKA_V_HEADER(HEADER_SOURCE, header, (ssize_t)header_size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        rd_kafka_poll(producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    buffer_fini(&value);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, topic);
}

static bool produce(rd_kafka_t *producer, char **argv, const struct pipeline_kafka *kafka,
                    struct error *err)
{
    struct pipeline_topic topic = {.name = argv[2], .partitions = PARTITIONS, .replication = 1};
    long first = strtol(argv[3], NULL, 10);
    long count = strtol(argv[4], NULL, 10);
    struct registry *registry = registry_open(kafka, err);
    int32_t id = 0;
    bool ok = registry != NULL && registry_register(registry, "views-value", schema_text, &id, err)
              && kafka_topic_ensure(producer, &topic, 0, NULL, 0, NULL, err);

    for (long i = first; ok && i < first + count; i++)
        ok = produce_one(producer, argv[2], id, i, err);
    if (ok && rd_kafka_flush(producer, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        ok = error_set(err, EXIT_CODE_TARGET, "not all records were delivered");
    if (registry != NULL)
        registry_close(registry);
    return ok;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"enable.idempotence", "true", NULL};
    struct pipeline_kafka kafka;
    struct error err = {0};
    rd_kafka_conf_t *conf;
    rd_kafka_t *producer = NULL;

    if (argc != 6) {
        fputs("usage: test-producer BROKERS TOPIC FIRST COUNT SCHEMAS\n", stderr);
        return EXIT_CODE_USAGE;
    }
    topic_kafka_init(&kafka, argv[1], argv[5]);
    conf = kafka_conf(&kafka, "test-producer", settings, &err);
    if (conf != NULL)
        producer = kafka_producer(conf, &err);
    if (producer == NULL || !produce(producer, argv, &kafka, &err)) {
        fprintf(stderr, "test-producer: %s\n", err.text);
        return (int)err.code;
    }
    rd_kafka_destroy(producer);
    return EXIT_CODE_OK;
}
