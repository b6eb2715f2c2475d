/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/kafka.h"
#include "joiner/shard_parts.h"

/* --- Reading --- */

bool shard_take(struct shard *shard, rd_kafka_message_t *message)
{
    for (uint32_t i = 0; i < shard->input_count; i++) {
        struct feed *feed = &shard->feeds[i];

        if (strcmp(feed->topic, rd_kafka_topic_name(message->rkt)) != 0)
            continue;
        if (feed->next == feed->count)
            feed->next = feed->count = 0;
        if (feed->count == FEED_BATCH)
            return false;
        feed->batch[feed->count++] = message;
        return true;
    }
    return false;
}

/* End of the partition, or an error that librdkafka goes on after. */
static bool handle_event(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                         struct error *err)
{
    struct feed *feed = &shard->feeds[input];

    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        kafka_fail(err, message->err, "read");
        if (err->class == ERROR_RETRY)
            return true;
        return error_wrap(err, "topic %s partition %" PRId32, feed->topic, shard->partition);
    }
    if (!feed->at_end)
        feed->silent_since_ms = clock_wall_ms(shard->context->clock);
    feed->at_end = true;
    if (message->offset > task_offset(shard->task, input)) {
        task_pass(shard->task, input, message->offset); /* Over the end of a transaction. */
        shard->dirty = true;
    }
    feed->restored = true;
    return shard->state == SHARD_RUNNING || shard_finish_restore(shard, err);
}

/* The next record of the input, or NULL. */
static bool peek(struct shard *shard, uint32_t input, rd_kafka_message_t **message,
                 struct error *err)
{
    struct feed *feed = &shard->feeds[input];

    *message = NULL;
    for (;;) {
        if (feed->next == feed->count) {
            if (feed->asked)
                return true;
            ssize_t got = rd_kafka_consume_batch_queue(feed->queue, 0, feed->batch, FEED_BATCH);
            feed->next = 0;
            feed->count = got > 0 ? (size_t)got : 0;
            feed->asked = feed->count == 0;
            continue;
        }
        *message = feed->batch[feed->next];
        if ((*message)->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        feed->next++;
        bool ok = handle_event(shard, input, *message, err);
        rd_kafka_message_destroy(*message);
        *message = NULL;
        if (!ok)
            return false;
    }
}

/* The input to read: of those that are not at their end the one with the smallest M_i. */
static bool choose(struct shard *shard, uint32_t *input, rd_kafka_message_t **message,
                   struct error *err)
{
    int64_t least_ms = INT64_MAX;
    rd_kafka_message_t *next;

    *message = NULL;
    for (uint32_t i = 0; i < shard->input_count; i++) {
        int64_t time_ms = task_max_time_ms(shard->task, i);

        if (shard->state == SHARD_RESTORING && shard->feeds[i].restored)
            continue;
        if (time_ms >= least_ms)
            continue;
        if (!peek(shard, i, &next, err))
            return false;
        if (next == NULL && (shard->feeds[i].at_end || shard->state == SHARD_RESTORING))
            continue;
        least_ms = time_ms;
        *input = i;
        *message = next; /* NULL: it will come, and the others wait for it. */
    }
    return true;
}

static bool replay_message(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                           struct error *err)
{
    char reason[RECORD_REASON_SIZE];
    struct row row;

    if (shard->feeds[input].witness_due)
        return shard_check_witness(shard, input, message, err);
    shard_count(shard, SHARD_join_replayed_total, 1);
    shard->feeds[input].restored_offset = message->offset + 1;
    switch (record_read(&shard->feeds[input].reader, message, &row, reason, err)) {
    case RECORD_OK:
        return task_replay(shard->task, &row, err);
    case RECORD_DEAD:
        return true; /* It was sent when it was read first. */
    case RECORD_FAILED:
        break;
    }
    return false;
}

static bool join_row(struct shard *shard, const rd_kafka_message_t *message, const struct row *row,
                     struct error *err)
{
    struct task_verdict verdict;

    if (task_is_idle(shard->task, row->input))
        task_set_idle(shard->task, row->input, false);
    if (!task_add(shard->task, row, &verdict, err))
        return false;
    shard_count(shard, SHARD_join_duplicates_total, verdict.duplicate);
    shard_count(shard, SHARD_join_conflicts_total, verdict.conflict);
    return !verdict.late || shard_send_late(shard, message, row, &verdict, err);
}

static bool join_message(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                         struct error *err)
{
    struct feed *feed = &shard->feeds[input];
    char reason[RECORD_REASON_SIZE];
    struct row row;

    feed->at_end = false;
    shard->dirty = true;
    shard_count(shard, SHARD_join_inputs_total, 1);
    switch (record_read(&feed->reader, message, &row, reason, err)) {
    case RECORD_OK:
        return join_row(shard, message, &row, err);
    case RECORD_DEAD:
        task_pass(shard->task, input, message->offset + 1);
        return shard_send_dead(shard, input, message, reason, err);
    case RECORD_FAILED:
        break;
    }
    return false;
}

static bool handle_message(struct shard *shard, uint32_t input, rd_kafka_message_t *message,
                           struct error *err)
{
    struct feed *feed = &shard->feeds[input];
    int64_t target = task_offset(shard->task, input);

