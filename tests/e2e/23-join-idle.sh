#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Silence is believed only on evidence. While the bridge of the engagements is down, no view is given up as without one;
# once it is back, each has its own. When it lives and there are none, rows come out.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

views=400
start_broker
start_emulator
make_streams views engagements
cat > "$WORK/view.avsc" << 'J'
{"type": "record", "name": "View", "fields": [{"name": "view_id", "type": "string"}, {"name": "ts", "type": "long"}]}
J
cp "$WORK/view.avsc" "$WORK/engagement.avsc"
sed -i 's/"View"/"Engagement"/' "$WORK/engagement.avsc"
cat > "$WORK/pipeline.yaml" << Y
version: 1
pipeline: idle
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: registry}}
streams:
  views: {subscription: views-to-kafka, topic: {name: views, partitions: 2}, decode: json, schema: view.avsc, key: view_id, event_time: {field: ts, unit: ms}, event_id: view_id}
  engagements: {subscription: engagements-to-kafka, topic: {name: engagements, partitions: 2}, decode: json, schema: engagement.avsc, key: view_id, event_time: {field: ts, unit: ms}, event_id: view_id}
join:
  name: labels
  output: {topic: labels, key: view_id}
  primary: views
  key: {views: view_id, engagements: view_id}
  within: {engagements: {after: 1s}}
  lateness: 2s
  idle_after: 1s
  commit_interval: 100ms
  fields: [views.*, {name: engaged, any: engagements}]
Y
pipeline=$WORK/pipeline.yaml
base=$(($(date +%s) * 1000 - 600000))
events() { # FIRST COUNT OFFSET: ids and times, one event in 50 ms of event time
    for i in $(seq "$1" $(($1 + $2 - 1))); do echo "{\"view_id\":\"v$i\",\"ts\":$((base + i * 50 + $3))}"; done
}
publish() { # TOPIC, lines on stdin
    "$BUILD/tests/support/feed/feed-publish" - --publish "$PUBSUB" --project "$PROJECT" --topic "$1" --in-flight 1
}
labels() { kcat -C -b "$KAFKA" -t labels -o beginning -e -q -f '%k\n' | wc -l; }
labels_are() { [ "$(labels)" -eq "$1" ]; }

start bridge-engagements "$dualrun" bridge "$pipeline" --stream engagements
start bridge-views "$dualrun" bridge "$pipeline" --stream views
for stream in engagements views; do until_true 20 "the bridge of $stream runs" grep -q 'stream starts' "$WORK/log/bridge-$stream"; done
finish bridge-engagements || die "the bridge did not end well"
start joiner "$dualrun" join "$pipeline"
until_true 20 "the join runs" grep -q 'partitions assigned' "$WORK/log/joiner"
sleep 6 # The last heartbeat of the stopped bridge is stale by now.

note "views go on, the bridge of engagements is down"
events 0 $views 0 | publish views
events 0 $views 500 | publish engagements
until_true 20 "the views are bridged" all_acknowledged views-to-kafka
sleep 5
labels_are 0 || die "$(labels) rows came out while nobody could know about engagements"

note "it comes back, then both are silent"
start bridge-engagements "$dualrun" bridge "$pipeline" --stream engagements
until_true 30 "every row comes out" labels_are $views
engaged=$(jq -s 'map(select(.value.engaged)) | length' "$(dump labels)")
[ "$engaged" -eq $views ] || die "only $engaged of $views views have their engagement"

note "views go on, there are no engagements: its bridge says so"
base=$((base + 60000))
events $views $views 0 | publish views
until_true 20 "rows come out" labels_are $((2 * views))
engaged=$(jq -s 'map(select(.value.engaged)) | length' "$(dump labels)")
[ "$engaged" -eq $views ] || die "$engaged views have an engagement, $views were published"
for name in joiner bridge-views bridge-engagements; do finish $name || die "$name did not end well"; done
