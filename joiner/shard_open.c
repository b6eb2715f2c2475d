/* SPDX-License-Identifier: Apache-2.0 */
/* How a shard begins: from what was committed, or anew. And how it ends. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kafka.h"
#include "core/log.h"
#include "joiner/metrics.h"
#include "joiner/shard_parts.h"

static const struct metric_def metric_defs[SHARD_METRIC_COUNT] = {
#define METRIC(name, kind, scale, help) {#name, kind, scale, help},
#include "joiner/metrics.def"
};

static void withdraw_gauges(struct shard *shard)
{
    for (int i = 0; i < SHARD_METRIC_COUNT; i++)
        if (metric_defs[i].kind == METRIC_GAUGE)
            metric_withdraw(shard->metrics[i]);
}

static void open_metrics(struct shard *shard)
{
    struct buffer labels = {0};
    char partition[16];

    snprintf(partition, sizeof partition, "%" PRId32, shard->partition);
    metrics_label(&labels, "join", shard->context->join->name);
    metrics_label(&labels, "partition", partition);
    for (int i = 0; i < SHARD_METRIC_COUNT; i++)
        shard->metrics[i] =
            metrics_series(shard->context->metrics, &metric_defs[i], buffer_text(&labels));
    buffer_fini(&labels);
    withdraw_gauges(shard); /* Until they are known. */
}

/* Every partition of a task is committed with the same text: read it, and see that it is one cut. */
static bool read_commit(struct shard *shard, rd_kafka_topic_partition_t *const *committed,
                        bool *found, struct error *err)
{
    uint32_t with_offset = 0;

    for (uint32_t i = 0; i < shard->input_count; i++)
        with_offset += committed[i]->offset >= 0;
    *found = with_offset > 0;
    if (!*found)
        return true;
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (committed[i]->offset < 0 || committed[i]->metadata_size != committed[0]->metadata_size
            || (committed[0]->metadata_size > 0 /* Else both may be NULL. */
                && memcmp(committed[i]->metadata, committed[0]->metadata,
                          committed[0]->metadata_size)
                       != 0)) {
            error_set(err, EXIT_CODE_STATE,
                      "group %s, partition %" PRId32
                      ": the offsets of the inputs were not committed together",
                      shard->context->join->group, shard->partition);
            return error_hint(err, "a topic was made anew, or something else writes to this group: "
                                   "give the join another group to begin anew");
        }
    return task_commit_parse(committed[0]->metadata, committed[0]->metadata_size, &shard->commit,
                             err)
           || error_wrap(err, "group %s, partition %" PRId32, shard->context->join->group,
                         shard->partition);
}

static bool check_commit(struct shard *shard, rd_kafka_topic_partition_t *const *committed,
                         struct error *err)
{
    const struct shard_context *context = shard->context;

    if (shard->commit.config_hash != context->task_join->config_hash
        || shard->commit.input_count != shard->input_count) {
        error_set(err, EXIT_CODE_CONFIG,
                  "join %s: the configuration is not that of the last commit of group %s",
                  context->join->name, context->join->group);
        return error_hint(err, "drain first: run the old file with --until-end; or give the join "
                               "another group, which begins anew");
    }
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (committed[i]->offset != shard->commit.inputs[i].offset) {
            error_set(err, EXIT_CODE_STATE,
                      "group %s: the offset of %s [%" PRId32 "] was moved from %" PRId64
                      " to %" PRId64,
                      context->join->group, committed[i]->topic, shard->partition,
                      shard->commit.inputs[i].offset, committed[i]->offset);
            return error_hint(err,
                              "offsets of a join cannot be moved: give the join another group");
        }
    return true;
}

/* The log must still hold what a replay needs. */
static bool check_log(struct shard *shard, uint32_t input, struct error *err)
{
    const struct feed *feed = &shard->feeds[input];

    if (feed->start_offset < feed->low_offset) {
        error_set(err, EXIT_CODE_SOURCE,
                  "topic %s partition %" PRId32 ": state needs records from offset %" PRId64
                  ", the log begins at %" PRId64,
                  feed->topic, shard->partition, feed->start_offset, feed->low_offset);
        return error_hint(err, "retention is shorter than window, lateness and the time that the "
                               "join was down; give the join another group to begin anew");
    }
    if (feed->end_offset < shard->commit.inputs[input].offset) {
        error_set(err, EXIT_CODE_SOURCE,
                  "topic %s partition %" PRId32 ": %" PRId64
                  " was committed, but the log ends at %" PRId64,
                  feed->topic, shard->partition, shard->commit.inputs[input].offset,
                  feed->end_offset);
        return error_hint(err, "the topic was made anew or lost records: give the join another "
                               "group to begin anew");
    }
    return true;
}

/* What the log of each input holds now. */
static bool look_at_logs(struct shard *shard, struct error *err)
{
    for (uint32_t i = 0; i < shard->input_count; i++) {
        struct feed *feed = &shard->feeds[i];

        feed->topic = record_stream(shard->context->join, i)->topic.name;
        feed->last.offset = -1;
        if (!kafka_watermarks(shard->context->consumer, feed->topic, shard->partition,
                              &feed->low_offset, &feed->end_offset, err))
            return false;
    }
    return true;
}

