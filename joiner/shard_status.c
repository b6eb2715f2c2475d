/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard shows. */
#include "joiner/shard_parts.h"

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
        .silent_ms = shard->watched_ms > feed->silent_since_ms
                         ? shard->watched_ms - feed->silent_since_ms
                         : 0,
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
        .checkpoint_ms = shard->checkpoint_made_ms,
        .checkpoint_failed = shard->checkpoint_failed,
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

void shard_set_gauges(struct shard *shard)
{
    const struct task *task = shard->task;

    metric_set(shard->metrics[SHARD_join_live_rows], (int64_t)task_row_count(task));
    metric_set(shard->metrics[SHARD_join_index_bytes], (int64_t)task_memory_bytes(task));
    metric_set(shard->metrics[SHARD_join_index_disk_bytes], (int64_t)task_disk_bytes(task));
    if (task_watermark_ms(task) != TASK_TIME_NONE)
        metric_set(shard->metrics[SHARD_join_watermark_seconds], task_watermark_ms(task));
}

size_t shard_memory_bytes(const struct shard *shard)
{
    return task_memory_bytes(shard->task);
}

int64_t shard_input_count(const struct shard *shard)
{
    return metric_value(shard->metrics[SHARD_join_inputs_total]);
}
