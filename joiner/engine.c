/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of a turn. engine_open.c begins and ends, engine_group.c has the group. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/kafka.h"
#include "core/log.h"
#include "core/process.h"
#include "core/units.h"
#include "joiner/engine_parts.h"

enum {
    STEP_RECORDS = 500, /* Of one shard before the next one's turn. */
    WAIT_MS = 5,        /* When there was nothing to do. */
    WATCH_MS = 200,
    STATUS_MS = 1000,
    DRAIN_MS = 500,
    RECOVERIES_MAX = 10, /* Without a commit in between. */
};

static struct shard *shard_of(const struct engine *engine, int32_t partition)
{
    for (size_t i = 0; i < engine->shard_count; i++)
        if (shard_partition(engine->shards[i]) == partition)
            return engine->shards[i];
    return NULL;
}

/* The group took another member for this one: so do brokers that lost sight of it. A new consumer may join. */
static bool fail_consumer(struct engine *engine, struct error *err)
{
    char text[512];

    engine->consumer_failed = true;
    rd_kafka_fatal_error(engine->context.consumer, text, sizeof text);
    error_set(err, EXIT_CODE_SOURCE, "group %s as %s: %s", engine->join->group, engine->slot.name,
              text);
    return error_hint(err, "no two processes may have one state directory, nor a copy of it");
}

bool engine_poll(struct engine *engine, struct error *err)
{
    rd_kafka_message_t *message =
        rd_kafka_consumer_poll(engine->context.consumer, engine->worked ? 0 : WAIT_MS);
    bool ok = true;

    if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct shard *shard = shard_of(engine, message->partition);

        if (shard != NULL && shard_take(shard, message))
            message = NULL;
        else
            ok = error_set(err, EXIT_CODE_BUG, "a record of %s came for no task",
                           rd_kafka_topic_name(message->rkt));
    } else if (message != NULL && message->err == RD_KAFKA_RESP_ERR__FATAL) {
        ok = fail_consumer(engine, err);
    } else if (message != NULL && !kafka_fail(err, message->err, "read")) {
        ok = err->class == ERROR_RETRY || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    }
    if (message != NULL)
        rd_kafka_message_destroy(message);
    emitter_poll(engine->context.emitter);
    if (engine->worked)
        kafka_refetch(engine->context.consumer, &engine->refetched_us);
    if (!engine->callback_failed)
        return ok;
    *err = engine->callback_error;
    engine->callback_failed = false;
    return false;
}

static bool check_memory(const struct engine *engine, struct error *err)
{
    char limit[UNITS_TEXT_SIZE];
    size_t bytes = 0;

    for (size_t i = 0; i < engine->shard_count; i++)
        bytes += shard_memory_bytes(engine->shards[i]);
    if ((int64_t)bytes <= engine->join->memory_bytes / 4 * ENGINE_INDEX_PARTS)
        return true;
    error_set(err, EXIT_CODE_STATE,
              "join %s: the index of live rows needs %zu bytes in memory, more than "
              "three quarters of memory: %s",
              engine->join->name, bytes, units_format_size(engine->join->memory_bytes, limit));
    return error_hint(err,
                      "raise the join's memory (2 bytes a live row are the least, and with 48 none "
                      "goes to disk), or spread the "
                      "partitions over more processes");
}

bool engine_join(struct engine *engine, struct error *err)
{
    engine->worked = false;
    for (size_t i = 0; i < engine->shard_count; i++)
        if (!shard_step(engine->shards[i], STEP_RECORDS, &engine->worked, err))
            return false;
    return check_memory(engine, err);
}

bool engine_watch(struct engine *engine, struct error *err)
{
    int64_t now = engine_now_us();

    (void)err;
    if (now - engine->watched_us >= (int64_t)WATCH_MS * 1000) {
        engine->watched_us = now;
        if (engine->context.heartbeats != NULL)
            heartbeats_poll(engine->context.heartbeats, clock_wall_ms(engine->context.clock));
        for (size_t i = 0; i < engine->shard_count; i++)
            shard_watch(engine->shards[i]);
    }
    if (now - engine->status_us >= (int64_t)STATUS_MS * 1000) {
        engine_publish_status(engine, now);
        engine->status_us = now;
    }
    return true;
}

