#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A message that Kafka's topic does not take goes to the dead letters, whole, and the others go on. Without a dead-letter
# topic the bridge stops, says why, and the message is still Pub/Sub's.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events
events_pipeline
publish_numbers 1 100
head -c 1500000 /dev/urandom | base64 -w 0 | head -c 2000000 > "$WORK/large" # Still 1.5 MB when it is compressed.
printf '{"messages":[{"attributes":{"key":"large"},"data":"%s"}]}' "$(base64 -w 0 "$WORK/large")" > "$WORK/publish"
publish_large() {
    curl -sS -f -H 'content-type: application/json' -d "@$WORK/publish" "$PUBSUB/v1/projects/$PROJECT/topics/events:publish" > /dev/null
}
publish_large
publish_numbers 101 200
start_bridge
until_true 20 "everything is acknowledged" all_acknowledged events-to-kafka
[ "$(bridge_metric dead_letters_total)" = 1 ] || die "there is not one dead letter"
finish bridge || die "the bridge did not end well"
expect_published
values events-dead | tr -d '\n' | cmp - "$WORK/large" || die "the dead letter is not the message"
headers=$(kcat -b "$KAFKA" -C -t events-dead -o beginning -e -q -f '%h\n')
grep -q 'dualrun.reason=SIZE: a record of 2000000 bytes is too large for topic events' <<< "$headers" || die "the reason: $headers"
grep -q 'key=large' <<< "$headers" || die "the attributes: $headers"

sed -i '/dead_letter/d' "$pipeline"
publish_large
start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the bridge ends" eval '! running bridge'
status=0
await bridge || status=$?
[ "$status" = 6 ] || die "status $status instead of 6"
grep -q 'does not fit and there is no dead-letter topic: SIZE' "$WORK/log/bridge" || die "no word of it"
[ "$(subscription_stat events-to-kafka '.acked')" = 201 ] || die "the message was acknowledged"
