/* SPDX-License-Identifier: Apache-2.0 */
#include "export/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "export/sql.h"
#include "export/value.h"

/* Far enough from what 64 bits hold; the join takes no time beyond. */
#define TIME_RANGE "BETWEEN -18014398509481984 AND 18014398509481984"

struct writer {
    const struct query *query;
    const struct dialect *dialect;
    struct buffer *out;
    size_t table_count; /* That were begun. */
};

/* The table of an input's step: "primary_rows", "s2_matched". */
static void put_table(struct writer *writer, size_t input, const char *step)
{
    if (input == 0)
        buffer_appendf(writer->out, "primary_%s", step);
    else
        buffer_appendf(writer->out, "s%zu_%s", input, step);
}

/* Begins the next table of WITH; `comment` is a line above it, or NULL. */
static void begin_table(struct writer *writer, const char *comment, size_t input, const char *step)
{
    if (writer->table_count++ > 0)
        buffer_append_text(writer->out, ",\n");
    if (comment != NULL)
        SQL_PUT(writer->out, comment, writer->query->inputs[input].stream->name,
                writer->query->inputs[0].stream->name);
    put_table(writer, input, step);
    buffer_append_text(writer->out, " AS (\n");
}

static void put_from(struct writer *writer, const char *word, size_t input, const char *step,
                     const char *alias)
{
    buffer_append_text(writer->out, word);
    put_table(writer, input, step);
    buffer_appendf(writer->out, " AS %s", alias);
}

/* --- Inputs: what the join takes of a stream, each event once --- */

static void put_read(struct writer *writer, size_t i)
{
    const struct query_input *input = &writer->query->inputs[i];
    const struct dialect *dialect = writer->dialect;
    struct buffer *out = writer->out;

    begin_table(writer, "-- $0: what lies in the topic\n", i, "source");
    dialect->put_source(writer->query, i, out);
    buffer_append_text(out, ")");
    begin_table(writer, NULL, i, "read");
    buffer_append_text(out, "    SELECT r.*,\n        ");
    value_put_text(dialect, "r", &input->key, out);
    buffer_append_text(out, " AS dr_key,\n        ");
    if (dialect->put_fits != NULL)
        dialect->put_fits(writer->query, i, out);
    else
        value_put_time(dialect, "r", input, out);
    buffer_append_text(out, dialect->put_fits != NULL ? " AS dr_fits,\n        "
                                                      : " AS dr_time,\n        ");
    value_put_id(dialect, "r", input, out);
    put_from(writer, " AS dr_id\n    FROM ", i, "source", "r");
    buffer_append_text(out, "\n)");
}

static void put_rows(struct writer *writer, size_t i)
{
    struct buffer *out = writer->out;

    begin_table(writer, "-- $0: what the join takes, each event once\n", i, "rows");
    SQL_PUT(
        out,
        "    SELECT * FROM (\n"
        "        SELECT r.*, ROW_NUMBER() OVER (PARTITION BY dr_partition, dr_key, dr_time, dr_id "
        "ORDER BY $0) AS dr_copy\n",
        writer->dialect->arrival);
    put_from(writer, "        FROM ", i, "read", "r");
    buffer_append_text(out, "\n        WHERE dr_key IS NOT NULL AND dr_id IS NOT NULL AND ");
    if (writer->dialect->put_fits != NULL)
        buffer_append_text(out, "dr_fits\n");
    else /* CASE, not AND: DuckDB 1.5.6's optimizer fails on a range beside a window function. */
        buffer_appendf(out,
                       "dr_stamp >= 0\n            AND CASE WHEN dr_time " TIME_RANGE
                       " THEN dr_time <= dr_stamp + %" PRId64 " ELSE FALSE END\n",
                       writer->query->join->max_ahead_ms);
    buffer_append_text(out, "    ) AS d WHERE dr_copy = 1\n)");
}

/* --- Matches --- */

