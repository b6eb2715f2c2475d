/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep: primary rows close in the order of time, each with what lies beside it. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "joiner/task_parts.h"

void task_group_clear(struct task_group *group)
{
    group->count = group->primary_count = 0;
    buffer_clear(&group->name);
    arena_reset(&group->arena, TASK_GROUP_BLOCK);
}

void task_group_add(struct task_group *group, const struct row_place *place, const struct row *row)
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

        if (task->join->latest && task_first_match(task, row->input, row->time_ms, &later_ms))
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

bool task_emit_group(struct task *task, bool final, struct error *err)
{
    struct task_group *group = &task->group;

    for (size_t i = 0; i < group->primary_count; i++) {
        size_t count = select_matches(task, i + 1 == group->primary_count);

        if (count == 0 && (task->join->inner || !final))
            continue;
        if (!task->output->emit(task->output->context, &group->rows[i], group->matches, count,
                                task->watermark_ms, final, err))
            return false;
    }
    return true;
}

/*
 * Carries a secondary row to the next primary row that it matches, if one is live: in memory if this
 * sweep comes to it, which with a hot key it does again and again; else by way of the store.
 */
static bool carry_row(struct task *task, const struct row *row)
{
    int64_t next_ms;

    if (!task_first_match(task, row->input, row->time_ms, &next_ms)
        || next_ms == task_home_ms(task, row->input, row->time_ms))
        return true;
    if (next_ms >= task->limit_ms)
        return task_put_row(task, next_ms, row, task->err);
    buffer_clear(&task->place);
    row_put_place(&task->place, next_ms, row);
    buffer_clear(&task->content);
    row_put_content(&task->content, row);
    carried_push(&task->carried, bytes_of(&task->place), bytes_of(&task->content));
    return true;
}

/* Takes the row out of the live ones if this is its home. */
static bool bury_row(struct task *task, size_t i)
{
    struct row_place place = task->group.places[i];
    const struct row *row = &task->group.rows[i];
    struct buffer *identity = &task->place;

    if (task_home_ms(task, row->input, row->time_ms) != place.place_ms)
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
        task_find_primaries(task, row_key_hash(&place), group->places[0].place_ms);
    if (group->primary_count > 0 && !task->silent)
        ok = task_emit_group(task, true, task->err);
    for (size_t i = 0; ok && i < group->count; i++)
        ok = bury_row(task, i);
    task_group_clear(group);
    return ok;
}

static bool take_row(struct task *task, struct store_bytes key, struct store_bytes value)
{
    struct task_group *group = &task->group;
    struct row_place place;
    struct row row;

    if (!row_parse_place(key.data, key.size, &place)
        || !row_parse(&place, value.data, value.size, &row) || row.input >= task->join->input_count)
        return error_set(task->err, EXIT_CODE_STATE, "a stored row does not read back");
    if (place.group_size != group->name.size
        || memcmp(place.group, group->name.data, place.group_size) != 0) {
        if (!finish_group(task))
            return false;
        buffer_append(&group->name, place.group, place.group_size);
        buffer_clear(&group->key);
        row_unescape_key(&group->key, &place);
    }
    row.key = group->key.data;
    row.key_size = group->key.size;
    task_group_add(group, &place, &row);
    return true;
}

/* How the first of the carried rows lies to a stored key. */
static int order_carried(const struct task *task, struct store_bytes key)
{
    const struct carried *top = &task->carried.list[0];
    size_t common = top->key_size < key.size ? top->key_size : key.size;
    int order = memcmp(top->bytes, key.data, common);

    return order != 0 ? order : (top->key_size > key.size) - (top->key_size < key.size);
}

static bool take_carried(struct task *task)
{
    struct carried top = carried_pop(&task->carried);
    bool ok = take_row(task, (struct store_bytes){top.bytes, top.key_size},
                       (struct store_bytes){top.bytes + top.key_size, top.value_size});

    free(top.bytes);
    return ok;
}

/*
 * A row of the store, after those that are carried to a place before it. One that is carried to where a
 * copy lies already is that copy.
 */
static bool sweep_row(void *context, struct store_bytes key, struct store_bytes value)
{
    struct task *task = context;
    int order = -1;

    while (!task->failed && task->carried.count > 0 && (order = order_carried(task, key)) <= 0) {
        if (order == 0)
            free(carried_pop(&task->carried).bytes);
        else
            task->failed = !take_carried(task);
    }
    task->failed = task->failed || !take_row(task, key, value);
    return !task->failed;
}

/* One scan up to limit_ms. */
static bool sweep(struct task *task, struct error *err)
{
    buffer_clear(&task->from);
    row_put_time(&task->from, task->cursor_set ? task->cursor_ms : INT64_MIN);
    buffer_clear(&task->to);
    row_put_time(&task->to, task->limit_ms);
    task->err = err;
    task->failed = false;
    task_group_clear(&task->group);
    if (!task->store->ops->scan(task->store, bytes_of(&task->from), bytes_of(&task->to), sweep_row,
                                task, err)
        || task->failed)
        return false;
    while (task->carried.count > 0)
        if (!take_carried(task))
            return false;
    if (!finish_group(task))
        return false;
    assert(task->carried.count == 0); /* What it matches next was met by the scan. */
    task->cursor_ms = task->limit_ms;
    task->cursor_set = true;
    return true;
}

bool task_close(struct task *task, struct error *err)
{
    int64_t cutoff_ms = task_cutoff_ms(task);

    if (cutoff_ms == TASK_TIME_NONE || (task->cursor_set && task->cursor_ms >= cutoff_ms))
        return true;
    task->limit_ms = cutoff_ms;
    if (!sweep(task, err) || !row_index_check(&task->index, err))
        return false;
    for (uint32_t i = 0; i < task->join->input_count; i++)
        floor_cut(&task->inputs[i].floor, cutoff_ms);
    row_index_forget(&task->index, cutoff_ms);
    buffer_clear(&task->from);
    row_put_time(&task->from, cutoff_ms);
    return task->store->ops->forget(task->store, bytes_of(&task->from), err);
}