    if (shard->state == SHARD_RESTORING && message->offset >= target) {
        feed->restored = true; /* The message waits until every input is there. */
        return shard_finish_restore(shard, err);
    }
    feed->next++;
    if (!feed->witness_due)
        feed->last =
            (struct checkpoint_witness){message->offset, rd_kafka_message_timestamp(message, NULL)};
    bool ok = shard->state == SHARD_RESTORING ? replay_message(shard, input, message, err)
                                              : join_message(shard, input, message, err);
    if (shard->state == SHARD_RESTORING && message->offset + 1 == target)
        feed->restored = true;
    rd_kafka_message_destroy(message);
    return ok && (shard->state == SHARD_RUNNING || shard_finish_restore(shard, err));
}

bool shard_step(struct shard *shard, size_t most, bool *worked, struct error *err)
{
    if (shard->finished)
        return true;
    for (uint32_t i = 0; i < shard->input_count; i++)
        shard->feeds[i].asked = false;
    for (size_t n = 0; n < most; n++) {
        rd_kafka_message_t *message;
        uint32_t input;

        if (!choose(shard, &input, &message, err))
            return false;
        if (message == NULL)
            break;
        *worked = true;
        if (!handle_message(shard, input, message, err))
            return false;
    }
    return true;
}

/* --- Time --- */

static bool all_idle(struct shard *shard, int64_t now_ms)
{
    struct shard_context *context = shard->context;
    struct idle_rule rule = {context->join->idle_after_ms, context->heartbeats != NULL};
    bool all = true;

    for (uint32_t i = 0; i < shard->input_count; i++) {
        struct feed *feed = &shard->feeds[i];
        struct idle_input input = {feed->at_end && feed->next == feed->count,
                                   feed->silent_since_ms};
        struct idle_evidence evidence = {.heard_ms = IDLE_NEVER};

        if (context->heartbeats != NULL)
            evidence = heartbeats_of(context->heartbeats, record_stream(context->join, i), now_ms);
        feed->idle = idle_judge(&rule, &input, &evidence, now_ms);
        bool idle = feed->idle == IDLE_YES;
        if (idle != task_is_idle(shard->task, i)) {
            task_set_idle(shard->task, i, idle);
            shard->dirty = true;
        }
        all = all && idle;
    }
    return all;
}

/* The watermark that idle inputs leave: it stands where the last of them left it. */
static int64_t idle_base_ms(const struct shard *shard)
{
    int64_t base_ms = task_watermark_ms(shard->task);

    for (uint32_t i = 0; base_ms == TASK_TIME_NONE && i < shard->input_count; i++)
        base_ms = task_max_time_ms(shard->task, i);
    return base_ms;
}

void shard_watch(struct shard *shard)
{
    int64_t now_ms = clock_wall_ms(shard->context->clock);
    int64_t elapsed_ms = now_ms - shard->watched_ms, base_ms;

    if (idle_stalled(shard->watched_ms, now_ms))
        for (uint32_t i = 0; i < shard->input_count; i++)
            shard->feeds[i].silent_since_ms = now_ms;
    shard->watched_ms = now_ms;
    if (shard->state != SHARD_RUNNING || shard->finished || !all_idle(shard, now_ms)
        || elapsed_ms <= 0 || shard->context->join->when_idle != WHEN_IDLE_ADVANCE
        || task_row_count(shard->task) == 0)
        return;
    base_ms = idle_base_ms(shard);
    if (base_ms != TASK_TIME_NONE) {
        task_advance(shard->task, base_ms + elapsed_ms);
        shard->dirty = true;
    }
}

/* --- Commit and end --- */

bool shard_is_dirty(const struct shard *shard)
{
    return shard->dirty && shard->state == SHARD_RUNNING;
}

bool shard_describe(struct shard *shard, rd_kafka_topic_partition_list_t *offsets,
                    struct error *err)
{
    char text[TASK_COMMIT_TEXT_SIZE];
    struct task_commit commit;

    if (!task_close(shard->task, err) || !task_emit_early(shard->task, err))
        return false;
    task_describe(shard->task, &commit);
    task_commit_format(&commit, text);
    for (uint32_t i = 0; i < shard->input_count; i++) {
        rd_kafka_topic_partition_t *offset =
            rd_kafka_topic_partition_list_add(offsets, shard->feeds[i].topic, shard->partition);

        offset->offset = commit.inputs[i].offset;
        offset->metadata_size = strlen(text);
        offset->metadata = memory_text(text); /* The list's: freed with it. */
    }
    shard->dirty = false;
    shard->committed = true;
    shard_set_gauges(shard);
    return true;
}

bool shard_at_end(const struct shard *shard)
{
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (task_offset(shard->task, i) < shard->feeds[i].end_offset)
            return false;
    return shard->state == SHARD_RUNNING;
}

bool shard_finish(struct shard *shard, struct error *err)
{
    int64_t last_ms = TASK_TIME_NONE;

    if (shard->finished)
        return true;
    shard->finished = true;
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (task_max_time_ms(shard->task, i) > last_ms)
            last_ms = task_max_time_ms(shard->task, i);
    if (last_ms != TASK_TIME_NONE)
        task_advance(shard->task, last_ms + task_reach_ms(shard->task) + 1);
    shard->dirty = true;
    return task_close(shard->task, err);
}
