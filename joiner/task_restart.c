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
        .partition_count = task->join->partition_count,
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

void task_cut(const struct task *task, struct task_cut *cut)
{
    task_describe(task, &cut->commit);
    for (uint32_t i = 0; i < task->join->input_count; i++)
        cut->floors[i] = task->inputs[i].floor;
}

static void set_time(struct task *task, int64_t watermark_ms)
{
    task->watermark_ms = watermark_ms;
    task->cursor_ms = task_cutoff_ms(task);
    task->cursor_set = watermark_ms != TASK_TIME_NONE;
}

/* A row at its home is live; one elsewhere is a copy beside its primary. */
static bool load_row(void *context, struct store_bytes key, struct store_bytes value)
{
    struct task *task = context;
    struct row_place place;
    struct row row;

    if (!row_parse_place(key.data, key.size, &place)
        || !row_parse(&place, value.data, value.size, &row) || row.input >= task->join->input_count
        || row.time_ms < -ROW_TIME_MAX || row.time_ms > ROW_TIME_MAX) {
        task->failed = true;
        return error_set(task->err, EXIT_CODE_STATE, "a stored row does not read back");
    }
    if (task_home_ms(task, row.input, row.time_ms) != place.place_ms)
        return true;
    task->row_hash += row_content_hash(&place, value.data, value.size);
    row_index_add(&task->index, row_key_hash(&place), row_tail_hash(&place), row.input,
                  row.time_ms);
    return true;
}

static bool check_rows(const struct task *task, const struct task_commit *commit, const char *what,
                       struct error *err)
{
    if (task->index.count == commit->row_count && task->row_hash == commit->row_hash)
        return true;
    return error_set(err, EXIT_CODE_STATE,
                     "%s: %zu live rows with hash %016" PRIx64 ", committed were %" PRIu64
                     " with hash %016" PRIx64,
                     what, task->index.count, task->row_hash, commit->row_count, commit->row_hash);
}

bool task_load(struct task *task, const struct task_cut *cut, struct error *err)
{
    assert(cut->commit.input_count == task->join->input_count && task->index.count == 0);

    set_time(task, cut->commit.watermark_ms);
    for (uint32_t i = 0; i < task->join->input_count; i++) {
        const struct floor_stairs *stairs = &cut->floors[i];

        for (size_t s = stairs->first; s < stairs->first + stairs->count; s++)
            floor_push(&task->inputs[i].floor, stairs->steps[s]);
    }
    buffer_clear(&task->from);
    row_put_time(&task->from, task->cursor_set ? task->cursor_ms : INT64_MIN);
    buffer_clear(&task->to);
    row_put_time(&task->to, INT64_MAX);
    task->err = err;
    task->failed = false;
    task->loaded = true;
    return task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to), load_row,
                                  task, err)
           && !task->failed && row_index_check(&task->index, err)
           && check_rows(task, &cut->commit, "the checkpoint's rows are not the committed ones",
                         err);
}

void task_restore(struct task *task, const struct task_commit *commit)
{
    assert(commit->input_count == task->join->input_count);
    assert(task->loaded || task->index.count == 0);

    int64_t watermark_ms = task->watermark_ms;

    set_time(task, commit->watermark_ms);
    task->replay_cutoff_ms = task->cursor_ms;
    if (task->loaded)
        set_time(task, watermark_ms); /* Its rows are those of then. */
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
    if (task_home_ms(task, row->input, row->time_ms) < task->replay_cutoff_ms)
        return true;
    return task_keep_row(task, row, &verdict, err) && row_index_check(&task->index, err);
}

bool task_settle(struct task *task, const struct task_commit *commit, struct error *err)
{
    task->watermark_ms = commit->watermark_ms;
    task->silent = true;
    bool ok = task_close(task, err);
    task->silent = false;
    if (!ok)
        return false;
    if (check_rows(task, commit,
                   "the state rebuilt from the source topics is not the committed one", err))
        return true;
    return error_hint(err, "a source topic was recreated, compacted or truncated since the last "
                           "commit; to begin anew, give the join another group");
}
