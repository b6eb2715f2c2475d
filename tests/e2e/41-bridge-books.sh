#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bridge's books on the ledger: exact after a clean stop, to the message and the minute; after kills, with two
# bridges on one subscription, a lower bound that says so. The validator holds them against the topics: no false alarm,
# also while bridges work, and a record that is gone is named by its minute.
# shellcheck disable=SC2016 # $found is jq's.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_topic events events-to-kafka events-audit
events_pipeline "audit_subscription: events-audit"
printf 'validate: {settle: 1s, work: %s}\n' "$WORK/validate" >> "$pipeline"
admin clock "{\"set\": \"$(date -u -d '-2 hours' +%Y-%m-%dT%H:%M:%SZ)\"}" > /dev/null

# misfits COUNT: messages without the attribute that is the key.
misfits() {
    seq "$1" | jq -c '{data: ("misfit \(.)" | @base64), attributes: {other: "x"}}' > "$WORK/misfits"
    admin preload "{\"topic\":\"projects/$PROJECT/topics/events\",\"file\":\"$WORK/misfits\",\"format\":\"message\"}" > /dev/null
}

# books: the newest record of each key, and what the topics hold by minute, in $WORK/books.json and $WORK/found.json.
books() {
    kcat -b "$KAFKA" -C -t events-ledger -o beginning -e -q -f '%k\t%s\n' | grep '^books/' > "$WORK/ledger"
    jq -Rs 'split("\n") | map(select(. != "") | split("\t") | {key: .[0], value: (.[1] | fromjson)}) | from_entries' \
        "$WORK/ledger" > "$WORK/books.json"
    for topic in events events-dead; do
        kcat -b "$KAFKA" -C -t $topic -o beginning -e -q -f '%T\n' | sed "s/^/$topic /"
    done | jq -Rn '[inputs | split(" ") | {topic: .[0], minute: (.[1] | tonumber | . - . % 60000)}]
        | group_by(.minute) | map({key: (.[0].minute | tostring), value: (group_by(.topic) | map({key: .[0].topic, value: length}) | from_entries)})
        | from_entries' > "$WORK/found.json"
}

