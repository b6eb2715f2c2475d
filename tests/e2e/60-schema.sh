#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A schema is inferred from events, of a file and of a live subscription whose messages stay there; it takes all of them.
# What the registry holds is shown and compared, and a change that would break readers is named with its field.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_emulator
make_streams views engagements
KAFKA=127.0.0.1:9 # Nothing here asks Kafka.
pipeline=$(pipeline_from "$TREE/config/demo.yaml")
"$BUILD/tests/support/feed/feed-generator" --events 4000 --seed 60 --out "$WORK/events" > /dev/null
publish_feed --events 4000 --seed 60

note "from a file"
"$dualrun" schema infer "$WORK/events/views.jsonl" --name View --namespace feed > "$WORK/view.avsc" 2> "$WORK/decisions" || die "infer"
jq -e '.name == "View" and .namespace == "feed" and ([.fields[] | {(.name): .type}] | add
    | .view_id.logicalType == "uuid" and .ts.logicalType == "timestamp-millis" and .surface.type == "enum" and .score == "double"
      and .device.type == "record" and .experiments.type == "array" and .locale == ["null", "string"])' "$WORK/view.avsc" > /dev/null \
    || die "the schema: $(jq -c . "$WORK/view.avsc")"
grep -qE '^  view_id +uuid: every text is a uuid in lower case.*; in [0-9]+; such as "' "$WORK/decisions" || die "the decisions: $(cat "$WORK/decisions")"
grep -q 'fit for event_time: {field: ts, unit: ms}' "$WORK/decisions" || die "no suggestion"
"$dualrun" schema infer - --json < "$WORK/events/engagements.jsonl" | jq -e '.tried > 0 and .tried == .fit and (.decisions | length > 10)' > /dev/null \
    || die "as a document"

note "from a subscription, which keeps its messages"
before=$(subscription_stat views-to-kafka '.ready + .outstanding + .waiting')
"$dualrun" schema infer "$pipeline" --stream views --json --sample 700 2>> "$WORK/log/schema" > "$WORK/live" || die "live"
jq -e '.events == 700 and .fit == .tried' "$WORK/live" > /dev/null || die "live: $(jq -c '[.events, .tried, .fit]' "$WORK/live")"
[ "$(subscription_stat views-to-kafka '.ready + .outstanding + .waiting')" = "$before" ] || die "messages are gone"

note "against the registry"
"$dualrun" schema check "$pipeline" > "$WORK/out" || die "nothing registered"
grep -q '^views: views-value is new' "$WORK/out" || die "new: $(cat "$WORK/out")"
mkdir -p "$WORK/registry/subjects"
cp "$WORK/schemas/view.avsc" "$WORK/registry/1.avsc"
echo "1 1" > "$WORK/registry/subjects/views-value"
"$dualrun" schema show "$pipeline" > "$WORK/out"
grep -qE '^views +.*view.avsc, views-value: schema 1, the same$' "$WORK/out" || die "show: $(cat "$WORK/out")"
"$dualrun" schema show "$pipeline" --stream views | jq -e '.file_schema == .newest_schema' > /dev/null || die "show one"

check() { # STATUS MODE WANTED: mode and field of each problem
    local status=0
    "$dualrun" schema check "$pipeline" --stream views --mode "$2" --json > "$WORK/checked" || status=$?
    [ "$status" = "$1" ] || die "check $2: status $status: $(cat "$WORK/checked")"
    [ "$(jq -r '[.streams[].problems[] | "\(.mode) \(.field)"] | join(", ")' "$WORK/checked")" = "$3" ] || die "check $2: $(cat "$WORK/checked")"
}
check 0 full ""
sed -i 's/{"name": "position", "type": "int"}/{"name": "slot", "type": "int"}/; s/"search", "profile"/"search", "tv", "profile"/' "$WORK/schemas/view.avsc"
check 1 backward "backward slot"
check 1 forward "forward surface, forward position"
check 1 full "backward slot, forward surface, forward position"
"$dualrun" schema check "$pipeline" --stream views > "$WORK/out" && die "the status is 0"
grep -q '^  backward, slot: the reader needs it' "$WORK/out" || die "as text: $(cat "$WORK/out")"
sed -i 's/{"name": "slot", "type": "int"}/{"name": "slot", "type": "int", "aliases": ["position"]}/' "$WORK/schemas/view.avsc"
check 0 backward ""
