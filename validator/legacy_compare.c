/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As in join_compare.c, keys are replaced by 128-bit hashes with a random seed.
 */
#include "validator/legacy_compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/codec.h"
#include "core/hash.h"
#include "core/provenance.h"
#include "validator/legacy_file.h"
#include "validator/legacy_rows.h"

enum { PATH_KEY, PATH_TIME, TOLD_MAX = 20 };

struct legacy_compare *legacy_compare_new(const struct legacy_compare_options *options)
{
    struct legacy_compare *c = memory_new(sizeof *c);
    struct sorter_options sorting = {.directory = options->work_directory,
                                     .key_size = LEGACY_KEY_SIZE,
                                     .memory_bytes = (size_t)options->validate->memory_bytes / 2};

    c->options = *options;
    c->legacy = &options->validate->legacy;
    c->rows = sorter_new(&sorting);
    sorting.memory_bytes /= 2;
    c->forms = sorter_new(&sorting);
    c->old_names = json_object();
    c->rule_counts = memory_array(c->legacy->rule_count + 1, sizeof *c->rule_counts);
    c->key_is_join_key =
        strcmp(legacy_our_name(c->legacy, c->legacy->key), options->join->primary_key) == 0;
    arena_init(&c->arena, LEGACY_ARENA_BLOCK);
    if (getrandom(&c->seed, sizeof c->seed, 0) != sizeof c->seed)
        c->seed = (uint64_t)(uintptr_t)c;
    for (size_t i = 0; i < c->legacy->fields.count; i++)
        legacy_compare_field(c, c->legacy->fields.items[i].ours);
    return c;
}

void legacy_compare_free(struct legacy_compare *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->field_count; i++) {
        free(c->fields[i].ours);
        free(c->fields[i].theirs);
    }
    free(c->fields);
    for (size_t i = 0; i < c->schema_count; i++)
        free(c->schemas[i].fields);
    free(c->schemas);
    free(c->values);
    free(c->path_items);
    for (size_t i = 0; i < c->file_count; i++)
        free(c->files[i]);
    free(c->files);
    json_decref(c->old_names);
    sorter_free(c->rows);
    sorter_free(c->forms);
    arena_fini(&c->arena);
    buffer_fini(&c->scratch);
    buffer_fini(&c->key);
    free(c->rule_counts);
    free(c);
}

/* -- Fields -- */

const char *legacy_our_name(const struct pipeline_legacy *legacy, const char *theirs)
{
    for (size_t i = 0; i < legacy->fields.count; i++)
        if (strcmp(legacy->fields.items[i].theirs, theirs) == 0)
            return legacy->fields.items[i].ours;
    return theirs;
}

size_t legacy_compare_field(struct legacy_compare *c, const char *name)
{
    const struct pipeline_legacy *legacy = c->legacy;

    for (size_t i = 0; i < c->field_count; i++)
        if (strcmp(c->fields[i].ours, name) == 0)
            return i;
    c->fields = memory_resize(c->fields, (c->field_count + 1) * sizeof *c->fields);
    struct legacy_field *field = &c->fields[c->field_count];
    *field = (struct legacy_field){.ours = memory_text(name)};
    const char *theirs = name;
    for (size_t i = 0; i < legacy->fields.count; i++)
        if (strcmp(legacy->fields.items[i].ours, name) == 0) {
            theirs = legacy->fields.items[i].theirs;
            field->named = true;
        }
    field->theirs = memory_text(theirs);
    field->is_time = legacy->time_field != NULL && strcmp(legacy->time_field, theirs) == 0;
    for (size_t i = 0; i < legacy->allowance_count; i++)
        if (strcmp(legacy->allowances[i].field, name) == 0)
            field->allowance = &legacy->allowances[i];
    for (size_t i = 0; i < legacy->enum_count; i++)
        if (strcmp(legacy->enums[i].field, name) == 0)
            field->words = &legacy->enums[i].words;
    for (size_t i = 0; i < legacy->null_field_count; i++)
        field->null_is_default |= strcmp(legacy->null_fields[i], name) == 0;
    return c->field_count++;
}

