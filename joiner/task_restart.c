/* SPDX-License-Identifier: Apache-2.0 */
/* A task as it is committed, and how it comes back. */
#include <assert.h>
#include <inttypes.h>

#include "joiner/task_parts.h"

void task_describe(const struct task *task, struct task_commit *commit)
{
    assert(task->watermark_ms == TASK_TIME_NONE || task->cursor_ms >= task_cutoff_ms(task));

    *commit = (struct task_commit){
        .config_hash = task->join->config_hash,
        .watermark_ms = task->watermark_ms,
        .row_count = task->index.count,
        .row_hash = task->row_hash,
        .input_count = task->join->input_count,
    };
    for (uint32_t i = 0; i < task->join->input_count; i++)
        commit->inputs[i] = (struct task_commit_input){
            .offset = task->inputs[i].offset,
            .max_time_ms = task->inputs[i].max_time_ms,
            .replay_offset = floor_offset(&task->inputs[i].floor, task->inputs[i].offset),
        };
}

void task_restore(struct task *task, const struct task_commit *commit)
{
    assert(commit->input_count == task->join->input_count && task->index.count == 0);

    task->watermark_ms = commit->watermark_ms;
    task->cursor_ms = task_cutoff_ms(task);
    task->cursor_set = task->watermark_ms != TASK_TIME_NONE;
    for (uint32_t i = 0; i < commit->input_count; i++) {
        task->inputs[i].offset = commit->inputs[i].offset;
        task->inputs[i].max_time_ms = commit->inputs[i].max_time_ms;
        task->inputs[i].idle = false;
    }
}

bool task_replay(struct task *task, const struct row *row, struct error *err)
{
    struct task_verdict verdict;

    assert(row->offset < task->inputs[row->input].offset);
    if (task->watermark_ms != TASK_TIME_NONE
        && task_home_ms(task, row->input, row->time_ms) < task_cutoff_ms(task))
        return true;
    return task_keep_row(task, row, &verdict, err);
}

bool task_check(const struct task *task, const struct task_commit *commit, struct error *err)
{
    if (task->index.count == commit->row_count && task->row_hash == commit->row_hash)
        return true;
    error_set(err, EXIT_CODE_STATE,
              "the state rebuilt from the source topics is not the committed one: %zu live rows "
              "with hash %016" PRIx64 ", committed were %" PRIu64 " with hash %016" PRIx64,
              task->index.count, task->row_hash, commit->row_count, commit->row_hash);
    return error_hint(err, "a source topic was recreated, compacted or truncated since the last "
                           "commit; to begin anew, give the join another group");
}
