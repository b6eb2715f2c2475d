/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic, or a part of it, read to what is its end at the start, or on behind it.
 */
#include <stdlib.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/kafka.h"
#include "core/process.h"

enum {
    BATCH = 1024,
    POLL_MS = 200,
    TIMES_TIMEOUT_MS = 30000,
    SILENCE_US = 90 * 1000000, /* A dead producer's transaction may hide records for a minute. */
};

struct reading {
    const char *topic;
    const struct kafka_range *range;
    kafka_take *take;
    void *context;
    int64_t *ends; /* Per partition, of what is written, committed or not; -1: read. */
    int32_t count;
    int32_t open;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int64_t refetched_us;
};

static rd_kafka_t *open_client(const struct pipeline_kafka *kafka, const char *isolation,
                               struct error *err)
{
    const char *const settings[] = {"group.id",
                                    "dualrun-read", /* Never joined. */
                                    "isolation.level",
                                    isolation,
                                    "enable.partition.eof",
                                    "true",
                                    "fetch.wait.max.ms",
                                    "50",
                                    "queued.max.messages.kbytes",
                                    "8192",
                                    NULL};

    return kafka_consumer(kafka_conf(kafka, "dualrun-read", settings, err), err);
}

/* The first offset of the range in [low, end]. */
static bool find_begin(struct reading *reading, rd_kafka_t *client, int32_t partition, int64_t low,
                       int64_t *begin, struct error *err)
{
    const struct kafka_range *range = reading->range;
    int64_t end = reading->ends[partition];

    *begin = range->from_offset;
    if (range->last > 0)
        *begin = end - range->last;
    if (range->from_ms != INT64_MIN) {
        rd_kafka_topic_partition_list_t *times = rd_kafka_topic_partition_list_new(1);

        rd_kafka_topic_partition_list_add(times, reading->topic, partition)->offset =
            range->from_ms < 0 ? 0 : range->from_ms;
        rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, times, TIMES_TIMEOUT_MS);
        *begin = times->elems[0].offset < 0 ? end : times->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(times);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(err, code, reading->topic);
    }
    *begin = *begin < low ? low : *begin > end ? end : *begin;
    return true;
}

static bool find_ends(struct reading *reading, const struct pipeline_kafka *kafka,
                      rd_kafka_topic_partition_list_t *list, struct error *err)
{
    rd_kafka_t *client = open_client(kafka, "read_uncommitted", err);
    bool exists = false;
    bool done =
        client != NULL && kafka_topic_exists(client, reading->topic, &exists, err)
        && (!exists || kafka_topic_partitions(client, reading->topic, &reading->count, err));

    if (done)
        reading->ends = memory_array((size_t)reading->count + 1, sizeof *reading->ends);
    for (int32_t i = 0; done && i < reading->count; i++) {
        int64_t low, begin = 0;
        bool asked = reading->range->partition < 0 || reading->range->partition == i;
        done = kafka_watermarks(client, reading->topic, i, &low, &reading->ends[i], err)
               && find_begin(reading, client, i, low, &begin, err);
        if (done && asked && (begin < reading->ends[i] || reading->range->follow)) {
            rd_kafka_topic_partition_list_add(list, reading->topic, i)->offset = begin;
            reading->open++;
        } else {
            reading->ends[i] = -1;
        }
    }
    if (client != NULL)
        rd_kafka_destroy(client);
    return done;
}

/* The reading has come to `offset`: that is its end if nothing that was there lies behind. */
static void come_to(struct reading *reading, int32_t partition, int64_t offset)
{
    if (reading->range->follow || reading->ends[partition] < 0 || offset < reading->ends[partition])
        return;
    reading->ends[partition] = -1;
    reading->open--;
}

static bool take_message(struct reading *reading, const rd_kafka_message_t *message,
                         struct error *err)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        come_to(reading, message->partition, message->offset);
        return true;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_fail(err, message->err, reading->topic);
        return err->class == ERROR_RETRY; /* librdkafka tries again; silence has its own limit. */
    }
    if (reading->ends[message->partition] < 0) /* Written since. */
        return true;
    if (!reading->take(reading->context, message, err))
        return false;
    come_to(reading, message->partition, message->offset + 1);
    return true;
}

static bool is_enough(const struct reading *reading)
{
    return reading->range->enough != NULL && *reading->range->enough;
}

static bool read_all(struct reading *reading, struct error *err)
{
    rd_kafka_message_t *messages[BATCH];
    int64_t heard_us = clock_monotonic_us(clock_real());
    bool done = true;

    while (done && reading->open > 0 && !process_stopping() && !is_enough(reading)) {
        ssize_t count = rd_kafka_consume_batch_queue(reading->queue, POLL_MS, messages, BATCH);
        int64_t now_us = clock_monotonic_us(clock_real());
        for (ssize_t i = 0; i < count; i++) {
            done = done && (is_enough(reading) || take_message(reading, messages[i], err));
            rd_kafka_message_destroy(messages[i]);
        }
        kafka_refetch(reading->client, &reading->refetched_us);
        heard_us = count > 0 ? now_us : heard_us;
        if (done && !reading->range->follow && now_us - heard_us > SILENCE_US)
            done = error_set(err, EXIT_CODE_TARGET, "read topic %s: no answer for 90 s",
                             reading->topic);
    }
    return done;
}

bool kafka_read_range(const struct pipeline_kafka *kafka, const char *topic,
                      const struct kafka_range *range, kafka_take *take, void *context,
                      struct error *err)
{
    struct reading reading = {.topic = topic, .range = range, .take = take, .context = context};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    bool done = find_ends(&reading, kafka, list, err);

    if (done && reading.open > 0) {
        reading.client = open_client(kafka, "read_committed", err);
        done = reading.client != NULL;
    }
    if (reading.client != NULL) {
        rd_kafka_resp_err_t code = rd_kafka_assign(reading.client, list);
        reading.queue = rd_kafka_queue_get_consumer(reading.client);
        done = code == RD_KAFKA_RESP_ERR_NO_ERROR ? read_all(&reading, err)
                                                  : kafka_fail(err, code, topic);
        rd_kafka_queue_destroy(reading.queue);
        rd_kafka_consumer_close(reading.client);
        rd_kafka_destroy(reading.client);
    }
    rd_kafka_topic_partition_list_destroy(list);
    free(reading.ends);
    return done;
}

bool kafka_read_topic(const struct pipeline_kafka *kafka, const char *topic, kafka_take *take,
                      void *context, struct error *err)
{
    static const struct kafka_range whole = {
        .partition = KAFKA_EVERY, .from_offset = KAFKA_EVERY, .from_ms = INT64_MIN};

    return kafka_read_range(kafka, topic, &whole, take, context, err);
}
