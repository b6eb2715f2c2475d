#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM and a new start, then the broker goes away and comes back, then the group fences the joiner, all in mid-run: every
# view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i 's/idle_after: .*/&\n  commit_interval: 10ms/' "$pipeline"
port=$(free_port)
url=http://127.0.0.1:$port
labels_past() { [ "$(metric "$url" dualrun_join_labels_total)" -gt "$1" ]; }

joiner() { start joiner "$dualrun" join "$pipeline" --http "127.0.0.1:$port"; }

start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the bridge has made the topics" grep -q 'stream starts stream=engagements' "$WORK/log/bridge"
start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events "${EVENTS:-120000}" --seed 21 --span 60m
for stop in 1 2; do
    joiner
    until_true 30 "labels come out before stop $stop" labels_past 500
    finish joiner || die "stop $stop: the joiner did not end well"
done

joiner
until_true 30 "labels come out before the broker's restart" labels_past 500
all_acknowledged views-to-kafka engagements-to-kafka && die "the restart came when all work was done"
"$rig" restart "$WORK/kafka" 1
running joiner || die "the joiner ended with its broker"

note "the group takes another member for this one, as brokers do that lost sight of it: it joins again"
finish joiner || die "the joiner did not end well before it is fenced"
sed -i 's/commit_interval: 10ms/commit_interval: 30s/' "$pipeline" # So that it learns of it by a heartbeat.
joiner
until_true 30 "the joiner runs" curl -sf "$url/readyz"
slot=$(curl -sS -f "$url/status" | jq -r '.joins[0].slot')
assigned() { grep -c 'partitions assigned' "$WORK/log/joiner"; }
assigned_before=$(assigned)
"$BUILD/tests/e2e/kafka-operator" "$KAFKA" fence demo-labels "$slot" views
joined_again() { [ "$(assigned)" -gt "$assigned_before" ]; }
until_true 60 "the joiner has partitions again" joined_again
await feed || die "the feed was not published"
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
finish joiner || die "the joiner did not end well after the broker's restart"
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
