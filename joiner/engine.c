/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/engine.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"
#include "core/log.h"
#include "core/process.h"
#include "core/registry.h"
#include "core/units.h"
#include "joiner/drain.h"
#include "joiner/identity.h"
#include "joiner/metrics.h"
#include "joiner/shard.h"
#include "joiner/slot.h"

enum {
    STEP_RECORDS = 500, /* Of one shard before the next one's turn. */
    WAIT_MS = 5,        /* When there was nothing to do. */
    WATCH_MS = 200,
    DRAIN_MS = 500,
    STATUS_MS = 1000,
    ALIVE_MS = 60000,
    RECOVERIES_MAX = 10, /* Without a commit in between. */
    COMMITTED_TIMEOUT_MS = 30000,
    QUEUE_KBYTES = 1024, /* Of prefetched records, for all partitions together; a small record
                                 costs librdkafka three times its own size besides. */
    QUEUE_KBYTES_MIN =
        64, /* Of one partition: kafka_refetch keeps such short ones from starving. */
};

struct engine {
    const struct pipeline *pipeline;
    const struct pipeline_join *join;
    struct task_join task_join;
    struct shard_context context;
    struct slot slot;
    char *checkpoints; /* A folder. */
    struct metrics *metrics;
    int32_t partition_count;
    struct shard **shards;
    size_t shard_count;
    bool assigned_once;
    bool discard; /* Partitions are given up without a commit. */
    bool worked;
    struct error callback_error; /* From a rebalance. */
    bool callback_failed;
    struct drain *drain; /* Only if the join shall end. */
    int64_t commit_due_us, watched_us, status_us, drained_us, assigned_us, refetched_us;
    int64_t commits, commit_us; /* How many, and how long the last one took. */
    int64_t status_inputs;      /* Read when the status was last made. */
    struct metric *commit_seconds, *recoveries_total;
    int recoveries;
    pthread_mutex_t mutex; /* Guards what follows. */
    struct buffer status, line;
    int64_t turned_us;
    bool ready;
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_real());
}

/* --- The group --- */

static struct shard *shard_of(const struct engine *engine, int32_t partition)
{
    for (size_t i = 0; i < engine->shard_count; i++)
        if (shard_partition(engine->shards[i]) == partition)
            return engine->shards[i];
    return NULL;
}

static void close_shards(struct engine *engine)
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
    rd_kafka_resp_err_t code =
        rd_kafka_committed(engine->context.consumer, list, COMMITTED_TIMEOUT_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_fail(err, code, "read committed offsets");
        return error_wrap(err, "group %s", engine->join->group);
    }
    engine->context.store_bytes = engine->join->memory_bytes / 4 / (tasks > 0 ? tasks : 1);
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

static bool commit_shards(struct engine *engine, struct error *err);
static void checkpoint_shards(struct engine *engine, bool all);

static void on_assign(struct engine *engine, rd_kafka_topic_partition_list_t *list)
{
    struct error err;

    assert(engine->shard_count == 0);
    if (!open_shards(engine, list, &err)) {
        close_shards(engine);
        fail_callback(engine, &err);
        rd_kafka_assign(engine->context.consumer, NULL);
        return;
    }
    rd_kafka_assign(engine->context.consumer, list);
    engine->assigned_once = true;
    engine->assigned_us = now_us();
    log_info("partitions assigned", LOG_TEXT("join", engine->join->name),
             LOG_INT("tasks", engine->shard_count));
}

/* What was done is committed before another process may take over, unless one already did. */
static void on_revoke(struct engine *engine)
{
    struct error err;
    bool keep = !engine->discard && !engine->callback_failed && !engine->context.emitter_failed
                && !rd_kafka_assignment_lost(engine->context.consumer);

    if (keep && commit_shards(engine, &err))
        checkpoint_shards(engine, true); /* Who takes over may share the folder. */
    else if (keep)
        fail_callback(engine, &err);
    else if (!keep && !engine->discard && !emitter_abort(engine->context.emitter, &err)) {
        engine->context.emitter_failed = true;
        fail_callback(engine, &err);
    }
    close_shards(engine);
    rd_kafka_assign(engine->context.consumer, NULL);
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct engine *engine = opaque;

    (void)consumer;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assign(engine, list);
    else
        on_revoke(engine);
}

