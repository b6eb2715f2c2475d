/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secondary row lies at home, the last time at which a primary row may match it (t + before), and
 * once more beside the earliest live primary row that it matches. When that one closes, the row is
 * carried to the next one, in memory within one sweep. So a sweep reads primary rows and their matches in one scan, and no
 * record causes a random read but one that meets its match in the wrong order.
 */
#include "joiner/task.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "joiner/task_parts.h"

enum { FLOOR_STEPS = 256 };

struct task *task_new(const struct task_join *join, struct store *store,
                      const struct task_output *output, const struct row_index_limits *limits)
{
    struct task *task = memory_new(sizeof *task);

    assert(join->input_count >= 2 && join->input_count <= TASK_COMMIT_INPUTS_MAX);
    task->join = join;
    task->store = store;
    task->output = output;
    for (uint32_t i = 1; i < join->input_count; i++) {
        task->hi_ms = max_of(task->hi_ms, join->windows[i].after_ms);
        task->lo_ms = max_of(task->lo_ms, join->windows[i].before_ms);
        task->before_ms[i] = join->windows[i].before_ms;
    }
    task->reach_ms = task->hi_ms + join->lateness_ms + (join->latest ? task->lo_ms : 0);
    task->watermark_ms = TASK_TIME_NONE;
    for (uint32_t i = 0; i < join->input_count; i++) {
        task->inputs[i].max_time_ms = TASK_TIME_NONE;
        floor_init(&task->inputs[i].floor, max_of(1, (task->reach_ms + task->lo_ms) / FLOOR_STEPS));
    }
    row_index_init(&task->index, limits, task->before_ms);
    arena_init(&task->group.arena, TASK_GROUP_BLOCK);
    return task;
}

void task_free(struct task *task)
{
    if (task == NULL)
        return;
    for (uint32_t i = 0; i < task->join->input_count; i++)
        floor_fini(&task->inputs[i].floor);
    row_index_fini(&task->index);
    arena_fini(&task->group.arena);
    buffer_fini(&task->group.name);
    buffer_fini(&task->group.key);
    free(task->group.rows);
    free(task->group.places);
    free(task->group.matches);
    buffer_fini(&task->place);
    buffer_fini(&task->content);
    buffer_fini(&task->from);
    buffer_fini(&task->to);
    task_early_fini(&task->early);
    carried_fini(&task->carried);
    free(task->times);
    free(task);
}

/* --- Time --- */

int64_t task_cutoff_ms(const struct task *task)
{
    return task->watermark_ms == TASK_TIME_NONE ? TASK_TIME_NONE
                                                : task->watermark_ms - task->reach_ms;
}

/* W = the least M_i of the inputs that are not idle; undefined until each of them has a record. */
static void update_watermark(struct task *task)
{
    int64_t least = INT64_MAX;

    for (uint32_t i = 0; i < task->join->input_count; i++)
        if (!task->inputs[i].idle && task->inputs[i].max_time_ms < least)
            least = task->inputs[i].max_time_ms;
    if (least != INT64_MAX && least > task->watermark_ms)
        task->watermark_ms = least;
}

void task_set_idle(struct task *task, uint32_t input, bool idle)
{
    task->inputs[input].idle = idle;
    update_watermark(task);
}

bool task_is_idle(const struct task *task, uint32_t input)
{
    return task->inputs[input].idle;
}

void task_advance(struct task *task, int64_t watermark_ms)
{
    task->watermark_ms = max_of(task->watermark_ms, watermark_ms);
}

void task_pass(struct task *task, uint32_t input, int64_t offset)
{
    assert(offset >= task->inputs[input].offset);

    task->inputs[input].offset = offset;
}

/* --- Rows --- */

bool task_put_row(struct task *task, int64_t place_ms, const struct row *row, struct error *err)
{
    buffer_clear(&task->place);
    row_put_place(&task->place, place_ms, row);
    buffer_clear(&task->content);
    row_put_content(&task->content, row);
    return task->store->ops->put(task->store, bytes_of(&task->place), bytes_of(&task->content),
                                 err);
}

static int order_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void task_find_primaries(struct task *task, uint64_t key_hash, int64_t after_ms)
{
    const struct row_index_entry *entry;
    struct row_index_walk walk;

    task->time_count = 0;
    row_index_walk_begin(&walk, &task->index, key_hash);
    while ((entry = row_index_walk_next(&walk)) != NULL) {
        if (row_index_input(entry) != ROW_PRIMARY || row_index_time_ms(entry) <= after_ms)
            continue;
        if (task->time_count == task->time_capacity) {
            task->time_capacity = task->time_capacity == 0 ? 16 : task->time_capacity * 2;
            task->times = memory_resize(task->times, task->time_capacity * sizeof *task->times);
        }
        task->times[task->time_count++] = row_index_time_ms(entry);
    }
    if (task->time_count > 1)
        qsort(task->times, task->time_count, sizeof *task->times, order_times);
}

