/* SPDX-License-Identifier: Apache-2.0 */
#include "export/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buffer.h"
#include "export/place.h"

static const char *const own_columns[] = {"dualrun_sample", "dualrun_partition", "dualrun_offset",
                                          "dualrun_key"};

bool query_refuse(const struct query *query, const struct query_column *column, struct error *err,
                  const char *hint, const char *format, ...)
{
    char path[64], text[ERROR_TEXT_SIZE / 4];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(path, sizeof path, "fields[%zu]", column->field);
    return place_refuse(query->pipeline, query->join, path, err, hint, "field %.100s: %s",
                        column->name, text);
}

static enum query_kind kind_of(const struct schema_type *type)
{
    switch (type->kind) {
    case SCHEMA_BOOLEAN:
        return QUERY_BOOLEAN;
    case SCHEMA_INT:
    case SCHEMA_LONG:
        return QUERY_INTEGER;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return QUERY_REAL;
    case SCHEMA_STRING:
    case SCHEMA_ENUM:
        return QUERY_TEXT;
    case SCHEMA_BYTES:
    case SCHEMA_FIXED:
        return type->logical == LOGICAL_UUID || type->logical == LOGICAL_DECIMAL ? QUERY_TEXT
                                                                                 : QUERY_BYTES;
    default:
        return QUERY_NESTED;
    }
}

static bool is_decimal(const struct query_value *value)
{
    return value->type->logical == LOGICAL_DECIMAL;
}

/* Borrows path. `place` is the key of the join that names it. */
static bool resolve(const struct query *query, const struct query_input *input, const char *path,
                    const char *place, struct query_value *value, struct error *err)
{
    struct schema_path found;
    struct error inner;

    if (!schema_path_resolve(&found, input->schema, path, &inner))
        return place_refuse(query->pipeline, query->join, place, err,
                            "name a field of the stream's schema", "%s", inner.text);
    *value = (struct query_value){.path = path, .type = found.type, .kind = kind_of(found.type)};
    return true;
}

/* Keys, event ids and conditions are compared as text that dualrun cat must show as it is. */
static bool has_text(const struct query_value *value)
{
    return (value->kind == QUERY_TEXT || value->kind == QUERY_INTEGER
            || value->kind == QUERY_BOOLEAN)
           && !is_decimal(value);
}

static bool check_text(const struct query *query, const struct query_input *input,
                       const struct query_value *value, const char *place, struct error *err)
{
    if (value->path == NULL || has_text(value))
        return true;
    return place_refuse(query->pipeline, query->join, place, err,
                        "use a field of text, a whole number, an enum or a uuid",
                        "%s.%s is %s, whose bytes a query cannot compare as the join does",
                        input->stream->name, value->path, schema_kind_name(value->type->kind));
}

/* --- Inputs --- */

/* A logical type knows its unit; else text goes with rfc3339, and numbers with the others. */
static bool is_time(const struct query_value *time, enum pipeline_time_unit unit)
{
    switch (time->type->logical) {
    case LOGICAL_DATE:
    case LOGICAL_TIMESTAMP_MILLIS:
    case LOGICAL_TIMESTAMP_MICROS:
        return true;
    default:
        return unit == TIME_RFC3339 ? time->type->kind == SCHEMA_STRING
                                    : time->kind == QUERY_INTEGER || time->kind == QUERY_REAL;
    }
}

static bool check_time(const struct query *query, const struct query_input *input,
                       const char *place, struct error *err)
{
    const struct query_value *time = &input->time;

    if (time->path == NULL || is_time(time, input->stream->event_time_unit))
        return true;
    return place_refuse(query->pipeline, query->join, place, err,
                        "unit: rfc3339 goes with text, the others with numbers",
                        "%s is %s, which is no time of this unit: no record has one", time->path,
                        schema_kind_name(time->type->kind));
}

static bool read_input(const struct query *query, struct query_input *input,
                       const struct pipeline_stream *stream, const char *key, struct error *err)
{
    char key_place[256], time_place[256], id_place[256];

    input->stream = stream;
    input->schema = schema_load(stream->schema_file, err);
    if (input->schema == NULL)
        return false;
    snprintf(key_place, sizeof key_place, "key.%s", stream->name);
    snprintf(time_place, sizeof time_place, "streams.%s.event_time", stream->name);
    snprintf(id_place, sizeof id_place, "streams.%s.event_id", stream->name);
    return resolve(query, input, key, key_place, &input->key, err)
           && check_text(query, input, &input->key, key_place, err)
           && (stream->event_time_field == NULL
               || resolve(query, input, stream->event_time_field, time_place, &input->time, err))
           && check_time(query, input, time_place, err)
           && (stream->event_id_field == NULL
               || resolve(query, input, stream->event_id_field, id_place, &input->id, err))
           && check_text(query, input, &input->id, id_place, err);
}

static bool read_inputs(struct query *query, struct error *err)
{
    const struct pipeline_join *join = query->join;

    query->input_count = join->secondary_count + 1;
    query->inputs = memory_array(query->input_count, sizeof *query->inputs);
    if (!read_input(query, &query->inputs[0], join->primary, join->primary_key, err))
        return false;
    for (size_t i = 0; i < join->secondary_count; i++) {
        const struct pipeline_secondary *secondary = &join->secondaries[i];
        struct query_input *input = &query->inputs[i + 1];

        input->before_ms = secondary->before_ms;
        input->after_ms = secondary->after_ms;
        if (!read_input(query, input, secondary->stream, secondary->key, err))
            return false;
    }
    return true;
}