const struct legacy_paths *legacy_compare_paths(struct legacy_compare *c)
{
    size_t count = 0;

    free(c->path_items);
    c->path_items = memory_array(c->field_count + 2, sizeof *c->path_items);
    c->path_items[count++] = c->legacy->key;
    c->path_items[count++] = c->legacy->time_field != NULL ? c->legacy->time_field : c->legacy->key;
    for (size_t i = 0; i < c->field_count; i++)
        c->path_items[count++] = c->fields[i].theirs;
    c->paths = (struct legacy_paths){.items = c->path_items,
                                     .count = count,
                                     .time = c->legacy->time_field != NULL ? PATH_TIME : SIZE_MAX,
                                     .unit = c->legacy->time_unit};
    return &c->paths;
}

/* -- Rows in -- */

bool legacy_key_text(const struct cell *cell, struct buffer *key)
{
    buffer_clear(key);
    if (cell->kind == CELL_INTEGER)
        buffer_appendf(key, "%" PRId64, cell->integer);
    else if (cell_has_text(cell) || cell->kind == CELL_BYTES)
        buffer_append(key, cell->bytes, cell->size);
    else
        return false;
    return true;
}

bool legacy_add(struct legacy_compare *c, struct sorter *sorter, const void *key, size_t key_size,
                enum legacy_tag tag, const void *payload, size_t size, struct error *err)
{
    uint8_t sort_key[LEGACY_KEY_SIZE];
    uint8_t *at = sort_key_hash(sort_key, XXH3_128bits_withSeed(key, key_size, c->seed));

    *at++ = (uint8_t)tag;
    sort_key_i64(at, c->sequence++);
    uint8_t *to = sorter_add(sorter, sort_key, size, err);
    if (to == NULL)
        return false;
    memcpy(to, payload, size);
    return true;
}

static void begin_row(struct legacy_compare *c, struct legacy_head *head)
{
    head->key_size = (uint32_t)c->key.size;
    buffer_clear(&c->scratch);
    buffer_append(&c->scratch, head, sizeof *head);
    buffer_append(&c->scratch, c->key.data, c->key.size);
}

/* Times are compared as times, in ms, whatever either side counts them in. */
static void put_field(struct legacy_compare *c, struct legacy_head *head, uint32_t index,
                      const struct cell *cell)
{
    struct cell time = {.kind = CELL_INTEGER, .integer = head->time_ms};

    buffer_append(&c->scratch, &index, sizeof index);
    cell_put(&c->scratch, c->fields[index].is_time ? &time : cell);
    head->field_count++;
}

static bool end_row(struct legacy_compare *c, const struct legacy_head *head, enum legacy_tag tag,
                    struct error *err)
{
    memcpy(c->scratch.data, head, sizeof *head);
    return legacy_add(c, c->rows, c->key.data, c->key.size, tag, c->scratch.data, c->scratch.size,
                      err);
}

size_t legacy_compare_file(struct legacy_compare *c, const char *name)
{
    c->files = memory_resize(c->files, (c->file_count + 1) * sizeof *c->files);
    c->files[c->file_count] = memory_text(name);
    return c->file_count++;
}

void legacy_compare_old_name(void *context, const char *name)
{
    struct legacy_compare *c = context;

    if (json_object_size(c->old_names) < LEGACY_FIELDS_MAX)
        json_object_set_new(c->old_names, name, json_true());
}

void legacy_compare_unreadable(struct legacy_compare *c, size_t file, const struct legacy_row *row)
{
    struct result *result = c->options.result;
    char block[48] = "";

    result->counts.unreadable += row->rows;
    if (c->unreadable_told++ >= TOLD_MAX)
        return;
    if (row->block > 0)
        snprintf(block, sizeof block, " (block %" PRId64 ")", row->block);
    result_note(result->not_checked, "%s:%" PRId64 "%s: %" PRId64 " unreadable: %s", c->files[file],
                row->place, block, row->rows, row->reason);
}

bool legacy_compare_old_row(struct legacy_compare *c, size_t file, bool untyped,
                            struct legacy_row *row, struct error *err)
{
    struct legacy_head head = {.file = (uint32_t)file, .partition = -1, .untyped = untyped};
    const char *wrong = NULL;

