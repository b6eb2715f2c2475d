/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source rows in the order of their keys become expected rows, one group of equal keys at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "core/task_commit.h"
#include "validator/join_rows.h"

struct group {
    uint8_t key[GROUP_SIZE];
    struct recompute_row *rows;
    size_t count, room, bytes;
};

static void group_row(struct join_compare *c, struct group *group, const struct sorter_row *sorted)
{
    if (group->count == group->room) {
        group->room = group->room * 2 + 64;
        group->rows = memory_resize(group->rows, group->room * sizeof *group->rows);
    }
    struct recompute_row *row = &group->rows[group->count++];
    const uint8_t *data = join_rows_keep(&c->arena, sorted->payload, sorted->size);
    const uint8_t *end = data + sorted->size;
    uint32_t id_size;

    group->bytes += sorted->size + sizeof *row;
    memcpy(&id_size, data, sizeof id_size);
    data += sizeof id_size;
    *row = (struct recompute_row){.partition =
                                      (int32_t)sort_key_get_u32(sorted->key + SORT_KEY_HASH_SIZE),
                                  .time_ms = sort_key_get_i64(sorted->key + GROUP_SIZE),
                                  .input = sorted->key[GROUP_SIZE + 8],
                                  .offset = sort_key_get_i64(sorted->key + GROUP_SIZE + 9),
                                  .id = data,
                                  .id_size = id_size};
    data += id_size;
    if (row->input == 0) {
        size_t size = (size_t)(end - data);
        size_t *origin = arena_take(&c->arena, sizeof(size_t) + sizeof(void *));
        origin[0] = size; /* Of schema index and value. */
        memcpy(&origin[1], &data, sizeof data);
        row->origin = origin;
        return;
    }
    row->mask = data;
    data += c->plan.mask_size;
    size_t count = c->plan.inputs[row->input].field_count;
    struct cell *cells = arena_take(&c->arena, (count + 1) * sizeof *cells);
    for (size_t i = 0; i < count; i++)
        data = cell_get(data, &cells[i]);
    row->cells = cells;
}

/* The late mark sorts right behind its row, and may lie there more than once. */
static void group_mark(struct join_compare *c, struct group *group, const struct sorter_row *sorted)
{
    struct recompute_row *row = group->count > 0 ? &group->rows[group->count - 1] : NULL;
    struct late_mark mark;

    if (row == NULL || row->time_ms != sort_key_get_i64(sorted->key + GROUP_SIZE)
        || row->input != sorted->key[GROUP_SIZE + 8]
        || row->offset != sort_key_get_i64(sorted->key + GROUP_SIZE + 9)) {
        c->late_unmatched++;
        return;
    }
    if (row->late)
        return;
    memcpy(&mark, sorted->payload, sizeof mark);
    row->late = true;
    row->late_watermark_ms = mark.watermark_ms;
    row->dropped = mark.dropped != 0;
    c->late++;
}

static bool is_pending(const struct join_compare *c, const struct recompute_row *primary)
{
    if ((size_t)primary->partition >= c->cut_count)
        return true;
    int64_t watermark_ms = c->cuts[primary->partition].watermark_ms;
    return watermark_ms == TASK_TIME_NONE
           || primary->time_ms >= recompute_cutoff_ms(&c->plan, watermark_ms);
}

static struct expected_head expected_head(const struct join_compare *c,
                                          const struct recompute_result *result)
{
    struct expected_head head = {.time_ms = result->primary->time_ms,
                                 .offset = result->primary->offset,
                                 .partition = result->primary->partition};

    head.flags = (is_pending(c, result->primary) ? FLAG_PENDING : 0u)
                 | (result->in_truth ? FLAG_IN_TRUTH : 0u)
                 | (result->in_admitted ? FLAG_IN_ADMITTED : 0u)
                 | (result->differ ? FLAG_DIFFER : 0u) | (result->conflict ? FLAG_CONFLICT : 0u);
    head.witness_count = (uint32_t)result->witness_count;
    return head;
}

static void put_witnesses(struct buffer *out, const struct recompute_result *result)
{
    for (size_t i = 0; i < result->witness_count; i++) {
        const struct recompute_row *row = result->witnesses[i];
        struct witness witness = {.time_ms = row->time_ms,
                                  .offset = row->offset,
                                  .watermark_ms = row->late_watermark_ms,
                                  .partition = row->partition,
                                  .input = row->input,
                                  .dropped = row->dropped};
        buffer_append(out, &witness, sizeof witness);
    }
}

