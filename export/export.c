/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/query.h"
#include "export/sql.h"
#include "export/value.h"

/* Far enough from what 64 bits hold; the join takes no time beyond. */
#define TIME_RANGE "BETWEEN -18014398509481984 AND 18014398509481984"

struct writer {
    const struct query *query;
    const struct dialect *dialect;
    struct buffer *out;
};

/* The table of an input's step: "primary_rows", "s2_matched". */
static void put_table(struct writer *writer, size_t input, const char *step)
{
    if (input == 0)
        buffer_appendf(writer->out, "primary_%s", step);
    else
        buffer_appendf(writer->out, "s%zu_%s", input, step);
}

static void begin_table(struct writer *writer, size_t input, const char *step)
{
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
    struct buffer *out = writer->out;

    buffer_appendf(out, "-- %s: what lies in the topic\n", input->stream->name);
    begin_table(writer, i, "source");
    writer->dialect->put_source(writer->query, i, out);
    buffer_append_text(out, "),\n");
    begin_table(writer, i, "read");
    buffer_append_text(out, "    SELECT r.*,\n        ");
    value_put_text(writer->dialect, "r", &input->key, out);
    buffer_append_text(out, " AS dr_key,\n        ");
    value_put_time(writer->dialect, "r", input, out);
    buffer_append_text(out, " AS dr_time,\n        ");
    value_put_id(writer->dialect, "r", input, out);
    put_from(writer, " AS dr_id\n    FROM ", i, "source", "r");
    buffer_append_text(out, "\n),\n");
}

static void put_rows(struct writer *writer, size_t i)
{
    const struct query_input *input = &writer->query->inputs[i];
    struct buffer *out = writer->out;

    buffer_appendf(out, "-- %s: what the join takes, each event once\n", input->stream->name);
    begin_table(writer, i, "rows");
    buffer_append_text(out,
                       "    SELECT * FROM (\n"
                       "        SELECT r.*, ROW_NUMBER() OVER (PARTITION BY dr_partition, dr_key, "
                       "dr_time, dr_id ORDER BY dr_offset) AS dr_copy\n");
    put_from(writer, "        FROM ", i, "read", "r");
    /* CASE, not AND: the optimizer of DuckDB 1.5.6 fails on a range beside a window function. */
    buffer_appendf(out,
                   "\n        WHERE dr_key IS NOT NULL AND dr_id IS NOT NULL AND dr_stamp >= 0\n"
                   "            AND CASE WHEN dr_time " TIME_RANGE " THEN dr_time <= dr_stamp + "
                   "%" PRId64 " ELSE FALSE END\n"
                   "    ) AS d WHERE dr_copy = 1\n),\n",
                   writer->query->join->max_ahead_ms);
}

/* --- Matches --- */

static void put_matched(struct writer *writer, size_t i)
{
    const struct query_input *input = &writer->query->inputs[i];
    bool latest = writer->query->join->attribution == ATTRIBUTE_LATEST;
    struct buffer *out = writer->out;

    buffer_appendf(out, "-- %s: each with %s row of %s that it counts for\n", input->stream->name,
                   latest ? "the latest" : "every", writer->query->inputs[0].stream->name);
    begin_table(writer, i, "matched");
    buffer_append_text(out, latest ? "    SELECT * FROM (SELECT " : "    SELECT ");
    if (latest)
        buffer_append_text(out, "ROW_NUMBER() OVER (PARTITION BY s.dr_partition, s.dr_offset ORDER "
                                "BY p.dr_time DESC, p.dr_id DESC) AS dr_rank,\n        ");
    buffer_append_text(out, "p.dr_offset AS dr_row, s.*\n    FROM primary_rows AS p ");
    put_from(writer, "JOIN ", i, "rows", "s");
    buffer_appendf(out,
                   "\n        ON s.dr_partition = p.dr_partition AND s.dr_key = p.dr_key\n"
                   "        AND s.dr_time BETWEEN p.dr_time - %" PRId64 " AND p.dr_time + %" PRId64
                   "%s\n),\n",
                   input->before_ms, input->after_ms, latest ? ") AS m WHERE dr_rank = 1" : "");
}

/* Sums of 64-bit numbers are an error value when they overflow on the way, in the order of time. */
static bool is_wide_sum(const struct query_column *column)
{
    return column->aggregate == AGGREGATE_SUM && column->value.type->kind == SCHEMA_LONG;
}

static bool has_wide_sum(const struct query *query, size_t input)
{
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

    buffer_append_text(out, "-- what each field takes of them; null counts for nothing\n");
    begin_table(writer, input, "values");
    buffer_append_text(out, "    SELECT dr_partition, dr_row, dr_time, dr_id");
    for (size_t i = 0; i < query->column_count; i++) {
        if (query->columns[i].input != input)
            continue;
        buffer_append_text(out, ",\n        ");
        value_put_counted(writer->dialect, "m", &query->columns[i], out);
        buffer_appendf(out, " AS dr_value_%zu", i);
    }
    put_from(writer, "\n    FROM ", input, "matched", "m");
    buffer_append_text(out, "\n),\n");
}

