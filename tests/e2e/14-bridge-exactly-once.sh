#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An exactly-once subscription whose acknowledgements fail id by id, fail whole, get lost or come too late: the bridge obeys
# each verdict, everything is acknowledged in the end, and Kafka gets nothing twice.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
ACK_DEADLINE=60 make_events '"enableExactlyOnceDelivery":true'
events_pipeline
echo 'bridge: {max_messages: 2000}' >> "$pipeline"
publish_numbers 1 20000
admin faults '{"faults": [
    {"method": "subscriptions.acknowledge", "every": 5, "status": 503, "calls": 4},
    {"method": "subscriptions.acknowledge", "every": 4, "drop_answer": true, "calls": 4},
    {"method": "subscriptions.acknowledge", "every": 2, "transient_every": 3, "calls": 20},
    {"method": "subscriptions.acknowledge", "every": 3, "delay_ms": 400, "calls": 8}]}' > /dev/null
start_bridge
# Leases that end while acknowledgements are delayed: those are refused for good, and their messages come again.
for _ in 1 2 3 4; do
    sleep 0.5
    admin expire '{}' > /dev/null
done
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
expect_struck
lost=$(bridge_metric lost_acknowledgements_total)
doubled=$(bridge_metric duplicates_total)
note "$lost acknowledgements refused for good, $doubled redelivered messages not sent again"
[ "$lost" -gt 0 ] || die "no acknowledgement was refused for good: the test saw nothing"
[ "$doubled" -gt 0 ] || die "nothing was delivered again: the test saw nothing"
finish bridge || die "the bridge did not end well"
expect_published
