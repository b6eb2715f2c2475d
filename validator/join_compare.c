/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of rows are replaced by 128-bit hashes with a random seed: of one size, evenly spread, and
 * with a chance of two keys meeting that is below that of a failing machine.
 */
#include "validator/join_compare.h"

#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "core/codec.h"
#include "core/hash.h"
#include "core/provenance.h"
#include "core/task_commit.h"
#include "validator/output_reader.h"
#include "validator/recompute.h"
#include "validator/sorter.h"
#include "validator/source_reader.h"

enum {
    HASH_SIZE = 16,
    GROUP_SIZE = HASH_SIZE + 4,                   /* Key hash and partition. */
    SOURCE_KEY_SIZE = GROUP_SIZE + 8 + 1 + 8 + 1, /* Then time, input, offset, what it is. */
    JUDGE_KEY_SIZE = HASH_SIZE + 1 + 4 + 8,       /* Sample id, what it is, partition, offset. */
    ARENA_BLOCK = 256 * 1024,
    ARENA_KEEP = 4 * 1024 * 1024,
    EVIDENCE_SIZE = 256,
};

enum source_tag { TAG_ROW, TAG_LATE };
enum judge_tag { TAG_EXPECTED, TAG_OUTPUT };
enum expected_flag {
    FLAG_PENDING = 1,
    FLAG_IN_TRUTH = 2,
    FLAG_IN_ADMITTED = 4,
    FLAG_DIFFER = 8,
    FLAG_CONFLICT = 16,
};

struct cut {
    int64_t watermark_ms, low, next;
};

struct late_mark { /* Payload of TAG_LATE. */
    int64_t watermark_ms;
    uint8_t dropped;
};

struct witness {
    int64_t time_ms, offset, watermark_ms;
    int32_t partition;
    uint32_t input;
    bool dropped;
};

struct expected_head { /* Payload of TAG_EXPECTED; then witnesses, cells, the primary's value. */
    int64_t time_ms, offset;
    int32_t partition;
    uint32_t schema_index;
    uint32_t flags;
    uint32_t witness_count;
    uint32_t primary_size;
};

struct output_head { /* Payload of TAG_OUTPUT; then key, value. */
    int64_t from_offset;
    int32_t from_partition;
    int32_t schema_id;
    uint32_t key_size;
    uint32_t value_size;
    bool has_key, has_value, has_join;
};

struct expected {
    struct expected_head head;
    struct witness witnesses[RECOMPUTE_WITNESSES];
    struct cell *admitted, *truth;
    const uint8_t *primary;
};

struct output {
    struct output_head head;
    int32_t partition;
    int64_t offset;
    const uint8_t *key, *value;
};

struct join_compare {
    const struct pipeline_join *join;
    struct result *result;
    struct recompute_plan plan;
    struct source_reader **readers; /* One per input. */
    struct output_reader *output;
    struct sorter *source, *judge;
    struct arena arena;
    struct buffer scratch, sample_key;
    struct schema_path key_path, output_path; /* Of the schema that was seen last. */
    struct cut *cuts;
    size_t cut_count;
    size_t group_limit;
    uint64_t seed;
    int64_t dead, ahead, late, late_unmatched, early;
};

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
    free(c->result->label);
    c->result->label = memory_text(output_reader_label(c->output));
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

/* -- Keys that sort -- */