bool task_first_match(const struct task *task, uint32_t input, int64_t time_ms, int64_t *primary_ms)
{
    size_t low = 0, high = task->time_count;
    int64_t from_ms = time_ms - task->join->windows[input].after_ms;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (task->times[middle] < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == task->time_count || !task_matches(task, task->times[low], input, time_ms))
        return false;
    *primary_ms = task->times[low];
    return true;
}

bool task_last_match(const struct task *task, uint32_t input, int64_t time_ms, int64_t *primary_ms)
{
    size_t low = 0, high = task->time_count;
    int64_t to_ms = time_ms + task->join->windows[input].before_ms;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (task->times[middle] <= to_ms)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !task_matches(task, task->times[low - 1], input, time_ms))
        return false;
    *primary_ms = task->times[low - 1];
    return true;
}

/* A secondary row that comes after its primary: the usual order. */
static bool put_beside_primary(struct task *task, const struct row *row, uint64_t key_hash,
                               struct error *err)
{
    int64_t primary_ms;

    task_find_primaries(task, key_hash, INT64_MIN);
    if (!task_first_match(task, row->input, row->time_ms, &primary_ms)
        || primary_ms == task_home_ms(task, row->input, row->time_ms))
        return true;
    return task_put_row(task, primary_ms, row, err);
}

struct gather {
    struct task *task;
    struct buffer rows; /* Keys and values, each with its size in front. */
};

static bool gather_row(void *context, struct store_bytes key, struct store_bytes value)
{
    struct gather *gather = context;

    buffer_append(&gather->rows, &key.size, sizeof key.size);
    buffer_append(&gather->rows, key.data, key.size);
    buffer_append(&gather->rows, &value.size, sizeof value.size);
    buffer_append(&gather->rows, value.data, value.size);
    return true;
}

static struct store_bytes take_bytes(const uint8_t **at)
{
    struct store_bytes bytes;

    memcpy(&bytes.size, *at, sizeof bytes.size);
    bytes.data = *at + sizeof bytes.size;
    *at = bytes.data + bytes.size;
    return bytes;
}

/* Scans [place prefix, next prefix) of the row's home. */
bool task_scan_home(struct task *task, const struct row *row, store_visit *visit, void *context,
                    struct error *err)
{
    struct row bare = *row;

    bare.id_size = 0;
    buffer_clear(&task->from);
    row_put_place(&task->from, task_home_ms(task, row->input, row->time_ms), &bare);
    bare.time_ms++;
    buffer_clear(&task->to);
    row_put_place(&task->to, task_home_ms(task, row->input, row->time_ms), &bare);
    return task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to), visit,
                                  context, err);
}

/* Puts the gathered rows beside the primary, unless an earlier one has them and will pass them on. */
static bool put_gathered(struct task *task, const struct gather *gather, const struct row *primary,
                         struct error *err)
{
    const uint8_t *at = gather->rows.data, *end = at + gather->rows.size;

    while (at < end) {
        struct store_bytes key = take_bytes(&at), value = take_bytes(&at);
        struct row_place place;
        struct row row;
        int64_t first_ms;

        if (!row_parse_place(key.data, key.size, &place)
            || !row_parse(&place, value.data, value.size, &row))
            return error_set(err, EXIT_CODE_STATE, "a stored row does not read back");
        if (task_first_match(task, row.input, row.time_ms, &first_ms)
            && first_ms < primary->time_ms)
            continue;
        row.key = primary->key;
        row.key_size = primary->key_size;
        if (place.place_ms != primary->time_ms && !task_put_row(task, primary->time_ms, &row, err))
            return false;
    }
    return true;
}

/* A primary row that comes after secondary rows which it matches: they are read from their homes. */
static bool put_beside_secondaries(struct task *task, const struct row *primary, uint64_t key_hash,
                                   struct error *err)
{
    struct gather gather = {.task = task};
    const struct row_index_entry *entry;
    struct row_index_walk walk;
    bool ok = true;

    row_index_walk_begin(&walk, &task->index, key_hash);
    while (ok && (entry = row_index_walk_next(&walk)) != NULL) {
        uint32_t input = row_index_input(entry);
        int64_t time_ms = row_index_time_ms(entry);

        if (input == ROW_PRIMARY || !task_matches(task, primary->time_ms, input, time_ms))
            continue;
        ok = task_scan_home(task,
                            &(struct row){.input = input,
                                          .time_ms = time_ms,
                                          .key = primary->key,
                                          .key_size = primary->key_size},
                            gather_row, &gather, err);
    }
    if (ok && gather.rows.size > 0) {
        task_find_primaries(task, key_hash, INT64_MIN);
        ok = put_gathered(task, &gather, primary, err);
    }
    buffer_fini(&gather.rows);
    return ok;
}

struct compare {
    const struct row *row;
    bool same_row, same_bytes;
};

