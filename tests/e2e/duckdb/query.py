# SPDX-License-Identifier: Apache-2.0
"""usage: query.py SCRIPT ROWS: runs an exported query in DuckDB's Python module, rows as JSON lines into ROWS."""
import sys

import duckdb

connection = duckdb.connect()
with open(sys.argv[1], encoding="utf-8") as script:
    rows = connection.sql(script.read())
connection.sql(f"COPY (FROM rows) TO '{sys.argv[2]}' (FORMAT json)")