static void put_matched(struct writer *writer, size_t i)
{
    const struct query_input *input = &writer->query->inputs[i];
    bool latest = writer->query->join->attribution == ATTRIBUTE_LATEST;
    struct buffer *out = writer->out;

    begin_table(writer,
                latest ? "-- $0: each with the latest row of $1 that it matches\n"
                       : "-- $0: each with every row of $1 that it matches\n",
                i, "matched");
    buffer_append_text(out, latest ? "    SELECT * FROM (SELECT " : "    SELECT ");
    if (latest) {
        buffer_append_text(out, "ROW_NUMBER() OVER (PARTITION BY s.dr_partition, s.dr_offset "
                                "ORDER BY ");
        SQL_PUT(out, writer->dialect->rank_order, "p", " DESC");
        buffer_append_text(out, ") AS dr_rank,\n        ");
    }
    buffer_append_text(out, "p.dr_offset AS dr_row, s.*\n    FROM primary_rows AS p ");
    put_from(writer, "JOIN ", i, "rows", "s");
    buffer_append_text(out, "\n        ON s.dr_partition = p.dr_partition AND s.dr_key = p.dr_key\n"
                            "        AND s.dr_time BETWEEN p.dr_time - ");
    writer->dialect->put_span(input->before_ms, out);
    buffer_append_text(out, " AND p.dr_time + ");
    writer->dialect->put_span(input->after_ms, out);
    buffer_append_text(out, latest ? ") AS m WHERE dr_rank = 1\n)" : "\n)");
}

/* Sums of 64-bit numbers are an error value when they overflow on the way, in the order of time. */
static bool is_wide_sum(const struct query_column *column)
{
    return column->aggregate == AGGREGATE_SUM && column->value.type->kind == SCHEMA_LONG;
}

static bool has_running(const struct writer *writer, size_t input)
{
    const struct query *query = writer->query;

    if (!writer->dialect->running)
        return false;
    for (size_t i = 0; i < query->column_count; i++)
        if (query->columns[i].input == input && is_wide_sum(&query->columns[i]))
            return true;
    return false;
}

/* What each column aggregates, under the name dr_value_N. */
static void put_values(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    begin_table(writer, "-- what each field takes of them; null counts for nothing\n", input,
                "values");
    buffer_append_text(out, "    SELECT dr_partition, dr_row, dr_time, dr_id");
    for (size_t i = 0; i < query->column_count; i++) {
        if (query->columns[i].input != input)
            continue;
        buffer_append_text(out, ",\n        ");
        value_put_counted(writer->dialect, "m", &query->columns[i], out);
        buffer_appendf(out, " AS dr_value_%zu", i);
    }
    put_from(writer, "\n    FROM ", input, "matched", "m");
    buffer_append_text(out, "\n)");
}

static void put_running_sums(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    if (!has_running(writer, input))
        return;
    begin_table(writer, "-- sums on the way, to tell an overflow\n", input, "running");
    buffer_append_text(out, "    SELECT m.*");
    for (size_t i = 0; i < query->column_count; i++)
        if (query->columns[i].input == input && is_wide_sum(&query->columns[i]))
            buffer_appendf(out,
                           ",\n        SUM(CAST(dr_value_%zu AS %s)) OVER (PARTITION BY "
                           "dr_partition, dr_row ORDER BY dr_time, dr_id\n            ROWS BETWEEN "
                           "UNBOUNDED PRECEDING AND CURRENT ROW) AS dr_sum_%zu",
                           i, writer->dialect->wide_type, i);
    put_from(writer, "\n    FROM ", input, "values", "m");
    buffer_append_text(out, "\n)");
}

/* --- Aggregates --- */

static void put_sum(struct writer *writer, size_t i, const char *counted)
{
    const struct query_column *column = &writer->query->columns[i];
    const struct dialect *dialect = writer->dialect;
    char sum[96];

    snprintf(sum, sizeof sum, "dr_sum_%zu", i);
    if (!dialect->running) /* The best there is: its head says so. */
        snprintf(sum, sizeof sum, "SUM(CAST(%s AS %s))", counted, dialect->wide_type);
    if (column->value.kind == QUERY_REAL)
        SQL_PUT(writer->out, dialect->sum_real, counted);
    else if (!is_wide_sum(column))
        SQL_PUT(writer->out, "CAST(SUM(CAST($0 AS $1)) AS $1)", counted, dialect->integer_type);
    else
        SQL_PUT(writer->out,
                dialect->running ? "CASE WHEN MIN($2) >= CAST('-9223372036854775808' AS $3)\n"
                                   "            AND MAX($2) <= CAST('9223372036854775807' AS $3)\n"
                                   "            THEN CAST(SUM(CAST($0 AS $3)) AS $1) END"
                                 : "CASE WHEN $2 BETWEEN CAST('-9223372036854775808' AS $3)\n"
                                   "            AND CAST('9223372036854775807' AS $3)\n"
                                   "            THEN CAST($2 AS $1) END",

                counted, dialect->integer_type, sum, dialect->wide_type);
}

