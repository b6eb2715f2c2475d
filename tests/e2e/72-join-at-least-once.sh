#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A join without transactions: kill -9 around its commits loses no row and changes none; rows may come again, equal to the
# byte, and the validator says so. Rows are readable before they are committed.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i 's/idle_after: .*/&\n  guarantee: at_least_once\n  commit_interval: 200ms/' "$pipeline"
# Pulls side by side would mix up more of the hour than lateness bears; rows must come out long before the end.
echo 'bridge: {max_pulls: 1}' >> "$pipeline"

start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 30000 --seed 72 --span 60m
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

for point in join.produced:1 join.offsets_sent:1 join.committed:1 join.offsets_sent:2 join.offsets_sent:1; do
    status=0
    DUALRUN_CRASH_AT=$point "$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join" || status=$?
    [ "$status" = 137 ] || die "crash at $point: status $status"
done
"$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join" || die "the join did not end well"

# Of equal rows the first; numbers stay as they are written, which jq would round.
python3 - "$(dump labels)" "$WORK/rows" "$WORK/unique.jsonl" << 'P'
import json, sys
seen, rows, unique = set(), open(sys.argv[2], "w"), open(sys.argv[3], "w")
for line in open(sys.argv[1]):
    record = json.loads(line)
    row = json.dumps([record["key"], record["value"]], sort_keys=True)
    print(row, file=rows)
    if row not in seen:
        unique.write(line)
    seen.add(row)
P
sort -u "$WORK/rows" > "$WORK/once"
repeated=$(($(wc -l < "$WORK/rows") - $(wc -l < "$WORK/once")))
note "$(wc -l < "$WORK/once") samples, $repeated repeated"
[ "$repeated" -gt 0 ] || die "no crash repeated a row: they proved nothing"
"$dualrun" validate "$pipeline" --kind join --json > "$WORK/verdict" 2>> "$WORK/log/validate" || die "validate: $(jq -c '.comparisons[] | [.counts, .causes]' "$WORK/verdict")"
jq -e --argjson repeated "$repeated" '.verdict == "PASS" and (.comparisons[0] | .counts.missing == 0 and .counts.duplicate == $repeated
    and ([.causes[] | select(.cause == "repeated").count] == [$repeated]))' "$WORK/verdict" > /dev/null \
    || die "validate: $(jq -c '.comparisons[] | [.counts, .causes]' "$WORK/verdict")"
expect_check --labels "$WORK/unique.jsonl"