    if (!row->cells[PATH_KEY].present || !legacy_key_text(&row->cells[PATH_KEY].cell, &c->key))
        wrong = "its key is absent, null, or neither text nor a whole number";
    else if (c->legacy->time_field != NULL && !row->has_time)
        wrong = "its event time is absent, null or no time of the unit";
    if (wrong != NULL) {
        snprintf(row->reason, sizeof row->reason, "%s", wrong);
        legacy_compare_unreadable(c, file, row);
        return true;
    }
    head.time_ms = row->time_ms;
    head.offset = row->place;
    if (c->key_is_join_key && c->options.partition_count > 0)
        head.partition =
            hash_partition(c->key.data, c->key.size, (int32_t)c->options.partition_count);
    begin_row(c, &head);
    for (size_t i = 0; i < c->field_count; i++) {
        const struct legacy_cell *cell = &row->cells[PATH_TIME + 1 + i];
        if (!cell->present)
            continue;
        c->fields[i].seen_in_old = true;
        put_field(c, &head, (uint32_t)i, &cell->cell);
    }
    c->options.result->counts.reference++;
    return end_row(c, &head, TAG_OLD, err);
}

/* -- Our rows -- */

static bool find_wanted(const struct legacy_compare *c, const struct schema_type *record,
                        const char *theirs, size_t *at, struct error *err)
{
    const char *ours = legacy_our_name(c->legacy, theirs);

    for (*at = 0; *at < record->field_count; ++*at)
        if (strcmp(record->fields[*at].name, ours) == 0)
            return true;
    error_set(err, EXIT_CODE_CONFIG, "topic %s: its rows have no field %s",
              c->options.join->output.name, ours);
    return error_hint(err, "say which of our fields is theirs: validate.legacy.fields: {OURS: %s}",
                      theirs);
}

static const struct legacy_schema *find_schema(struct legacy_compare *c, int32_t id,
                                               struct error *err)
{
    for (size_t i = c->schema_count; i-- > 0;)
        if (c->schemas[i].id == id)
            return &c->schemas[i];
    struct legacy_schema found = {
        .id = id, .schema = registry_schema(c->options.registry, id, err), .time = SIZE_MAX};
    if (found.schema == NULL)
        return NULL;
    const struct schema_type *root = found.schema->root;
    if (!find_wanted(c, root, c->legacy->key, &found.key, err))
        return NULL;
    if (c->legacy->time_field != NULL
        && !find_wanted(c, root, c->legacy->time_field, &found.time, err))
        return NULL;
    found.fields = memory_array(root->field_count + 1, sizeof *found.fields);
    for (size_t i = 0; i < root->field_count; i++) {
        found.fields[i] = legacy_compare_field(c, root->fields[i].name);
        c->fields[found.fields[i]].seen_in_new = true;
    }
    c->schemas = memory_resize(c->schemas, (c->schema_count + 1) * sizeof *c->schemas);
    c->schemas[c->schema_count] = found;
    return &c->schemas[c->schema_count++];
}

static bool decode(struct legacy_compare *c, const struct legacy_schema *schema,
                   const uint8_t *data, const uint8_t *end)
{
    const struct schema_type *root = schema->schema->root;

    c->values = memory_resize(c->values, (root->field_count + 1) * sizeof *c->values);
    for (size_t i = 0; data != NULL && i < root->field_count; i++)
        data = codec_get(root->fields[i].type, data, end, &c->values[i]);
    return data == end && data != NULL;
}

static void report_undecoded(struct legacy_compare *c, const struct record *record)
{
    struct result *result = c->options.result;
    struct difference difference = {
        .kind = DIFFERENCE_EXTRA,
        .cause = CAUSE_UNEXPLAINED,
        .key = record->key,
        .key_size = record->key_size,
        .partition = record->partition,
        .positions = json_pack("{s:o}", "found",
                               result_position(record->topic, record->partition, record->offset)),
        .evidence = "its value fits no schema, or has no key or time"};

    result->counts.undecoded++;
    result->counts.extra++;
    result_add(result, &difference);
}

