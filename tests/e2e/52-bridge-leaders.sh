#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three brokers with copies of each partition, killed while an ordered stream goes over: with one away the leaders move
# and the work goes on; with two away nothing is acknowledged; when they are back everything is in Kafka, once and in order.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

KAFKA_HEAP=256m start_broker 3
export KAFKA_HEAP=256m
start_emulator
make_events '"enableMessageOrdering":true'
KEY=ordering_key events_pipeline
sed -i 's/replication: 1/replication: 3/' "$pipeline"
export ORDERED=1
publish_numbers 1 2000
start_bridge
acked() { subscription_stat events-to-kafka .acked; }
has_acked() { [ "$(acked)" -ge "$1" ]; }
leader() { kcat -b "$KAFKA" -L -J -t events 2> /dev/null | jq '.topics[0].partitions[0].leader'; }
has_moved() { [ "$(leader)" != "$1" ] && [ "$(leader)" -gt 0 ]; }
in_sync() { kcat -b "$KAFKA" -L -J -t events 2> /dev/null | jq -e '[.topics[0].partitions[].isrs | length] | min == 3' > /dev/null; }
until_true 20 "the first are over" has_acked 2000

first=$(leader)
publish_numbers 2001 4000
"$rig" kill "$WORK/kafka" "$first"
publish_numbers 4001 6000
until_true 30 "the leader has moved" has_moved "$first"
until_true 30 "the work goes on without broker $first" has_acked 6000

second=$(leader)
"$rig" kill "$WORK/kafka" "$second"
publish_numbers 6001 8000
held() { [ "$(bridge_metric in_flight_messages)" -gt 0 ]; }
until_true 20 "the bridge holds messages" held
sleep 2 # Time in which an acknowledgement would be wrong.
has_acked 6001 && die "acknowledged with two of three brokers away"
"$rig" restart "$WORK/kafka" "$first" &
"$rig" restart "$WORK/kafka" "$second"
wait $!
publish_numbers 8001 10000
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
until_true 60 "the copies are whole again" in_sync
finish bridge || die "the bridge did not end well"
expect_published
expect_order
