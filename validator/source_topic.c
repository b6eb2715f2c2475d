/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/source_topic.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/kafka.h"
#include "core/process.h"
#include "validator/result.h"

enum {
    BATCH = 4096,
    POLL_MS = 200,
    SILENCE_US = 60 * 1000000,
    HEADERS_MAX = 64,
};

static rd_kafka_t *open_consumer(const struct pipeline_kafka *kafka, struct error *err)
{
    static const char *const settings[] = {"group.id",
                                           "dualrun-validate", /* Never joined. */
                                           "enable.auto.commit",
                                           "false",
                                           "isolation.level",
                                           "read_committed",
                                           "enable.partition.eof",
                                           "true",
                                           "auto.offset.reset",
                                           "error",
                                           "fetch.wait.max.ms",
                                           "50",
                                           "queued.max.messages.kbytes",
                                           "8192",
                                           NULL};
    rd_kafka_conf_t *conf = kafka_conf(kafka, "dualrun-validate", settings, err);

    return conf != NULL ? kafka_consumer(conf, err) : NULL;
}

static bool open_ranges(struct topic_ranges *ranges, rd_kafka_t *client, bool may_be_absent,
                        struct error *err)
{
    int32_t count;
    bool exists;

    if (!kafka_topic_exists(client, ranges->topic, &exists, err))
        return false;
    if (!exists && may_be_absent)
        return true;
    if (!kafka_topic_partitions(client, ranges->topic, &count, err))
        return false;
    ranges->ranges = memory_array((size_t)count, sizeof *ranges->ranges);
    for (int32_t i = 0; i < count; i++) {
        struct topic_range *range = &ranges->ranges[i];
        range->partition = i;
        if (!kafka_watermarks(client, ranges->topic, i, &range->from, &range->to, err))
            return false;
    }
    ranges->count = (size_t)count;
    return true;
}

bool topic_ranges_open(struct topic_ranges *ranges, const struct pipeline_kafka *kafka,
                       const char *topic, bool may_be_absent, struct error *err)
{
    rd_kafka_t *client = open_consumer(kafka, err);

    *ranges = (struct topic_ranges){.topic = memory_text(topic)};
    if (client == NULL)
        return false;
    bool done = open_ranges(ranges, client, may_be_absent, err);
    rd_kafka_destroy(client);
    return done;
}

void topic_ranges_fini(struct topic_ranges *ranges)
{
    free(ranges->topic);
    free(ranges->ranges);
    *ranges = (struct topic_ranges){0};
}

/* -- Reading -- */

struct reading {
    struct topic_ranges *ranges;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct progress *progress;
    record_take *take;
    void *context;
    size_t open; /* Ranges that are not done. */
    int64_t refetched_us;
};

static bool assign(struct reading *reading, struct error *err)
{
    const struct topic_ranges *ranges = reading->ranges;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)ranges->count);

    for (size_t i = 0; i < ranges->count; i++) {
        struct topic_range *range = &ranges->ranges[i];
        range->records = 0;
        range->done = range->from >= range->to;
        if (range->done)
            continue;
        rd_kafka_topic_partition_list_add(list, ranges->topic, range->partition)->offset =
            range->from;
        reading->open++;
    }
    rd_kafka_resp_err_t code =
        reading->open > 0 ? rd_kafka_assign(reading->client, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, ranges->topic);
}

static void finish_range(struct reading *reading, struct topic_range *range)
{
    reading->open -= !range->done;
    range->done = true;
}

static size_t list_headers(const rd_kafka_message_t *message,
                           struct record_header headers[static HEADERS_MAX])
{
    rd_kafka_headers_t *all;
    size_t count = 0;