# sums FILTER: what a filter says of {minute: {event: count, open: books that are not closed}}.
sums() {
    jq -e --slurpfile found "$WORK/found.json" "$1"' | if . then . else error("no: \(.)") end' <(jq '
        [.[]] | group_by(.minute_ms) | map({key: (.[0].minute_ms | tostring), value: {
            received: (map(.received.count) | add), delivered: (map(.delivered.count) | add),
            duplicate: (map(.duplicate.count) | add), dead_lettered: (map(.dead_lettered.count) | add),
            returned: (map(.returned.count) | add), acked: (map(.acked.count) | add),
            open: (map(select(.closed | not)) | length)}}) | from_entries' "$WORK/books.json") > /dev/null \
        || { jq -c 'to_entries[]' "$WORK/books.json" "$WORK/found.json" >&2; die "the books: $2"; }
}

# validate STATUS: what the gate says is in $WORK/gate, what is said of the books in $WORK/said.
validate() {
    local status=0
    "$dualrun" validate "$pipeline" --report "$WORK/report" > "$WORK/told" 2>&1 || status=$?
    [ "$status" = "$1" ] || [ "$1" = any ] || die "exit status $status, not $1: $(cat "$WORK/told")"
    jq -e '.gates[] | select(.name == "books")' "$WORK/report/report.json" > "$WORK/gate" || die "there is no gate: $(cat "$WORK/told")"
    jq '.comparisons[0].books' "$WORK/report/report.json" > "$WORK/said"
}
said() { jq -e "$1" "$WORK/said" > /dev/null || die "the validator says of the books: $(cat "$WORK/said")"; }
passes() { jq -e .pass "$WORK/gate" > /dev/null || die "a false alarm: $(cat "$WORK/gate" "$WORK/said")"; }

operator=$BUILD/tests/e2e/kafka-operator
# copy FROM TO DELETE: TO is made anew, with all records of FROM but so many.
copy() {
    "$operator" "$KAFKA" renew "$2" 4 2> /dev/null || "$operator" "$KAFKA" make "$2" 4
    "$BUILD/tests/support/tools/saboteur" "$KAFKA" --from "$1" --to "$2" --seed 5 --delete "$3" --double 0 --alter 0 \
        --list "$WORK/spoiled" --until-end
}

note "a clean run: every message of every minute"
SPACING_US=60000 publish_numbers 1 20000 # Twenty minutes.
misfits 30
start_bridge
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
expect_published
books
sums 'length > 20' "they are not by the minute"
sums '[.[].open] | add == 0' "a book is not closed after a clean stop"
sums 'map_values({events: .delivered, "events-dead": .dead_lettered} | with_entries(select(.value > 0))) == $found[0]' \
    "a minute has not what the topics hold"
sums '[.[] | .received == .delivered + .dead_lettered and .acked == .received and .duplicate + .returned == 0] | all' \
    "a minute does not add up"
sums '[.[].delivered] | add == 20000' "not every message is in them"
sums '[.[].dead_lettered] | add == 30' "not every dead letter is in them"
jq -e '[.[] | .received.hash != .delivered.hash] | any' "$WORK/books.json" > /dev/null || die "the hashes do not tell dead letters"

validate 0
passes
said ".minutes == $(jq length "$WORK/found.json") and .open + .unbalanced + .unbooked + .not_judged == 0 and .runs == 1"
said '.totals == {received: 20030, delivered: 20000, duplicate: 0, dead_lettered: 30, returned: 0, acked: 20030}'
grep -q 'books  balanced: [0-9]* minutes, 1 run$' "$WORK/told" || die "it says nothing of the books: $(cat "$WORK/told")"
grep -q 'Books of the bridge: <span class=good>balanced' "$WORK/report/report.html" || die "the page says nothing of the books"

note "records that vanish from the topic are missed, in their minutes"
cp "$WORK/found.json" "$WORK/found.all"
"$operator" "$KAFKA" make events-kept 4
copy events events-kept 0
copy events-kept events 2
books
gone=$(jq -c --slurpfile left "$WORK/found.json" 'to_entries | map(select(.value.events != $left[0][.key].events) | .key | tonumber)' "$WORK/found.all")
[ "$gone" != '[]' ] || die "nothing was deleted"
validate 1
jq -e '.pass | not' "$WORK/gate" > /dev/null || die "the gate passes: $(cat "$WORK/said")"
said ".missing == 2 and .unbalanced == ($gone | length) and ([.list[].minute_ms] | sort) == $gone"
grep -q "gate failed: bridge events: books is .*, must be at most 0" "$WORK/told" || die "the gate is not told: $(cat "$WORK/told")"
grep -qE '^      [-0-9T:]{16}Z  the books say [0-9]+ delivered, topic events has [0-9]+$' "$WORK/told" || die "no minute is named: $(cat "$WORK/told")"
copy events-kept events 0
validate 0
passes

note "redeliveries: counted as duplicates, and acknowledged"
admin faults '{"method": "subscriptions.acknowledge", "every": 1, "status": 503}' > /dev/null
SPACING_US=30000 publish_numbers 20001 30000
start_bridge
counted() { [ "$(bridge_metric "$1")" -ge "$2" ]; }
until_true 60 "all is in Kafka" counted delivered_messages_total 10000
admin expire '{}' > /dev/null
until_true 60 "messages come again" counted duplicates_total 1000
curl -sS -f -X DELETE "$PUBSUB/admin/faults"
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
duplicates=$(bridge_metric duplicates_total)
finish bridge || die "the bridge did not end well"
books
sums '[.[].open] | add == 0' "a book is not closed after a clean stop"
sums "[.[].duplicate] | add == $duplicates" "the duplicates are not $duplicates"
sums '[.[] | .received == .delivered + .dead_lettered + .duplicate + .returned and .acked <= .received] | all' "a minute does not add up"
sums '[.[].delivered] | add == 30000' "not every message is in them, once"

note "two bridges on one subscription, one killed: nothing is claimed that is not so"
SPACING_US=2000 publish_numbers 30001 50000
sed -i 's/^    decode: raw/&\n    max_rate: 1000/' "$pipeline" # So that there is work as long as the validator looks.
run_bridge first
run_bridge second
until_true 20 "the first bridge works" has_delivered first 500
until_true 20 "the second bridge works" has_delivered second 500
validate any # While they work.
passes
SPACING_US=2000 publish_numbers 50001 75000
until_true 20 "the first bridge goes on" has_delivered first "$(($(delivered first) + 500))"
finish first KILL || true
all_acknowledged events-to-kafka && die "there was nothing left to do"
admin expire '{}' > /dev/null
sed -i '/max_rate/d' "$pipeline"
kill -HUP "$(pid_of second)"
run_bridge third
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish second || die "the second bridge did not end well"
finish third || die "the third bridge did not end well"
expect_published 5000
books
sums '[.[].open] | add > 0' "the killed one has closed its book"
[ "$(jq '[.[] | select(.closed | not).run] | unique | length' "$WORK/books.json")" = 1 ] || die "not only the killed one has open books"
[ "$(jq '[.[].run] | unique | length' "$WORK/books.json")" -ge 4 ] || die "not every run has books"
sums 'to_entries | map(.value.delivered <= $found[0][.key].events and .value.dead_lettered <= ($found[0][.key]["events-dead"] // 0)) | all' \
    "they claim more than there is"
sums 'to_entries | map(.value.open > 0 or .value.delivered == $found[0][.key].events) | all' "a minute without an open book is not exact"
jq -e '[.[] | select(.closed) | .received.count == .delivered.count + .duplicate.count + .dead_lettered.count + .returned.count] | all' \
    "$WORK/books.json" > /dev/null || die "a closed book does not balance"
validate any # Copies of what the killed one had not counted are for other gates.
passes
said '.open > 0 and .open_runs == 1 and .unbalanced == 0'

note "a book that claims a message more is found out"
jq -c 'to_entries | map(select(.value.closed and .value.delivered.count > 0)) | .[0] | .value.delivered.count += 1 | .value.received.count += 1' \
    "$WORK/books.json" > "$WORK/forged"
jq -r '.key + "\t" + (.value | tojson)' "$WORK/forged" | kcat -b "$KAFKA" -P -t events-ledger -K '\t'
validate 1
said ".unbalanced == 1 and .list[0].minute_ms == $(jq .value.minute_ms "$WORK/forged")"
