/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's checkpoints: which one it begins with, and when the next is made. They save time and
 * nothing else: one that cannot be used or made is told, and the source topics give the same state.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "joiner/shard_parts.h"

static struct checkpoint_owner owner_of(const struct shard *shard)
{
    const struct shard_context *context = shard->context;

    return (struct checkpoint_owner){context->join->name, context->join->group, context->cluster,
                                     shard->partition};
}

/* --- Beginning with one --- */

static int64_t start_of(const struct shard *shard, const struct checkpoint *checkpoint,
                        uint32_t input)
{
    int64_t witness = checkpoint->witnesses[input].offset;

    return witness >= 0 && witness >= shard->feeds[input].low_offset
               ? witness
               : checkpoint->cut.commit.inputs[input].offset;
}

static bool check_owner(const struct shard *shard, const struct checkpoint *checkpoint,
                        struct error *err)
{
    struct checkpoint_owner owner = owner_of(shard);

    if (strcmp(checkpoint->join, owner.join) != 0 || strcmp(checkpoint->group, owner.group) != 0
        || checkpoint->partition != owner.partition)
        return error_set(err, EXIT_CODE_STATE, "it is of join %s, group %s, partition %" PRId32,
                         checkpoint->join, checkpoint->group, checkpoint->partition);
    if (strcmp(checkpoint->cluster, owner.cluster) != 0)
        return error_set(err, EXIT_CODE_STATE, "it is of the Kafka cluster %s, this is %s",
                         checkpoint->cluster, owner.cluster);
    return checkpoint->cut.commit.config_hash == shard->commit.config_hash
           || error_set(err, EXIT_CODE_STATE, "it is of another configuration");
}

/* It must lie before the committed cut, and the log must still hold what came after it. */
static bool check_place(const struct shard *shard, const struct checkpoint *checkpoint,
                        struct error *err)
{
    const struct task_commit *cut = &checkpoint->cut.commit;
    int64_t records = 0, rebuild_records = 0;

    assert(cut->input_count == shard->input_count);
    if (cut->watermark_ms > shard->commit.watermark_ms)
        return error_set(err, EXIT_CODE_STATE, "it is ahead of what is committed");
    for (uint32_t i = 0; i < shard->input_count; i++) {
        const struct task_commit_input *committed = &shard->commit.inputs[i];
        int64_t start = start_of(shard, checkpoint, i);

        if (cut->inputs[i].offset > committed->offset)
            return error_set(err, EXIT_CODE_STATE, "it is ahead of what is committed");
        if (start < shard->feeds[i].low_offset)
            return error_set(err, EXIT_CODE_STATE,
                             "topic %s partition %" PRId32 ": it goes on at offset %" PRId64
                             ", the log begins at %" PRId64,
                             shard->feeds[i].topic, shard->partition, start,
                             shard->feeds[i].low_offset);
        records += committed->offset - start;
        rebuild_records += committed->offset - committed->replay_offset;
    }
    return records < rebuild_records
           || error_set(err, EXIT_CODE_STATE, "the source topics give the state sooner");
}

static void close_state(struct shard *shard)
{
    task_free(shard->task);
    if (shard->store != NULL)
        shard->store->ops->close(shard->store);
    shard->task = NULL;
    shard->store = NULL;
}

static bool load(struct shard *shard, const char *path, const struct checkpoint *checkpoint,
                 struct error *err)
{
    return shard_open_task(shard, path, err) && task_load(shard->task, &checkpoint->cut, err);
}

static bool try_checkpoint(struct shard *shard, const char *name, struct error *err)
{
    struct checkpoint checkpoint;
    char *path = memory_textf("%s/%s", shard->checkpoints, name);
    bool ok = checkpoint_read(path, &checkpoint, err);

    if (ok) {
        ok = check_owner(shard, &checkpoint, err) && check_place(shard, &checkpoint, err)
             && checkpoint_verify(path, &checkpoint, err) && load(shard, path, &checkpoint, err);
        if (!ok)
            close_state(shard);
        for (uint32_t i = 0; ok && i < shard->input_count; i++) {
            struct feed *feed = &shard->feeds[i];

            feed->start_offset = start_of(shard, &checkpoint, i);
            feed->last = checkpoint.witnesses[i];
            feed->witness_due = feed->start_offset < checkpoint.cut.commit.inputs[i].offset;
        }
        shard->checkpoint_made_ms = ok ? checkpoint.made_ms : 0;
        checkpoint_fini(&checkpoint);
    }
    free(path);
    return ok;
}

