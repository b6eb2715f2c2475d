/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of rows are replaced by 128-bit hashes with a random seed: of one size, evenly spread, and
 * with a chance of two keys meeting that is below that of a failing machine.
 */
#include "validator/join_compare.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/codec.h"
#include "core/provenance.h"
#include "core/task_commit.h"
#include "validator/join_rows.h"

struct join_compare *join_compare_new(const struct join_compare_options *options)
{
    struct join_compare *c = memory_new(sizeof *c);
    struct sorter_options sorting = {.directory = options->work_directory,
                                     .key_size = SOURCE_KEY_SIZE,
                                     .memory_bytes = (size_t)options->validate->memory_bytes / 2};

    c->join = options->join;
    c->result = options->result;
    recompute_plan_init(&c->plan, options->join);
    c->readers = memory_array(c->plan.input_count, sizeof(struct source_reader *));
    for (size_t i = 0; i < c->plan.input_count; i++)
        c->readers[i] = source_reader_new(&c->plan, i, options->registry);
    c->output = output_reader_new(&c->plan, options->validate, options->registry);
    c->source = sorter_new(&sorting);
    sorting.key_size = JUDGE_KEY_SIZE;
    c->judge = sorter_new(&sorting);
    c->group_limit = (size_t)options->validate->memory_bytes;
    arena_init(&c->arena, ARENA_BLOCK);
    if (getrandom(&c->seed, sizeof c->seed, 0) != sizeof c->seed)
        c->seed = (uint64_t)(uintptr_t)c;
    for (size_t i = 0; i < output_reader_label_count(c->output); i++)
        result_add_label(c->result, output_reader_label(c->output, i));
    return c;
}

void join_compare_free(struct join_compare *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->plan.input_count; i++)
        source_reader_free(c->readers[i]);
    free(c->readers);
    output_reader_free(c->output);
    sorter_free(c->source);
    sorter_free(c->judge);
    recompute_plan_fini(&c->plan);
    arena_fini(&c->arena);
    buffer_fini(&c->scratch);
    buffer_fini(&c->sample_key);
    free(c->cuts);
    free(c);
}

void join_compare_cut(struct join_compare *c, int32_t partition, int64_t watermark_ms, int64_t low,
                      int64_t next)
{
    while (c->cut_count <= (size_t)partition) {
        c->cuts = memory_resize(c->cuts, (c->cut_count + 1) * sizeof *c->cuts);
        c->cuts[c->cut_count++] = (struct cut){.watermark_ms = TASK_TIME_NONE};
    }
    c->cuts[partition] = (struct cut){.watermark_ms = watermark_ms, .low = low, .next = next};
}

/* -- Rows -- */

uint8_t *join_rows_key(uint8_t *at, enum judge_tag tag, int32_t partition, int64_t offset)
{
    *at++ = (uint8_t)tag;
    at = sort_key_u32(at, (uint32_t)partition);
    return sort_key_i64(at, offset);
}

const void *join_rows_keep(struct arena *arena, const void *data, size_t size)
{
    return memcpy(arena_take(arena, size + 1), data, size);
}

bool join_rows_find_key(struct schema_path *cached, const char *text, const struct schema *schema,
                        const uint8_t *value, size_t size, struct buffer *key, struct error *err)
{
    struct codec_value found;

    buffer_clear(key);
    if (cached->schema != schema && !schema_path_resolve(cached, schema, text, err))
        return false;
    if (codec_find(cached, value, value + size, &found) && codec_key(&found, key))
        return true;
    return error_set(err, EXIT_CODE_SOURCE, "%s is null", text);
}

static void put_source_key(const struct join_compare *c, uint8_t key[static SOURCE_KEY_SIZE],
                           const struct source_row *row, size_t input, int32_t partition,
                           int64_t offset, enum source_tag tag)
{
    uint8_t *at = sort_key_hash(key, XXH3_128bits_withSeed(row->key, row->key_size, c->seed));

    at = sort_key_u32(at, (uint32_t)partition);
    at = sort_key_i64(at, row->time_ms);
    *at++ = (uint8_t)input;
    at = sort_key_i64(at, offset);
    *at = (uint8_t)tag;
}

/* -- Source and late records -- */

static bool add_row(struct join_compare *c, const uint8_t *key, struct error *err)
{
    uint8_t *payload = sorter_add(c->source, key, c->scratch.size, err);

    if (payload == NULL)
        return false;
    memcpy(payload, c->scratch.data, c->scratch.size);
    return true;
}

bool join_compare_source(struct join_compare *c, size_t input, const struct record *record,
                         struct error *err)
{
    uint8_t key[SOURCE_KEY_SIZE];
    enum source_status status;
    struct source_row row;