/* --- Opening --- */

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
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
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
    char *cluster = rd_kafka_clusterid(client, COMMITTED_TIMEOUT_MS);

    if (cluster == NULL)
        return error_retry(err, EXIT_CODE_SOURCE, "Kafka does not say the id of its cluster");
    free(context->cluster);
    context->cluster = memory_text(cluster);
    rd_kafka_mem_free(client, cluster);
    return true;
}

static bool open_kafka(struct engine *engine, struct error *err)
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
        || !ensure_topics(engine, client, err))
        return false;
    free(engine->shards);
    engine->shards = memory_array((size_t)engine->partition_count, sizeof(struct shard *));
    return open_consumer(engine, err) && subscribe(engine, err);
}

static void close_kafka(struct engine *engine)
{
    engine->discard = true;
    if (engine->context.consumer != NULL) {
        rd_kafka_consumer_close(engine->context.consumer);
        close_shards(engine);
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
    return open_kafka(engine, err);
}

struct engine *engine_open(const struct pipeline *pipeline, const struct pipeline_join *join,
                           struct metrics *metrics, struct error *err)
{
    struct engine *engine = memory_new(sizeof *engine);

    engine->pipeline = pipeline;
    engine->join = join;
    engine->metrics = metrics;
    engine->slot.lock = -1;
    engine->watched_us = engine->turned_us = now_us();
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
    close_kafka(engine);
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

/* --- The stages --- */

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
    if ((int64_t)bytes <= engine->join->memory_bytes / 4 * 3)
        return true;
    error_set(err, EXIT_CODE_STATE,
              "join %s: the index of live rows needs %zu bytes, more than "
              "three quarters of memory: %s",
              engine->join->name, bytes, units_format_size(engine->join->memory_bytes, limit));
    return error_hint(err,
                      "raise the join's memory (48 bytes a live row are plenty), or spread the "
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

static void describe_fields(const struct engine *engine, struct status *status,
                            struct status_field *fields)
{
    for (size_t i = 0; i < engine->join->field_count; i++) {
        int64_t rows = label_field_rows(engine->context.label, i);

        if (rows >= 0)
            fields[status->field_count++] =
                (struct status_field){engine->join->fields[i].name, rows};
    }
}

/* How fast records come in, since the last picture. */
static int64_t take_rate(struct engine *engine, int64_t now)
{
    int64_t inputs = 0, elapsed_us = now - engine->status_us;

    for (size_t i = 0; i < engine->shard_count; i++)
        inputs += shard_input_count(engine->shards[i]);
    int64_t rate = elapsed_us > 0 ? (inputs - engine->status_inputs) * 1000000 / elapsed_us : 0;
    engine->status_inputs = inputs;
    return rate > 0 ? rate : 0;
}

static void publish_status(struct engine *engine, int64_t now)
{
    struct status_task *tasks = memory_array(engine->shard_count + 1, sizeof *tasks);
    struct status_field *fields = memory_array(engine->join->field_count + 1, sizeof *fields);
    struct status status = {.join = engine->join->name,
                            .slot = engine->slot.name,
                            .time_ms = clock_wall_ms(engine->context.clock),
                            .inputs_per_second = take_rate(engine, now),
                            .commits = engine->commits,
                            .commit_ms = engine->commit_us / 1000,
                            .idle_after_ms = engine->join->idle_after_ms,
                            .tasks = tasks,
                            .task_count = engine->shard_count,
                            .fields = fields};
    bool ready = engine->assigned_once;

    for (size_t i = 0; i < engine->shard_count; i++) {
        shard_status(engine->shards[i], &tasks[i]);
        ready = ready && !tasks[i].restoring;
    }
    if (!ready && engine->assigned_once)
        status.restoring_ms = (now - engine->assigned_us) / 1000 + 1;
    describe_fields(engine, &status, fields);
    pthread_mutex_lock(&engine->mutex);
    buffer_clear(&engine->status);
    buffer_clear(&engine->line);
    status_json(&status, &engine->status);
    status_line(&status, &engine->line);
    engine->turned_us = now;
    engine->ready = ready;
    pthread_mutex_unlock(&engine->mutex);
    free(tasks);
    free(fields);
}

bool engine_watch(struct engine *engine, struct error *err)
{
    int64_t now = now_us();

    (void)err;
    if (now - engine->watched_us >= (int64_t)WATCH_MS * 1000) {
        engine->watched_us = now;
        if (engine->context.heartbeats != NULL)
            heartbeats_poll(engine->context.heartbeats, clock_wall_ms(engine->context.clock));
        for (size_t i = 0; i < engine->shard_count; i++)
            shard_watch(engine->shards[i]);
    }
    if (now - engine->status_us >= (int64_t)STATUS_MS * 1000) {
        publish_status(engine, now);
        engine->status_us = now;
    }
    return true;
}

/* Closes what is due in every task and commits all of them in one transaction. */
static bool commit_shards(struct engine *engine, struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    bool ok = true;

    for (size_t i = 0; i < engine->shard_count && ok; i++)
        if (shard_is_dirty(engine->shards[i]))
            ok = shard_describe(engine->shards[i], offsets, err);
    if (ok && offsets->cnt > 0) {
        int64_t began_us = now_us();

        ok = emitter_commit(engine->context.emitter, engine->context.consumer, offsets, err);
        engine->commit_us = now_us() - began_us;
        metric_observe(engine->commit_seconds, engine->commit_us);
        engine->context.emitter_failed = !ok;
        engine->commits += ok;
        engine->recoveries = ok ? 0 : engine->recoveries;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return ok;
}

bool engine_commit(struct engine *engine, bool now, struct error *err)
{
    int64_t interval_us = engine->join->commit_interval_ms * 1000, began_us = now_us();

    if (!now && began_us < engine->commit_due_us)
        return true;
    bool ok = commit_shards(engine, err);
    int64_t ended_us = now_us();
    engine->commit_due_us = began_us + interval_us;
    if (engine->commit_due_us < ended_us + interval_us / 2)
        engine->commit_due_us =
            ended_us + interval_us / 2; /* Slow commits leave time for the join. */
    return ok;
}

/* One at a time, so that the join stops but shortly: of all, or of the first that is due. */
static void checkpoint_shards(struct engine *engine, bool all)
{
    int64_t now = now_us();

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
    checkpoint_shards(engine, now);
    return true;
}

/* --- After a failed transaction --- */

bool engine_can_recover(const struct engine *engine)
{
    return engine->context.emitter_failed && engine->recoveries < RECOVERIES_MAX;
}

bool engine_recover(struct engine *engine, const struct error *cause, struct error *err)
{
    log_warn("transaction failed: going back to what was committed",
             LOG_TEXT("join", engine->join->name), LOG_TEXT("cause", cause->text));
    engine->recoveries++;
    metric_add(engine->recoveries_total, 1);
    engine->callback_failed = false;
    close_kafka(engine);
    while (!open_kafka(engine, err)) {
        close_kafka(engine);
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
    if (!all || now_us() - engine->drained_us < (int64_t)DRAIN_MS * 1000)
        return true;
    if (!engine_commit(engine, true, err))
        return false;
    engine->drained_us = now_us();
    return drain_is_done(engine->drain, engine->context.consumer, done, err);
}

/* --- For other threads --- */

static void append_shared(struct engine *engine, const struct buffer *text, const char *otherwise,
                          struct buffer *out)
{
    pthread_mutex_lock(&engine->mutex);
    if (text->size > 0)
        buffer_append(out, text->data, text->size);
    else
        buffer_append_text(out, otherwise);
    pthread_mutex_unlock(&engine->mutex);
}

void engine_status(struct engine *engine, struct buffer *out)
{
    append_shared(engine, &engine->status, "{}", out);
}

void engine_line(struct engine *engine, struct buffer *out)
{
    append_shared(engine, &engine->line, "starting", out);
}

bool engine_is_alive(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool alive = now_us() - engine->turned_us < (int64_t)ALIVE_MS * 1000;
    pthread_mutex_unlock(&engine->mutex);
    return alive;
}

bool engine_is_ready(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool ready = engine->ready;
    pthread_mutex_unlock(&engine->mutex);
    return ready;
}
