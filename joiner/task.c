/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secondary row lies at home, the last time at which a primary row may match it (t + before), and
 * once more beside the earliest live primary row that it matches. When that one closes, the row is
 * carried to the next one. So a sweep reads primary rows and their matches in one scan, and no
 * record causes a random read but one that meets its match in the wrong order.
 */
#include "joiner/task.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "joiner/floor.h"
#include "joiner/row_index.h"

enum { FLOOR_STEPS = 256, GROUP_BLOCK = 64 * 1024 };

struct task_input {
    int64_t max_time_ms;
    int64_t offset;
    bool idle;
    struct floor_stairs floor;
};

/* Rows of one time and key while the sweep passes them. */
struct task_group {
    struct arena arena;
    struct buffer name; /* Time and key, as stored; empty: no group is open. */
    struct buffer key;
    struct row *rows;
    struct row_place *places; /* Of the rows, at the same positions. */
    size_t count, capacity;
    size_t primary_count; /* They come first. */
    struct row *matches;  /* For the primary that is being closed. */
    size_t match_capacity;
};

struct task {
    const struct task_join *join;
    struct store *store;
    const struct task_output *output;
    int64_t hi_ms, lo_ms, reach_ms;
    int64_t watermark_ms;
    int64_t cursor_ms; /* Everything that lies before has been closed. */
    bool cursor_set;
    struct task_input inputs[TASK_COMMIT_INPUTS_MAX];
    struct row_index index;
    uint64_t row_hash;
    struct buffer place, content, from, to; /* Scratch. */
    int64_t *times;                         /* Scratch: of the live primary rows of a key. */
    size_t time_count, time_capacity;
    struct task_group group;
    int64_t limit_ms;  /* The scan ends here. */
    struct error *err; /* Of the scan that runs. */
    bool failed;
};

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct task *task_new(const struct task_join *join, struct store *store,
                      const struct task_output *output)
{
    struct task *task = memory_new(sizeof *task);

    assert(join->input_count >= 2 && join->input_count <= TASK_COMMIT_INPUTS_MAX);
    task->join = join;
    task->store = store;
    task->output = output;
    for (uint32_t i = 1; i < join->input_count; i++) {
        task->hi_ms = max_of(task->hi_ms, join->windows[i].after_ms);
        task->lo_ms = max_of(task->lo_ms, join->windows[i].before_ms);
    }
    task->reach_ms = task->hi_ms + join->lateness_ms + (join->latest ? task->lo_ms : 0);
    task->watermark_ms = TASK_TIME_NONE;
    for (uint32_t i = 0; i < join->input_count; i++) {
        task->inputs[i].max_time_ms = TASK_TIME_NONE;
        floor_init(&task->inputs[i].floor, max_of(1, (task->reach_ms + task->lo_ms) / FLOOR_STEPS));
    }
    row_index_init(&task->index);
    arena_init(&task->group.arena, GROUP_BLOCK);
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
    free(task->times);
    free(task);
}

/* --- Time --- */

int64_t task_cutoff_ms(const struct task *task)
{
    return task->watermark_ms == TASK_TIME_NONE ? TASK_TIME_NONE
                                                : task->watermark_ms - task->reach_ms;
}

/* Where a row lies for as long as it lives: it dies when the cutoff passes this time. */
static int64_t home_ms(const struct task *task, uint32_t input, int64_t time_ms)
{
    return input == ROW_PRIMARY ? time_ms : time_ms + task->join->windows[input].before_ms;
}

