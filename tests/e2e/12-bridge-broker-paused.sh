#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The broker stands still for longer than an ack deadline while messages come: leases are extended with few requests, so
# that hardly anything is delivered again, and Kafka gets everything once. PAUSE=120 for a long one.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

pause=${PAUSE:-20}
start_broker
start_emulator
ACK_DEADLINE=10 make_events
events_pipeline
publish_numbers 1 5000
start_bridge
until_true 20 "the first are over" all_acknowledged events-to-kafka

"$rig" pause "$WORK/kafka" 1
end=$((SECONDS + pause))
for first in $(seq 5001 1000 39001); do # In many answers, each with a lease of its own.
    publish_numbers "$first" $((first + 999))
done
sleep $((end > SECONDS ? end - SECONDS : 0))
"$rig" resume "$WORK/kafka" 1
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
redelivered=$(subscription_stat events-to-kafka .redelivered)
extensions=$(bridge_metric extensions_total)
note "$redelivered redelivered, $extensions requests for more time"
[ "$redelivered" -le 40 ] || die "$redelivered of 40000 were delivered again: more than 0.1 %"
[ "$extensions" -gt 0 ] || die "no lease was extended: the pause was no test"
# Some 35,000 messages, at most 2,500 a request, each extended every six seconds of ten.
[ "$extensions" -le $((25 * (1 + pause / 6))) ] || die "$extensions requests for more time"
finish bridge || die "the bridge did not end well"
expect_published
