/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_parts: what the files of an engine share. For engine*.c alone.
 */
#ifndef JOINER_ENGINE_PARTS_H
#define JOINER_ENGINE_PARTS_H

#include <pthread.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "joiner/drain.h"
#include "joiner/engine.h"
#include "joiner/shard.h"
#include "joiner/slot.h"

/* Of memory, one quarter is the store's, the others are the index's. */
enum { ENGINE_INDEX_PARTS = 3 };

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
    bool consumer_failed;
    bool discard; /* Partitions are given up without a commit. */
    bool worked;
    struct error callback_error; /* From a rebalance. */
    bool callback_failed;
    struct drain *drain; /* Only if the join shall end. */
    int64_t commit_due_us, watched_us, status_us, drained_us, assigned_us, refetched_us;
    int64_t committed_inputs;   /* Of all that the shards have read, what the last commit had. */
    int64_t commits, commit_us; /* How many, and how long the last one took. */
    int64_t status_inputs;      /* Read when the status was last made. */
    struct metric *commit_seconds, *recoveries_total;
    int recoveries;
    pthread_mutex_t mutex; /* Guards what follows. */
    struct buffer status, line;
    int64_t turned_us;
    bool ready;
};

static inline int64_t engine_now_us(void)
{
    return clock_monotonic_us(clock_real());
}

/* Producer, topics, consumer: the place in the group. Closing leaves what is not committed. */
bool engine_open_kafka(struct engine *engine, struct error *err);
void engine_close_kafka(struct engine *engine);

/* The inputs had `then` partitions and have `now`, or more. Returns false. */
bool engine_refuse_partitions(const struct engine *engine, int32_t then, int32_t now,
                              struct error *err);

/* Partitions come and go: what librdkafka calls while the consumer is polled. */
void engine_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque);
void engine_close_shards(struct engine *engine);

/* Closes what is due in every task and commits all of them in one transaction. */
/* Of all shards that it has, since the process began. */
int64_t engine_inputs_read(const struct engine *engine);
bool engine_commit_shards(struct engine *engine, struct error *err);
/* One at a time, so that the join stops but shortly: of all, or of the first that is due. */
void engine_checkpoint_shards(struct engine *engine, bool all);

/* The picture that other threads see. */
void engine_publish_status(struct engine *engine, int64_t now_us);

#endif