bool shard_open_task(struct shard *shard, const char *from, struct error *err)
{
    const struct shard_context *context = shard->context;

    shard->store = store_rocksdb_open(shard->directory, from, context->store_bytes, err);
    if (shard->store == NULL)
        return false;
    shard->task =
        task_new(context->task_join, shard->store, &shard->output, &context->index_limits);
    return true;
}

/* A checkpoint, or an empty store and the offset from which every live row is found. */
static bool open_state(struct shard *shard, bool found, struct error *err)
{
    if (found && shard->commit.row_count > 0 && shard_load_checkpoint(shard))
        return true;
    if (!shard_open_task(shard, NULL, err))
        return false;
    for (uint32_t i = 0; i < shard->input_count; i++)
        shard->feeds[i].start_offset =
            found ? shard->commit.inputs[i].replay_offset : shard->feeds[i].low_offset;
    return true;
}

/* Must come before the assignment, else the first records go to the consumer's own queue. */
static void open_feed(struct shard *shard, uint32_t input)
{
    struct feed *feed = &shard->feeds[input];

    feed->queue =
        rd_kafka_queue_get_partition(shard->context->consumer, feed->topic, shard->partition);
    assert(feed->queue != NULL);
    rd_kafka_queue_forward(feed->queue, NULL);
    record_reader_init(&feed->reader, shard->context->join, input, shard->context->registry);
    feed->silent_since_ms = clock_wall_ms(shard->context->clock);
    feed->lag = join_input_metric(shard->context->metrics, JOIN_join_input_lag_records,
                                  shard->context->join->name, shard->partition,
                                  record_stream(shard->context->join, input)->name);
}

static bool open_feeds(struct shard *shard, rd_kafka_topic_partition_t *const *committed,
                       bool found, struct error *err)
{
    for (uint32_t i = 0; i < shard->input_count; i++) {
        struct feed *feed = &shard->feeds[i];

        if (found && !check_log(shard, i, err))
            return false;
        feed->restored = !found || feed->start_offset == shard->commit.inputs[i].offset;
        committed[i]->offset = feed->restored_offset = feed->start_offset;
        if (!found)
            task_pass(shard->task, i, feed->start_offset);
        open_feed(shard, i);
    }
    return true;
}

static void become_running(struct shard *shard)
{
    shard->state = SHARD_RUNNING;
    shard_set_gauges(shard);
    log_info("task runs", LOG_TEXT("join", shard->context->join->name),
             LOG_INT("partition", shard->partition),
             LOG_INT("live_rows", task_row_count(shard->task)),
             LOG_INT("restore_ms",
                     (clock_monotonic_us(shard->context->clock) - shard->restore_began_us) / 1000));
}

bool shard_finish_restore(struct shard *shard, struct error *err)
{
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (!shard->feeds[i].restored)
            return true;
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (shard->feeds[i].witness_due && !shard_check_witness(shard, i, NULL, err))
            return false;
    if (!task_settle(shard->task, &shard->commit, err))
        return error_wrap(err, "join %s, partition %" PRId32, shard->context->join->name,
                          shard->partition);
    become_running(shard);
    return true;
}

static bool start(struct shard *shard, rd_kafka_topic_partition_t *const *committed,
                  struct error *err)
{
    bool found;

    if (!read_commit(shard, committed, &found, err)
        || (found && !check_commit(shard, committed, err)) || !look_at_logs(shard, err)
        || !open_state(shard, found, err) || !open_feeds(shard, committed, found, err))
        return false;
    shard->committed = found;
    if (!found) {
        become_running(shard);
        return true;
    }
    task_restore(shard->task, &shard->commit);
    return shard_finish_restore(shard, err);
}

struct shard *shard_open(struct shard_context *context, int32_t partition,
                         rd_kafka_topic_partition_t *const *committed, struct error *err)
{
    struct shard *shard = memory_new(sizeof *shard);

    shard->context = context;
    shard->partition = partition;
    shard->input_count = context->task_join->input_count;
    shard->feeds = memory_array(shard->input_count, sizeof *shard->feeds);
    shard->output = (struct task_output){shard, shard_emit_label};
    shard->watched_ms = clock_wall_ms(context->clock);
    shard->restore_began_us = shard->checkpoint_us = clock_monotonic_us(context->clock);
    shard->directory = memory_textf("%s/task-%" PRId32, context->directory, partition);
    shard->checkpoints = memory_textf("%s/task-%" PRId32, context->checkpoints, partition);
    open_metrics(shard);
    if (start(shard, committed, err))
        return shard;
    shard_close(shard);
    return NULL;
}

void shard_close(struct shard *shard)
{
    if (shard == NULL)
        return;
    for (uint32_t i = 0; i < shard->input_count; i++) {
        struct feed *feed = &shard->feeds[i];

        for (; feed->next < feed->count; feed->next++)
            rd_kafka_message_destroy(feed->batch[feed->next]);
        if (feed->queue != NULL)
            rd_kafka_queue_destroy(feed->queue);
        if (feed->lag != NULL)
            metric_withdraw(feed->lag);
        record_reader_fini(&feed->reader);
    }
    task_free(shard->task);
    if (shard->store != NULL)
        shard->store->ops->close(shard->store);
    free(shard->feeds);
    free(shard->directory);
    free(shard->checkpoints);
    buffer_fini(&shard->key);
    buffer_fini(&shard->value);
    withdraw_gauges(shard);
    free(shard);
}