static void put_cells(struct join_compare *c, const struct cell *cells)
{
    for (size_t i = 0; i < c->plan.aggregate_count; i++)
        cell_put(&c->scratch, &cells[i]);
}

/* The sample id's key is the primary's join key, read again from its value. */
static bool put_sample(struct join_compare *c, const struct recompute_result *result,
                       const struct schema *schema, const uint8_t *value, size_t size,
                       uint8_t sample[static SAMPLE_ID_SIZE], struct error *err)
{
    if (!join_rows_find_key(&c->key_path, c->join->primary_key, schema, value, size, &c->sample_key,
                            err))
        return false;
    hash_sample_id(c->join->name, c->sample_key.data, c->sample_key.size, result->primary->id,
                   result->primary->id_size, sample);
    return true;
}

static bool add_expected(void *context, const struct recompute_result *result, struct error *err)
{
    struct join_compare *c = context;
    struct expected_head head = expected_head(c, result);
    uint8_t key[JUDGE_KEY_SIZE];
    const size_t *origin = result->primary->origin;
    const uint8_t *value;

    if (!result->in_truth && !result->in_admitted)
        return true; /* An inner join without a match. */
    memcpy(&value, &origin[1], sizeof value);
    memcpy(&head.schema_index, value, sizeof head.schema_index);
    value += sizeof head.schema_index;
    head.primary_size = (uint32_t)(origin[0] - sizeof head.schema_index);
    if (!put_sample(c, result, source_reader_schema(c->readers[0], head.schema_index), value,
                    head.primary_size, key, err))
        return error_wrap(err, "join %s: key %s", c->join->name, c->join->primary_key);
    join_rows_key(key + SAMPLE_ID_SIZE, TAG_EXPECTED, head.partition, head.offset);
    buffer_clear(&c->scratch);
    buffer_append(&c->scratch, &head, sizeof head);
    put_witnesses(&c->scratch, result);
    if (result->in_admitted)
        put_cells(c, result->admitted);
    if (result->in_truth && result->differ)
        put_cells(c, result->truth);
    buffer_append(&c->scratch, value, head.primary_size);
    uint8_t *payload = sorter_add(c->judge, key, c->scratch.size, err);
    if (payload == NULL)
        return false;
    memcpy(payload, c->scratch.data, c->scratch.size);
    return true;
}

static bool end_group(struct join_compare *c, struct group *group, struct error *err)
{
    bool done =
        group->count == 0
        || recompute_key(&c->plan, group->rows, group->count, &c->arena, add_expected, c, err);

    group->count = 0;
    group->bytes = 0;
    arena_reset(&c->arena, ARENA_KEEP);
    return done;
}

static bool group_all(struct join_compare *c, struct group *group, struct error *err)
{
    struct sorter_row sorted;

    for (;;) {
        if (!sorter_next(c->source, &sorted, err))
            return false;
        if (sorted.key == NULL)
            return end_group(c, group, err);
        if (memcmp(group->key, sorted.key, GROUP_SIZE) != 0) {
            if (!end_group(c, group, err))
                return false;
            memcpy(group->key, sorted.key, GROUP_SIZE);
        }
        if (sorted.key[SOURCE_KEY_SIZE - 1] == TAG_LATE)
            group_mark(c, group, &sorted);
        else
            group_row(c, group, &sorted);
        if (group->bytes > c->group_limit) {
            error_set(err, EXIT_CODE_STATE, "join %s: one key has more than %zu rows",
                      c->join->name, group->count);
            return error_hint(err, "raise validate.memory: the rows of one key must fit in it");
        }
    }
}

bool join_compare_recompute(struct join_compare *c, struct error *err)
{
    struct group group = {0};

    if (!sorter_sort(c->source, err))
        return false;
    bool done = group_all(c, &group, err);
    free(group.rows);
    struct sorter_stats stats = sorter_stats(c->source);
    json_object_set_new(c->result->facts, "source_spilled_bytes",
                        json_integer((json_int_t)stats.spilled_bytes));
    sorter_free(c->source); /* Its memory goes to what follows. */
    c->source = NULL;
    return done;
}
