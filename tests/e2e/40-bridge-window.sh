#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the bridge while messages are written and not yet acknowledged: the next process knows them from the ends of
# the topics, so nothing is lost and nothing is written twice; what another subscription wrote there is not taken for it. Nor is
# what was acknowledged long before, and comes again because an earlier message of its ordering key does.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events
events_pipeline
publish_numbers 1 30000
delivered() { [ "$(kcat -b "$KAFKA" -C -t events -o beginning -e -q -f '.' | wc -c)" -gt "$1" ]; }

# Acknowledgements are refused meanwhile: all that was written comes again.
admin faults '{"method":"subscriptions.acknowledge","every":1,"status":503}' > /dev/null
for kill in 1 2 3 4; do
    start_bridge
    until_true 30 "the bridge has written something before kill $kill" delivered $((kill * 2000))
    finish bridge KILL || true
    admin expire '{}' > /dev/null # The leases of the killed one end at once.
done
curl -sS -f -X DELETE "$PUBSUB/admin/faults"
start_bridge
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
[ "$(bridge_metric duplicates_total)" -gt 0 ] || die "no message was known"
finish bridge || die "the bridge did not end well"
expect_published 0

note "dead letters, too, are written once"
sed -i 's/key: attribute:key/key: attribute:other/' "$pipeline"
before=$(values events-dead | wc -l)
publish_numbers 30001 30500
admin faults '{"method":"subscriptions.acknowledge","every":1,"status":503}' > /dev/null
start_bridge
dead() { [ "$(values events-dead | wc -l)" -ge "$((before + 500))" ]; }
until_true 30 "the dead letters are written" dead
finish bridge KILL || true
admin expire '{}' > /dev/null
curl -sS -f -X DELETE "$PUBSUB/admin/faults"
start_bridge
until_true 30 "everything is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
[ "$(values events-dead | wc -l)" = "$((before + 500))" ] || die "$(values events-dead | wc -l) dead letters instead of $((before + 500))"

note "another subscription's records in the same topic are other messages"
sed -i 's/key: attribute:other/key: attribute:key/; s/subscription: events-to-kafka/subscription: events-again/' "$pipeline"
pubsub PUT /subscriptions/events-again "{\"topic\":\"projects/$PROJECT/topics/events\"}" > /dev/null
publish_numbers 40001 40100
start_bridge
until_true 30 "everything is acknowledged" all_acknowledged events-again
finish bridge || die "the bridge did not end well"
[ "$(values events | grep -cE '"number": 40[01][0-9]{2}\b')" = 100 ] || die "the records of another subscription"

note "what was acknowledged long ago and is delivered again to the next process"
pubsub PUT /subscriptions/events-kept "{\"topic\":\"projects/$PROJECT/topics/events\",\"retainAckedMessages\":true}" > /dev/null
sed -i 's/subscription: events-again/subscription: events-kept/' "$pipeline"
printf 'bridge: {max_messages: 200}\n' >> "$pipeline"
before=$(values events | wc -l)
publish_numbers 50001 70000
start_bridge
until_true 60 "everything is acknowledged" all_acknowledged events-kept
finish bridge KILL || true
pubsub POST /subscriptions/events-kept:seek '{"time":"2000-01-01T00:00:00Z"}' > /dev/null
start_bridge
until_true 60 "everything is acknowledged again" all_acknowledged events-kept
[ "$(bridge_metric duplicates_total)" = 20000 ] || die "$(bridge_metric duplicates_total) of 20,000 messages were known"
finish bridge || die "the bridge did not end well"
[ "$(values events | wc -l)" = $((before + 20000)) ] || die "messages that had been acknowledged were written again"
