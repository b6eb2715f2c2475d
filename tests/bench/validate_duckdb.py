# SPDX-License-Identifier: Apache-2.0
"""validate_duckdb.py: the join and the full outer compare of bench-validate, by DuckDB on one thread.

    validate_duckdb.py DIR csv|tables [ROWS TO SPOIL]    DIR has views.csv, engagements.csv and labels.csv

csv: what is measured reads the files; tables: they lie in DuckDB's own tables before. Ends with status 1 unless the rows
that were spoiled differ, and they alone. The last line on stdout is one JSON object: CPU and wall seconds of the query, and
the peak memory of the process, Python and the loading of tables included.
"""
import json
import os
import resource
import sys
import time

import duckdb

TOPICS = {
    "views": {"view_id": "VARCHAR", "ts": "BIGINT", "user": "VARCHAR", "score": "DOUBLE"},
    "engagements": {"view_id": "VARCHAR", "ts": "BIGINT", "event_id": "VARCHAR", "kind": "VARCHAR"},
    "labels": {"view_id": "VARCHAR", "ts": "BIGINT", "user": "VARCHAR", "score": "DOUBLE", "engaged": "BOOLEAN", "kind": "VARCHAR"},
}
# A row a view; the engagements of its window, each event once, the first one's kind; then both sides by key, as often as
# each has it.
COMPARE = """
WITH once AS (
    SELECT view_id, event_id, min(ts) AS ts, arg_min(kind, ts) AS kind FROM engagements GROUP BY view_id, event_id
), expected AS (
    SELECT v.view_id, v.ts, v."user", v.score, count(e.event_id) > 0 AS engaged, arg_min(e.kind, e.ts) AS kind
    FROM views v LEFT JOIN once e ON e.view_id = v.view_id AND e.ts BETWEEN v.ts - 5000 AND v.ts + 600000
    GROUP BY v.view_id, v.ts, v."user", v.score
), found AS (
    SELECT view_id, any_value(ts) AS ts, any_value("user") AS "user", any_value(score) AS score,
        any_value(engaged) AS engaged, any_value(kind) AS kind, count(*) AS copies
    FROM labels GROUP BY view_id
), both_sides AS (
    SELECT x.view_id IS NULL AS extra, f.view_id IS NULL AS missing, coalesce(f.copies, 1) - 1 AS duplicates,
        (x.ts, x."user", x.score, x.engaged, x.kind) IS DISTINCT FROM (f.ts, f."user", f.score, f.engaged, f.kind) AS differs
    FROM expected x FULL OUTER JOIN found f ON f.view_id = x.view_id
)
SELECT count(*) FILTER (NOT extra AND NOT missing AND NOT differs), count(*) FILTER (NOT extra AND NOT missing AND differs),
    count(*) FILTER (missing), count(*) FILTER (extra), coalesce(sum(duplicates), 0)
FROM both_sides
"""


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, time.monotonic()


def main(directory, source, spoiled):
    database = duckdb.connect(config={"threads": 1})
    for name, columns in TOPICS.items():
        kind = "TABLE" if source == "tables" or (spoiled and name == "labels") else "VIEW"
        path = os.path.join(directory, name + ".csv").replace("'", "''")
        database.execute(f"CREATE {kind} {name} AS SELECT * FROM read_csv('{path}', header = true, columns = {columns})")
    if spoiled:
        database.execute(f"UPDATE labels SET engaged = NOT engaged WHERE view_id IN (SELECT view_id FROM labels ORDER BY view_id LIMIT {spoiled})")
    views = database.execute("SELECT count(*) FROM views").fetchone()[0]
    cpu, wall = spent()
    counts = [int(count) for count in database.execute(COMPARE).fetchone()]
    ended_cpu, ended_wall = spent()
    if counts != [views - spoiled, spoiled, 0, 0, 0]:
        sys.exit(f"matched, different, missing, extra, duplicate are {counts} of {views} views, {spoiled} of them spoiled")
    print(json.dumps({"program": f"DuckDB {duckdb.__version__}", "source": source, "cpu_seconds": round(ended_cpu - cpu, 3),
                      "wall_seconds": round(ended_wall - wall, 3),
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