/* --- Columns --- */

static bool check_aggregate(const struct query *query, const struct query_column *column,
                            struct error *err)
{
    const struct query_value *value = &column->value;

    if (column->aggregate == AGGREGATE_FIELD || value->path == NULL)
        return true;
    if (value->kind == QUERY_NESTED
        || (column->aggregate == AGGREGATE_SUM && value->kind != QUERY_INTEGER
            && value->kind != QUERY_REAL))
        return query_refuse(query, column, err,
                            "sum takes numbers; the others take anything but records, arrays, maps "
                            "and wider unions",
                            "%s.%s is %s, which cannot be aggregated so",
                            query->inputs[column->input].stream->name, value->path,
                            schema_kind_name(value->type->kind));
    if (is_decimal(value)
        && (column->aggregate == AGGREGATE_MIN || column->aggregate == AGGREGATE_MAX))
        return query_refuse(query, column, err, "use first, last or list",
                            "the join compares decimals by their bytes, which a query cannot");
    return true;
}

static bool read_conditions(const struct query *query, struct query_column *column,
                            struct error *err)
{
    const struct pipeline_output_field *field = &query->join->fields[column->field];
    const struct query_input *input = &query->inputs[column->input];
    char place[64];

    snprintf(place, sizeof place, "fields[%zu]", column->field);
    column->conditions = memory_array(field->condition_count + 1, sizeof *column->conditions);
    column->condition_count = field->condition_count;
    for (size_t i = 0; i < field->condition_count; i++) {
        struct query_condition *own = &column->conditions[i];

        own->condition = &field->conditions[i];
        if (!resolve(query, input, own->condition->field, place, &own->value, err)
            || !check_text(query, input, &own->value, place, err))
            return false;
    }
    return true;
}

static struct query_column *add_column(struct query *query, const char *name, size_t field)
{
    query->columns =
        memory_resize(query->columns, (query->column_count + 1) * sizeof *query->columns);
    struct query_column *column = &query->columns[query->column_count++];

    *column = (struct query_column){.name = name, .aggregate = AGGREGATE_FIELD, .field = field};
    return column;
}

static void add_all(struct query *query, size_t field)
{
    const struct schema_type *root = query->inputs[0].schema->root;

    for (size_t i = 0; i < root->field_count; i++) {
        struct query_column *column = add_column(query, root->fields[i].name, field);
        struct schema_path path;
        struct error err;
        bool found = schema_path_resolve(&path, query->inputs[0].schema, column->name, &err);

        column->value = (struct query_value){.path = column->name,
                                             .type = found ? path.type : root->fields[i].type,
                                             .kind = found ? kind_of(path.type) : QUERY_NESTED};
    }
}

static size_t input_of(const struct query *query, const struct pipeline_stream *stream)
{
    for (size_t i = 0; i < query->input_count; i++)
        if (query->inputs[i].stream == stream)
            return i;
    return 0;
}

static bool read_column(struct query *query, size_t i, struct error *err)
{
    const struct pipeline_output_field *field = &query->join->fields[i];
    char place[64];

    if (field->aggregate == AGGREGATE_ALL) {
        add_all(query, i);
        return true;
    }
    struct query_column *column = add_column(query, field->name, i);

    snprintf(place, sizeof place, "fields[%zu]", i);
    column->aggregate = field->aggregate;
    column->input = input_of(query, field->stream);
    column->limit = field->limit;
    return (field->field == NULL
            || resolve(query, &query->inputs[column->input], field->field, place, &column->value,
                       err))
           && check_aggregate(query, column, err) && read_conditions(query, column, err);
}

/* Engines do not tell columns apart by the case of letters. */
static bool check_names(const struct query *query, struct error *err)
{
    for (size_t i = 0; i < query->column_count; i++) {
        const struct query_column *column = &query->columns[i];
        const char *other = NULL;

        for (size_t k = 0; k < sizeof own_columns / sizeof *own_columns; k++)
            if (strcasecmp(column->name, own_columns[k]) == 0)
                other = own_columns[k];
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(column->name, query->columns[k].name) == 0)
                other = query->columns[k].name;
        if (other != NULL)
            return query_refuse(query, column, err, "give it another name",
                                "the query has a column %s, and SQL does not tell them apart",
                                other);
    }
    return true;
}

struct query *query_new(const struct pipeline *pipeline, const struct pipeline_join *join,
                        struct error *err)
{
    struct query *query = memory_new(sizeof *query);
    bool ok;

    query->pipeline = pipeline;
    query->join = join;
    ok = read_inputs(query, err)
         && resolve(query, &query->inputs[0], join->output_key, "output.key", &query->output_key,
                    err)
         && check_text(query, &query->inputs[0], &query->output_key, "output.key", err);
    for (size_t i = 0; ok && i < join->field_count; i++)
        ok = read_column(query, i, err);
    if (ok && check_names(query, err))
        return query;
    query_free(query);
    return NULL;
}

void query_free(struct query *query)
{
    if (query == NULL)
        return;
    for (size_t i = 0; i < query->column_count; i++)
        free(query->columns[i].conditions);
    for (size_t i = 0; i < query->input_count; i++)
        schema_free(query->inputs[i].schema);
    free(query->columns);
    free(query->inputs);
    free(query);
}
