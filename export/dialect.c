/* SPDX-License-Identifier: Apache-2.0 */
#include "export/dialect.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "export/bigquery.h"
#include "export/duckdb.h"
#include "export/flink.h"

static void put_milliseconds(int64_t ms, struct buffer *out)
{
    buffer_appendf(out, "%" PRId64, ms);
}

const struct dialect dialects[] = {
    {
        .name = "duckdb-sql",
        .title = "DuckDB",
        .quote = '"',
        .text_type = "VARCHAR",
        .integer_type = "BIGINT",
        .wide_type = "HUGEINT",
        .values = {[QUERY_BOOLEAN] = "CAST(json_extract_string($0.value, '$.$1') AS BOOLEAN)",
                   [QUERY_INTEGER] = "CAST(json_extract_string($0.value, '$.$1') AS BIGINT)",
                   [QUERY_REAL] = "CAST(json_extract_string($0.value, '$.$1') AS DOUBLE)",
                   [QUERY_TEXT] = "json_extract_string($0.value, '$.$1')",
                   [QUERY_BYTES] = "json_extract_string($0.value, '$.$1')",
                   [QUERY_NESTED] = "json_extract($0.value, '$.$1')"},
        .time_us = "($0 // 1000 - CASE WHEN $0 % 1000 < 0 THEN 1 ELSE 0 END)",
        .time_rfc3339 =
            "CASE WHEN regexp_full_match($0, "
            "'\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-]\\d\\d:\\d\\d)')"
            " THEN CAST(floor(epoch_us(TRY_CAST(upper($0) AS TIMESTAMPTZ)) / 1000) AS BIGINT) END",
        .arrival = "dr_offset",
        .rank_order = "$0.dr_time$1, $0.dr_id$1",
        .running = true,
        .first = "first($0 ORDER BY dr_time, dr_id) FILTER (WHERE $0 IS NOT NULL)",
        .last = "first($0 ORDER BY dr_time DESC, dr_id DESC) FILTER (WHERE $0 IS NOT NULL)",
        .list = "(list($0 ORDER BY dr_time, dr_id) FILTER (WHERE $0 IS NOT NULL))[1:$1]",
        .sum_real = "list_reduce(list($0 ORDER BY dr_time, dr_id) FILTER (WHERE $0 IS NOT NULL), "
                    "lambda a, b: a + b, CAST(0 AS DOUBLE))",
        .empty_list = "[]",
        .message_id = "coalesce(json_extract_string($0.source, '$.message_id'), "
                      "$0.topic || '/' || $0.dr_partition || '/' || $0.dr_offset)",
        .sample = "substr(sha256(from_hex(printf('%08x', strlen($0))) || encode($0) || "
                  "from_hex(printf('%08x', strlen($1))) || encode($1) || "
                  "from_hex(printf('%08x', strlen($2))) || encode($2)), 1, 32)",
        .put_head = duckdb_put_head,
        .put_source = duckdb_put_source,
        .put_span = put_milliseconds,
        .put_tail = duckdb_put_tail,
    },
    {
        .name = "bigquery-sql",
        .title = "BigQuery",
        .quote = '`',
        .backslash = true,
        .text_type = "STRING",
        .integer_type = "INT64",
        .wide_type = "BIGNUMERIC",
        .values = {[QUERY_BOOLEAN] = "CAST(JSON_VALUE($0.value, '$.$1') AS BOOL)",
                   [QUERY_INTEGER] = "CAST(JSON_VALUE($0.value, '$.$1') AS INT64)",
                   [QUERY_REAL] = "CAST(JSON_VALUE($0.value, '$.$1') AS FLOAT64)",
                   [QUERY_TEXT] = "JSON_VALUE($0.value, '$.$1')",
                   [QUERY_BYTES] = "JSON_VALUE($0.value, '$.$1')",
                   [QUERY_NESTED] = "JSON_QUERY($0.value, '$.$1')"},
        .time_us = "(DIV($0, 1000) - CASE WHEN MOD($0, 1000) < 0 THEN 1 ELSE 0 END)",
        .time_rfc3339 =
            "CASE WHEN REGEXP_CONTAINS($0, "
            "r'^\\d{4}-\\d\\d-\\d\\d[Tt]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?([Zz]|[+-]\\d\\d:\\d\\d)$"
            "')"
            " THEN UNIX_MILLIS(SAFE_CAST(REGEXP_REPLACE(UPPER($0), r'(\\.\\d{6})\\d+', r'\\1') AS "
            "TIMESTAMP)) END",
        .arrival = "dr_offset",
        .rank_order = "$0.dr_time$1, $0.dr_id$1",
        .running = true,
        .first = "ARRAY_AGG($0 IGNORE NULLS ORDER BY dr_time, dr_id LIMIT 1)[SAFE_OFFSET(0)]",
        .last =
            "ARRAY_AGG($0 IGNORE NULLS ORDER BY dr_time DESC, dr_id DESC LIMIT 1)[SAFE_OFFSET(0)]",
        .list = "ARRAY_AGG($0 IGNORE NULLS ORDER BY dr_time, dr_id LIMIT $1)",
        .empty_list = "[]",
        .message_id = "COALESCE(JSON_VALUE($0.source, '$.message_id'), CONCAT($0.topic, '/', "
                      "CAST($0.dr_partition AS STRING), '/', CAST($0.dr_offset AS STRING)))",
        .sample = "SUBSTR(TO_HEX(SHA256(CONCAT("
                  "FROM_HEX(FORMAT('%08x', BYTE_LENGTH($0))), CAST($0 AS BYTES), "
                  "FROM_HEX(FORMAT('%08x', BYTE_LENGTH($1))), CAST($1 AS BYTES), "
                  "FROM_HEX(FORMAT('%08x', BYTE_LENGTH($2))), CAST($2 AS BYTES)))), 1, 32)",
        .put_head = bigquery_put_head,
        .put_source = bigquery_put_source,
        .put_span = put_milliseconds,
        .put_tail = bigquery_put_tail,
    },
    {
        .name = "flink-sql",
        .title = "Flink",
        .quote = '`',
        .quoted_paths = true,
        .text_type = "STRING",
        .integer_type = "BIGINT",
        .wide_type = "DECIMAL(38, 0)",
        .values = {[QUERY_BOOLEAN] = "$0.$1",
                   [QUERY_INTEGER] = "$0.$1",
                   [QUERY_REAL] = "$0.$1",
                   [QUERY_TEXT] = "$0.$1",
                   [QUERY_BYTES] = "$0.$1",
                   [QUERY_NESTED] = "$0.$1"},
        .arrival = "dr_arrival",
        /* One key: Flink 2.3 plans the best by two keys as if it never took a row back. */
        .rank_order = "ROW($0.dr_time, $0.dr_id)$1",
        .ranked = true,
        .message_id =
            "COALESCE(REGEXP_EXTRACT(DECODE($0.dr_headers['dualrun.source'], 'UTF-8'), '(^| "
            ")id=([^ ]+)', 2), CONCAT('$1/', CAST($0.dr_partition AS STRING), '/', "
            "CAST($0.dr_offset AS STRING)))",
        .put_head = flink_put_head,
        .put_source = flink_put_source,
        .put_fits = flink_put_fits,
        .put_span = flink_put_span,
        .put_tail = flink_put_tail,
    },
};
const size_t dialect_count = sizeof dialects / sizeof *dialects;

const struct dialect *dialect_of(const char *name)
{
    size_t i = 0;

    while (strcmp(dialects[i].name, name) != 0) {
        i++;
        assert(i < dialect_count);
    }
    return &dialects[i];
}
