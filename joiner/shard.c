/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/shard.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/hash.h"
#include "core/kafka.h"
#include "core/log.h"
#include "core/provenance.h"
#include "joiner/metrics.h"

enum { FEED_BATCH = 256 };

struct feed { /* One input. */
    const char *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *batch[FEED_BATCH];
    size_t next, count;
    bool at_end;
    bool asked; /* In this step, and there was nothing. */
    bool restored;
    int64_t silent_since_ms;
    int64_t start_offset, end_offset; /* Where reading began, and the end of the partition then. */
    int64_t restored_offset;          /* RESTORING: replayed up to here. */
    enum idle_verdict idle;
    struct metric *lag;
    struct record_reader reader;
};

struct shard {
    struct shard_context *context;
    int32_t partition;
    enum shard_state state;
    struct store *store;
    struct task *task;
    struct task_output output;
    struct task_commit commit; /* RESTORING: what must come of it. */
    struct feed *feeds;
    uint32_t input_count;
    struct buffer key, value;
    struct metric *metrics[SHARD_METRIC_COUNT];
    int64_t watched_ms;
    int64_t restore_began_us;
    bool dirty;
    bool finished;
};

static const struct metric_def metric_defs[SHARD_METRIC_COUNT] = {
#define METRIC(name, kind, scale, help) {#name, kind, scale, help},
#include "joiner/metrics.def"
};

static void count(struct shard *shard, enum shard_metric metric, int64_t delta)
{
    metric_add(shard->metrics[metric], delta);
}

static bool send_record(struct shard *shard, const char *topic, const struct emitter_record *record,
                        struct error *err)
{
    if (emitter_send(shard->context->emitter, topic, record, err))
        return true;
    shard->context->emitter_failed = true;
    return false;
}

/* A label: the output of a closed primary row. */
static bool emit_label(void *context, const struct row *primary, const struct row *matches,
                       size_t match_count, int64_t watermark_ms, struct error *err)
{
    struct shard *shard = context;
    const struct pipeline_join *join = shard->context->join;
    char header[PROVENANCE_TEXT_SIZE];
    struct provenance_join provenance = {.partition = shard->partition,
                                         .offset = primary->offset,
                                         .watermark_ms = watermark_ms,
                                         .final = true};

    buffer_clear(&shard->key);
    buffer_clear(&shard->value);
    if (!label_encode(shard->context->label, primary, matches, match_count, &shard->key,
                      &shard->value, err))
        return false;
    hash_sample_id(join->name, primary->key, primary->key_size, primary->id, primary->id_size,
                   provenance.sample_id);
    count(shard, SHARD_join_labels_total, 1);
    count(shard, SHARD_join_matches_total, (int64_t)match_count);
    return send_record(shard, join->output.name,
                       &(struct emitter_record){
                           .partition = shard->partition,
                           .key = shard->key.data,
                           .key_size = shard->key.size,
                           .value = shard->value.data,
                           .value_size = shard->value.size,
                           .timestamp_ms = primary->time_ms < 0 ? 0 : primary->time_ms,
                           .header = HEADER_JOIN,
                           .header_value = header,
                           .header_size = provenance_format_join(&provenance, header),
                       },
                       err);
}

static struct emitter_record copy_of(const rd_kafka_message_t *message)
{
    struct emitter_record record = {
        .key = message->key,
        .key_size = message->key_len,
        .value = message->payload,
        .value_size = message->len,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
    };

    rd_kafka_message_headers(message, &record.headers);
    return record;
}

static bool send_late(struct shard *shard, const rd_kafka_message_t *message, const struct row *row,
                      const struct task_verdict *verdict, struct error *err)
{
    const struct pipeline_join *join = shard->context->join;
    const struct pipeline_stream *stream = record_stream(join, row->input);
    char header[PROVENANCE_TEXT_SIZE];
    struct provenance_late late = {
        .input = stream->name,
        .input_size = strlen(stream->name),
        .partition = message->partition,
        .offset = message->offset,
        .time_ms = row->time_ms,
        .watermark_ms = verdict->watermark_ms,
        .outcome = verdict->admitted ? LATE_ADMITTED : LATE_DROPPED,
    };
    struct emitter_record record = copy_of(message);

    count(shard, verdict->admitted ? SHARD_join_late_admitted_total : SHARD_join_late_dropped_total,
          1);
    if (join->late_topic == NULL)
        return true;
    record.partition = shard->partition;
    record.header = HEADER_LATE;
    record.header_value = header;
    record.header_size = provenance_format_late(&late, header);
    return send_record(shard, join->late_topic, &record, err);
}

