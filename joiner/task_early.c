/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Early rows. Whether a match is the first follows from the live rows alone, since every match of a
 * live primary row is live: nothing is kept for it, and a restart, which replays without marks,
 * decides as the process before it did. Marked rows come out together right before the commit, so
 * that the store is read once for all of them, and one that closes meanwhile comes out but once.
 */
#include <stdlib.h>
#include <string.h>

#include "joiner/task_parts.h"

void task_early_fini(struct early_marks *marks)
{
    free(marks->list);
    buffer_fini(&marks->keys);
}

static void mark(struct task *task, int64_t time_ms, const struct row *row)
{
    struct early_marks *marks = &task->early;

    if (marks->count == marks->capacity) {
        marks->capacity = marks->capacity == 0 ? 64 : marks->capacity * 2;
        marks->list = memory_resize(marks->list, marks->capacity * sizeof *marks->list);
    }
    marks->list[marks->count++] = (struct early_mark){time_ms, marks->keys.size, row->key_size};
    buffer_append(&marks->keys, row->key, row->key_size);
    buffer_append_byte(&marks->keys, 0); /* An empty key has a place, too. */
}

/* How many live rows count for the primary rows of this time: 0, 1, or 2 for more. */
static int count_matches(struct task *task, uint64_t key_hash, int64_t primary_ms)
{
    const struct row_index_entry *entry;
    struct row_index_walk walk;
    int count = 0;

    row_index_walk_begin(&walk, &task->index, key_hash);
    while (count < 2 && (entry = row_index_walk_next(&walk)) != NULL) {
        uint32_t input = row_index_input(entry);
        int64_t time_ms = row_index_time_ms(entry), last_ms;

        if (input == ROW_PRIMARY || !task_matches(task, primary_ms, input, time_ms))
            continue;
        count += !task->join->latest
                 || (task_last_match(task, input, time_ms, &last_ms) && last_ms == primary_ms);
    }
    return count;
}

/* Of the primary rows that a new secondary row counts for, those that had no match before it. */
static void note_secondary(struct task *task, const struct row *row, uint64_t key_hash)
{
    int64_t last_ms;

    if (!task_last_match(task, row->input, row->time_ms, &last_ms))
        return;
    for (size_t i = task->time_count; i-- > 0;) {
        int64_t time_ms = task->times[i];

        if (time_ms > last_ms || (i + 1 < task->time_count && time_ms == task->times[i + 1]))
            continue;
        if (time_ms < last_ms
            && (task->join->latest || !task_matches(task, time_ms, row->input, row->time_ms)))
            return;
        if (count_matches(task, key_hash, time_ms) == 1)
            mark(task, time_ms, row);
    }
}

void task_note_early(struct task *task, const struct row *row)
{
    struct row_place place;

    buffer_clear(&task->place);
    row_put_place(&task->place, row->time_ms, row);
    if (!row_parse_place(task->place.data, task->place.size, &place))
        return;

    uint64_t key_hash = row_key_hash(&place);

    task_find_primaries(task, key_hash, INT64_MIN);
    if (row->input != ROW_PRIMARY)
        note_secondary(task, row, key_hash);
    else if (count_matches(task, key_hash, row->time_ms) > 0)
        mark(task, row->time_ms, row);
}

/* --- Out --- */

static bool add_to_group(void *context, struct store_bytes key, struct store_bytes value)
{
    struct task *task = context;
    struct task_group *group = &task->group;
    struct row_place place;
    struct row row;

    if (!row_parse_place(key.data, key.size, &place)
        || !row_parse(&place, value.data, value.size, &row)) {
        task->failed = true;
        return false;
    }
    row.key = group->key.data;
    row.key_size = group->key.size;
    task_group_add(group, &place, &row);
    return true;
}

static bool add_home(struct task *task, uint32_t input, int64_t time_ms, struct error *err)
{
    const struct row row = {.input = input,
                            .time_ms = time_ms,
                            .key = task->group.key.data,
                            .key_size = task->group.key.size};

    return task_scan_home(task, &row, add_to_group, task, err);
}

