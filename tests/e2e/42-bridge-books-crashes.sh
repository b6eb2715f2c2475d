#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The books where they could be wrong: a ledger that is younger than the topic, in the same minute; a crash at each point of
# the bridge's way, and before a book is on the ledger; a ledger that is deleted while the bridge works. Never a false
# alarm, and nothing waits for the ledger for long.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

operator=$BUILD/tests/e2e/kafka-operator
start_broker
start_emulator
make_topic events events-to-kafka events-audit
events_pipeline "audit_subscription: events-audit"
printf 'validate: {settle: 1s, work: %s}\n' "$WORK/validate" >> "$pipeline"

# at_minute HH:MM:SS: what the emulator's clock says, of today. Publish times follow it.
at_minute() { admin clock "{\"set\": \"$(date -u +%Y-%m-%d)T$1Z\"}" > /dev/null; }

# validated FILTER: the gate passes, and this is so of the books.
validated() {
    "$dualrun" validate "$pipeline" --report "$WORK/report" > "$WORK/told" 2>&1 || true
    jq -e '.gates[] | select(.name == "books") | .pass' "$WORK/report/report.json" > /dev/null || die "a false alarm: $(cat "$WORK/told")"
    jq '.comparisons[0].books' "$WORK/report/report.json" > "$WORK/said"
    jq -e "$1" "$WORK/said" > /dev/null || die "the validator says of the books: $(cat "$WORK/said")"
}

run_to_the_end() {
    start_bridge
    until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
    finish bridge || die "the bridge did not end well"
}

note "a ledger that is younger than the topic"
at_minute 00:00:05
publish_numbers 1 2000
sed -i 's/^pipeline: events/pipeline: before/' "$pipeline"
run_to_the_end
sed -i 's/^pipeline: before/pipeline: events/' "$pipeline"
at_minute 00:00:10
publish_numbers 2001 5000
run_to_the_end
validated '.minutes == 1 and .runs == 1 and .unbooked == 0 and .totals.delivered == 3000'

note "crashes at each point"
at_minute 00:01:00
SPACING_US=50000 publish_numbers 5001 12000
for point in bridge.produced:1 bridge.produced:700 bridge.delivered:1 bridge.delivered:900 bridge.acked:1 bridge.acked:2; do
    start bridge env DUALRUN_CRASH_AT=$point "$dualrun" bridge "$pipeline"
    if await bridge; then die "the bridge did not crash at $point"; fi
    admin expire '{}' > /dev/null
done
validated '.open > 0 and .open_runs == 6 and .runs == 7'
run_to_the_end
validated '.unbalanced == 0 and .runs == 8'
expect_published 7000

note "a ledger that is deleted while the bridge works"
start_bridge
"$operator" "$KAFKA" renew events-ledger 1
at_minute 00:30:00
publish_numbers 12001 14000
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" validate "$pipeline" --report "$WORK/report" > "$WORK/told" 2>&1 || true
jq -e '.comparisons[0].counts.missing == 0 and ([.gates[] | select(.name == "books") | .pass] | all)' "$WORK/report/report.json" > /dev/null \
    || die "a false alarm: $(cat "$WORK/told")"
