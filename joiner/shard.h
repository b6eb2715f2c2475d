/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard: one task with its partitions, its store and its place in the output.
 *
 *     SHARD_RESTORING --every input replayed, hash equal--> SHARD_RUNNING
 *
 * A shard reads the input with the smallest M_i first, so that inputs stay aligned. It keeps its own
 * offsets. Owned by the join's thread.
 */
#ifndef JOINER_SHARD_H
#define JOINER_SHARD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/metrics.h"
#include "core/pipeline.h"
#include "joiner/emitter.h"
#include "joiner/heartbeats.h"
#include "joiner/label.h"
#include "joiner/record.h"
#include "joiner/status.h"
#include "joiner/task.h"

enum shard_state { SHARD_RESTORING, SHARD_RUNNING };

enum shard_metric {
#define METRIC(name, kind, scale, help) SHARD_##name,
#include "joiner/metrics.def"
    SHARD_METRIC_COUNT
};

struct shard_context { /* Of a join, shared by its shards. Borrowed. */
    const struct pipeline_join *join;
    const struct task_join *task_join;
    struct registry *registry;
    struct label *label;
    struct emitter *emitter;
    bool emitter_failed; /* The error came from there: open another and read what is committed. */
    struct clock *clock;
    struct metrics *metrics;
    rd_kafka_t *consumer;
    struct heartbeats *heartbeats; /* NULL: silence alone is believed. */
    const char *directory;
    const char *checkpoints; /* The folder that the processes of this state directory share. */
    char *cluster;           /* Kafka's id of it. */
    int64_t store_bytes;     /* For each shard's store. */
    struct row_index_limits index_limits; /* Of each shard. */
};

struct shard;

/*
 * committed: the group's offsets for this partition of each input, in the order of the join, with
 * metadata. Refuses what does not fit: another configuration, offsets that were moved, records that
 * retention took. Sets each offset to where reading starts.
 */
struct shard *shard_open(struct shard_context *context, int32_t partition,
                         rd_kafka_topic_partition_t *const *committed, struct error *err);
void shard_close(struct shard *shard);

int32_t shard_partition(const struct shard *shard);
enum shard_state shard_state(const struct shard *shard);
/* A message that came by the consumer's own queue. Takes it. */
bool shard_take(struct shard *shard, rd_kafka_message_t *message);

/* Reads and joins up to `most` records. Sets worked if there was anything to do. */
bool shard_step(struct shard *shard, size_t most, bool *worked, struct error *err);
/* Which inputs are idle, and what time does if all are. */
void shard_watch(struct shard *shard);
/* True if something changed since the last shard_describe. */
bool shard_is_dirty(const struct shard *shard);
/* Closes what is due and appends the offsets to commit. */
bool shard_describe(struct shard *shard, rd_kafka_topic_partition_list_t *offsets,
                    struct error *err);
/* Makes a checkpoint of what was just committed. A failure is told, never an error. */
void shard_checkpoint(struct shard *shard);
bool shard_checkpoint_is_due(const struct shard *shard, int64_t now_us);
/* True once everything up to the ends that the inputs had at the start is read. */
bool shard_at_end(const struct shard *shard);
/* Closes every row there is. Nothing is read any more. */
bool shard_finish(struct shard *shard, struct error *err);

/* The picture of now; sets the gauges that nobody else does. */
void shard_status(const struct shard *shard, struct status_task *status);
uint64_t shard_row_count(const struct shard *shard);
size_t shard_memory_bytes(const struct shard *shard);
int64_t shard_input_count(const struct shard *shard);

#endif
