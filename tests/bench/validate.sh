#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# validate.sh: records that the validator compares per CPU-second, from memory and from a real broker.
# Prints one JSON line per figure. The comparison in memory also side by side with DuckDB, which does the same join and
# full outer compare over the same records on one thread: what it takes of CPU time, wall time and peak memory, divided by
# what ours takes; above 1 ours takes less.
set -euo pipefail
BUILD=${BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release}
# shellcheck source=tests/support/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lib.sh"

views=${VIEWS:-1000000}
cmake --preset release -S "$TREE" > /dev/null
cmake --build "$BUILD" --target bench-validate -- -j2 > /dev/null
bench=$BUILD/tests/bench/bench-validate

ours=$("$bench" memory "$views" | tail -n 1)
echo "$ours"
python=$("$TREE/tests/support/venv.sh" "$TREE/tests/e2e/duckdb")/bin/python
"$bench" files "$WORK" "$views"
"$python" "$TREE/tests/bench/validate_duckdb.py" "$WORK" tables 5 > /dev/null # It finds what differs.
for source in csv tables; do
    "$python" "$TREE/tests/bench/validate_duckdb.py" "$WORK" "$source" | jq -c --argjson ours "$ours" '. as $theirs
        | {cpu_seconds: "CPU-s", wall_seconds: "s", peak_kib: "KiB"} | to_entries[]
        | {name: "validate.duckdb_\($theirs.source)_\(.key)_ratio", value: ($theirs[.key] / $ours[.key] * 100 | round / 100), unit: "1",
           conditions: "\($theirs.program), one thread, from \($theirs.source): \($theirs[.key]) \(.value); ours: \($ours[.key]) \(.value)"}'
done
rm "$WORK"/{views,engagements,labels}.csv
brokers=$("$rig" start "$WORK/kafka")
trap '"$rig" stop "$WORK/kafka"; rm -rf "$WORK"' EXIT
"$bench" "$brokers" "$WORK" "$views" 0 | tail -n 1