static bool send_dead(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                      const char *reason, struct error *err)
{
    const struct pipeline_stream *stream = record_stream(shard->context->join, input);
    struct emitter_record record = copy_of(message);

    count(shard, SHARD_join_dead_letters_total, 1);
    if (stream->dead_letter == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "topic %s partition %" PRId32 " offset %" PRId64 ": %s",
                  stream->topic.name, message->partition, message->offset, reason);
        return error_hint(err, "give stream %s a dead_letter topic, so that such records go there",
                          stream->name);
    }
    record.partition = RD_KAFKA_PARTITION_UA;
    record.header = HEADER_REASON;
    record.header_value = reason;
    record.header_size = strlen(reason);
    return send_record(shard, stream->dead_letter, &record, err);
}

/* --- Opening --- */

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
            || memcmp(committed[i]->metadata, committed[0]->metadata, committed[0]->metadata_size)
                   != 0) {
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
static bool check_log(struct shard *shard, uint32_t input, int64_t start, int64_t low,
                      struct error *err)
{
    const struct feed *feed = &shard->feeds[input];

    if (start < low) {
        error_set(err, EXIT_CODE_SOURCE,
                  "topic %s partition %" PRId32 ": state needs records from offset %" PRId64
                  ", the log begins at %" PRId64,
                  feed->topic, shard->partition, start, low);
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
        int64_t low;

        feed->topic = record_stream(shard->context->join, i)->topic.name;
        if (!kafka_watermarks(shard->context->consumer, feed->topic, shard->partition, &low,
                              &feed->end_offset, err))
            return false;
        int64_t start = found ? shard->commit.inputs[i].replay_offset : low;
        if (found && !check_log(shard, i, start, low, err))
            return false;
        feed->restored = !found || start == shard->commit.inputs[i].offset;
        committed[i]->offset = feed->start_offset = feed->restored_offset = start;
        if (!found)
            task_pass(shard->task, i, start);
        open_feed(shard, i);
    }
    return true;
}

static void become_running(struct shard *shard)
{
    shard->state = SHARD_RUNNING;
    log_info("task runs", LOG_TEXT("join", shard->context->join->name),
             LOG_INT("partition", shard->partition),
             LOG_INT("live_rows", task_row_count(shard->task)),
             LOG_INT("restore_ms",
                     (clock_monotonic_us(shard->context->clock) - shard->restore_began_us) / 1000));
}

static bool finish_restore(struct shard *shard, struct error *err)
{
    for (uint32_t i = 0; i < shard->input_count; i++)
        if (!shard->feeds[i].restored)
            return true;
    if (!task_check(shard->task, &shard->commit, err))
        return error_wrap(err, "join %s, partition %" PRId32, shard->context->join->name,
                          shard->partition);
    become_running(shard);
    return true;
}

static bool start(struct shard *shard, rd_kafka_topic_partition_t *const *committed,
                  struct error *err)
{
    struct shard_context *context = shard->context;
    char *directory = memory_textf("%s/task-%" PRId32, context->directory, shard->partition);
    bool found;

    shard->store = store_rocksdb_open(directory, context->store_bytes, err);
    free(directory);
    if (shard->store == NULL)
        return false;
    shard->task = task_new(context->task_join, shard->store, &shard->output);
    if (!read_commit(shard, committed, &found, err)
        || (found && !check_commit(shard, committed, err))
        || !open_feeds(shard, committed, found, err))
        return false;
    if (!found) {
        become_running(shard);
        return true;
    }
    task_restore(shard->task, &shard->commit);
    return finish_restore(shard, err);
}

struct shard *shard_open(struct shard_context *context, int32_t partition,
                         rd_kafka_topic_partition_t *const *committed, struct error *err)
{
    struct shard *shard = memory_new(sizeof *shard);

    shard->context = context;
    shard->partition = partition;
    shard->input_count = context->task_join->input_count;
    shard->feeds = memory_array(shard->input_count, sizeof *shard->feeds);
    shard->output = (struct task_output){shard, emit_label};
    shard->watched_ms = clock_wall_ms(context->clock);
    shard->restore_began_us = clock_monotonic_us(context->clock);
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
        record_reader_fini(&feed->reader);
    }
    task_free(shard->task);
    if (shard->store != NULL)
        shard->store->ops->close(shard->store);
    free(shard->feeds);
    buffer_fini(&shard->key);
    buffer_fini(&shard->value);
    metric_set(shard->metrics[SHARD_join_live_rows], 0);
    free(shard);
}

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
    return shard->state == SHARD_RUNNING || finish_restore(shard, err);
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

    count(shard, SHARD_join_replayed_total, 1);
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
    count(shard, SHARD_join_duplicates_total, verdict.duplicate);
    count(shard, SHARD_join_conflicts_total, verdict.conflict);
    return !verdict.late || send_late(shard, message, row, &verdict, err);
}

