#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several bridges on one ordered subscription share the work; one comes, one stops, one is killed, one stands still longer
# than its leases last and wakes up: nothing is lost, and each key keeps its order.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events '"enableMessageOrdering":true'
KEY=ordering_key events_pipeline
ORDERED=1 publish_numbers 1 30000
admin faults '{"method": "subscriptions.pull", "delay_ms": 100}' > /dev/null # So that each gets a share.


for name in first second third; do run_bridge $name; done
for name in first second third; do until_true 20 "the $name bridge works" has_delivered $name 500; done
finish first || die "the first bridge did not end well"
kill -STOP "$(pid_of second)"
finish third KILL || true
admin expire '{}' > /dev/null # The leases of the dead and of the one that stands still.
run_bridge fourth
until_true 20 "the fourth bridge takes over" has_delivered fourth 500
kill -CONT "$(pid_of second)"
all_acknowledged events-to-kafka && die "there was nothing left to share"
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish second || die "the second bridge did not end well"
finish fourth || die "the fourth bridge did not end well"

expect_published 5000
expect_order
