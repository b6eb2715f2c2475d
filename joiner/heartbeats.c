/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/heartbeats.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/heartbeat.h"
#include "core/kafka.h"

enum { INSTANCES_MAX = 256, LOOK_AGAIN_MS = 5000 };

struct instance {
    struct heartbeat heartbeat;
    int64_t heard_ms;
};

struct heartbeats {
    rd_kafka_t *consumer;
    const char *topic;
    bool assigned;
    int64_t looked_ms; /* For the topic. */
    struct instance instances[INSTANCES_MAX];
    size_t count;
};

struct heartbeats *heartbeats_open(const struct pipeline *pipeline, struct error *err)
{
    static const char *const settings[] = {"group.id",
                                           "dualrun-heartbeats", /* Never committed to. */
                                           "auto.offset.reset",
                                           "latest",
                                           "queued.max.messages.kbytes",
                                           "1024",
                                           NULL};
    struct heartbeats *heartbeats = memory_new(sizeof *heartbeats);

    heartbeats->topic = pipeline->ledger_topic;
    heartbeats->looked_ms = IDLE_NEVER;
    heartbeats->consumer =
        kafka_consumer(kafka_conf(&pipeline->kafka, "dualrun-heartbeats", settings, err), err);
    if (heartbeats->consumer != NULL)
        return heartbeats;
    free(heartbeats);
    return NULL;
}

void heartbeats_close(struct heartbeats *heartbeats)
{
    if (heartbeats == NULL)
        return;
    rd_kafka_consumer_close(heartbeats->consumer);
    rd_kafka_destroy(heartbeats->consumer);
    free(heartbeats);
}

static void assign(struct heartbeats *heartbeats, int64_t now_ms)
{
    struct error err;
    struct kafka_topic_facts facts;

    if (heartbeats->looked_ms != IDLE_NEVER && now_ms - heartbeats->looked_ms < LOOK_AGAIN_MS)
        return;
    heartbeats->looked_ms = now_ms;
    if (!kafka_topic_describe(heartbeats->consumer, heartbeats->topic, &facts, &err)
        || !facts.exists)
        return; /* No bridge has been there yet. */

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(facts.partitions);

    for (int32_t i = 0; i < facts.partitions; i++)
        rd_kafka_topic_partition_list_add(list, heartbeats->topic, i)->offset = RD_KAFKA_OFFSET_END;
    heartbeats->assigned =
        rd_kafka_assign(heartbeats->consumer, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
}

/* The place of an instance: its own, a free one, or that of the one heard longest ago. */
static struct instance *find(struct heartbeats *heartbeats, const struct heartbeat *heartbeat)
{
    struct instance *oldest = &heartbeats->instances[0];

    for (size_t i = 0; i < heartbeats->count; i++) {
        struct instance *instance = &heartbeats->instances[i];

        if (strcmp(instance->heartbeat.stream, heartbeat->stream) == 0
            && strcmp(instance->heartbeat.instance, heartbeat->instance) == 0)
            return instance;
        if (instance->heard_ms < oldest->heard_ms)
            oldest = instance;
    }
    return heartbeats->count < INSTANCES_MAX ? &heartbeats->instances[heartbeats->count++] : oldest;
}

void heartbeats_poll(struct heartbeats *heartbeats, int64_t now_ms)
{
    rd_kafka_message_t *message;

    if (!heartbeats->assigned)
        assign(heartbeats, now_ms);
    while ((message = rd_kafka_consumer_poll(heartbeats->consumer, 0)) != NULL) {
        struct heartbeat heartbeat;

        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->key_len > 10
            && memcmp(message->key, "heartbeat/", 10) == 0
            && heartbeat_parse(message->payload, message->len, &heartbeat))
            *find(heartbeats, &heartbeat) = (struct instance){heartbeat, now_ms};
        rd_kafka_message_destroy(message);
    }
}

struct idle_evidence heartbeats_of(const struct heartbeats *heartbeats,
                                   const struct pipeline_stream *stream, int64_t now_ms)
{
    struct idle_evidence evidence = {.heard_ms = IDLE_NEVER};

    for (size_t i = 0; i < heartbeats->count; i++) {
        const struct instance *instance = &heartbeats->instances[i];

        if (now_ms - instance->heard_ms > IDLE_FRESH_MS
            || strcmp(instance->heartbeat.stream, stream->name) != 0)
            continue;
        if (instance->heard_ms > evidence.heard_ms)
            evidence.heard_ms = instance->heard_ms;
        if (instance->heartbeat.behind_ms > evidence.behind_ms)
            evidence.behind_ms = instance->heartbeat.behind_ms;
    }
    return evidence;
}
