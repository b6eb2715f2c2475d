#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What cannot be compared is no PASS: a topic or subscription that is missing is an error that says what to do; nothing
# to compare and records that retention took away are INCONCLUSIVE.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# expect STATUS TEXT: of a validation; TEXT is in what it says.
expect() {
    local status=0
    "$dualrun" validate "$pipeline" --report "$WORK/report" > "$WORK/told" 2>&1 || status=$?
    [ "$status" = "$1" ] || die "exit status $status, not $1: $(cat "$WORK/told")"
    grep -qF -- "$2" "$WORK/told" || die "it does not say '$2': $(cat "$WORK/told")"
}

topics_exist() { kcat -b "$KAFKA" -L -J | jq -e '[.topics[].topic] | contains(["views", "engagements"])'; }

start_broker
start_emulator
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")

note "no audit subscription"
expect 5 "views-audit"
note "no topic"
make_streams views engagements
expect 6 "topic views does not exist"

note "nothing to compare"
start bridge "$dualrun" bridge "$pipeline"
until_true 30 "the topics exist" topics_exist
expect 2 "there was nothing to compare"
[ "$(jq -r .verdict "$WORK/report/report.json")" = INCONCLUSIVE ] || die "the report has another verdict"

note "records that retention took away"
publish_feed --events 6000 --seed 33
until_true 60 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end
expect 0 "PASS"
"$BUILD/tests/support/tools/retention" "$KAFKA" views 1 300
expect 2 "300 audited messages are not there, and may have been deleted: topic views partition 1 begins at offset 300"
[ "$(jq -r .verdict "$WORK/report/report.json")" = INCONCLUSIVE ] || die "the report has another verdict"
