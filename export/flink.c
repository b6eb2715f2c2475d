/* SPDX-License-Identifier: Apache-2.0 */
#include "export/flink.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "export/sql.h"

/* --- Times --- */

void flink_put_span(int64_t ms, struct buffer *out)
{
    buffer_appendf(out, "INTERVAL '%" PRId64 " %02d:%02d:%02d.%03d' DAY(3) TO SECOND(3)",
                   ms / 86400000, (int)(ms / 3600000 % 24), (int)(ms / 60000 % 60),
                   (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static const char *form_of_unit(enum pipeline_time_unit unit, bool real)
{
    switch (unit) {
    case TIME_US:
        return real ? "TO_TIMESTAMP_LTZ(CAST(ROUND($0 / 1000) AS BIGINT), 3)"
                    : "TO_TIMESTAMP_LTZ($0 / 1000 - CASE WHEN MOD($0, 1000) < 0 THEN 1 ELSE 0 END, "
                      "3)";
    case TIME_S:
        return real ? "TO_TIMESTAMP_LTZ(CAST(ROUND($0 * 1000) AS BIGINT), 3)"
                    : "TO_TIMESTAMP_LTZ($0, 0)";
    default:
        return real ? "TO_TIMESTAMP_LTZ(CAST(ROUND($0) AS BIGINT), 3)" : "TO_TIMESTAMP_LTZ($0, 3)";
    }
}

static const char *form_of_time(const struct query_input *input)
{
    switch (input->time.type->logical) {
    case LOGICAL_TIMESTAMP_MILLIS:
        return form_of_unit(TIME_MS, false);
    case LOGICAL_TIMESTAMP_MICROS:
        return form_of_unit(TIME_US, false);
    case LOGICAL_DATE:
        return "TO_TIMESTAMP_LTZ($0 * CAST(86400000 AS BIGINT), 3)";
    default:
        return form_of_unit(input->stream->event_time_unit, input->time.kind == QUERY_REAL);
    }
}

/* The event time as TIMESTAMP_LTZ(3); `alias` is "" or "r.". */
static void put_event_time(const struct query_input *input, const char *alias, struct buffer *out)
{
    struct buffer value = {0};

    if (input->time.path == NULL) {
        buffer_appendf(out, "%sdr_stamp", alias);
        return;
    }
    buffer_append_text(&value, alias);
    sql_put_path(&value, '`', input->time.path);
    SQL_PUT(out, form_of_time(input), buffer_text(&value));
    buffer_fini(&value);
}

static void put_fits(const struct query *query, size_t input, const char *alias, struct buffer *out)
{
    put_event_time(&query->inputs[input], alias, out);
    buffer_appendf(out, " <= %sdr_stamp + ", alias);
    flink_put_span(query->join->max_ahead_ms, out);
}

void flink_put_fits(const struct query *query, size_t input, struct buffer *out)
{
    put_fits(query, input, "r.", out);
}

/* --- Sources --- */

/* Times and dates become the numbers that they are written as, which is what the join sees. */
static void forget_times(json_t *schema)
{
    const char *logical = json_string_value(json_object_get(schema, "logicalType")), *key;
    json_t *inner;
    size_t i;

    if (logical != NULL && (strncmp(logical, "time", 4) == 0 || strcmp(logical, "date") == 0))
        json_object_del(schema, "logicalType");
    json_array_foreach(schema, i, inner) forget_times(inner);
    json_object_foreach(schema, key, inner)
    {
        if (strcmp(key, "default") != 0)
            forget_times(inner);
    }
}

/* The schema on one line, as the format's option wants it. */
static void put_schema(const struct query_input *input, struct buffer *out)
{
    json_t *schema = json_deep_copy(input->schema->json);

    forget_times(schema);
    char *text = json_dumps(schema, JSON_COMPACT);
    sql_put_literal(out, false, text);
    free(text);
    json_decref(schema);
}

static void put_columns(const struct query *query, size_t input, struct buffer *out)
{
    const struct schema_type *root = query->inputs[input].schema->root;

    for (size_t i = 0; i < root->field_count; i++) {
        buffer_append_text(out, "    ");
        sql_put_name(out, '`', root->fields[i].name);
        buffer_append_byte(out, ' ');
        flink_put_type(root->fields[i].type, out); /* flink_check has tried it. */
        buffer_append_text(out, ",\n");
    }
    buffer_append_text(out,
                       "    dr_partition INT METADATA FROM 'partition' VIRTUAL,\n"
                       "    dr_offset BIGINT METADATA FROM 'offset' VIRTUAL,\n"
                       "    dr_stamp TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,\n"
                       "    dr_headers MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL,\n"
                       "    -- A clock that is too fast must not close the windows of others.\n"
                       "    dr_time AS CASE WHEN ");
    put_fits(query, input, "", out);
    buffer_append_text(out, "\n        THEN ");
    put_event_time(&query->inputs[input], "", out);
    buffer_append_text(out, " ELSE dr_stamp END,\n"
                            "    dr_arrival AS PROCTIME(),\n"
                            "    WATERMARK FOR dr_time AS dr_time - ");
    flink_put_span(query->join->lateness_ms, out);
    buffer_append_byte(out, '\n');
}

static void put_table(const struct query *query, size_t input, struct buffer *out)
{
    const struct query_input *own = &query->inputs[input];

    buffer_append_text(out, "CREATE TEMPORARY TABLE ");
    sql_put_name(out, '`', own->stream->name);
    buffer_append_text(out, " (\n");
    put_columns(query, input, out);
    buffer_appendf(out,
                   ") WITH (\n"
                   "    'connector' = 'kafka',\n"
                   "    'topic' = '%s',\n"
                   "    'properties.bootstrap.servers' = '%s',\n"
                   "    'properties.isolation.level' = 'read_committed',\n"
                   "    'scan.startup.mode' = 'earliest-offset',\n"
                   "    'value.format' = 'avro-confluent',\n"
                   "    'value.avro-confluent.url' = 'http://localhost:8081',\n"
                   "    'value.avro-confluent.schema' = ",
                   own->stream->topic.name, query->pipeline->kafka.brokers);
    put_schema(own, out);
    buffer_append_text(out, "\n);\n\n");
}

void flink_put_source(const struct query *query, size_t input, struct buffer *out)
{
    const struct pipeline_stream *stream = query->inputs[input].stream;

    buffer_append_text(out, "    SELECT * FROM ");
    sql_put_name(out, '`', stream->name);
    buffer_append_byte(out, '\n');
}

/* --- The script --- */

static bool has_long_sum(const struct query *query)
{
    for (size_t i = 0; i < query->column_count; i++)
        if (query->columns[i].aggregate == AGGREGATE_SUM
            && query->columns[i].value.type->kind == SCHEMA_LONG)
            return true;
    return false;
}

bool flink_put_head(const struct query *query, struct buffer *out, struct error *err)
{
    const char *name = query->join->name;

    if (!flink_check(query, err))
        return false;
    buffer_appendf(out,
                   "-- The join %s of %s as a continuous query for Flink.\n--\n"
                   "--   sql-client.sh -j flink-sql-connector-kafka-VERSION.jar "
                   "-j flink-sql-avro-confluent-registry-VERSION.jar -i %s.sql\n--\n",
                   name, query->pipeline->file, name);
    sql_put_comment(
        out,
        "Change the registry's URL below; secured brokers need their properties, too. Run by hand "
        "with "
        "Flink 2.3.0\n"
        "and its Kafka connector 5.0.0. Without late records its last answer for each row is the "
        "joiner's; it\n"
        "differs on the way there, and with late ones:\n"
        "- A row comes at once, without matches, and is taken back and written again with each "
        "match: write into\n"
        "  a table with a key (upsert-kafka, PRIMARY KEY (dualrun_partition, dualrun_offset) NOT "
        "ENFORCED).\n"
        "- A late record joins whatever is still there; it is not told of. There is no late "
        "topic.\n"
        "- A record whose time is too far ahead, or that has no key or no id, is left out; it is "
        "no "
        "dead letter.\n"
        "- A record that is not Avro of a known schema stops the query.\n"
        "- A silent partition holds the watermark until the idle timeout below; no heartbeat is "
        "asked.\n"
        "- Duplicates and rows are remembered for ever: set table.exec.state.ttl to more than the "
        "window.\n"
        "- There is no sample id: dualrun_partition and dualrun_offset name a row.\n");
    if (has_long_sum(query))
        sql_put_comment(
            out, "- A sum of 64-bit numbers is null if it overflows in the end; the joiner's "
                 "also if it did on the way.\n");
    buffer_appendf(out, "\nSET 'table.exec.source.idle-timeout' = '%" PRId64 " ms';\n\n",
                   query->join->idle_after_ms);
    for (size_t i = 0; i < query->input_count; i++)
        put_table(query, i, out);
    buffer_append_text(out, "CREATE TEMPORARY VIEW ");
    sql_put_name(out, '`', name);
    buffer_append_text(out, " AS\n");
    return true;
}

void flink_put_tail(const struct query *query, struct buffer *out)
{
    buffer_append_text(out, ";\n\nSELECT * FROM ");
    sql_put_name(out, '`', query->join->name);
    buffer_append_text(out, ";\n");
}