static bool put_new_row(struct legacy_compare *c, const struct legacy_schema *schema,
                        const struct record *record, bool *fits, struct error *err)
{
    struct legacy_head head = {.partition = record->partition, .offset = record->offset};
    const struct schema_type *root = schema->schema->root;
    struct cell cell;

    arena_reset(&c->arena, LEGACY_ARENA_KEEP);
    *fits = cell_from_value(&c->values[schema->key], &c->arena, &cell)
            && legacy_key_text(&cell, &c->key)
            && (schema->time == SIZE_MAX
                || codec_time_ms(&c->values[schema->time],
                                 (int)c->options.join->primary->event_time_unit, &head.time_ms));
    if (!*fits)
        return true;
    begin_row(c, &head);
    for (size_t i = 0; i < root->field_count; i++) {
        if (!cell_from_value(&c->values[i], &c->arena, &cell))
            cell = (struct cell){.kind = CELL_NULL};
        put_field(c, &head, (uint32_t)schema->fields[i], &cell);
    }
    return end_row(c, &head, TAG_NEW, err);
}

bool legacy_compare_new_row(struct legacy_compare *c, const struct record *record,
                            struct error *err)
{
    const uint8_t *end = (const uint8_t *)record->value + record->value_size;
    int32_t id;
    const uint8_t *value =
        record->value != NULL ? codec_frame(record->value, record->value_size, &id) : NULL;
    bool fits = false;

    c->options.result->counts.candidate++;
    if (value != NULL) {
        const struct legacy_schema *schema = find_schema(c, id, err);
        if (schema == NULL)
            return false;
        if (decode(c, schema, value, end) && !put_new_row(c, schema, record, &fits, err))
            return false;
    }
    if (!fits)
        report_undecoded(c, record);
    return true;
}

/* -- Witnesses -- */

bool legacy_compare_late(struct legacy_compare *c, const struct record *record, struct error *err)
{
    const struct record_header *header = record_find(record, HEADER_LATE);
    const struct pipeline_join *join = c->options.join;
    struct provenance_late late;
    struct legacy_late mark = {.input = UINT32_MAX};

    if (header == NULL || !provenance_parse_late(header->value, header->size, &late)
        || record->key == NULL || !c->key_is_join_key) {
        c->unattributed++;
        return true;
    }
    for (size_t i = 0; i <= join->secondary_count; i++) {
        const char *name = i == 0 ? join->primary->name : join->secondaries[i - 1].stream->name;
        if (strlen(name) == late.input_size && memcmp(name, late.input, late.input_size) == 0)
            mark.input = (uint32_t)i;
    }
    mark.time_ms = late.time_ms;
    mark.watermark_ms = late.watermark_ms;
    mark.dropped = late.outcome == LATE_DROPPED;
    return legacy_add(c, c->rows, record->key, record->key_size, TAG_LATE, &mark, sizeof mark, err);
}

/* The letter holds the original message; its join key says whose row it would have been. */
bool legacy_compare_dead(struct legacy_compare *c, const struct record *record, struct error *err)
{
    const struct record_header *header = record_find(record, HEADER_REASON);
    const struct pipeline_join *join = c->options.join;
    json_t *json = NULL;
    const json_t *found;
    struct cell cell;

    if (record->value != NULL && c->key_is_join_key)
        json = json_loadb(record->value, record->value_size, JSON_ALLOW_NUL, NULL);
    found = legacy_json_at(json, join->primary_key);
    for (size_t i = 0; found == NULL && i < join->secondary_count; i++)
        found = legacy_json_at(json, join->secondaries[i].key);
    arena_reset(&c->arena, LEGACY_ARENA_KEEP);
    bool known = found != NULL;
    if (known) {
        cell_from_json(found, &c->arena, &cell);
        known = legacy_key_text(&cell, &c->key);
    }
    json_decref(json);
    if (!known) {
        c->unattributed++;
        return true;
    }
    return legacy_add(c, c->rows, c->key.data, c->key.size, TAG_DEAD,
                      header != NULL ? header->value : "", header != NULL ? header->size : 0, err);
}