static bool matches(const struct task *task, int64_t primary_ms, uint32_t input, int64_t time_ms)
{
    const struct task_window *window = &task->join->windows[input];

    return time_ms - primary_ms >= -window->before_ms && time_ms - primary_ms <= window->after_ms;
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

static struct store_bytes bytes_of(const struct buffer *buffer)
{
    return (struct store_bytes){buffer->data, buffer->size};
}

static bool put_row(struct task *task, int64_t place_ms, const struct row *row, struct error *err)
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

/* The times of the key's live primary rows after after_ms, sorted, into task->times. */
static void find_primaries(struct task *task, uint64_t key_hash, int64_t after_ms)
{
    const struct row_index_entry *entry;
    size_t cursor = SIZE_MAX;

    task->time_count = 0;
    while ((entry = row_index_next(&task->index, key_hash, &cursor)) != NULL) {
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

/* The earliest of task->times that the row matches. */
static bool first_match(const struct task *task, uint32_t input, int64_t time_ms,
                        int64_t *primary_ms)
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
    if (low == task->time_count || !matches(task, task->times[low], input, time_ms))
        return false;
    *primary_ms = task->times[low];
    return true;
}

/* A secondary row that comes after its primary: the usual order. */
static bool put_beside_primary(struct task *task, const struct row *row, uint64_t key_hash,
                               struct error *err)
{
    int64_t primary_ms;

    find_primaries(task, key_hash, INT64_MIN);
    if (!first_match(task, row->input, row->time_ms, &primary_ms)
        || primary_ms == home_ms(task, row->input, row->time_ms))
        return true;
    return put_row(task, primary_ms, row, err);
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

/* Scans [place prefix, next prefix) of the row's home, whatever its id. */
static bool gather_home(struct task *task, struct gather *gather, const struct row *row,
                        struct error *err)
{
    struct row bare = *row;

    bare.id_size = 0;
    buffer_clear(&task->from);
    row_put_place(&task->from, home_ms(task, row->input, row->time_ms), &bare);
    bare.time_ms++;
    buffer_clear(&task->to);
    row_put_place(&task->to, home_ms(task, row->input, row->time_ms), &bare);
    return task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to),
                                  gather_row, gather, err);
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
        if (first_match(task, row.input, row.time_ms, &first_ms) && first_ms < primary->time_ms)
            continue;
        row.key = primary->key;
        row.key_size = primary->key_size;
        if (place.place_ms != primary->time_ms && !put_row(task, primary->time_ms, &row, err))
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
    size_t cursor = SIZE_MAX;
    bool ok = true;

    while (ok && (entry = row_index_next(&task->index, key_hash, &cursor)) != NULL) {
        uint32_t input = row_index_input(entry);
        int64_t time_ms = row_index_time_ms(entry);

        if (input == ROW_PRIMARY || !matches(task, primary->time_ms, input, time_ms))
            continue;
        ok = gather_home(task, &gather,
                         &(struct row){.input = input,
                                       .time_ms = time_ms,
                                       .key = primary->key,
                                       .key_size = primary->key_size},
                         err);
    }
    if (ok && gather.rows.size > 0) {
        find_primaries(task, key_hash, INT64_MIN);
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
    int64_t place_ms = home_ms(task, row->input, row->time_ms);

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

/* Makes the row live. Sets duplicate and conflict instead if it is. */
static bool keep_row(struct task *task, const struct row *row, struct task_verdict *verdict,
                     struct error *err)
{
    int64_t place_ms = home_ms(task, row->input, row->time_ms);
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
        verdict->admitted = home_ms(task, row->input, row->time_ms) >= task_cutoff_ms(task);
    }
    /* A record on time cannot touch what lies before the cutoff; a late one could, so that closes first. */
    if (verdict->late && verdict->admitted && !task_close(task, err))
        return false;
    if (verdict->admitted && !keep_row(task, row, verdict, err))
        return false;
    input->offset = row->offset + 1;
    input->max_time_ms = max_of(input->max_time_ms, row->time_ms);
    update_watermark(task);
    return true;
}

/* --- The sweep --- */

static void group_clear(struct task_group *group)
{
    group->count = group->primary_count = 0;
    buffer_clear(&group->name);
    arena_reset(&group->arena, GROUP_BLOCK);
}

static void group_add(struct task_group *group, const struct row_place *place,
                      const struct row *row)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? 16 : group->capacity * 2;
        group->rows = memory_resize(group->rows, group->capacity * sizeof *group->rows);
        group->places = memory_resize(group->places, group->capacity * sizeof *group->places);
    }

    size_t id_at = (size_t)(row->id - place->tail);
    uint8_t *tail = arena_take(&group->arena, place->tail_size + row->value_size + 8);
    uint8_t *content = tail + place->tail_size;
    struct row *copy = &group->rows[group->count];

    memcpy(tail, place->tail, place->tail_size);
    memcpy(content, &row->offset, 8);
    memcpy(content + 8, row->value, row->value_size);
    *copy = *row;
    copy->id = tail + id_at;
    copy->value = content + 8;
    group->places[group->count] = *place;
    group->places[group->count].tail = tail;
    group->primary_count += row->input == ROW_PRIMARY;
    group->count++;
}

/* The rows that count for a primary of the group; 0 for one that a later primary takes them from. */
static size_t select_matches(struct task *task, bool last_of_group)
{
    struct task_group *group = &task->group;
    size_t count = 0;

    if (task->join->latest && !last_of_group)
        return 0;
    for (size_t i = group->primary_count; i < group->count; i++) {
        const struct row *row = &group->rows[i];
        int64_t later_ms;

        if (task->join->latest && first_match(task, row->input, row->time_ms, &later_ms))
            continue;
        if (count == group->match_capacity) {
            group->match_capacity = count == 0 ? 16 : count * 2;
            group->matches =
                memory_resize(group->matches, group->match_capacity * sizeof *group->matches);
        }
        group->matches[count++] = *row;
    }
    return count;
}