static bool compare_row(void *context, struct store_bytes key, struct store_bytes value)
{
    struct compare *compare = context;
    const struct row *row = compare->row;
    struct row_place place;
    struct row stored;

    if (!row_parse_place(key.data, key.size, &place)
        || !row_parse(&place, value.data, value.size, &stored))
        return false;
    if (stored.id_size != row->id_size || memcmp(stored.id, row->id, row->id_size) != 0)
        return true;
    compare->same_row = true;
    compare->same_bytes = stored.value_size == row->value_size
                          && memcmp(stored.value, row->value, row->value_size) == 0;
    return false;
}

/* The hashes say that the row is live already: the stored bytes decide. */
static bool compare_stored(struct task *task, const struct row *row, struct compare *compare,
                           struct error *err)
{
    struct row bare = *row;
    int64_t place_ms = task_home_ms(task, row->input, row->time_ms);

    *compare = (struct compare){.row = row};
    buffer_clear(&task->from);
    row_put_place(&task->from, place_ms, row);
    bare.time_ms++;
    bare.id_size = 0;
    buffer_clear(&task->to);
    row_put_place(&task->to, place_ms, &bare);
    return task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to),
                                  compare_row, compare, err);
}

bool task_keep_row(struct task *task, const struct row *row, struct task_verdict *verdict,
                   struct error *err)
{
    int64_t place_ms = task_home_ms(task, row->input, row->time_ms);
    struct row_place place;

    buffer_clear(&task->place);
    row_put_place(&task->place, place_ms, row);
    bool parsed = row_parse_place(task->place.data, task->place.size, &place);
    assert(parsed);

    uint64_t key_hash = row_key_hash(&place), tail_hash = row_tail_hash(&place);

    if (row_index_has(&task->index, key_hash, tail_hash, row->input, row->time_ms)) {
        struct compare compare;

        if (!compare_stored(task, row, &compare, err))
            return false;
        verdict->duplicate = compare.same_row;
        verdict->conflict = compare.same_row && !compare.same_bytes;
        if (compare.same_row)
            return true;
        buffer_clear(&task->place); /* Two rows with one hash: both are kept. */
        row_put_place(&task->place, place_ms, row);
        row_parse_place(task->place.data, task->place.size, &place);
    }
    buffer_clear(&task->content);
    row_put_content(&task->content, row);
    task->row_hash += row_content_hash(&place, task->content.data, task->content.size);
    if (!task->store->ops->put(task->store, bytes_of(&task->place), bytes_of(&task->content), err))
        return false;
    floor_add(&task->inputs[row->input].floor, place_ms, row->offset);
    bool ok = row->input == ROW_PRIMARY ? put_beside_secondaries(task, row, key_hash, err)
                                        : put_beside_primary(task, row, key_hash, err);
    row_index_add(&task->index, key_hash, tail_hash, row->input, row->time_ms);
    return ok;
}

bool task_add(struct task *task, const struct row *row, struct task_verdict *verdict,
              struct error *err)
{
    struct task_input *input = &task->inputs[row->input];

    assert(row->input < task->join->input_count && row->offset >= input->offset);
    *verdict = (struct task_verdict){.admitted = true, .watermark_ms = task->watermark_ms};
    if (task->watermark_ms != TASK_TIME_NONE) {
        verdict->late = row->time_ms < task->watermark_ms - task->join->lateness_ms;
        verdict->admitted = task_home_ms(task, row->input, row->time_ms) >= task_cutoff_ms(task);
    }
    /* A record on time cannot touch what lies before the cutoff; a late one could, so that closes first. */
    if (verdict->late && verdict->admitted && !task_close(task, err))
        return false;
    if (verdict->admitted && !task_keep_row(task, row, verdict, err))
        return false;
    if (task->join->early && verdict->admitted && !verdict->duplicate)
        task_note_early(task, row);
    input->offset = row->offset + 1;
    input->max_time_ms = max_of(input->max_time_ms, row->time_ms);
    update_watermark(task);
    return row_index_check(&task->index, err);
}

/* --- What it knows --- */

int64_t task_watermark_ms(const struct task *task)
{
    return task->watermark_ms;
}

int64_t task_max_time_ms(const struct task *task, uint32_t input)
{
    return task->inputs[input].max_time_ms;
}

int64_t task_offset(const struct task *task, uint32_t input)
{
    return task->inputs[input].offset;
}

uint64_t task_row_count(const struct task *task)
{
    return task->index.count;
}

size_t task_memory_bytes(const struct task *task)
{
    return row_index_memory_bytes(&task->index);
}

size_t task_disk_bytes(const struct task *task)
{
    return row_index_disk_bytes(&task->index);
}

uint32_t task_holder(const struct task *task)
{
    uint32_t holder = 0;

    for (uint32_t i = 1; i < task->join->input_count; i++) {
        const struct task_input *input = &task->inputs[i], *best = &task->inputs[holder];

        if (!input->idle && (best->idle || input->max_time_ms < best->max_time_ms))
            holder = i;
    }
    return holder;
}

int64_t task_reach_ms(const struct task *task)
{
    return task->reach_ms
           + task->lo_ms; /* A secondary row outlives the primary rows it may match. */
}
