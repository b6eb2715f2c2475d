#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pub/Sub answers with each error status that it knows, to pulls, acknowledgements and extensions, with cut and slow
# answers between and messages that it delivers twice: nothing is lost, each key keeps its order, Kafka gets nothing twice,
# and what is held stays within its bound.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events '"enableMessageOrdering":true'
KEY=ordering_key events_pipeline
echo 'bridge: {max_messages: 400}' >> "$pipeline" # Small pulls, so that there are many to fail.
ORDERED=1 publish_numbers 1 30000
admin duplicates "{\"subscription\":\"projects/$PROJECT/subscriptions/events-to-kafka\",\"acked\":0.002,\"leased\":0.002,\"seed\":7}" > /dev/null

faults=""
fault() { faults+="${faults:+,}{\"method\":\"subscriptions.$1\",\"every\":$2,\"calls\":$3,$4}"; } # METHOD EVERY CALLS WHAT
every=11
for status in 400 401 403 404 409 429 499 500 502 503 504; do
    fault pull $((every += 2)) 2 "\"status\":$status"
    fault acknowledge "$every" 1 "\"status\":$status"
done
fault pull 9 3 '"truncate":2000'
fault pull 12 3 '"bytes_per_second":300000'
fault pull 14 2 '"truncate_head":30'
admin faults "{\"faults\":[$faults]}" > /dev/null
start_bridge
for _ in $(seq 60); do
    all_acknowledged events-to-kafka && break
    sleep 0.5
    admin expire '{}' > /dev/null # What a lost answer held comes again now, not in ten seconds.
    [ "$(bridge_metric in_flight_messages)" -le 400 ] || die "$(bridge_metric in_flight_messages) messages are held; the bound is 400"
done
until_true 20 "everything is acknowledged" all_acknowledged events-to-kafka
expect_struck
[ "$(bridge_metric duplicates_total)" -gt 0 ] || die "nothing was delivered twice: the test saw nothing"
finish bridge || die "the bridge did not end well"
expect_published
expect_order
