#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A stop in the middle of the work leaves nothing half done: what was pulled is in Kafka and acknowledged, so that the next
# start brings no storm of redeliveries. When Kafka stands still, a stop still ends in time and gives everything back.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
ACK_DEADLINE=600 make_events
events_pipeline
echo 'bridge: {stop_timeout: 5s, max_messages: 2000}' >> "$pipeline"
publish_numbers 1 60000
# So that there is time, and pulls are under way when a stop comes.
admin faults '{"method": "subscriptions.pull", "delay_ms": 100}' > /dev/null
leased() { subscription_stat events-to-kafka .outstanding; }
acknowledged() { subscription_stat events-to-kafka .acked; }
some_acknowledged() { [ "$(acknowledged)" -gt "$1" ]; }
some_leased() { [ "$(leased)" -gt 0 ]; }

for stop in 1 2 3; do
    before=$(acknowledged)
    start bridge "$dualrun" bridge "$pipeline"
    until_true 20 "the bridge gets on before stop $stop" some_acknowledged "$before"
    finish bridge || die "stop $stop: the bridge did not end well"
    [ "$(leased)" = 0 ] || die "stop $stop left $(leased) messages leased for ten minutes"
done
all_acknowledged events-to-kafka && die "the stops came when all work was done"

start_bridge
until_true 20 "everything is acknowledged" all_acknowledged events-to-kafka
redelivered=$(subscription_stat events-to-kafka .redelivered)
note "$redelivered redelivered after 3 stops"
[ "$redelivered" = 0 ] || die "$redelivered messages were delivered again"
expect_published

"$rig" pause "$WORK/kafka" 1
publish_numbers 60001 65000
until_true 20 "the bridge holds messages" some_leased
begin=$SECONDS
finish bridge || die "the bridge did not end well although Kafka stands still"
"$rig" resume "$WORK/kafka" 1
[ $((SECONDS - begin)) -le 12 ] || die "the stop took $((SECONDS - begin)) s"
[ "$(leased)" = 0 ] || die "$(leased) messages were not given back"
start_bridge
until_true 20 "what was given back is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
expect_published 5000
