#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The old system's output against a join's: the same rows as Avro, packed JSON lines and packed CSV have no difference;
# each fault that is planted is found with its kind, its cause and its exact count.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

venv=$("$TREE/tests/support/venv.sh" "$TREE/tests/e2e/readers")
start_broker
start_emulator
make_streams views engagements
pipeline=$(pipeline_from "$TREE/config/demo.yaml") # Pulls run side by side, so that many records come late.
start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 20000 --seed 54
until_true 120 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end
rows=$(dump labels)
dump labels-late > /dev/null
dump views-dead > /dev/null
dump engagements-dead > /dev/null
cat "$WORK/views-dead.jsonl" "$WORK/engagements-dead.jsonl" > "$WORK/dead.jsonl"
count=$(wc -l < "$rows")
twice=$(jq -c 'select(.partition == 0)' "$rows" | sed -n 100p) # The row that shall be there twice.

# write_old FAULTS FILE: the rows as the old system would have written them; what was planted goes to planted.json.
write_old() {
    rm -rf "$WORK/old"
    mkdir "$WORK/old"
    "$venv/bin/python3" "$TREE/tests/e2e/readers/old_output.py" "$rows" "$WORK/labels-late.jsonl" "$WORK/dead.jsonl" "$1" "$WORK/old/$2" \
        "$(jq -r .key <<< "$twice")" > "$WORK/planted.json"
}
legacy() { # PATTERN, more keys on stdin
    sed '/^  report:/q' "$pipeline" > "$WORK/legacy.yaml"
    { echo "  legacy:"; echo "    files: \"$1\""; echo "    key: view_id"; sed 's/^/    /'; } >> "$WORK/legacy.yaml"
}
validate() { # STATUS
    local status=0
    "$dualrun" validate "$WORK/legacy.yaml" --kind legacy --report "$WORK/report" > "$WORK/told" 2>&1 || status=$?
    [ "$status" = "$1" ] || die "exit status $status, not $1: $(cat "$WORK/told")"
    report=$WORK/report/report.json
    [ "$(jq '[.comparisons[].identities[].holds] | all' "$report")" = true ] || die "the counts do not add up"
}
of() { jq -r "$1" "$report"; }
expect() { [ "$(of "$1")" = "$2" ] || die "$1 is $(of "$1"), not $2: $(cat "$WORK/told")"; }
common='event_time: {field: ts, unit: ms}
fields: {liked: is_liked, dwell_ms: dwell}'

for file in "labels-*.avro" labels.avro labels.jsonl.gz labels.csv.zst; do
    note "the same rows as $file"
    write_old none "$file"
    legacy "old/labels*" <<< "$common"
    validate 0
    expect .verdict PASS
    expect '.comparisons[0].counts.matched' "$count"
    expect .differences_total 0
done

note "what cannot be read makes it INCONCLUSIVE"
write_old none labels.jsonl.gz
size=$(stat -c %s "$WORK/old/labels.jsonl.gz")
truncate -s $((size / 2)) "$WORK/old/labels.jsonl.gz"
legacy "old/labels.jsonl.gz" <<< "$common"
validate 2
grep -q "ends in the middle of its packed data" "$WORK/told" || die "not told: $(cat "$WORK/told")"

note "faults, found without a word in the file"
kcat -b "$KAFKA" -C -t labels -p 0 -o "$(jq .offset <<< "$twice")" -c 1 -e -q -D '' > "$WORK/twice.bin"
kcat -b "$KAFKA" -P -t labels -p 0 -k "$(jq -r .key <<< "$twice")" "$WORK/twice.bin"
write_old all "labels-*.avro"
legacy "old/labels-*.avro" <<< "$common"
validate 1
expect .verdict FAIL
planted() { jq -r "$1" "$WORK/planted.json"; }
found() { of "[.comparisons[0].causes[] | select(.kind == \"$1\" and .cause == \"$2\").count] | add // 0"; }
check() { [ "$(found "$1" "$2")" = "$(planted ".$3")" ] || die "$1 by $2: $(found "$1" "$2") found, $(planted ".$3") planted: $(cat "$WORK/told")"; }
[ "$(planted '.late > 0 and .value == 7 and .key_form == 7')" = true ] || die "not every fault was planted: $(cat "$WORK/planted.json")"
check altered unexplained value
check altered rounding rounding
check altered null_default null
check altered enum enum
check altered time time
check altered late late
check missing key_form key_form
check extra key_form key_form
check missing unexplained missing
check extra unexplained extra
check old_duplicate unexplained old_duplicate
check duplicate unexplained duplicate
expect .differences_total "$(planted .total)"
"$venv/bin/python3" "$TREE/tests/e2e/readers/check_schema.py" "$TREE/config/report.schema.json" "$report" || die "the report does not fit its schema"
expect '.comparisons[0].counts.matched' "$(planted .matched)"

note "the same, borne and explained by the file"
legacy "old/labels-*.avro" << Y
$common
tolerate: {score: 0.0001%}
null_is_default: [dwell_ms]
enums: {first_kind: {LIKE: like, SHARE: share, CLICK: click, SKIP: skip, DWELL: dwell}}
expected:
  - {name: ticket-123, since: 2020-01-01, field: shares, when: {legacy: 77}, because: "the old job counted clicks"}
  - {name: ticket-124, kind: old_duplicate, because: "the old job ran twice"}
  - {name: ticket-125, field: shares, when: {legacy: 78}, because: "never seen"}
Y
validate 1
check altered expected value
check old_duplicate expected old_duplicate
expect '.comparisons[0].facts.expected["ticket-123"]' "$(planted .value)"
expect '.comparisons[0].facts.expected["ticket-125"]' 0
grep -q "expected:ticket-125 explains 0 differences" "$WORK/told" || die "a rule that explained nothing is not told"
[ "$(found altered enum)$(found altered null_default)" = 00 ] || die "what the file bears is a difference still"
expect '.comparisons[0].counts.matched' "$(planted '.matched + .null + .enum + .rounding')"

note "a pattern that no file fits, and a key that our rows lack, say the way out"
legacy "old/nothing-*" <<< "$common"
validate_fails() { ! "$dualrun" validate "$WORK/legacy.yaml" --kind legacy 2> "$WORK/stderr" > /dev/null && grep -q "$1" "$WORK/stderr"; }
validate_fails "no file is named like" || die "not told: $(cat "$WORK/stderr")"
legacy "old/labels-*.avro" <<< "fields: {nobody: view_id}"
validate_fails "topic labels: its rows have no field nobody" || die "not told: $(cat "$WORK/stderr")"
