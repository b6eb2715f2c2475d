/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard_parts: what the files of a shard share. For shard*.c alone.
 */
#ifndef JOINER_SHARD_PARTS_H
#define JOINER_SHARD_PARTS_H

#include "core/buffer.h"
#include "core/process.h"
#include "joiner/shard.h"
#include "joiner/store_checkpoint.h"
#include "joiner/store_files.h"

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
    int64_t low_offset;             /* Where the log began then. */
    struct checkpoint_witness last; /* The last record that was read. */
    bool witness_due;               /* The first record must be that one. */
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
    bool committed; /* There is a commit, of this process or before. */
    bool finished;
    char *directory;                    /* Of the store. */
    char *checkpoints;                  /* The folder of this task's. */
    char kept[2][CHECKPOINT_NAME_SIZE]; /* The newest first; empty: none. */
    int64_t checkpoint_us, checkpoint_took_us;
    int64_t checkpoint_made_ms; /* 0: there is none. */
    bool checkpoint_failed;
};

static inline void shard_count(struct shard *shard, enum shard_metric metric, int64_t delta)
{
    metric_add(shard->metrics[metric], delta);
}

/* A label: the output of a primary row that closes, or of one that may still change. */
bool shard_emit_label(void *context, const struct row *primary, const struct row *matches,
                      size_t match_count, int64_t watermark_ms, bool final, struct error *err);
bool shard_send_late(struct shard *shard, const rd_kafka_message_t *message, const struct row *row,
                     const struct task_verdict *verdict, struct error *err);
bool shard_send_dead(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                     const char *reason, struct error *err);
/* The newest checkpoint that fits the commit, into store and task; sets where each feed starts. */
bool shard_load_checkpoint(struct shard *shard);
/* The first record of an input after a checkpoint was loaded; NULL: there is none. */
bool shard_check_witness(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                         struct error *err);
/* Every input is replayed: compares with the commit and runs. Does nothing before that. */
bool shard_finish_restore(struct shard *shard, struct error *err);
/* Store and task, with the files of the checkpoint in the folder `from`, or empty: NULL. */
bool shard_open_task(struct shard *shard, const char *from, struct error *err);
/* What the metrics say of the task's state. */
void shard_set_gauges(struct shard *shard);

#endif