bool shard_load_checkpoint(struct shard *shard)
{
    char **names;
    size_t count;
    struct error err;
    bool loaded = false;

    if (!checkpoint_list(shard->checkpoints, &names, &count, &err))
        log_failure("checkpoints cannot be listed", &err);
    for (size_t i = count; !loaded && i-- > 0;) {
        loaded = try_checkpoint(shard, names[i], &err);
        if (!loaded) {
            log_warn("checkpoint not used", LOG_TEXT("join", shard->context->join->name),
                     LOG_INT("partition", shard->partition), LOG_TEXT("name", names[i]),
                     LOG_TEXT("reason", err.text));
            continue;
        }
        if (strlen(names[i]) < CHECKPOINT_NAME_SIZE)
            memcpy(shard->kept[0], names[i], strlen(names[i]) + 1);
        log_info("checkpoint loaded", LOG_TEXT("join", shard->context->join->name),
                 LOG_INT("partition", shard->partition), LOG_TEXT("name", names[i]),
                 LOG_INT("live_rows", task_row_count(shard->task)));
    }
    files_free_names(names, count);
    return loaded;
}

bool shard_check_witness(struct shard *shard, uint32_t input, const rd_kafka_message_t *message,
                         struct error *err)
{
    struct feed *feed = &shard->feeds[input];

    if (message != NULL && message->offset == feed->last.offset
        && rd_kafka_message_timestamp(message, NULL) == feed->last.timestamp_ms) {
        feed->witness_due = false;
        return true;
    }
    error_set(err, EXIT_CODE_SOURCE,
              "topic %s partition %" PRId32 ": the record at offset %" PRId64
              " is not the one that was joined",
              feed->topic, shard->partition, feed->last.offset);
    return error_hint(err, "the topic was made anew or compacted: give the join another group to "
                           "begin anew");
}

/* --- Making one --- */

static bool write(struct shard *shard, struct error *err)
{
    struct checkpoint_owner owner = owner_of(shard);
    struct checkpoint_witness witnesses[TASK_COMMIT_INPUTS_MAX];
    char name[CHECKPOINT_NAME_SIZE];
    struct task_cut cut;
    int64_t now_ms = clock_wall_ms(shard->context->clock);

    memcpy(name, shard->kept[0], sizeof name);
    for (uint32_t i = 0; i < shard->input_count; i++)
        witnesses[i] = shard->feeds[i].last;
    task_cut(shard->task, &cut);
    if (!checkpoint_write(shard->checkpoints, &owner, shard->store, &cut, witnesses, now_ms, name,
                          err))
        return false;
    if (strcmp(name, shard->kept[0]) == 0)
        return true;
    memcpy(shard->kept[1], shard->kept[0], sizeof shard->kept[1]);
    memcpy(shard->kept[0], name, sizeof shard->kept[0]);
    shard->checkpoint_made_ms = now_ms;
    shard_count(shard, SHARD_join_checkpoints_total, 1);
    metric_set(shard->metrics[SHARD_join_checkpoint_timestamp_seconds], now_ms);
    return true;
}

/* Only the newest is kept when there was no room for another: the store needs the space. */
static void keep(struct shard *shard, bool made)
{
    const char *const names[] = {shard->kept[0], shard->kept[1]};
    struct error err;

    if (!checkpoint_keep(shard->checkpoints, names, made ? 2 : 1, &err))
        log_failure("an old checkpoint stays", &err);
    process_crash_point("join.checkpoint_pruned");
}

void shard_checkpoint(struct shard *shard)
{
    int64_t began_us = clock_monotonic_us(shard->context->clock);
    struct error err;

    if (shard->state != SHARD_RUNNING || shard->dirty || !shard->committed)
        return;
    bool made = write(shard, &err);
    keep(shard, made);
    shard->checkpoint_us = clock_monotonic_us(shard->context->clock);
    shard->checkpoint_took_us = shard->checkpoint_us - began_us;
    metric_observe(shard->metrics[SHARD_join_checkpoint_seconds], shard->checkpoint_took_us);
    shard_count(shard, SHARD_join_checkpoint_failures_total, !made);
    if (!made && !shard->checkpoint_failed)
        log_failure("no checkpoint: the join goes on without", &err);
    else if (made && shard->checkpoint_failed)
        log_info("checkpoints are made again", LOG_TEXT("join", shard->context->join->name),
                 LOG_INT("partition", shard->partition));
    shard->checkpoint_failed = !made;
}

bool shard_checkpoint_is_due(const struct shard *shard, int64_t now_us)
{
    int64_t interval_ms = shard->context->join->checkpoint_interval_ms;

    return interval_ms > 0 && shard->state == SHARD_RUNNING && !shard->dirty
           && now_us - shard->checkpoint_us >= interval_ms * 1000;
}
