/* SPDX-License-Identifier: Apache-2.0 */
/* How an engine begins: topics, schemas, a slot, the group. And how it ends. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kafka.h"
#include "core/registry.h"
#include "joiner/engine_parts.h"
#include "joiner/identity.h"
#include "joiner/metrics.h"

enum {
    /* Of prefetched records, for all partitions together; a small record costs librdkafka three
     * times its own size besides. */
    QUEUE_KBYTES = 1024,
    QUEUE_KBYTES_MIN = 64, /* Of one: kafka_refetch keeps such short queues from starving. */
    CLUSTER_ID_TIMEOUT_MS = 30000
};

static bool open_consumer(struct engine *engine, struct error *err)
{
    int partitions = engine->partition_count * (int)engine->task_join.input_count;
    char queue[16];
    const char *const settings[] = {"group.id",
                                    engine->join->group,
                                    "group.instance.id",
                                    engine->slot.name,
                                    "partition.assignment.strategy",
                                    "range",
                                    "enable.partition.eof",
                                    "true",
                                    "session.timeout.ms",
                                    "10000",
                                    "heartbeat.interval.ms",
                                    "2000",
                                    "fetch.wait.max.ms",
                                    "100",
                                    "queued.max.messages.kbytes",
                                    queue,
                                    "fetch.message.max.bytes",
                                    "262144",
                                    NULL};

    assert(partitions > 0);
    int kbytes = QUEUE_KBYTES / partitions;
    snprintf(queue, sizeof queue, "%d", kbytes < QUEUE_KBYTES_MIN ? QUEUE_KBYTES_MIN : kbytes);

    rd_kafka_conf_t *conf = kafka_conf(&engine->pipeline->kafka, "dualrun-join", settings, err);

    if (conf == NULL)
        return false;
    rd_kafka_conf_set_rebalance_cb(conf, engine_on_rebalance);
    rd_kafka_conf_set_opaque(conf, engine);
    engine->context.consumer = kafka_consumer(conf, err);
    return engine->context.consumer != NULL;
}

