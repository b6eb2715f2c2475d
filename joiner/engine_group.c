/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's place in the consumer group: which tasks are its own. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/kafka.h"
#include "core/log.h"
#include "joiner/engine_parts.h"
#include "joiner/record.h"

void engine_close_shards(struct engine *engine)
{
    for (size_t i = 0; i < engine->shard_count; i++)
        shard_close(engine->shards[i]);
    engine->shard_count = 0;
}

/* The partitions of the list that belong to one task, in the order of the inputs. */
static bool find_partitions(const struct engine *engine, rd_kafka_topic_partition_list_t *list,
                            int32_t partition, rd_kafka_topic_partition_t **found,
                            struct error *err)
{
    for (uint32_t i = 0; i < engine->task_join.input_count; i++) {
        const char *topic = record_stream(engine->join, i)->topic.name;

        found[i] = rd_kafka_topic_partition_list_find(list, topic, partition);
        if (found[i] == NULL)
            return error_set(err, EXIT_CODE_BUG,
                             "group %s: partition %" PRId32 " of %s came without that of %s",
                             engine->join->group, partition, list->elems[0].topic, topic);
    }
    return true;
}

static bool open_shards(struct engine *engine, rd_kafka_topic_partition_list_t *list,
                        struct error *err)
{
    rd_kafka_topic_partition_t *own[TASK_COMMIT_INPUTS_MAX];
    const char *primary = engine->join->primary->topic.name;
    int tasks = list->cnt / (int)engine->task_join.input_count;

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].partition >= engine->partition_count)
            return engine_refuse_partitions(engine, engine->partition_count,
                                            list->elems[i].partition + 1, err);
    if (!kafka_read_committed(engine->context.consumer, list, err))
        return error_wrap(err, "group %s", engine->join->group);
    engine->context.store_bytes = engine->join->memory_bytes / 4 / (tasks > 0 ? tasks : 1);
    engine->context.index_limits = (struct row_index_limits){
        engine->context.directory, (size_t)engine->context.store_bytes * ENGINE_INDEX_PARTS};
    for (int i = 0; i < list->cnt; i++) {
        if (strcmp(list->elems[i].topic, primary) != 0)
            continue;
        if (!find_partitions(engine, list, list->elems[i].partition, own, err))
            return false;
        struct shard *shard = shard_open(&engine->context, list->elems[i].partition, own, err);
        if (shard == NULL)
            return false;
        engine->shards[engine->shard_count++] = shard;
    }
    return true;
}

static void fail_callback(struct engine *engine, const struct error *err)
{
    if (!engine->callback_failed)
        engine->callback_error = *err;
    engine->callback_failed = true;
}

static void on_assign(struct engine *engine, rd_kafka_topic_partition_list_t *list)
{
    struct error err;

    assert(engine->shard_count == 0);
    if (!open_shards(engine, list, &err)) {
        engine_close_shards(engine);
        fail_callback(engine, &err);
        rd_kafka_assign(engine->context.consumer, NULL);
        return;
    }
    rd_kafka_assign(engine->context.consumer, list);
    engine->assigned_once = true;
    engine->assigned_us = engine_now_us();
    log_info("partitions assigned", LOG_TEXT("join", engine->join->name),
             LOG_INT("tasks", engine->shard_count));
}

/* What was done is committed before another process may take over, unless one already did. */
static void on_revoke(struct engine *engine)
{
    struct error err;
    bool keep = !engine->discard && !engine->callback_failed && !engine->context.emitter_failed
                && !rd_kafka_assignment_lost(engine->context.consumer);

    if (keep && engine_commit_shards(engine, &err))
        engine_checkpoint_shards(engine, true); /* Who takes over may share the folder. */
    else if (keep)
        fail_callback(engine, &err);
    else if (!keep && !engine->discard && !emitter_abort(engine->context.emitter, &err)) {
        engine->context.emitter_failed = true;
        fail_callback(engine, &err);
    }
    engine_close_shards(engine);
    rd_kafka_assign(engine->context.consumer, NULL);
}

void engine_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct engine *engine = opaque;

    (void)consumer;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assign(engine, list);
    else
        on_revoke(engine);
}