    arena_reset(&c->arena, ARENA_KEEP);
    if (!source_reader_read(c->readers[input], record, &c->arena, &status, &row, err))
        return false;
    c->dead += status == SOURCE_BAD;
    c->ahead += status == SOURCE_AHEAD;
    if (status != SOURCE_ROW)
        return true;
    put_source_key(c, key, &row, input, record->partition, record->offset, TAG_ROW);
    uint32_t id_size = (uint32_t)row.id_size, schema = (uint32_t)row.schema_index;
    buffer_clear(&c->scratch);
    buffer_append(&c->scratch, &id_size, sizeof id_size);
    buffer_append(&c->scratch, row.id, row.id_size);
    if (input == 0) {
        buffer_append(&c->scratch, &schema, sizeof schema);
        buffer_append(&c->scratch, row.value, row.value_size);
        return add_row(c, key, err);
    }
    buffer_reserve(&c->scratch, c->plan.mask_size);
    recompute_mask(&c->plan, (uint32_t)input, row.cells, c->scratch.data + c->scratch.size);
    c->scratch.size += c->plan.mask_size;
    for (size_t i = 0; i < c->plan.inputs[input].field_count; i++)
        cell_put(&c->scratch, &row.cells[i]);
    return add_row(c, key, err);
}

static size_t input_named(const struct join_compare *c, const char *name, size_t size)
{
    for (size_t i = 0; i < c->plan.input_count; i++) {
        const struct pipeline_stream *stream =
            i == 0 ? c->join->primary : c->join->secondaries[i - 1].stream;
        if (strlen(stream->name) == size && memcmp(stream->name, name, size) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* A late record carries the late one's own key and value, so it lands beside its source row. */
bool join_compare_late(struct join_compare *c, const struct record *record, struct error *err)
{
    const struct record_header *header = record_find(record, HEADER_LATE);
    uint8_t key[SOURCE_KEY_SIZE];
    struct provenance_late late;
    enum source_status status;
    struct source_row row;

    if (header == NULL || !provenance_parse_late(header->value, header->size, &late)) {
        c->late_unmatched++;
        return true;
    }
    size_t input = input_named(c, late.input, late.input_size);
    arena_reset(&c->arena, ARENA_KEEP);
    if (input == SIZE_MAX) {
        c->late_unmatched++;
        return true;
    }
    if (!source_reader_read(c->readers[input], record, &c->arena, &status, &row, err))
        return false;
    if (status == SOURCE_BAD) {
        c->late_unmatched++;
        return true;
    }
    struct late_mark mark = {.watermark_ms = late.watermark_ms,
                             .dropped = late.outcome == LATE_DROPPED};
    row.time_ms = late.time_ms;
    put_source_key(c, key, &row, input, late.partition, late.offset, TAG_LATE);
    buffer_clear(&c->scratch);
    buffer_append(&c->scratch, &mark, sizeof mark);
    return add_row(c, key, err);
}

/* -- Output records -- */

bool join_compare_output(struct join_compare *c, const struct record *record, struct error *err)
{
    const struct record_header *header = record_find(record, HEADER_JOIN);
    struct provenance_join join = {.partition = -1, .offset = -1, .final = true};
    struct output_head head = {.key_size = record->key != NULL ? (uint32_t)record->key_size : 0,
                               .has_key = record->key != NULL};
    uint8_t key[JUDGE_KEY_SIZE];
    const uint8_t *value = NULL;

    head.has_join = header != NULL && provenance_parse_join(header->value, header->size, &join);
    if (head.has_join && !join.final) {
        c->early++;
        return true;
    }
    head.from_partition = join.partition;
    head.from_offset = join.offset;
    if (record->value != NULL)
        value = codec_frame(record->value, record->value_size, &head.schema_id);
    head.has_value = value != NULL;
    head.value_size = value != NULL ? (uint32_t)(record->value_size - CODEC_FRAME_SIZE) : 0;
    if (head.has_join)
        memcpy(key, join.sample_id, SAMPLE_ID_SIZE);
    else /* Nothing to match it by: an identity of its own. */
        sort_key_hash(key, XXH3_128bits_withSeed(&(int64_t[]){record->partition, record->offset},
                                                 2 * sizeof(int64_t), c->seed));
    join_rows_key(key + SAMPLE_ID_SIZE, TAG_OUTPUT, record->partition, record->offset);
    uint8_t *payload =
        sorter_add(c->judge, key, sizeof head + head.key_size + head.value_size, err);
    if (payload == NULL)
        return false;
    memcpy(payload, &head, sizeof head);
    if (record->key != NULL)
        memcpy(payload + sizeof head, record->key, head.key_size);
    if (head.value_size > 0)
        memcpy(payload + sizeof head + head.key_size, value, head.value_size);
    return true;
}