    if (rd_kafka_message_headers(message, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (count < HEADERS_MAX
           && rd_kafka_header_get_all(all, count, &headers[count].name, &headers[count].value,
                                      &headers[count].size)
                  == RD_KAFKA_RESP_ERR_NO_ERROR)
        count++;
    return count;
}

static bool take_message(struct reading *reading, struct topic_range *range,
                         const rd_kafka_message_t *message, struct error *err)
{
    struct record_header headers[HEADERS_MAX];
    rd_kafka_timestamp_type_t kind;

    if (message->offset >= range->to) {
        finish_range(reading, range);
        return true;
    }
    struct record record = {.topic = reading->ranges->topic,
                            .partition = message->partition,
                            .offset = message->offset,
                            .timestamp_ms = rd_kafka_message_timestamp(message, &kind),
                            .key = message->key,
                            .key_size = message->key_len,
                            .value = message->payload,
                            .value_size = message->len,
                            .headers = headers,
                            .header_count = list_headers(message, headers)};
    range->records++;
    if (message->offset + 1 >= range->to)
        finish_range(reading, range);
    return reading->take(reading->context, &record, err);
}

static bool take_event(struct reading *reading, const rd_kafka_message_t *message,
                       struct error *err)
{
    struct topic_range *range = NULL;

    if (message->rkt != NULL && message->partition >= 0
        && (size_t)message->partition < reading->ranges->count)
        range = &reading->ranges->ranges[message->partition];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && range != NULL)
        return range->done || take_message(reading, range, message, err);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && range != NULL) {
        finish_range(reading, range);
        return true;
    }
    if ((message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET
         || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        && range != NULL) {
        range->lost = true;
        finish_range(reading, range);
        return true;
    }
    kafka_fail(err, message->err, reading->ranges->topic);
    return err->class == ERROR_RETRY; /* librdkafka tries again; silence has its own limit. */
}

static bool read_batch(struct reading *reading, int64_t *heard_us, struct error *err)
{
    static rd_kafka_message_t *messages[BATCH];
    ssize_t count = rd_kafka_consume_batch_queue(reading->queue, POLL_MS, messages, BATCH);
    int64_t now_us = clock_monotonic_us(clock_real());
    bool done = true;

    for (ssize_t i = 0; i < count; i++) {
        done = done && take_event(reading, messages[i], err);
        rd_kafka_message_destroy(messages[i]);
    }
    kafka_refetch(reading->client, &reading->refetched_us);
    if (count > 0)
        *heard_us = now_us;
    progress_step(reading->progress, count > 0 ? count : 0);
    if (done && now_us - *heard_us > SILENCE_US)
        return error_set(err, EXIT_CODE_SOURCE, "read topic %s: no answer for 60 s",
                         reading->ranges->topic);
    return done;
}

static bool read_all(struct reading *reading, struct error *err)
{
    int64_t heard_us = clock_monotonic_us(clock_real());

    progress_phase(reading->progress, "reading %s", reading->ranges->topic);
    if (!assign(reading, err))
        return false;
    while (reading->open > 0) {
        if (process_stopping())
            return error_set(err, EXIT_CODE_INCONCLUSIVE, "stopped while reading topic %s",
                             reading->ranges->topic);
        if (!read_batch(reading, &heard_us, err))
            return false;
    }
    return true;
}

/* Retention may have moved past what was being read. */
static bool check_loss(struct reading *reading, struct error *err)
{
    for (size_t i = 0; i < reading->ranges->count; i++) {
        struct topic_range *range = &reading->ranges->ranges[i];
        int64_t low, high;
        if (!kafka_watermarks(reading->client, reading->ranges->topic, range->partition, &low,
                              &high, err))
            return false;
        range->lost = range->lost || (low > range->from && range->from < range->to);
    }
    return true;
}

bool topic_ranges_read(struct topic_ranges *ranges, const struct pipeline_kafka *kafka,
                       struct progress *progress, record_take *take, void *context,
                       struct error *err)
{
    struct reading reading = {
        .ranges = ranges, .progress = progress, .take = take, .context = context};

    if (ranges->count == 0)
        return true;
    reading.client = open_consumer(kafka, err);
    if (reading.client == NULL)
        return false;
    reading.queue = rd_kafka_queue_get_consumer(reading.client);
    bool done = read_all(&reading, err) && check_loss(&reading, err);
    rd_kafka_queue_destroy(reading.queue);
    rd_kafka_consumer_close(reading.client);
    rd_kafka_destroy(reading.client);
    return done;
}

void topic_ranges_note(const struct topic_ranges *ranges, json_t *reads, json_t *inconclusive)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct topic_range *range = &ranges->ranges[i];
        json_array_append_new(reads, json_pack("{s:s, s:i, s:I, s:I, s:I}", "topic", ranges->topic,
                                               "partition", (int)range->partition, "from",
                                               (json_int_t)range->from, "to", (json_int_t)range->to,
                                               "records", (json_int_t)range->records));
        if (range->lost)
            result_note(inconclusive,
                        "topic %s partition %" PRId32 ": retention deleted records of [%" PRId64
                        ", %" PRId64 ") before they were read",
                        ranges->topic, range->partition, range->from, range->to);
    }
}
