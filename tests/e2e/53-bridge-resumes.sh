#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What made other bridges stand still for ever: nothing to pull for a while, a server that says 503 or nothing at all, room for
# a handful of messages only, a dead letter in the middle of an ordering key. Each time
# the stream goes on by itself.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator --poll-hold 2s
make_events '"enableMessageOrdering":true'
KEY=ordering_key events_pipeline
echo 'bridge: {max_messages: 5}' >> "$pipeline"
export ORDERED=1
start_bridge
first=1
goes_on() { # AFTER WHAT
    publish_numbers $first $((first + 199))
    first=$((first + 200))
    until_true 40 "everything is acknowledged after $1" all_acknowledged events-to-kafka
    [ "$(bridge_metric in_flight_messages)" -le 5 ] || die "$(bridge_metric in_flight_messages) messages are held; the bound is 5"
}
goes_on "the start"

empty() { [ "$(subscription_stat events-to-kafka .empty_pulls)" -ge "$1" ]; }
before=$(subscription_stat events-to-kafka .empty_pulls)
until_true 20 "pulls come back empty" empty $((before + 2))
goes_on "nothing came for a while"

admin faults '{"method": "subscriptions.pull", "status": 503, "calls": 5}' > /dev/null
refused() { curl -sS -f "$PUBSUB/admin/faults" | jq -e '.faults[0].fired == 5'; }
until_true 30 "five pulls were refused" refused
goes_on "the server was busy"

kill -STOP "$(pid_of emulator)"
sleep 3 # Longer than a pull is held: nothing comes, and no connection ends.
kill -CONT "$(pid_of emulator)"
goes_on "the server stood still"

head -c 1500000 /dev/urandom | base64 -w 0 | head -c 2000000 > "$WORK/large"
printf '{"messages":[{"orderingKey":"key-1","data":"%s"}]}' "$(base64 -w 0 "$WORK/large")" > "$WORK/publish"
curl -sS -f -H 'content-type: application/json' -d "@$WORK/publish" "$PUBSUB/v1/projects/$PROJECT/topics/events:publish" > /dev/null
goes_on "a dead letter of an ordering key"
[ "$(bridge_metric dead_letters_total)" = 1 ] || die "there is not one dead letter"
finish bridge || die "the bridge did not end well"
expect_published
expect_order