static void put_running_sums(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    if (!has_wide_sum(query, input))
        return;
    buffer_append_text(out, "-- sums on the way, to tell an overflow\n");
    begin_table(writer, input, "running");
    buffer_append_text(out, "    SELECT m.*");
    for (size_t i = 0; i < query->column_count; i++)
        if (query->columns[i].input == input && is_wide_sum(&query->columns[i]))
            buffer_appendf(out,
                           ",\n        SUM(CAST(dr_value_%zu AS %s)) OVER (PARTITION BY "
                           "dr_partition, dr_row ORDER BY dr_time, dr_id\n            ROWS BETWEEN "
                           "UNBOUNDED PRECEDING AND CURRENT ROW) AS dr_sum_%zu",
                           i, writer->dialect->wide_type, i);
    put_from(writer, "\n    FROM ", input, "values", "m");
    buffer_append_text(out, "\n),\n");
}

/* --- Aggregates --- */

static void put_sum(struct writer *writer, size_t i, const char *counted)
{
    const struct query_column *column = &writer->query->columns[i];
    const struct dialect *dialect = writer->dialect;
    char sum[32];

    snprintf(sum, sizeof sum, "dr_sum_%zu", i);
    if (column->value.kind == QUERY_REAL)
        SQL_PUT(writer->out, dialect->sum_real, counted);
    else if (!is_wide_sum(column))
        SQL_PUT(writer->out, "CAST(SUM($0) AS $1)", counted, dialect->integer_type);
    else
        SQL_PUT(writer->out,
                "CASE WHEN MIN($2) >= CAST('-9223372036854775808' AS $3)\n"
                "            AND MAX($2) <= CAST('9223372036854775807' AS $3)\n"
                "            THEN CAST(SUM(CAST($0 AS $3)) AS $1) END",
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

static void put_totals(struct writer *writer, size_t input)
{
    const struct query *query = writer->query;
    struct buffer *out = writer->out;

    buffer_appendf(out, "-- %s: one line for each row of %s that has any\n",
                   query->inputs[input].stream->name, query->inputs[0].stream->name);
    begin_table(writer, input, "totals");
    buffer_append_text(out, "    SELECT dr_partition, dr_row");
    for (size_t i = 0; i < query->column_count; i++) {
        if (query->columns[i].input != input)
            continue;
        buffer_append_text(out, ",\n        ");
        put_aggregate(writer, i);
        buffer_appendf(out, " AS dr_field_%zu", i);
    }
    put_from(writer, "\n    FROM ", input, has_wide_sum(query, input) ? "running" : "values", "m");
    buffer_append_text(out, "\n    GROUP BY dr_partition, dr_row\n)");
    buffer_append_text(out, input + 1 < query->input_count ? ",\n" : "\n");
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
                            "    COALESCE(");
    value_put_text(writer->dialect, "p", &writer->query->output_key, out);
    buffer_append_text(out, ", p.dr_key) AS dualrun_key");
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

        if ((column->aggregate == AGGREGATE_LIST && dialect->list == NULL)
            || (column->aggregate == AGGREGATE_FIRST && dialect->first == NULL)
            || (column->aggregate == AGGREGATE_LAST && dialect->last == NULL))
            return query_refuse(query, column, err, hint,
                                "%s has no list, first or last in the order of event time",
                                dialect->title);
        if (real && dialect->sum_real == NULL)
            return query_refuse(
                query, column, err, hint,
                "%s adds fractions in an order of its own, so the last digits would "
                "differ",
                dialect->title);
    }
    return true;
}

bool export_sql(const struct pipeline *pipeline, const struct pipeline_join *join,
                const struct dialect *dialect, struct buffer *out, struct error *err)
{
    struct query *query = query_new(pipeline, join, err);
    struct writer writer = {.query = query, .dialect = dialect, .out = out};
    bool ok =
        query != NULL && check_dialect(query, dialect, err) && dialect->put_head(query, out, err);

    if (ok) {
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
        }
        put_select(&writer);
        dialect->put_tail(query, out);
    }
    query_free(query);
    return ok;
}

static bool write_failed(const char *path, struct error *err)
{
    return error_set(err, EXIT_CODE_TARGET, "export: cannot write %s: %s", path, strerror(errno));
}

/* By way of a file beside it, so that a failure leaves what was there. */
static bool write_file(const char *path, const struct buffer *text, struct error *err)
{
    char *beside = memory_textf("%s.part", path);
    FILE *file = fopen(beside, "w");
    bool ok = file != NULL && fwrite(text->data, 1, text->size, file) == text->size;

    ok = (file == NULL || fclose(file) == 0) && ok && rename(beside, path) == 0;
    if (!ok) {
        write_failed(path, err);
        error_hint(err, "name a file in a folder that can be written to");
        unlink(beside);
    }
    free(beside);
    return ok;
}

bool export_write(const struct pipeline *pipeline, const struct pipeline_join *join,
                  const struct dialect *dialect, const char *path, struct error *err)
{
    struct buffer text = {0};
    bool ok = export_sql(pipeline, join, dialect, &text, err);

    if (ok && path != NULL)
        ok = write_file(path, &text, err);
    else if (ok && (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0))
        ok = write_failed("stdout", err);
    buffer_fini(&text);
    return ok;
}
