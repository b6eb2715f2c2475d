/* SPDX-License-Identifier: Apache-2.0 */
#include "export/dialect.h"

#include <assert.h>
#include <string.h>

#include "export/duckdb.h"

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
        .put_tail = duckdb_put_tail,
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