static uint8_t *put_hash(uint8_t *at, XXH128_hash_t hash)
{
    XXH128_canonicalFromHash((XXH128_canonical_t *)(void *)at, hash);
    return at + HASH_SIZE;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static uint8_t *put_i64(uint8_t *at, int64_t value)
{
    uint64_t flipped = htobe64((uint64_t)value ^ (1ull << 63)); /* Negative numbers first. */

    memcpy(at, &flipped, sizeof flipped);
    return at + sizeof flipped;
}

static int64_t get_i64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return (int64_t)(be64toh(value) ^ (1ull << 63));
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static void put_source_key(const struct join_compare *c, uint8_t key[static SOURCE_KEY_SIZE],
                           const struct source_row *row, size_t input, int32_t partition,
                           int64_t offset, enum source_tag tag)
{
    uint8_t *at = put_hash(key, XXH3_128bits_withSeed(row->key, row->key_size, c->seed));

    at = put_u32(at, (uint32_t)partition);
    at = put_i64(at, row->time_ms);
    *at++ = (uint8_t)input;
    at = put_i64(at, offset);
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

/* -- Recompute -- */

struct group {
    uint8_t key[GROUP_SIZE];
    struct recompute_row *rows;
    size_t count, room, bytes;
};

static const void *keep(struct arena *arena, const void *data, size_t size)
{
    return memcpy(arena_take(arena, size + 1), data, size);
}

static void group_row(struct join_compare *c, struct group *group, const struct sorter_row *sorted)
{
    if (group->count == group->room) {
        group->room = group->room * 2 + 64;
        group->rows = memory_resize(group->rows, group->room * sizeof *group->rows);
    }
    struct recompute_row *row = &group->rows[group->count++];
    const uint8_t *data = keep(&c->arena, sorted->payload, sorted->size);
    const uint8_t *end = data + sorted->size;
    uint32_t id_size;

    group->bytes += sorted->size + sizeof *row;
    memcpy(&id_size, data, sizeof id_size);
    data += sizeof id_size;
    *row = (struct recompute_row){.partition = (int32_t)get_u32(sorted->key + HASH_SIZE),
                                  .time_ms = get_i64(sorted->key + GROUP_SIZE),
                                  .input = sorted->key[GROUP_SIZE + 8],
                                  .offset = get_i64(sorted->key + GROUP_SIZE + 9),
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

    if (row == NULL || row->time_ms != get_i64(sorted->key + GROUP_SIZE)
        || row->input != sorted->key[GROUP_SIZE + 8]
        || row->offset != get_i64(sorted->key + GROUP_SIZE + 9)) {
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

static uint8_t *judge_key(uint8_t *at, enum judge_tag tag, int32_t partition, int64_t offset)
{
    *at++ = (uint8_t)tag;
    at = put_u32(at, (uint32_t)partition);
    return put_i64(at, offset);
}

static bool find_key(struct schema_path *cached, const char *text, const struct schema *schema,
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

/* The sample id's key is the primary's join key, read again from its value. */
static bool put_sample(struct join_compare *c, const struct recompute_result *result,
                       const struct schema *schema, const uint8_t *value, size_t size,
                       uint8_t sample[static SAMPLE_ID_SIZE], struct error *err)
{
    if (!find_key(&c->key_path, c->join->primary_key, schema, value, size, &c->sample_key, err))
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
    judge_key(key + SAMPLE_ID_SIZE, TAG_EXPECTED, head.partition, head.offset);
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
        put_hash(key, XXH3_128bits_withSeed(&(int64_t[]){record->partition, record->offset},
                                            2 * sizeof(int64_t), c->seed));
    judge_key(key + SAMPLE_ID_SIZE, TAG_OUTPUT, record->partition, record->offset);
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

/* -- Judgement: all that has one sample id -- */

struct judged {
    uint8_t sample[SAMPLE_ID_SIZE];
    struct expected expected[2]; /* Two: one key on two partitions. */
    size_t expected_count;
    struct output *outputs;
    size_t output_count, room;
};

static const uint8_t *take_cells(struct join_compare *c, const uint8_t *data, struct cell **cells)
{
    *cells = arena_take(&c->arena, (c->plan.aggregate_count + 1) * sizeof **cells);
    for (size_t i = 0; i < c->plan.aggregate_count; i++)
        data = cell_get(data, &(*cells)[i]);
    return data;
}

static void take_expected(struct join_compare *c, struct judged *judged,
                          const struct sorter_row *row)
{
    const uint8_t *data = keep(&c->arena, row->payload, row->size);
    struct expected *expected =
        &judged->expected[judged->expected_count < 2 ? judged->expected_count++ : 1];

    *expected = (struct expected){0};
    memcpy(&expected->head, data, sizeof expected->head);
    data += sizeof expected->head;
    size_t witness_bytes = expected->head.witness_count * sizeof(struct witness);
    assert(expected->head.witness_count <= RECOMPUTE_WITNESSES);
    memcpy(expected->witnesses, data, witness_bytes);
    data += witness_bytes;
    if (expected->head.flags & FLAG_IN_ADMITTED)
        data = take_cells(c, data, &expected->admitted);
    expected->truth = expected->admitted;
    if ((expected->head.flags & FLAG_IN_TRUTH) && (expected->head.flags & FLAG_DIFFER))
        data = take_cells(c, data, &expected->truth);
    expected->primary = data;
}

static void take_output(struct join_compare *c, struct judged *judged, const struct sorter_row *row)
{
    const uint8_t *data = keep(&c->arena, row->payload, row->size);

    if (judged->output_count == judged->room) {
        judged->room = judged->room * 2 + 8;
        judged->outputs = memory_resize(judged->outputs, judged->room * sizeof *judged->outputs);
    }
    struct output *output = &judged->outputs[judged->output_count++];
    memcpy(&output->head, data, sizeof output->head);
    output->partition = (int32_t)get_u32(row->key + SAMPLE_ID_SIZE + 1);
    output->offset = get_i64(row->key + SAMPLE_ID_SIZE + 5);
    output->key = data + sizeof output->head;
    output->value = output->key + output->head.key_size;
}

static json_t *positions(const struct join_compare *c, const struct expected *expected,
                         const struct output *output)
{
    json_t *json = json_object();

    if (expected != NULL)
        json_object_set_new(json, "expected",
                            result_position(c->join->primary->topic.name, expected->head.partition,
                                            expected->head.offset));
    if (output != NULL)
        json_object_set_new(
            json, "found",
            result_position(c->join->output.name, output->partition, output->offset));
    for (size_t i = 0; expected != NULL && i < expected->head.witness_count; i++) {
        const struct witness *witness = &expected->witnesses[i];
        const struct pipeline_stream *stream =
            witness->input == 0 ? c->join->primary
                                : c->join->secondaries[witness->input - 1].stream;
        char name[32];
        snprintf(name, sizeof name, i == 0 ? "witness" : "witness_%zu", i + 1);
        json_object_set_new(
            json, name, result_position(stream->topic.name, witness->partition, witness->offset));
    }
    return json;
}

static void late_evidence(const struct join_compare *c, const struct expected *expected,
                          char text[static EVIDENCE_SIZE])
{
    const struct witness *witness = &expected->witnesses[0];

    if (expected->head.witness_count == 0) {
        snprintf(text, EVIDENCE_SIZE, "the late topic");
        return;
    }
    const struct pipeline_stream *stream =
        witness->input == 0 ? c->join->primary : c->join->secondaries[witness->input - 1].stream;
    snprintf(text, EVIDENCE_SIZE,
             "%s record of time %" PRId64 " came at watermark %" PRId64 ", %" PRId64
             " ms behind it, and was %s",
             stream->name, witness->time_ms, witness->watermark_ms,
             witness->watermark_ms - witness->time_ms, witness->dropped ? "dropped" : "admitted");
}

static bool output_key(struct join_compare *c, const struct expected *expected, struct buffer *key)
{
    struct error ignored;

    return find_key(&c->output_path, c->join->output_key,
                    source_reader_schema(c->readers[0], expected->head.schema_index),
                    expected->primary, expected->head.primary_size, key, &ignored);
}

static void report(struct join_compare *c, const struct judged *judged,
                   const struct expected *expected, const struct output *output,
                   enum difference_kind kind, enum cause cause, json_t *fields,
                   const char *evidence)
{
    char id[2 * SAMPLE_ID_SIZE + 1];
    struct difference difference = {.kind = kind,
                                    .cause = cause,
                                    .id = id,
                                    .partition = -1,
                                    .positions = positions(c, expected, output),
                                    .fields = fields,
                                    .evidence = evidence};

    for (size_t i = 0; i < SAMPLE_ID_SIZE; i++)
        snprintf(id + 2 * i, 3, "%02x", judged->sample[i]);
    if (expected != NULL) {
        difference.partition = expected->head.partition;
        difference.time_ms = expected->head.time_ms;
        if (output_key(c, expected, &c->scratch)) {
            difference.key = c->scratch.data;
            difference.key_size = c->scratch.size;
        }
    } else {
        assert(output != NULL);
        difference.partition = output->partition;
        difference.key = output->head.has_key ? output->key : NULL;
        difference.key_size = output->head.key_size;
    }
    result_add(c->result, &difference);
}

static void judge_foreign(struct join_compare *c, const struct judged *judged,
                          const struct output *output)
{
    int32_t from = output->head.from_partition;
    const char *evidence = "no source record yields this sample";

    if (output->head.has_join && from >= 0 && (size_t)from < c->cut_count) {
        if (output->head.from_offset < c->cuts[from].low) {
            c->result->counts.outside++;
            return;
        }
        if (output->head.from_offset >= c->cuts[from].next) {
            c->result->counts.candidate_pending++;
            return;
        }
    }
    if (!output->head.has_join)
        evidence = "it has no header " HEADER_JOIN;
    c->result->counts.extra++;
    report(c, judged, NULL, output, DIFFERENCE_EXTRA, CAUSE_UNEXPLAINED, NULL, evidence);
}

static bool compare_one(struct join_compare *c, const struct expected *expected,
                        const struct cell *cells, const struct output *output, json_t **fields,
                        bool *decoded, struct error *err)
{
    struct output_expected want = {
        .schema = source_reader_schema(c->readers[0], expected->head.schema_index),
        .primary = expected->primary,
        .primary_size = expected->head.primary_size,
        .cells = cells};
    struct output_found have = {.schema_id = output->head.schema_id,
                                .value = output->head.has_value ? output->value : NULL,
                                .size = output->head.value_size};

    if (!output_reader_compare(c->output, &want, &have, &c->arena, fields, decoded, err))
        return false;
    if (output->head.from_partition != expected->head.partition
        || output->head.from_offset != expected->head.offset) {
        if (*fields == NULL)
            *fields = json_array();
        json_array_append_new(*fields,
                              result_field("@from",
                                           json_sprintf("%d:%lld", (int)expected->head.partition,
                                                        (long long)expected->head.offset),
                                           json_sprintf("%d:%lld", (int)output->head.from_partition,
                                                        (long long)output->head.from_offset)));
    }
    return true;
}

static void judge_missing(struct join_compare *c, const struct judged *judged,
                          const struct expected *expected)
{
    char evidence[EVIDENCE_SIZE] = "the output topic has no final row of this sample";
    enum cause cause = CAUSE_UNEXPLAINED;

    if (!(expected->head.flags & FLAG_IN_ADMITTED)) {
        cause = CAUSE_LATE;
        late_evidence(c, expected, evidence);
    } else if (expected->head.flags & FLAG_CONFLICT) {
        cause = CAUSE_CONFLICT;
    }
    c->result->counts.missing++;
    report(c, judged, expected, NULL, DIFFERENCE_MISSING, cause, NULL, evidence);
    result_judge(c->result, expected->head.time_ms, expected->head.partition, false,
                 cause == CAUSE_UNEXPLAINED);
}

static void judge_different(struct join_compare *c, const struct judged *judged,
                            const struct expected *expected, const struct output *output,
                            enum difference_kind kind, enum cause cause, json_t *fields,
                            const char *evidence)
{
    c->result->counts.different++;
    report(c, judged, expected, output, kind, cause, fields, evidence);
    result_judge(c->result, expected->head.time_ms, expected->head.partition, false,
                 cause == CAUSE_UNEXPLAINED);
}

static void count_label(struct join_compare *c, const struct expected *expected)
{
    if (c->result->label != NULL && (expected->head.flags & FLAG_IN_ADMITTED))
        result_label(c->result, expected->head.time_ms,
                     output_reader_label_expected(c->output, expected->admitted),
                     output_reader_label_found(c->output));
}

/* The value is as admitted; what is left is its key, its place, and what lateness cost. */
static bool judge_equal(struct join_compare *c, const struct judged *judged,
                        const struct expected *expected, const struct output *output,
                        struct error *err)
{
    char evidence[EVIDENCE_SIZE];
    json_t *fields = NULL;
    bool decoded;

    if (!output_key(c, expected, &c->scratch) || !output->head.has_key
        || c->scratch.size != output->head.key_size
        || memcmp(c->scratch.data, output->key, output->head.key_size) != 0) {
        fields = json_array();
        json_array_append_new(fields,
                              result_field("@key", result_text(c->scratch.data, c->scratch.size),
                                           result_text(output->key, output->head.key_size)));
        judge_different(c, judged, expected, output, DIFFERENCE_WRONG_KEY, CAUSE_UNEXPLAINED,
                        fields, NULL);
        return true;
    }
    if (output->partition != expected->head.partition) {
        fields = json_array();
        json_array_append_new(fields,
                              result_field("@partition", json_integer(expected->head.partition),
                                           json_integer(output->partition)));
        judge_different(c, judged, expected, output, DIFFERENCE_WRONG_PARTITION, CAUSE_UNEXPLAINED,
                        fields, NULL);
        return true;
    }
    if (expected->head.flags & FLAG_DIFFER) {
        if ((expected->head.flags & FLAG_IN_TRUTH)
            && !compare_one(c, expected, expected->truth, output, &fields, &decoded, err))
            return false;
        late_evidence(c, expected, evidence);
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED, CAUSE_LATE, fields,
                        evidence);
        return true;
    }
    c->result->counts.matched++;
    result_judge(c->result, expected->head.time_ms, expected->head.partition, true, false);
    return true;
}

static void judge_duplicates(struct join_compare *c, const struct judged *judged,
                             const struct expected *expected, const struct output *kept)
{
    for (size_t i = 0; i < judged->output_count; i++) {
        if (&judged->outputs[i] == kept)
            continue;
        c->result->counts.duplicate++;
        report(c, judged, expected, &judged->outputs[i], DIFFERENCE_DUPLICATE, CAUSE_UNEXPLAINED,
               NULL, "the sample is in the output topic more than once");
    }
}

/* The output row that is right, else the first. */
static bool choose(struct join_compare *c, const struct judged *judged,
                   const struct expected *expected, const struct cell *cells,
                   const struct output **chosen, json_t **fields, struct error *err)
{
    bool decoded;

    assert(judged->output_count > 0);
    *chosen = &judged->outputs[0];
    *fields = NULL;
    for (size_t i = 0; i < judged->output_count; i++) {
        json_t *differing;
        if (!compare_one(c, expected, cells, &judged->outputs[i], &differing, &decoded, err))
            return false;
        if (differing == NULL || i == 0) {
            json_decref(*fields);
            *chosen = &judged->outputs[i];
            *fields = differing;
            c->result->counts.undecoded += !decoded;
        } else {
            json_decref(differing);
        }
        if (*fields == NULL)
            return true;
    }
    return true;
}

static bool judge_found(struct join_compare *c, const struct judged *judged,
                        const struct expected *expected, struct error *err)
{
    bool admitted = (expected->head.flags & FLAG_IN_ADMITTED) != 0;
    const struct output *output;
    json_t *fields;

    if (!choose(c, judged, expected, admitted ? expected->admitted : expected->truth, &output,
                &fields, err))
        return false;
    count_label(c, expected);
    if (!admitted) {
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED, CAUSE_UNEXPLAINED, fields,
                        "the late topic says that its record was dropped, yet it was emitted");
    } else if (fields != NULL) {
        bool conflict = (expected->head.flags & FLAG_CONFLICT) != 0;
        judge_different(c, judged, expected, output, DIFFERENCE_ALTERED,
                        conflict ? CAUSE_CONFLICT : CAUSE_UNEXPLAINED, fields, NULL);
    } else if (!judge_equal(c, judged, expected, output, err)) {
        return false;
    }
    judge_duplicates(c, judged, expected, output);
    return true;
}

static bool judge(struct join_compare *c, struct judged *judged, struct error *err)
{
    const struct expected *expected = &judged->expected[0];

    c->result->counts.candidate += (int64_t)judged->output_count;
    c->result->counts.reference += judged->expected_count > 0;
    c->result->counts.repeated += judged->expected_count > 1;
    if (judged->expected_count == 0) {
        for (size_t i = 0; i < judged->output_count; i++)
            judge_foreign(c, judged, &judged->outputs[i]);
        return true;
    }
    if (expected->head.flags & FLAG_PENDING) {
        c->result->counts.pending++;
        c->result->counts.candidate_pending += (int64_t)judged->output_count;
        return true;
    }
    if (judged->output_count == 0) {
        judge_missing(c, judged, expected);
        return true;
    }
    return judge_found(c, judged, expected, err);
}

static bool judge_all(struct join_compare *c, struct judged *judged, struct error *err)
{
    struct sorter_row row;

    for (;;) {
        if (!sorter_next(c->judge, &row, err))
            return false;
        bool starts = row.key == NULL || memcmp(judged->sample, row.key, SAMPLE_ID_SIZE) != 0;
        if (starts && judged->expected_count + judged->output_count > 0 && !judge(c, judged, err))
            return false;
        if (row.key == NULL)
            return true;
        if (starts) {
            arena_reset(&c->arena, ARENA_KEEP);
            memcpy(judged->sample, row.key, SAMPLE_ID_SIZE);
            judged->expected_count = judged->output_count = 0;
        }
        if (row.key[SAMPLE_ID_SIZE] == TAG_EXPECTED)
            take_expected(c, judged, &row);
        else
            take_output(c, judged, &row);
    }
}

bool join_compare_finish(struct join_compare *c, struct error *err)
{
    struct judged judged = {0};
    json_t *facts = c->result->facts;

    if (!sorter_sort(c->judge, err))
        return false;
    bool done = judge_all(c, &judged, err);
    free(judged.outputs);
    json_object_set_new(facts, "source_records_refused", json_integer(c->dead));
    json_object_set_new(facts, "source_records_ahead_of_time", json_integer(c->ahead));
    json_object_set_new(facts, "late_records", json_integer(c->late));
    json_object_set_new(facts, "late_records_without_source", json_integer(c->late_unmatched));
    json_object_set_new(facts, "early_rows", json_integer(c->early));
    json_object_set_new(facts, "output_spilled_bytes",
                        json_integer((json_int_t)sorter_stats(c->judge).spilled_bytes));
    return done;
}
