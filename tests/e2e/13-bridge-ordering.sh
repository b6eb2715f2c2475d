#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordered subscription while the bridge is killed between any two steps of its work, by kill -9 and at its named crash
# points: each key stays in one partition, and its messages in their order, redelivered copies aside.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events '"enableMessageOrdering":true'
KEY=ordering_key events_pipeline
ORDERED=1 publish_numbers 1 20000

for point in bridge.produced:1500 bridge.delivered:700 bridge.acked:2 bridge.delivered:1 bridge.produced:1; do
    DUALRUN_CRASH_AT=$point start bridge "$dualrun" bridge "$pipeline"
    status=0
    until_true 20 "the bridge crashes at $point" eval '! running bridge'
    await bridge || status=$?
    [ "$status" = 137 ] || die "status $status instead of a crash at $point"
    all_acknowledged events-to-kafka && die "there was nothing left to do at $point"
    admin expire '{}' > /dev/null # The leases of the dead.
done
start_bridge
sleep 0.2
finish bridge KILL || true
admin expire '{}' > /dev/null
start_bridge
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"

expect_published 20000
expect_order
