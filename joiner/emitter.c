/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/emitter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"
#include "core/process.h"

enum { TIMEOUT_MS = 60000, FULL_WAIT_MS = 100, TOPICS_MAX = 64, TRIES_MAX = 20 };

struct emitter {
    rd_kafka_t *producer;
    bool transactional;
    int64_t failed; /* Records that Kafka did not take; only without transactions. */
    rd_kafka_topic_t *topics[TOPICS_MAX];
    size_t topic_count;
};

/* What is thrown away at the end is no failure: its rows are made again from the committed offsets. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct emitter *emitter = opaque;

    (void)producer;
    emitter->failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR
                       && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE
                       && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static rd_kafka_conf_t *conf_of(const struct pipeline_kafka *kafka, const char *transactional_id,
                                struct error *err)
{
    const char *const transactional[] = {"transactional.id",
                                         transactional_id, /* */
                                         "transaction.timeout.ms",
                                         "10000", /* A dead process holds readers up no longer. */
                                         "retry.backoff.ms",
                                         "5", /* Offsets right after a commit wait for one. */
                                         "queue.buffering.max.kbytes",
                                         "4096", /* Back-pressure instead of memory. */
                                         NULL};
    static const char *const plain[] = {
        "enable.idempotence",         "true", "acks", "all",
        "message.timeout.ms",         "0", /* A commit waits, and says so when it waits too long. */
        "queue.buffering.max.kbytes", "4096", NULL};

    return kafka_conf(kafka, "dualrun-join", transactional_id != NULL ? transactional : plain, err);
}

struct emitter *emitter_open(const struct pipeline_kafka *kafka, const char *transactional_id,
                             struct error *err)
{
    struct emitter *emitter = memory_new(sizeof *emitter);
    rd_kafka_conf_t *conf = conf_of(kafka, transactional_id, err);

    emitter->transactional = transactional_id != NULL;
    if (conf != NULL && !emitter->transactional) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, emitter);
    }
    emitter->producer = kafka_producer(conf, err);
    if (emitter->producer != NULL
        && (!emitter->transactional
            || (kafka_transactions_init(emitter->producer, err)
                && kafka_transaction_begin(emitter->producer, err))))
        return emitter;
    emitter_close(emitter);
    return NULL;
}

void emitter_close(struct emitter *emitter)
{
    if (emitter == NULL)
        return;
    for (size_t i = 0; i < emitter->topic_count; i++)
        rd_kafka_topic_destroy(emitter->topics[i]);
    if (emitter->producer != NULL) {
        rd_kafka_purge(emitter->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(emitter->producer);
    }
    free(emitter);
}

static rd_kafka_topic_t *topic_of(struct emitter *emitter, const char *name)
{
    for (size_t i = 0; i < emitter->topic_count; i++)
        if (strcmp(rd_kafka_topic_name(emitter->topics[i]), name) == 0)
            return emitter->topics[i];
    assert(emitter->topic_count < TOPICS_MAX);

    rd_kafka_topic_t *topic = rd_kafka_topic_new(emitter->producer, name, NULL);

    assert(topic != NULL);
    emitter->topics[emitter->topic_count++] = topic;
    return topic;
}

static rd_kafka_headers_t *headers_of(const struct emitter_record *record)
{
    rd_kafka_headers_t *headers =
        record->headers != NULL ? rd_kafka_headers_copy(record->headers) : rd_kafka_headers_new(1);

    rd_kafka_header_add(headers, record->header, -1, record->header_value,
                        (ssize_t)record->header_size);
    return headers;
}

bool emitter_send(struct emitter *emitter, const char *topic, const struct emitter_record *record,
                  struct error *err)
{
    rd_kafka_topic_t *handle = topic_of(emitter, topic);
    rd_kafka_headers_t *headers = headers_of(record);

    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            emitter->producer, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(record->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record->key, record->key_size),
            RD_KAFKA_V_VALUE((void *)record->value, record->value_size),
            RD_KAFKA_V_TIMESTAMP(record->timestamp_ms), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_headers_destroy(headers);
            kafka_fail(err, code, "send");
            return error_wrap(err, "topic %s", topic);
        }
        rd_kafka_poll(emitter->producer, FULL_WAIT_MS);
    }
}

void emitter_poll(struct emitter *emitter)
{
    rd_kafka_poll(emitter->producer, 0);
}

/* send_offsets must be repeated with the same arguments, commit resumes: both while retriable. */
static bool send_offsets(struct emitter *emitter, rd_kafka_t *consumer,
                         const rd_kafka_topic_partition_list_t *offsets, struct error *err)
{
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
    rd_kafka_error_t *error = NULL;

    for (int i = 0; i < TRIES_MAX; i++) {
        error = rd_kafka_send_offsets_to_transaction(emitter->producer, offsets, group, TIMEOUT_MS);
        if (error == NULL || !rd_kafka_error_is_retriable(error) || i + 1 == TRIES_MAX)
            break;
        rd_kafka_error_destroy(error);
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    return error == NULL || kafka_fail_error(err, error, "send offsets to the transaction");
}

/* First every record, then the offsets: a crash in between repeats records and loses none. */
static bool commit_plain(struct emitter *emitter, rd_kafka_t *consumer,
                         const rd_kafka_topic_partition_list_t *offsets, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(emitter->producer, TIMEOUT_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(err, code, "write rows");
    if (emitter->failed > 0)
        return error_retry(err, EXIT_CODE_TARGET, "write rows: Kafka did not take %lld of them",
                           (long long)emitter->failed);
    process_crash_point("join.offsets_sent");
    code = rd_kafka_commit(consumer, offsets, 0);
    process_crash_point("join.committed");
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, "commit offsets");
}

bool emitter_commit(struct emitter *emitter, rd_kafka_t *consumer,
                    const rd_kafka_topic_partition_list_t *offsets, struct error *err)
{
    process_crash_point("join.produced");
    if (!emitter->transactional)
        return commit_plain(emitter, consumer, offsets, err);
    if (!send_offsets(emitter, consumer, offsets, err))
        return false;
    process_crash_point("join.offsets_sent");
    if (!kafka_transaction_commit(emitter->producer, err))
        return false;
    process_crash_point("join.committed");
    return kafka_transaction_begin(emitter->producer, err);
}

bool emitter_abort(struct emitter *emitter, struct error *err)
{
    if (!emitter->transactional) {
        rd_kafka_purge(emitter->producer, RD_KAFKA_PURGE_F_QUEUE);
        return true;
    }
    return kafka_transaction_abort(emitter->producer, err)
           && kafka_transaction_begin(emitter->producer, err);
}

rd_kafka_t *emitter_client(struct emitter *emitter)
{
    return emitter->producer;
}