static bool subscribe(struct engine *engine, struct error *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new((int)engine->task_join.input_count);

    for (uint32_t i = 0; i < engine->task_join.input_count; i++)
        rd_kafka_topic_partition_list_add(topics, record_stream(engine->join, i)->topic.name,
                                          RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(engine->context.consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, "subscribe");
}

/* All inputs must have the same number of partitions, or equal keys would not meet. */
static bool count_partitions(struct engine *engine, rd_kafka_t *client, struct error *err)
{
    const char *first = engine->join->primary->topic.name;

    for (uint32_t i = 0; i < engine->task_join.input_count; i++) {
        const char *topic = record_stream(engine->join, i)->topic.name;
        int32_t count;

        if (!kafka_topic_partitions(client, topic, &count, err))
            return error_wrap(err, "join %s", engine->join->name);
        if (i == 0)
            engine->partition_count = count;
        if (count == engine->partition_count)
            continue;
        error_set(err, EXIT_CODE_SOURCE,
                  "join %s: topic %s has %" PRId32 " partitions, topic %s has %" PRId32,
                  engine->join->name, first, engine->partition_count, topic, count);
        return error_hint(err,
                          "inputs of a join need the same number: make one of the topics anew");
    }
    return true;
}

bool engine_refuse_partitions(const struct engine *engine, int32_t then, int32_t now,
                              struct error *err)
{
    error_set(
        err, EXIT_CODE_STATE,
        "join %s: topic %s had %" PRId32 " partitions when group %s read it, now it has %" PRId32,
        engine->join->name, engine->join->primary->topic.name, then, engine->join->group, now);
    return error_hint(err,
                      "keys have moved to other partitions and would not meet what they match: "
                      "give the join another group and other output topics to begin anew");
}

/*
 * What was committed must be of so many partitions as there are now. Every commit is looked at: a new
 * partition has none of its own, and may come to a process that has no old one.
 */
static bool check_partition_count(const struct engine *engine, struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(engine->partition_count);

    for (int32_t i = 0; i < engine->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, engine->join->primary->topic.name, i);
    bool ok = kafka_committed(&engine->pipeline->kafka, engine->join->group, list, err);
    for (int i = 0; ok && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        struct task_commit commit;
        struct error unreadable; /* Its own task says so. */

        if (partition->offset >= 0
            && task_commit_parse(partition->metadata, partition->metadata_size, &commit,
                                 &unreadable)
            && commit.partition_count != 0 && commit.partition_count != engine->partition_count)
            ok = engine_refuse_partitions(engine, commit.partition_count, engine->partition_count,
                                          err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool ensure_topics(struct engine *engine, rd_kafka_t *client, struct error *err)
{
    const struct pipeline_join *join = engine->join;
    struct pipeline_topic topic = join->output;
    struct pipeline_topic late = {.name = join->late_topic,
                                  .partitions = engine->partition_count,
                                  .replication = join->output.replication};

    if (topic.partitions != 0 && topic.partitions != engine->partition_count) {
        error_set(err, EXIT_CODE_CONFIG,
                  "join %s: output topic %s shall have %" PRId32 " partitions, the inputs have "
                  "%" PRId32,
                  join->name, topic.name, topic.partitions, engine->partition_count);
        return error_hint(err, "leave partitions out: the output has those of the inputs");
    }
    topic.partitions = engine->partition_count;
    if (topic.replication == 0)
        topic.replication = late.replication = -1; /* The broker's default. */
    if (!kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, err)
        || (late.name != NULL && !kafka_topic_ensure(client, &late, 0, NULL, 0, NULL, err)))
        return error_wrap(err, "join %s", join->name);
    for (uint32_t i = 0; i < engine->task_join.input_count; i++) {
        late.name = record_stream(join, i)->dead_letter;
        late.partitions = 0; /* As the bridge made it. */
        if (late.name != NULL && !kafka_topic_ensure(client, &late, 1, NULL, 0, NULL, err))
            return error_wrap(err, "join %s: dead letters", join->name);
    }
    return true;
}

/* A checkpoint is good for the cluster that its offsets are of, and for no other. */
static bool read_cluster(struct shard_context *context, rd_kafka_t *client, struct error *err)
{
    char *cluster = rd_kafka_clusterid(client, CLUSTER_ID_TIMEOUT_MS);

    if (cluster == NULL)
        return error_retry(err, EXIT_CODE_SOURCE, "Kafka does not say the id of its cluster");
    free(context->cluster);
    context->cluster = memory_text(cluster);
    rd_kafka_mem_free(client, cluster);
    return true;
}

bool engine_open_kafka(struct engine *engine, struct error *err)
{
    struct shard_context *context = &engine->context;

    /* First the producer: it ends the transaction that a predecessor may have left open. */
    context->emitter = emitter_open(
        &engine->pipeline->kafka,
        engine->join->guarantee == GUARANTEE_EXACTLY_ONCE ? engine->slot.name : NULL, err);
    if (context->emitter == NULL)
        return false;
    context->emitter_failed = false;

    rd_kafka_t *client = emitter_client(context->emitter);

    if (!read_cluster(context, client, err) || !count_partitions(engine, client, err)
        || !check_partition_count(engine, err) || !ensure_topics(engine, client, err))
        return false;
    engine->task_join.partition_count = engine->partition_count;
    free(engine->shards);
    engine->shards = memory_array((size_t)engine->partition_count, sizeof(struct shard *));
    return open_consumer(engine, err) && subscribe(engine, err);
}

void engine_close_kafka(struct engine *engine)
{
    engine->discard = true;
    if (engine->context.consumer != NULL) {
        rd_kafka_consumer_close(engine->context.consumer);
        engine_close_shards(engine);
        rd_kafka_destroy(engine->context.consumer);
    }
    engine->context.consumer = NULL;
    emitter_close(engine->context.emitter);
    engine->context.emitter = NULL;
    engine->discard = false;
}

static bool check_supported(const struct pipeline_join *join, struct error *err)
{
    if (join->secondary_count + 1 <= TASK_COMMIT_INPUTS_MAX)
        return true;
    return error_set(err, EXIT_CODE_CONFIG, "join %s: more than %d inputs", join->name,
                     TASK_COMMIT_INPUTS_MAX);
}

static bool open_engine(struct engine *engine, struct error *err)
{
    struct shard_context *context = &engine->context;

    if (!check_supported(engine->join, err) || !slot_take(&engine->slot, engine->join, err))
        return false;
    context->directory = engine->slot.directory;
    engine->checkpoints = memory_textf("%s/checkpoints", engine->join->state_directory);
    context->checkpoints = engine->checkpoints;
    context->registry = registry_open(&engine->pipeline->kafka, err);
    if (context->registry == NULL)
        return false;
    context->label = label_new(engine->join, context->registry, context->metrics, err);
    if (context->label == NULL)
        return false;
    if (engine->join->idle_evidence == IDLE_EVIDENCE_BRIDGE) {
        context->heartbeats = heartbeats_open(engine->pipeline, err);
        if (context->heartbeats == NULL)
            return false;
    }
    return engine_open_kafka(engine, err);
}

struct engine *engine_open(const struct pipeline *pipeline, const struct pipeline_join *join,
                           struct metrics *metrics, struct error *err)
{
    struct engine *engine = memory_new(sizeof *engine);

    engine->pipeline = pipeline;
    engine->join = join;
    engine->metrics = metrics;
    engine->slot.lock = -1;
    engine->watched_us = engine->turned_us = engine_now_us();
    engine->commit_due_us = engine->watched_us + join->commit_interval_ms * 1000;
    engine->commit_seconds = join_metric(metrics, JOIN_join_commit_seconds, join->name, NULL, NULL);
    engine->recoveries_total =
        join_metric(metrics, JOIN_join_recoveries_total, join->name, NULL, NULL);
    pthread_mutex_init(&engine->mutex, NULL);
    identity_task_join(join, &engine->task_join);
    engine->context = (struct shard_context){
        .join = join,
        .task_join = &engine->task_join,
        .clock = clock_real(),
        .metrics = metrics,
    };
    if (open_engine(engine, err))
        return engine;
    engine_close(engine);
    return NULL;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    engine_close_kafka(engine);
    drain_free(engine->drain);
    heartbeats_close(engine->context.heartbeats);
    label_free(engine->context.label);
    registry_close(engine->context.registry);
    slot_release(&engine->slot);
    pthread_mutex_destroy(&engine->mutex);
    free(engine->shards);
    buffer_fini(&engine->status);
    buffer_fini(&engine->line);
    free(engine->checkpoints);
    free(engine->context.cluster);
    free(engine);
}