static void put_aggregate(struct writer *writer, size_t i)
{
    const struct query_column *column = &writer->query->columns[i];
    const struct dialect *dialect = writer->dialect;
    char limit[16], value[32];

    snprintf(limit, sizeof limit, "%" PRId32, column->limit);
    snprintf(value, sizeof value, "dr_value_%zu", i);
    switch (column->aggregate) {
    case AGGREGATE_ANY:
        SQL_PUT(writer->out, "COUNT($0) > 0", value);
        break;
    case AGGREGATE_COUNT:
        SQL_PUT(writer->out, "COUNT($0)", value);
        break;
    case AGGREGATE_FIRST:
        SQL_PUT(writer->out, dialect->first, value);
        break;
    case AGGREGATE_LAST:
        SQL_PUT(writer->out, dialect->last, value);
        break;
    case AGGREGATE_MIN:
        SQL_PUT(writer->out, "MIN($0)", value);
        break;
    case AGGREGATE_MAX:
        SQL_PUT(writer->out, "MAX($0)", value);
        break;
    case AGGREGATE_LIST:
        SQL_PUT(writer->out, dialect->list, value, limit);
        break;
    default:
        put_sum(writer, i, value);
    }
}

/* First and last as the best of a ranking, where the engine has no aggregate in an order. */
static bool is_ranked(const struct writer *writer, const struct query_column *column)
{
    return writer->dialect->ranked
           && (column->aggregate == AGGREGATE_FIRST || column->aggregate == AGGREGATE_LAST);
}

static void put_totals(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    begin_table(writer, "-- $0: one line for each row of $1 that has any\n", input, "totals");
    buffer_append_text(out, "    SELECT dr_partition, dr_row");
    for (size_t i = 0; i < query->column_count; i++) {
        if (query->columns[i].input != input || is_ranked(writer, &query->columns[i]))
            continue;
        buffer_append_text(out, ",\n        ");
        put_aggregate(writer, i);
        buffer_appendf(out, " AS dr_field_%zu", i);
    }
    put_from(writer, "\n    FROM ", input, has_running(writer, input) ? "running" : "values", "m");
    buffer_append_text(out, "\n    GROUP BY dr_partition, dr_row\n)");
}

static void put_ranked(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    char name[32];

    for (size_t i = 0; i < query->column_count; i++) {
        const char *order = query->columns[i].aggregate == AGGREGATE_LAST ? " DESC" : "";

        if (query->columns[i].input != input || !is_ranked(writer, &query->columns[i]))
            continue;
        snprintf(name, sizeof name, "field_%zu", i);
        begin_table(writer, NULL, input, name);
        buffer_appendf(writer->out,
                       "    SELECT dr_partition, dr_row, dr_value_%zu AS dr_field_%zu FROM (\n"
                       "        SELECT m.*, ROW_NUMBER() OVER (PARTITION BY dr_partition, dr_row "
                       "ORDER BY ",
                       i, i);
        SQL_PUT(writer->out, writer->dialect->rank_order, "m", order);
        buffer_append_text(writer->out, ") AS dr_place\n");
        put_from(writer, "        FROM ", input, "values", "m");
        buffer_appendf(writer->out,
                       " WHERE dr_value_%zu IS NOT NULL\n    ) AS d WHERE dr_place = 1\n)", i);
    }
}

/* --- Rows --- */

static void put_column(struct writer *writer, size_t i)
{
    const struct query_column *column = &writer->query->columns[i];
    struct buffer *out = writer->out;

    if (column->aggregate == AGGREGATE_FIELD)
        value_put(writer->dialect, "p", &column->value, out);
    else if (column->aggregate == AGGREGATE_ANY)
        buffer_appendf(out, "COALESCE(s%zu.dr_field_%zu, FALSE)", column->input, i);
    else if (column->aggregate == AGGREGATE_COUNT)
        buffer_appendf(out, "COALESCE(s%zu.dr_field_%zu, 0)", column->input, i);
    else if (column->aggregate == AGGREGATE_LIST)
        buffer_appendf(out, "COALESCE(s%zu.dr_field_%zu, %s)", column->input, i,
                       writer->dialect->empty_list);
    else if (is_ranked(writer, column))
        buffer_appendf(out, "f%zu.dr_field_%zu", i, i);
    else
        buffer_appendf(out, "s%zu.dr_field_%zu", column->input, i);
    buffer_append_text(out, " AS ");
    sql_put_name(out, writer->dialect->quote, column->name);
}

