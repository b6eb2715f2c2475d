/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flink_type: what Flink's Avro format makes of a schema, and what its SQL cannot do with that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "export/flink.h"
#include "export/place.h"
#include "export/sql.h"

enum { DEPTH_MAX = 32 };

static bool put_type(const struct schema_type *type, struct buffer *out, int depth);

static bool put_record(const struct schema_type *type, struct buffer *out, int depth)
{
    buffer_append_text(out, "ROW<");
    for (size_t i = 0; i < type->field_count; i++) {
        if (i > 0)
            buffer_append_text(out, ", ");
        sql_put_name(out, '`', type->fields[i].name);
        buffer_append_byte(out, ' ');
        if (!put_type(type->fields[i].type, out, depth))
            return false;
    }
    buffer_append_byte(out, '>');
    return true;
}

static bool put_items(const struct schema_type *type, struct buffer *out, int depth)
{
    buffer_append_text(out, type->kind == SCHEMA_ARRAY ? "ARRAY<" : "MAP<STRING NOT NULL, ");
    bool ok = put_type(type->items, out, depth);
    buffer_append_byte(out, '>');
    return ok;
}

static bool put_plain(const struct schema_type *type, struct buffer *out, int depth)
{
    switch (type->kind) {
    case SCHEMA_BOOLEAN:
        buffer_append_text(out, "BOOLEAN");
        return true;
    case SCHEMA_INT:
    case SCHEMA_LONG: /* Also times and dates: see put_schema. */
        buffer_append_text(out, type->kind == SCHEMA_INT ? "INT" : "BIGINT");
        return true;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        buffer_append_text(out, type->kind == SCHEMA_FLOAT ? "FLOAT" : "DOUBLE");
        return true;
    case SCHEMA_STRING:
    case SCHEMA_ENUM:
        buffer_append_text(out, "STRING");
        return true;
    case SCHEMA_BYTES:
    case SCHEMA_FIXED:
        if (type->logical == LOGICAL_DECIMAL)
            buffer_appendf(out, "DECIMAL(%" PRId32 ", %" PRId32 ")", type->precision, type->scale);
        else if (type->kind == SCHEMA_BYTES)
            buffer_append_text(out, "BYTES");
        else
            buffer_appendf(out, "VARBINARY(%zu)", type->fixed_size);
        return true;
    case SCHEMA_RECORD:
        return put_record(type, out, depth);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        return put_items(type, out, depth);
    default:
        return false;
    }
}

/* A schema that holds itself has no end. */
static bool put_type(const struct schema_type *type, struct buffer *out, int depth)
{
    bool nullable = type->kind == SCHEMA_UNION;

    if (depth == DEPTH_MAX)
        return false;
    if (nullable) {
        if (type->branch_count != 2)
            return false;
        bool first = type->branches[0]->kind == SCHEMA_NULL;
        if (!first && type->branches[1]->kind != SCHEMA_NULL)
            return false;
        type = type->branches[first ? 1 : 0];
    }
    if (!put_plain(type, out, depth + 1))
        return false;
    if (!nullable)
        buffer_append_text(out, " NOT NULL");
    return true;
}

bool flink_put_type(const struct schema_type *type, struct buffer *out)
{
    return put_type(type, out, 0);
}

/* --- What is refused --- */

static bool is_binary(const struct query_value *value)
{
    return value->type->kind == SCHEMA_BYTES || value->type->kind == SCHEMA_FIXED;
}

static bool check_column(const struct query *query, const struct query_column *column,
                         struct error *err)
{
    static const char hint[] =
        "leave the field out in a copy of the file, or use dualrun export duckdb-sql";
    bool order = column->aggregate == AGGREGATE_MIN || column->aggregate == AGGREGATE_MAX;

    for (size_t i = 0; i < column->condition_count; i++)
        if (is_binary(&column->conditions[i].value))
            return query_refuse(query, column, err, hint,
                                "Flink does not see %s as the text that the condition compares",
                                column->conditions[i].value.path);
    if (column->value.path == NULL)
        return true;
    if (order && is_binary(&column->value))
        return query_refuse(query, column, err, hint, "Flink has no least or greatest of bytes");
    return true;
}

static bool check_fields(const struct query *query, const struct query_input *input,
                         struct error *err)
{
    const struct schema_type *root = input->schema->root;
    struct buffer type = {0};
    char place[256];
    const char *wrong = NULL, *what = "";

    snprintf(place, sizeof place, "streams.%s.schema", input->stream->name);
    for (size_t i = 0; wrong == NULL && i < root->field_count; i++) {
        if (strncasecmp(root->fields[i].name, "dr_", 3) == 0) {
            wrong = root->fields[i].name;
            what = "begins with dr_, which the query keeps for itself";
        } else if (!flink_put_type(root->fields[i].type, &type)) {
            wrong = root->fields[i].name;
            what = "is a union, or holds itself, which Flink cannot read";
        }
    }
    buffer_fini(&type);
    return wrong == NULL
           || place_refuse(query->pipeline, query->join, place, err,
                           "use dualrun export duckdb-sql", "the field %.100s %s", wrong, what);
}

static bool check_input(const struct query *query, const struct query_input *input,
                        struct error *err)
{
    char place[256];

    snprintf(place, sizeof place, "streams.%s.event_time", input->stream->name);
    if (input->time.path != NULL && input->time.kind == QUERY_TEXT)
        return place_refuse(query->pipeline, query->join, place, err,
                            "use dualrun export duckdb-sql",
                            "Flink's SQL reads RFC 3339 in one form only, and drops the rest");
    return check_fields(query, input, err);
}

/* A uuid of 16 bytes equals only another one; as text it could not be written. */
static bool check_keys(const struct query *query, struct error *err)
{
    const struct query_value *key = &query->inputs[0].key;
    bool same = strcmp(query->output_key.path, key->path) == 0;

    if (!same && (is_binary(&query->output_key) || is_binary(key)))
        return place_refuse(query->pipeline, query->join, "output.key", err,
                            "use dualrun export duckdb-sql",
                            "Flink has no text of a uuid of 16 bytes");
    for (size_t i = 1; i < query->input_count; i++)
        if (is_binary(key) != is_binary(&query->inputs[i].key))
            return place_refuse(query->pipeline, query->join, "key", err,
                                "use dualrun export duckdb-sql",
                                "Flink does not compare a uuid of 16 bytes with text");
    return true;
}

bool flink_check(const struct query *query, struct error *err)
{
    for (size_t i = 0; i < query->input_count; i++)
        if (!check_input(query, &query->inputs[i], err))
            return false;
    for (size_t i = 0; i < query->column_count; i++)
        if (!check_column(query, &query->columns[i], err))
            return false;
    return check_keys(query, err);
}
