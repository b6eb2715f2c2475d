#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every call to Pub/Sub fails now and then, in every way: errors, cut and slow answers, answers that never come although
# the work was done, tokens that expire or are void. Nothing is lost, and Kafka gets nothing twice.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator --require-token --token-life 2s
export GCE_METADATA_HOST=${PUBSUB#http://}
token=$(curl -sS -f -H 'Metadata-Flavor: Google' \
    "$PUBSUB/computeMetadata/v1/instance/service-accounts/default/token" | jq -r .access_token)
pubsub() { curl -sS -f -X "$1" -H "authorization: Bearer $token" -d "$3" "$PUBSUB/v1/projects/$PROJECT$2"; }
make_events
CREDENTIALS=metadata events_pipeline
echo 'bridge: {max_messages: 1200}' >> "$pipeline" # Small pulls, so that there are many to fail.
publish_numbers 1 30000

fault() { # METHOD EVERY WHAT
    admin faults "{\"method\":\"subscriptions.$1\",\"every\":$2,\"calls\":3,$3}" > /dev/null
}
fault pull 7 '"status":503'
fault pull 8 '"status":500'
fault pull 9 '"status":429'
fault pull 10 '"truncate":3000'
fault pull 11 '"truncate_head":40'
fault pull 12 '"drop_answer":true'
fault pull 13 '"close":true'
fault pull 14 '"bytes_per_second":200000'
fault acknowledge 5 '"status":503'
fault acknowledge 6 '"status":500'
fault acknowledge 7 '"truncate":1'
fault acknowledge 8 '"drop_answer":true'
fault acknowledge 9 '"delay_ms":300'
start_bridge
for _ in $(seq 40); do
    sleep 1
    all_acknowledged events-to-kafka && break
    admin tokens '{}' > /dev/null
    admin expire '{}' > /dev/null # What a lost answer held comes again now, not in ten seconds.
done
until_true 20 "everything is acknowledged" all_acknowledged events-to-kafka
expect_struck
[ "$(bridge_metric failed_calls_total)" -gt 10 ] || die "the bridge did not see the faults"
finish bridge || die "the bridge did not end well"
expect_published
