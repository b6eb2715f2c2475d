#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Dead letters are delivered again after the pipeline was mended: each once, with its bytes and attributes, whatever is
# killed on the way; what fails again goes back and can be tried once more; the validator counts it as delivered.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events
pubsub PUT /subscriptions/events-audit "{\"topic\":\"projects/$PROJECT/topics/events\"}" > /dev/null
events_pipeline "audit_subscription: events-audit"
printf 'validate: {settle: 1s, work: %s, report: %s}\n' "$WORK/work" "$WORK/report" >> "$pipeline"

publish_numbers 1 500
# 2,000 messages without the attribute that is the key; the last 50 lack the one that will be named later, too.
python3 - "$WORK/published" > "$WORK/poison" << 'P'
import base64, json, sys
with open(sys.argv[1], "a") as published:
    for number in range(2000):
        text = f"poison {number}"
        print(text, file=published)
        attributes = {"dualrun.own": f"of the publisher {number}", "third": f"other-{number % 13}"}
        if number < 1950:
            attributes["other"] = attributes["third"]
        print(json.dumps({"data": base64.b64encode(text.encode()).decode(), "attributes": attributes}))
P
admin preload "{\"topic\":\"projects/$PROJECT/topics/events\",\"file\":\"$WORK/poison\",\"format\":\"message\"}" > /dev/null
start_bridge
until_true 20 "everything is acknowledged" all_acknowledged events-to-kafka
[ "$(bridge_metric dead_letters_total)" = 2000 ] || die "there are not 2000 dead letters"
finish bridge || die "the bridge did not end well"

# replay STATUS [FLAG...]: its output is in $WORK/out.
replay() {
    local status=0 wanted=$1
    shift
    "$dualrun" bridge "$pipeline" --replay-dead-letters --json "$@" > "$WORK/out" 2>> "$WORK/log/replay" || status=$?
    [ "$status" = "$wanted" ] || die "replay $* ended with $status instead of $wanted"
}
of_key() { jq -r ".reasons[] | select(.reason == \"KEY\") | $1" "$WORK/out"; }
record_count() { values "$1" | wc -l; }

note "a dry run counts and writes nothing"
replay 0 --dry-run
[ "$(of_key .to_replay)" = 2000 ] || die "dry run: $(cat "$WORK/out")"
"$dualrun" bridge "$pipeline" --replay-dead-letters --dry-run 2>> "$WORK/log/replay" | grep -qE '^  KEY +2000 +0 +0 +0 +2000$' || die "as text"
replay 0 --dry-run --reason DECODE
[ "$(of_key '.left_out, .to_replay' | tr '\n' ' ')" = "2000 0 " ] || die "another reason: $(cat "$WORK/out")"
replay 0 --dry-run --to 2020-01-01T00:00:00Z
[ "$(of_key .left_out)" = 2000 ] || die "another time: $(cat "$WORK/out")"
[ "$(record_count events)" = 500 ] || die "a dry run wrote records"

note "killed before and after a commit, then run to its end"
sed -i 's/key: attribute:key/key: attribute:other/' "$pipeline"
DUALRUN_CRASH_AT=replay.produced:2 replay 137
DUALRUN_CRASH_AT=replay.committed:1 replay 137
replay 1
[ "$(of_key .replayed_before)" = 1000 ] || die "what was committed: $(cat "$WORK/out")"
[ "$(of_key '.delivered + .failed_again == .found - 1000')" = true ] || die "what was left: $(cat "$WORK/out")"
[ "$(record_count events)" = 2450 ] || die "$(record_count events) records instead of 2450"

note "what failed again is tried again, once each time"
found=$(record_count events-dead)
replay 1 --reason KEY
[ "$(of_key '.found, .replayed_before, .failed_again' | tr '\n' ' ')" = "$found $((found - 50)) 50 " ] || die "again: $(cat "$WORK/out")"
kcat -b "$KAFKA" -C -t events-dead -o beginning -e -q -f '%h\n' > "$WORK/headers"
[ "$(grep -c 'dualrun.replay=from=[0-9:]* attempt=2' "$WORK/headers")" -ge 50 ] || die "attempts are not counted"

sed -i 's/key: attribute:other/key: attribute:third/' "$pipeline"
replay 0
[ "$(of_key .delivered)" = 50 ] || die "mended: $(cat "$WORK/out")"
replay 0
[ "$(of_key '.found == .replayed_before')" = true ] || die "once more: $(cat "$WORK/out")"
expect_published
kcat -b "$KAFKA" -C -t events -o beginning -e -q -f '%k %h\n' > "$WORK/headers"
grep -qE '^other-12 dualrun.source=sub=events-to-kafka id=[0-9]+ time=[0-9]+,dualrun.replay=from=[0-9:]+ attempt=1,(.*,)?dualrun.attribute.dualrun.own=of the publisher [0-9]+(,|$)' \
    "$WORK/headers" || die "a replayed record: $(tail -n 1 "$WORK/headers")"

note "the validator takes all of them for delivered"
"$dualrun" validate "$pipeline" --kind bridge --json > "$WORK/validate" 2>> "$WORK/log/validate" || die "validate: $(jq -c '.comparisons[0].counts' "$WORK/validate")"
jq -e '.comparisons[0].counts | .matched == 2500 and .dead_letter == 0 and .duplicate == 0' "$WORK/validate" > /dev/null \
    || die "validate: $(jq -c '.comparisons[0].counts' "$WORK/validate")"

note "a schema that was mended; two streams share the topic of dead letters"
echo '{"type": "record", "name": "typed", "fields": [{"name": "n", "type": "int"}]}' > "$WORK/typed.avsc"
make_topic typed typed-to-kafka
sed -i "s#^kafka: {#kafka: {schema_registry: {directory: $WORK/registry}, #" "$pipeline"
sed -i '/^streams:/a\
  typed: {subscription: typed-to-kafka, topic: {name: typed, partitions: 2, replication: 1}, schema: typed.avsc, key: n, dead_letter: events-dead}' "$pipeline"
python3 -c 'import base64, json
for text in ["{\"n\": 1}"] * 10 + [f"{{\"n\": {5000000000 + n}}}" for n in range(20)] + ["no JSON"] * 5:
    print(json.dumps({"data": base64.b64encode(text.encode()).decode()}))' > "$WORK/typed"
admin preload "{\"topic\":\"projects/$PROJECT/topics/typed\",\"file\":\"$WORK/typed\",\"format\":\"message\"}" > /dev/null
start_bridge
until_true 20 "everything is acknowledged" all_acknowledged typed-to-kafka
finish bridge || die "the bridge did not end well"
sed -i 's/"int"/"long"/' "$WORK/typed.avsc"
replay 1
jq -es 'map(select(.stream == "typed").reasons[0] | del(.replayed_before, .doubled, .left_out))
        == [{"reason": "DECODE", "found": 25, "delivered": 20, "failed_again": 5}]' "$WORK/out" > /dev/null || die "typed: $(cat "$WORK/out")"
jq -es 'map(select(.stream == "events").reasons[0] | .delivered + .failed_again) == [0]' "$WORK/out" > /dev/null || die "events: $(cat "$WORK/out")"
[ "$(jq -r '.value.n' "$(dump typed)" | sort -n | uniq -c | awk '{print $1, $2}' | sed -n '1p;$p' | tr '\n' ' ')" = "10 1 1 5000000019 " ] \
    || die "the records of the mended schema: $(head -n 3 "$WORK/typed.jsonl")"
expect_published