static bool join_message(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                         struct error *err)
{
    struct feed *feed = &shard->feeds[input];
    char reason[RECORD_REASON_SIZE];
    struct row row;

    feed->at_end = false;
    shard->dirty = true;
    count(shard, SHARD_join_inputs_total, 1);
    switch (record_read(&feed->reader, message, &row, reason, err)) {
    case RECORD_OK:
        return join_row(shard, message, &row, err);
    case RECORD_DEAD:
        task_pass(shard->task, input, message->offset + 1);
        return send_dead(shard, input, message, reason, err);
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
        return finish_restore(shard, err);
    }
    feed->next++;
    bool ok = shard->state == SHARD_RESTORING ? replay_message(shard, input, message, err)
                                              : join_message(shard, input, message, err);
    if (shard->state == SHARD_RESTORING && message->offset + 1 == target)
        feed->restored = true;
    rd_kafka_message_destroy(message);
    return ok && (shard->state == SHARD_RUNNING || finish_restore(shard, err));
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

    if (!task_close(shard->task, err))
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
    metric_set(shard->metrics[SHARD_join_live_rows], (int64_t)commit.row_count);
    metric_set(shard->metrics[SHARD_join_index_bytes], (int64_t)task_memory_bytes(shard->task));
    if (commit.watermark_ms != TASK_TIME_NONE)
        metric_set(shard->metrics[SHARD_join_watermark_seconds], commit.watermark_ms);
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

/* --- What it shows --- */

int32_t shard_partition(const struct shard *shard)
{
    return shard->partition;
}

enum shard_state shard_state(const struct shard *shard)
{
    return shard->state;
}

/* Of what librdkafka has heard: asks nobody. */
static int64_t lag_of(const struct shard *shard, uint32_t input)
{
    const struct feed *feed = &shard->feeds[input];
    int64_t low, high;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(shard->context->consumer, feed->topic,
                                                              shard->partition, &low, &high);

    if (feed->at_end && feed->next == feed->count)
        return 0;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0)
        high = feed->end_offset;
    int64_t lag = high - task_offset(shard->task, input);
    return lag > 0 ? lag : 0;
}

static void describe_input(const struct shard *shard, uint32_t input, struct status_input *status)
{
    const struct feed *feed = &shard->feeds[input];

    *status = (struct status_input){
        .name = record_stream(shard->context->join, input)->name,
        .offset = task_offset(shard->task, input),
        .lag = lag_of(shard, input),
        .max_time_ms = task_max_time_ms(shard->task, input),
        .at_end = feed->at_end,
        .silent_ms = shard->watched_ms - feed->silent_since_ms,
        .idle = feed->at_end ? feed->idle : IDLE_READING,
    };
    metric_set(feed->lag, status->lag);
}

void shard_status(const struct shard *shard, struct status_task *status)
{
    *status = (struct status_task){
        .partition = shard->partition,
        .restoring = shard->state == SHARD_RESTORING,
        .watermark_ms = task_watermark_ms(shard->task),
        .holder = task_holder(shard->task),
        .live_rows = task_row_count(shard->task),
        .labels = metric_value(shard->metrics[SHARD_join_labels_total]),
        .matches = metric_value(shard->metrics[SHARD_join_matches_total]),
        .late_admitted = metric_value(shard->metrics[SHARD_join_late_admitted_total]),
        .late_dropped = metric_value(shard->metrics[SHARD_join_late_dropped_total]),
        .duplicates = metric_value(shard->metrics[SHARD_join_duplicates_total]),
        .conflicts = metric_value(shard->metrics[SHARD_join_conflicts_total]),
        .dead_letters = metric_value(shard->metrics[SHARD_join_dead_letters_total]),
        .input_count = shard->input_count,
    };
    for (uint32_t i = 0; i < shard->input_count; i++) {
        const struct feed *feed = &shard->feeds[i];

        describe_input(shard, i, &status->inputs[i]);
        if (!status->restoring)
            continue;
        status->restored += feed->restored_offset - feed->start_offset;
        status->restore_total += shard->commit.inputs[i].offset - feed->start_offset;
    }
}

uint64_t shard_row_count(const struct shard *shard)
{
    return task_row_count(shard->task);
}

size_t shard_memory_bytes(const struct shard *shard)
{
    return task_memory_bytes(shard->task);
}

int64_t shard_input_count(const struct shard *shard)
{
    return metric_value(shard->metrics[SHARD_join_inputs_total]);
}
