/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task: the join of one partition of every input, and nothing but the join.
 *
 * Records go in with their times, closed primary rows come out with what they matched. No clock, no
 * network. Live rows are a function of (offsets, watermark) alone: admission and eviction use one
 * cutoff, C = W - HI - L (- LO with latest), a primary row is live while t >= C, a secondary row
 * while t >= C - before. That is why a restart may rebuild them from the source topics.
 *
 * Owned by one thread.
 */
#ifndef JOINER_TASK_H
#define JOINER_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/task_commit.h"
#include "joiner/floor.h"
#include "joiner/row.h"
#include "joiner/row_index.h"
#include "joiner/store.h"

struct task_window {
    int64_t before_ms, after_ms;
};

struct task_join {
    uint64_t config_hash;
    int32_t partition_count;                            /* Of each input. */
    uint32_t input_count;                               /* The primary and its secondaries. */
    struct task_window windows[TASK_COMMIT_INPUTS_MAX]; /* By input; the primary's is not used. */
    int64_t lateness_ms;
    bool
        latest; /* A secondary row counts for the last primary row that it matches, not for every one. */
    bool inner; /* Primary rows without a match do not come out. */
    bool early; /* A primary row comes out when it has a match, and once more when it closes. */
};

/*
 * A primary row comes out, with its matches in the order input, event time, event id: for good when
 * it closes, or early, when more may still match it. False passes err on. Must not call the task.
 */
struct task_output {
    void *context;
    bool (*emit)(void *context, const struct row *primary, const struct row *matches,
                 size_t match_count, int64_t watermark_ms, bool final, struct error *err);
};

struct task;

/* Borrows join, store, output and the directory of limits (NULL: none) for its life. */
struct task *task_new(const struct task_join *join, struct store *store,
                      const struct task_output *output, const struct row_index_limits *limits);
void task_free(struct task *task);

/*
 * A row is known by input, key, event time and event id: one id at two times makes two rows. Without
 * the time, which of the two is live would depend on whether the first was evicted before the second
 * came, so on how inputs interleave; with it, both stand at the same place and the cutoff decides for
 * both alike.
 */
struct task_verdict {
    bool late;            /* Older than W - L: belongs to the late topic. */
    bool admitted;        /* It is live now, or equals a row that is. */
    bool duplicate;       /* Of a live row; nothing changed. */
    bool conflict;        /* A duplicate with other bytes: the earlier record stays. */
    int64_t watermark_ms; /* That it was judged by; TASK_TIME_NONE at first. */
};

/* The next record of its input. Its time moves the watermark only after it was judged. */
bool task_add(struct task *task, const struct row *row, struct task_verdict *verdict,
              struct error *err);
/* The input was read up to `offset` without a record for the join: dead letters, end of transactions. */
void task_pass(struct task *task, uint32_t input, int64_t offset);

/* An idle input does not hold the watermark. */
void task_set_idle(struct task *task, uint32_t input, bool idle);
bool task_is_idle(const struct task *task, uint32_t input);
/* Time goes on without records: W becomes watermark_ms unless it is there already. */
void task_advance(struct task *task, int64_t watermark_ms);
/* Emits and evicts everything before the cutoff of the present watermark. */
bool task_close(struct task *task, struct error *err);

/*
 * With `early`: the primary rows that have met their first match since the last call and are not
 * closed, each with all that it matches by now. Right before a commit, after task_close. What was
 * met before a restart and not committed is met again. A row comes out again when another primary
 * row of its key and time comes, and, with `latest`, when it has lost its matches and meets one.
 */
bool task_emit_early(struct task *task, struct error *err);

/* The cut to commit. Only right after task_close. */
void task_describe(const struct task *task, struct task_commit *commit);

/* What a checkpoint keeps of a task besides what is in its store. */
struct task_cut {
    struct task_commit commit;
    struct floor_stairs floors[TASK_COMMIT_INPUTS_MAX]; /* By input. */
};

/* The same cut with the floors, which stay the task's: valid until its next call. */
void task_cut(const struct task *task, struct task_cut *cut);

/*
 * After a restart: task_load if the store holds the rows of an earlier cut, then task_restore with
 * the committed one, then every record from the cut's offsets (without task_load: from the replay
 * offsets) up to the committed ones through task_replay, then task_settle.
 */

/* Finds the rows in the store; false unless they are those of the cut. Copies. */
bool task_load(struct task *task, const struct task_cut *cut, struct error *err);
void task_restore(struct task *task, const struct task_commit *commit);
bool task_replay(struct task *task, const struct row *row, struct error *err);
/* Closes, without output, what was closed before; false unless the rows are those of the commit. */
bool task_settle(struct task *task, const struct task_commit *commit, struct error *err);

int64_t task_watermark_ms(const struct task *task);
int64_t task_max_time_ms(const struct task *task, uint32_t input);
int64_t task_offset(const struct task *task, uint32_t input);
uint64_t task_row_count(const struct task *task);
/* Of the index of live rows. */
size_t task_memory_bytes(const struct task *task);
size_t task_disk_bytes(const struct task *task);
/* The input to read next: the one with the smallest M_i. */
int64_t task_cutoff_ms(const struct task *task);
/* The input that holds the watermark back: the least M_i of those that are not idle. */
uint32_t task_holder(const struct task *task);
/* How far W must go beyond the last event for every row to close. */
int64_t task_reach_ms(const struct task *task);

#endif
