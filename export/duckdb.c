/* SPDX-License-Identifier: Apache-2.0 */
#include "export/duckdb.h"

#include "export/sql.h"

bool duckdb_put_head(const struct query *query, struct buffer *out, struct error *err)
{
    const struct query_input *inputs = query->inputs;
    const char *file = query->pipeline->file, *name = query->join->name;

    (void)err;
    buffer_appendf(out, "-- The join %s of %s as a query for DuckDB.\n--\n", name, file);
    for (size_t i = 0; i < query->input_count; i++)
        buffer_appendf(out, "--   dualrun cat %s %s > %s.jsonl\n", file, inputs[i].stream->name,
                       inputs[i].stream->name);
    buffer_appendf(out, "--   duckdb -jsonlines < %s.sql > %s.rows.jsonl\n--\n", name, name);
    sql_put_comment(
        out,
        "Tested with DuckDB 1.5.6 and 2.0.1. It is the batch join of all records that are "
        "there: rows of\n"
        "views whose windows are still open are in it, and a row that a late record touches "
        "may differ from\n"
        "the topic's (the late topic names that record). Not covered: early rows, numbers that "
        "are NaN in min\n"
        "and max, fields that an older schema does not have (they are null here).\n"
        "\n"
        "Where the streams' records lie:\n");
    for (size_t i = 0; i < query->input_count; i++) {
        const char *stream = inputs[i].stream->name;
        buffer_appendf(out, "SET VARIABLE \"%s\" = '%s.jsonl';\n", stream, stream);
    }
    buffer_appendf(out, "\nCREATE OR REPLACE TEMP TABLE \"%s\" AS\n", name);
    return true;
}

void duckdb_put_source(const struct query *query, size_t input, struct buffer *out)
{
    buffer_appendf(out,
                   "    SELECT \"partition\" AS dr_partition, \"offset\" AS dr_offset, "
                   "epoch_ms(\"timestamp\") AS dr_stamp, topic, source, value\n"
                   "    FROM read_json(getvariable('%s'), format = 'newline_delimited',\n"
                   "        columns = {topic: 'VARCHAR', partition: 'INTEGER', \"offset\": "
                   "'BIGINT', timestamp: "
                   "'TIMESTAMP',\n"
                   "            source: 'JSON', schema_id: 'INTEGER', value_error: 'VARCHAR', "
                   "value: 'JSON'})\n"
                   "    WHERE schema_id IS NOT NULL AND value_error IS NULL\n",
                   query->inputs[input].stream->name);
}

void duckdb_put_tail(const struct query *query, struct buffer *out)
{
    buffer_appendf(out, ";\n\nFROM \"%s\";\n", query->join->name);
}