/* Closes what is due in every task and commits all of them in one transaction. */
bool engine_commit_shards(struct engine *engine, struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    bool ok = true;

    for (size_t i = 0; i < engine->shard_count && ok; i++)
        if (shard_is_dirty(engine->shards[i]))
            ok = shard_describe(engine->shards[i], offsets, err);
    if (ok && offsets->cnt > 0) {
        int64_t began_us = engine_now_us();

        ok = emitter_commit(engine->context.emitter, engine->context.consumer, offsets, err);
        engine->commit_us = engine_now_us() - began_us;
        metric_observe(engine->commit_seconds, engine->commit_us);
        engine->context.emitter_failed = !ok;
        engine->commits += ok;
        engine->recoveries = ok ? 0 : engine->recoveries;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

int64_t engine_inputs_read(const struct engine *engine)
{
    int64_t count = 0;

    for (size_t i = 0; i < engine->shard_count; i++)
        count += shard_input_count(engine->shards[i]);
    return count;
}

static bool commit_is_due(const struct engine *engine, int64_t now_us)
{
    int32_t records = engine->join->commit_records;

    return now_us >= engine->commit_due_us
           || (records > 0 && engine_inputs_read(engine) - engine->committed_inputs >= records);
}

bool engine_commit(struct engine *engine, bool now, struct error *err)
{
    int64_t interval_us = engine->join->commit_interval_ms * 1000, began_us = engine_now_us();

    if (!now && !commit_is_due(engine, began_us))
        return true;
    bool ok = engine_commit_shards(engine, err);
    engine->committed_inputs = engine_inputs_read(engine);
    int64_t ended_us = engine_now_us();
    engine->commit_due_us = began_us + interval_us;
    if (engine->commit_due_us < ended_us + interval_us / 2)
        engine->commit_due_us =
            ended_us + interval_us / 2; /* Slow commits leave time for the join. */
    return ok;
}

/* One at a time, so that the join stops but shortly: of all, or of the first that is due. */
void engine_checkpoint_shards(struct engine *engine, bool all)
{
    int64_t now = engine_now_us();

    if (engine->join->checkpoint_interval_ms == 0)
        return;
    for (size_t i = 0; i < engine->shard_count; i++) {
        if (!all && !shard_checkpoint_is_due(engine->shards[i], now))
            continue;
        shard_checkpoint(engine->shards[i]);
        if (!all)
            return;
    }
}

bool engine_checkpoint(struct engine *engine, bool now, struct error *err)
{
    (void)err;
    engine_checkpoint_shards(engine, now);
    return true;
}

/* --- After a failure that what was committed mends --- */

bool engine_can_recover(const struct engine *engine, const struct error *cause)
{
    return (engine->context.emitter_failed || engine->consumer_failed
            || cause->class == ERROR_RETRY)
           && engine->recoveries < RECOVERIES_MAX;
}

bool engine_recover(struct engine *engine, const struct error *cause, struct error *err)
{
    log_warn("going back to what was committed", LOG_TEXT("join", engine->join->name),
             LOG_TEXT("cause", cause->text));
    engine->recoveries++;
    metric_add(engine->recoveries_total, 1);
    engine->callback_failed = engine->consumer_failed = false;
    engine_close_kafka(engine);
    while (!engine_open_kafka(engine, err)) {
        engine_close_kafka(engine);
        if (err->class != ERROR_RETRY || process_stopping())
            return false;
        log_failure("cannot go on yet", err);
    }
    return true;
}

/* --- The end --- */

/* Every task of this process that is at its end closes its rows; false in *all if one is not yet. */
static bool finish_shards(struct engine *engine, bool *all, struct error *err)
{
    for (size_t i = 0; i < engine->shard_count; i++) {
        if (!shard_at_end(engine->shards[i]))
            *all = false;
        else if (!shard_finish(engine->shards[i], err))
            return false;
    }
    return true;
}

bool engine_drain(struct engine *engine, bool *done, struct error *err)
{
    bool all = engine->assigned_once;

    *done = false;
    if (engine->drain == NULL)
        engine->drain =
            drain_new(engine->context.consumer, engine->join, engine->partition_count, err);
    if (engine->drain == NULL || !finish_shards(engine, &all, err))
        return false;
    if (!all || engine_now_us() - engine->drained_us < (int64_t)DRAIN_MS * 1000)
        return true;
    if (!engine_commit(engine, true, err))
        return false;
    engine->drained_us = engine_now_us();
    return drain_is_done(engine->drain, engine->context.consumer, done, err);
}
