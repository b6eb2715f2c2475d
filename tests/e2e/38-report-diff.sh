#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two reports of one join, clean and spoiled. Each fits the published JSON Schema; what
# changed from one to the other is told with what spoiled it, and worse is status 1; clean runs in a row make a streak.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

venv=$("$TREE/tests/support/venv.sh" "$TREE/tests/e2e/readers")

validate() { # FILE REPORT STATUS
    local status=0
    "$dualrun" validate "$1" --kind join --report "$WORK/$2" > /dev/null || status=$?
    [ "$status" = "$3" ] || die "$2: exit status $status, not $3"
}

diff_reports() { # OLD NEW STATUS
    local status=0
    "$dualrun" report diff "$WORK/$1" "$WORK/$2/report.json" > "$WORK/diff" || status=$?
    [ "$status" = "$3" ] || die "report diff $1 $2: exit status $status, not $3: $(cat "$WORK/diff")"
    "$dualrun" report diff "$WORK/$1" "$WORK/$2" --json > "$WORK/diff.json" || true
}

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")
clean_file=$WORK/clean.yaml
sed 's/{topic: labels,/{topic: labels-clean,/' "$pipeline" > "$clean_file"

start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 4000 --seed 38
until_true 60 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$clean_file" --until-end
validate "$clean_file" clean 0
"$BUILD/tests/support/tools/saboteur" "$KAFKA" --from labels-clean --to labels --seed 3 --delete 2 --double 3 --alter 4 --one-in 100 \
    --list "$WORK/spoiled.jsonl" --schemas "$WORK/registry" --until-end
validate "$pipeline" spoiled 1

note "reports fit the published schema, and the schema refuses what is none"
schema=$TREE/config/report.schema.json
"$venv/bin/python" "$TREE/tests/e2e/readers/check_schema.py" "$schema" "$WORK"/{clean,spoiled}/report.json || die "a report does not fit"
jq '.comparisons[0].counts.matched = -1 | .gates[0].pass = "yes" | del(.verdict)' "$WORK/clean/report.json" > "$WORK/broken.json"
if "$venv/bin/python" "$TREE/tests/e2e/readers/check_schema.py" "$schema" "$WORK/broken.json" > "$WORK/answer"; then
    die "the schema takes a broken report"
fi
[ "$(wc -l < "$WORK/answer")" = 3 ] || die "the schema finds other faults: $(cat "$WORK/answer")"

note "no value of a payload is in any form of the report, unless it may be shown"
sed 's/^validate:$/validate:\n  show_values: all/' "$pipeline" > "$WORK/shown.yaml"
validate "$WORK/shown.yaml" shown 1
values() { jq -c '[.differences[] | select(.kind == "altered") | {key, fields}] | sort_by(.key)' "$WORK/$1/report.json"; }
[ "$(values shown | jq 'length')" = 4 ] || die "not four altered: $(values shown)"
[ "$(values spoiled | jq -c '[.[].fields[].name]')" = "$(values shown | jq -c '[.[].fields[].name]')" ] || die "other fields"
values spoiled | jq -e '[.[].fields[] | .expected, .found | select(. != null)] | length >= 4 and all(test("^[a-z]+ #[0-9a-f]{12}$"))' > /dev/null \
    || die "a value is not hashed: $(values spoiled)"
[ "$(values shown | grep -c '#[0-9a-f]\{12\}')" = 0 ] || die "a value is hashed: $(values shown)"
"$dualrun" report show "$WORK/spoiled" > "$WORK/spoiled/text"
while read -r value; do
    if grep -qF -- "$value" "$WORK"/spoiled/{text,report.*}; then die "the value $value is in the report"; fi
done < <(values shown | jq -r '.[].fields[] | .expected, .found | select(. != null) | tostring | select(length >= 8)')

note "what became worse"
diff_reports clean spoiled 1
grep -q '^WORSE: PASS .* -> FAIL ' "$WORK/diff" || die "the diff does not begin with the verdicts: $(cat "$WORK/diff")"
jq -e '[.counts[] | {(.kind): [.old, .new]}] | add == {missing: [0, 2], duplicate: [0, 3], altered: [0, 4]}' "$WORK/diff.json" > /dev/null \
    || die "counts: $(jq -c .counts "$WORK/diff.json")"
jq -e '(.differences.new | length) == 9 and (.differences.gone | length) == 0 and .differences.complete' "$WORK/diff.json" > /dev/null \
    || die "the diff does not list the nine differences"
jq -e '[.gates[] | select(.name == "unexplained") | .pass] == [false]' "$WORK/diff.json" > /dev/null || die "the gate did not flip"

note "the streak grows with each clean run and ends with one that is not"
streak() { jq -c '[.streak.runs, .streak.holds]' "$WORK/report/report.json"; }
sed 's/^validate:$/validate:\n  gates: {consecutive: 2, span: 10s}/' "$clean_file" > "$WORK/streak-clean.yaml"
sed 's/^validate:$/validate:\n  gates: {consecutive: 2, span: 10s}/' "$pipeline" > "$WORK/streak.yaml"
validate "$WORK/streak-clean.yaml" report 0
[ "$(streak)" = '[1,false]' ] || die "after one run the streak is $(streak)"
validate "$WORK/streak-clean.yaml" report 0
[ "$(streak)" = '[2,true]' ] || die "after two runs the streak is $(streak)"
"$venv/bin/python" "$TREE/tests/e2e/readers/check_schema.py" "$schema" "$WORK/report/report.json" || die "the report does not fit"
validate "$WORK/streak.yaml" report 1
[ "$(streak)" = '[0,false]' ] || die "after a FAIL the streak is $(streak)"
validate "$WORK/streak-clean.yaml" report 0
[ "$(streak)" = '[1,false]' ] || die "after a FAIL and a PASS the streak is $(streak)"
[ "$(jq -c '.streak.recent | map(.verdict)' "$WORK/report/report.json")" = '["PASS","FAIL","PASS","PASS"]' ] || die "the last runs are others"
[ "$(jq -s length "$WORK/report/history.jsonl")" = 4 ] || die "history.jsonl has another number of runs"

note "what became better"
diff_reports spoiled clean 0
grep -q '^not worse: FAIL .* -> PASS ' "$WORK/diff" || die "better is not told: $(cat "$WORK/diff")"
jq -e '(.differences.gone | length) == 9 and (.differences.new | length) == 0' "$WORK/diff.json" > /dev/null || die "nine are not gone"
diff_reports spoiled spoiled 0
jq -e '[.gates, .counts, .differences.new, .differences.gone, .differences.changed | length] | add == 0' "$WORK/diff.json" > /dev/null \
    || die "a report differs from itself"
