/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/source_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/provenance.h"

/* Paths, resolved in one schema. A path that is not there leaves `found` false. */
struct resolved {
    struct schema_path path;
    bool found;
};

struct version {
    int32_t id;
    const struct schema *schema;
    struct resolved key, time, event_id;
    struct resolved *fields;
    size_t walked; /* Fields of the record up to the last that a path begins with. */
};

struct source_reader {
    const struct pipeline_join *join;
    const struct pipeline_stream *stream;
    const char *key_path;
    const struct recompute_input *input;
    struct registry *registry;
    struct version *versions;
    size_t version_count;
    size_t last;
    struct cell *cells;
    const uint8_t **starts; /* Of the record's fields, at the record at hand. */
    size_t start_room;
    struct buffer key, id;
};

struct source_reader *source_reader_new(const struct recompute_plan *plan, size_t input,
                                        struct registry *registry)
{
    struct source_reader *reader = memory_new(sizeof *reader);
    const struct pipeline_join *join = plan->join;

    reader->join = join;
    reader->stream = input == 0 ? join->primary : join->secondaries[input - 1].stream;
    reader->key_path = input == 0 ? join->primary_key : join->secondaries[input - 1].key;
    reader->input = &plan->inputs[input];
    reader->registry = registry;
    reader->cells = memory_array(reader->input->field_count + 1, sizeof *reader->cells);
    return reader;
}

void source_reader_free(struct source_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < reader->version_count; i++)
        free(reader->versions[i].fields);
    free(reader->versions);
    free(reader->cells);
    free(reader->starts);
    buffer_fini(&reader->key);
    buffer_fini(&reader->id);
    free(reader);
}

static void resolve(struct version *version, struct resolved *resolved, const char *path)
{
    struct error ignored;

    resolved->found =
        path != NULL && schema_path_resolve(&resolved->path, version->schema, path, &ignored);
    if (resolved->found && resolved->path.fields[0] + (size_t)1 > version->walked)
        version->walked = resolved->path.fields[0] + (size_t)1;
}

static bool add_version(struct source_reader *reader, int32_t id, struct error *err)
{
    const struct schema *schema = registry_schema(reader->registry, id, err);

    if (schema == NULL)
        return error_wrap(err, "stream %s", reader->stream->name);
    reader->versions =
        memory_resize(reader->versions, (reader->version_count + 1) * sizeof *reader->versions);
    struct version *version = &reader->versions[reader->version_count];
    *version = (struct version){.id = id, .schema = schema};
    resolve(version, &version->key, reader->key_path);
    resolve(version, &version->time, reader->stream->event_time_field);
    resolve(version, &version->event_id, reader->stream->event_id_field);
    version->fields = memory_array(reader->input->field_count + 1, sizeof *version->fields);
    for (size_t i = 0; i < reader->input->field_count; i++)
        resolve(version, &version->fields[i], reader->input->fields[i]);
    if (version->walked > reader->start_room) {
        reader->start_room = version->walked;
        reader->starts = memory_resize(reader->starts, version->walked * sizeof(uint8_t *));
    }
    reader->last = reader->version_count++;
    return true;
}

static bool find_version(struct source_reader *reader, int32_t id, struct error *err)
{
    if (reader->version_count > 0 && reader->versions[reader->last].id == id)
        return true;
    for (reader->last = 0; reader->last < reader->version_count; reader->last++)
        if (reader->versions[reader->last].id == id)
            return true;
    return add_version(reader, id, err);
}

/* One walk finds where every field begins, however many paths are asked for. */
static void find_starts(struct source_reader *reader, const struct version *version,
                        const struct source_row *row)
{
    const uint8_t *data = row->value, *end = data + row->value_size;

    for (size_t i = 0; i < version->walked; i++) {
        reader->starts[i] = data;
        data = codec_skip(version->schema->root->fields[i].type, data, end);
        assert(data != NULL); /* The record was checked. */
    }
}

static bool find(const struct source_reader *reader, const struct resolved *resolved,
                 const struct source_row *row, struct codec_value *value)
{
    uint32_t first = resolved->path.fields[0];

    return resolved->found
           && codec_find_from(&resolved->path, 1, row->schema->root->fields[first].type,
                              reader->starts[first], row->value + row->value_size, value);
}

static bool find_text(const struct source_reader *reader, const struct resolved *resolved,
                      const struct source_row *row, struct buffer *out)
{
    struct codec_value value;

    buffer_clear(out);
    return find(reader, resolved, row, &value) && codec_key(&value, out);
}

static bool find_time(const struct source_reader *reader, const struct version *version,
                      const struct record *record, struct source_row *row)
{
    struct codec_value value;

    row->time_ms = record->timestamp_ms;
    if (reader->stream->event_time_field == NULL)
        return true;
    return find(reader, &version->time, row, &value)
           && codec_time_ms(&value, (int)reader->stream->event_time_unit, &row->time_ms);
}

/* The event id's field, or the message id, or the position: every record has one. */
static bool find_id(struct source_reader *reader, const struct version *version,
                    const struct record *record, struct source_row *row)
{
    struct provenance_source source;

    if (reader->stream->event_id_field != NULL)
        return find_text(reader, &version->event_id, row, &reader->id);
    const struct record_header *header = record_find(record, HEADER_SOURCE);
    buffer_clear(&reader->id);
    if (header != NULL && provenance_parse_source(header->value, header->size, &source))
        buffer_append(&reader->id, source.message_id, source.message_id_size);
    else
        buffer_appendf(&reader->id, "%s/%" PRId32 "/%" PRId64, record->topic, record->partition,
                       record->offset);
    return true;
}

static bool find_cells(struct source_reader *reader, const struct version *version,
                       struct arena *arena, const struct source_row *row)
{
    for (size_t i = 0; i < reader->input->field_count; i++) {
        struct codec_value value;
        reader->cells[i] = (struct cell){.kind = CELL_NULL};
        if (!version->fields[i].found)
            continue;
        if (!find(reader, &version->fields[i], row, &value)
            || !cell_from_value(&value, arena, &reader->cells[i]))
            return false;
    }
    return true;
}

bool source_reader_read(struct source_reader *reader, const struct record *record,
                        struct arena *arena, enum source_status *status, struct source_row *row,
                        struct error *err)
{
    int32_t schema_id;

    *status = SOURCE_BAD;
    *row = (struct source_row){.cells = reader->cells};
    row->value =
        record->value == NULL ? NULL : codec_frame(record->value, record->value_size, &schema_id);
    if (row->value == NULL)
        return true;
    row->value_size = record->value_size - CODEC_FRAME_SIZE;
    if (!find_version(reader, schema_id, err))
        return false;
    const struct version *version = &reader->versions[reader->last];
    row->schema = version->schema;
    row->schema_index = reader->last;
    if (!codec_check(version->schema->root, row->value, row->value + row->value_size))
        return true;
    find_starts(reader, version, row);
    if (!find_text(reader, &version->key, row, &reader->key)
        || !find_time(reader, version, record, row) || !find_id(reader, version, record, row)
        || !find_cells(reader, version, arena, row))
        return true;
    row->key = reader->key.data;
    row->key_size = reader->key.size;
    row->id = reader->id.data;
    row->id_size = reader->id.size;
    *status = row->time_ms > record->timestamp_ms
                      && row->time_ms - record->timestamp_ms > reader->join->max_ahead_ms
                  ? SOURCE_AHEAD
                  : SOURCE_ROW;
    return true;
}

const struct schema *source_reader_schema(const struct source_reader *reader, size_t index)
{
    return reader->versions[index].schema;
}