struct home {
    uint32_t input;
    int64_t time_ms;
};

static int order_homes(const void *a, const void *b)
{
    const struct home *x = a, *y = b;

    if (x->input != y->input)
        return x->input < y->input ? -1 : 1;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

/* Where the matches of the primary rows lie: each place once, in the order in which they count. */
static size_t find_homes(struct task *task, uint64_t key_hash, int64_t primary_ms,
                         struct buffer *homes)
{
    const struct row_index_entry *entry;
    struct row_index_walk walk;
    size_t count, kept = 0;

    row_index_walk_begin(&walk, &task->index, key_hash);
    while ((entry = row_index_walk_next(&walk)) != NULL) {
        struct home home;

        memset(&home, 0, sizeof home);
        home.input = row_index_input(entry);
        home.time_ms = row_index_time_ms(entry);
        if (home.input != ROW_PRIMARY && task_matches(task, primary_ms, home.input, home.time_ms))
            buffer_append(homes, &home, sizeof home);
    }
    count = homes->size / sizeof(struct home);
    if (count == 0)
        return 0;

    struct home *list = (void *)homes->data;

    qsort(list, count, sizeof *list, order_homes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || order_homes(&list[i], &list[kept - 1]) != 0)
            list[kept++] = list[i];
    return kept;
}

/* The primary rows of one time and key, and all that match them, from their homes into the group. */
static bool gather_group(struct task *task, int64_t primary_ms, struct error *err)
{
    struct task_group *group = &task->group;
    const struct row bare = {
        .time_ms = primary_ms, .key = group->key.data, .key_size = group->key.size};
    struct buffer homes = {0};
    struct row_place place;

    buffer_clear(&group->name);
    row_put_place(&group->name, primary_ms, &bare);
    if (!row_parse_place(group->name.data, group->name.size, &place))
        return error_set(err, EXIT_CODE_BUG, "a key does not read back");

    uint64_t key_hash = row_key_hash(&place);
    size_t count = find_homes(task, key_hash, primary_ms, &homes);
    const struct home *list = (const void *)homes.data;
    bool ok = add_home(task, ROW_PRIMARY, primary_ms, err);

    for (size_t i = 0; ok && i < count; i++)
        ok = add_home(task, list[i].input, list[i].time_ms, err);
    buffer_fini(&homes);
    task_find_primaries(task, key_hash, primary_ms);
    return ok;
}

static bool emit_mark(struct task *task, const struct early_mark *mark, struct error *err)
{
    struct task_group *group = &task->group;

    task_group_clear(group);
    buffer_clear(&group->key);
    buffer_append(&group->key, task->early.keys.data + mark->key_at, mark->key_size);
    task->failed = false;

    bool ok = gather_group(task, mark->time_ms, err);

    if (ok && task->failed)
        ok = error_set(err, EXIT_CODE_STATE, "a stored row does not read back");
    ok = ok && task_emit_group(task, false, err);
    task_group_clear(group);
    return ok;
}

static int order_marks(const void *a, const void *b, void *context)
{
    const struct early_mark *x = a, *y = b;
    const uint8_t *keys = context;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->key_size != y->key_size)
        return x->key_size < y->key_size ? -1 : 1;
    return memcmp(keys + x->key_at, keys + y->key_at, x->key_size);
}

bool task_emit_early(struct task *task, struct error *err)
{
    struct early_marks *marks = &task->early;
    bool ok = true;

    if (marks->count > 1)
        qsort_r(marks->list, marks->count, sizeof *marks->list, order_marks, marks->keys.data);
    for (size_t i = 0; ok && i < marks->count; i++) {
        const struct early_mark *mark = &marks->list[i];

        if (i > 0 && order_marks(mark, mark - 1, marks->keys.data) == 0)
            continue;
        if (!task->cursor_set || mark->time_ms >= task->cursor_ms)
            ok = emit_mark(task, mark, err);
    }
    marks->count = 0;
    buffer_clear(&marks->keys);
    return ok && row_index_check(&task->index, err);
}
