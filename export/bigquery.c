/* SPDX-License-Identifier: Apache-2.0 */
#include "export/bigquery.h"

#include "export/sql.h"

/* What bq load makes of the lines; the others of their members are left out. */
static const char columns[] =
    "topic:STRING,partition:INT64,offset:INT64,timestamp:TIMESTAMP,source:JSON,schema_id:INT64,"
    "value_error:STRING,value:JSON";

bool bigquery_put_head(const struct query *query, struct buffer *out, struct error *err)
{
    const char *file = query->pipeline->file;

    (void)err;
    buffer_appendf(out, "-- The join %s of %s as a query for BigQuery.\n--\n", query->join->name,
                   file);
    for (size_t i = 0; i < query->input_count; i++) {
        const char *stream = query->inputs[i].stream->name;
        buffer_appendf(out,
                       "--   dualrun cat %s %s > %s.jsonl\n"
                       "--   bq load --source_format=NEWLINE_DELIMITED_JSON "
                       "--ignore_unknown_values \\\n--     dualrun.%s %s.jsonl \\\n--     %s\n",
                       file, stream, stream, stream, stream, columns);
    }
    sql_put_comment(
        out,
        "\nThe tables stand in the queries NAME_source below: change them there.\n"
        "\n"
        "Not run on BigQuery. It is the batch join of all records that are there: rows of the "
        "primary stream\n"
        "whose windows are still open are in it, and a row that a late record touches may "
        "differ from the\n"
        "topic's (the late topic names that record). Not covered: early rows, numbers that are "
        "NaN in min and\n"
        "max, fields that an older schema does not have (they are null here).\n");
    buffer_append_byte(out, '\n');
    return true;
}

void bigquery_put_source(const struct query *query, size_t input, struct buffer *out)
{
    buffer_appendf(out,
                   "    SELECT t.`partition` AS dr_partition, t.`offset` AS dr_offset, "
                   "UNIX_MILLIS(t.`timestamp`) AS dr_stamp, t.topic, t.source, t.value\n"
                   "    FROM `dualrun.%s` AS t\n"
                   "    WHERE t.schema_id IS NOT NULL AND t.value_error IS NULL\n",
                   query->inputs[input].stream->name);
}

void bigquery_put_tail(const struct query *query, struct buffer *out)
{
    (void)query;
    buffer_append_text(out, ";\n");
}