/* What names the row: its sample id, the primary record's place, the key of the output record. */
static void put_identity(struct writer *writer)
{
    struct buffer name = {0};
    struct buffer *out = writer->out;

    buffer_append_text(out, "SELECT\n    ");
    if (writer->dialect->sample != NULL) {
        sql_put_literal(&name, writer->dialect->backslash, writer->query->join->name);
        SQL_PUT(out, writer->dialect->sample, buffer_text(&name), "p.dr_key", "p.dr_id");
        buffer_append_text(out, " AS dualrun_sample,\n    ");
    }
    buffer_append_text(out, "p.dr_partition AS dualrun_partition, p.dr_offset AS dualrun_offset,\n"
                            "    ");
    if (strcmp(writer->query->output_key.path, writer->query->inputs[0].key.path) == 0) {
        buffer_append_text(out, "p.dr_key AS dualrun_key");
    } else {
        buffer_append_text(out, "COALESCE(");
        value_put_text(writer->dialect, "p", &writer->query->output_key, out);
        buffer_append_text(out, ", p.dr_key) AS dualrun_key");
    }
    buffer_fini(&name);
}

static void put_select(struct writer *writer)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    put_identity(writer);
    for (size_t i = 0; i < query->column_count; i++) {
        buffer_append_text(out, ",\n    ");
        put_column(writer, i);
    }
    buffer_append_text(out, "\nFROM primary_rows AS p");
    for (size_t i = 1; i < query->input_count; i++)
        buffer_appendf(out,
                       "\nLEFT JOIN s%zu_totals AS s%zu ON s%zu.dr_partition = p.dr_partition AND "
                       "s%zu.dr_row = p.dr_offset",
                       i, i, i, i);
    for (size_t i = 0; i < query->column_count; i++)
        if (is_ranked(writer, &query->columns[i]))
            buffer_appendf(out,
                           "\nLEFT JOIN s%zu_field_%zu AS f%zu ON f%zu.dr_partition = "
                           "p.dr_partition AND f%zu.dr_row = p.dr_offset",
                           query->columns[i].input, i, i, i, i);
    for (size_t i = 1; query->join->kind == JOIN_INNER && i < query->input_count; i++)
        buffer_appendf(out, "%s s%zu.dr_row IS NOT NULL", i == 1 ? "\nWHERE" : " OR", i);
}

static bool check_dialect(const struct query *query, const struct dialect *dialect,
                          struct error *err)
{
    static const char hint[] =
        "leave the field out in a copy of the file, or use dualrun export duckdb-sql";

    for (size_t i = 0; i < query->column_count; i++) {
        const struct query_column *column = &query->columns[i];
        bool real = column->aggregate == AGGREGATE_SUM && column->value.kind == QUERY_REAL;

        if (column->aggregate == AGGREGATE_LIST && dialect->list == NULL)
            return query_refuse(query, column, err, hint,
                                "%s has no list in the order of event time", dialect->title);
        if (real && dialect->sum_real == NULL)
            return query_refuse(
                query, column, err, hint,
                "%s adds fractions in an order of its own, so the last digits would "
                "differ",
                dialect->title);
    }
    return true;
}

bool generate_query(const struct query *query, const struct dialect *dialect, struct buffer *out,
                    struct error *err)
{
    struct writer writer = {.query = query, .dialect = dialect, .out = out};

    if (!check_dialect(query, dialect, err) || !dialect->put_head(query, out, err))
        return false;
    buffer_append_text(out, "WITH\n");
    for (size_t i = 0; i < query->input_count; i++) {
        put_read(&writer, i);
        put_rows(&writer, i);
    }
    for (size_t i = 1; i < query->input_count; i++) {
        put_matched(&writer, i);
        put_values(&writer, i);
        put_running_sums(&writer, i);
        put_totals(&writer, i);
        put_ranked(&writer, i);
    }
    buffer_append_byte(out, '\n');
    put_select(&writer);
    dialect->put_tail(query, out);
    return true;
}