static bool emit_group(struct task *task)
{
    struct task_group *group = &task->group;

    for (size_t i = 0; i < group->primary_count; i++) {
        size_t count = select_matches(task, i + 1 == group->primary_count);

        if (count == 0 && task->join->inner)
            continue;
        if (!task->output->closed(task->output->context, &group->rows[i], group->matches, count,
                                  task->watermark_ms, task->err))
            return false;
    }
    return true;
}

/* Carries a secondary row to the next primary row that it matches, if one is live. */
static bool carry_row(struct task *task, const struct row *row)
{
    int64_t next_ms;

    if (!first_match(task, row->input, row->time_ms, &next_ms)
        || next_ms == home_ms(task, row->input, row->time_ms))
        return true;
    if (next_ms < task->limit_ms)
        task->limit_ms = next_ms; /* This scan would not see it. */
    return put_row(task, next_ms, row, task->err);
}

/* Takes the row out of the live ones if this is its home. */
static bool bury_row(struct task *task, size_t i)
{
    struct row_place place = task->group.places[i];
    const struct row *row = &task->group.rows[i];
    struct buffer *identity = &task->place;

    if (home_ms(task, row->input, row->time_ms) != place.place_ms)
        return carry_row(task, row);
    buffer_clear(identity);
    buffer_append(identity, task->group.name.data, task->group.name.size);
    buffer_append(identity, place.tail, place.tail_size);
    place.group = identity->data;
    place.tail = identity->data + place.group_size;
    task->row_hash -= row_content_hash(&place, row->value - 8, row->value_size + 8);
    if (!row_index_remove(&task->index, row_key_hash(&place), row_tail_hash(&place), row->input,
                          row->time_ms))
        return error_set(task->err, EXIT_CODE_STATE,
                         "the store holds a row that is not live (input %" PRIu32
                         ", offset %" PRId64 ")",
                         row->input, row->offset);
    return true;
}

static bool finish_group(struct task *task)
{
    struct task_group *group = &task->group;
    bool ok = true;

    if (group->name.size == 0)
        return true;

    struct row_place place = {.group = group->name.data, .group_size = group->name.size};

    task->time_count = 0;
    if (group->primary_count < group->count)
        find_primaries(task, row_key_hash(&place), group->places[0].place_ms);
    if (group->primary_count > 0) {
        ok = emit_group(task);
    }
    for (size_t i = 0; ok && i < group->count; i++)
        ok = bury_row(task, i);
    group_clear(group);
    return ok;
}

static bool sweep_row(void *context, struct store_bytes key, struct store_bytes value)
{
    struct task *task = context;
    struct task_group *group = &task->group;
    struct row_place place;
    struct row row;

    if (!row_parse_place(key.data, key.size, &place)
        || !row_parse(&place, value.data, value.size, &row)
        || row.input >= task->join->input_count) {
        task->failed = true;
        return error_set(task->err, EXIT_CODE_STATE, "a stored row does not read back");
    }
    if (place.group_size != group->name.size
        || memcmp(place.group, group->name.data, place.group_size) != 0) {
        task->failed = !finish_group(task);
        if (task->failed || place.place_ms >= task->limit_ms)
            return false;
        buffer_append(&group->name, place.group, place.group_size);
        buffer_clear(&group->key);
        row_unescape_key(&group->key, &place);
    }
    row.key = group->key.data;
    row.key_size = group->key.size;
    group_add(group, &place, &row);
    return true;
}

/* One scan up to limit_ms, which carried rows may bring nearer. */
static bool sweep(struct task *task, struct error *err)
{
    buffer_clear(&task->from);
    row_put_time(&task->from, task->cursor_set ? task->cursor_ms : INT64_MIN);
    buffer_clear(&task->to);
    row_put_time(&task->to, task->limit_ms);
    task->err = err;
    task->failed = false;
    group_clear(&task->group);
    if (!task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to), sweep_row,
                                task, err))
        return false;
    if (task->failed || !finish_group(task))
        return false;
    task->cursor_ms = task->limit_ms;
    task->cursor_set = true;
    return true;
}

bool task_close(struct task *task, struct error *err)
{
    int64_t cutoff_ms = task_cutoff_ms(task);

    if (cutoff_ms == TASK_TIME_NONE || (task->cursor_set && task->cursor_ms >= cutoff_ms))
        return true;
    do {
        task->limit_ms = cutoff_ms;
        if (!sweep(task, err))
            return false;
    } while (task->cursor_ms < cutoff_ms);
    for (uint32_t i = 0; i < task->join->input_count; i++)
        floor_cut(&task->inputs[i].floor, cutoff_ms);
    buffer_clear(&task->from);
    row_put_time(&task->from, cutoff_ms);
    return task->store->ops->forget(task->store, bytes_of(&task->from), err);
}

/* --- Commit and restart --- */

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
        && home_ms(task, row->input, row->time_ms) < task_cutoff_ms(task))
        return true;
    return keep_row(task, row, &verdict, err);
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
    return row_index_bytes(&task->index);
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
