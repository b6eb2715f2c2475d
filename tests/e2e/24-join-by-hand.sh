#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A few records whose rows were worked out by hand: two joins over the same streams, one that keeps every view and counts
# an engagement for each, one inner that gives it to the latest view only. Then records that are no events.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
cat > "$WORK/view.avsc" << 'J'
{"type": "record", "name": "View", "fields": [{"name": "id", "type": "string"}, {"name": "user", "type": "string"}, {"name": "ts", "type": "long"}]}
J
cat > "$WORK/engagement.avsc" << 'J'
{"type": "record", "name": "Engagement", "fields": [{"name": "id", "type": "string"}, {"name": "user", "type": "string"},
 {"name": "ts", "type": "long"}, {"name": "kind", "type": "string"}, {"name": "ms", "type": ["null", "long"], "default": null}]}
J
fields='[views.id, {name: kinds, list: engagements.kind}, {name: total, sum: engagements.ms},
      {name: likes, count: engagements, where: {kind: like}}, {name: last, last: engagements.kind}, {name: least, min: engagements.ms}]'
cat > "$WORK/pipeline.yaml" << Y
version: 1
pipeline: hand
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: registry}}
streams:
  views: {subscription: views-to-kafka, topic: {name: views, partitions: 1}, decode: json, schema: view.avsc, key: user, event_time: {field: ts, unit: ms}, event_id: id, dead_letter: views-dead}
  engagements: {subscription: engagements-to-kafka, topic: {name: engagements, partitions: 1}, decode: json, schema: engagement.avsc, key: user, event_time: {field: ts, unit: ms}, event_id: id}
join:
  - name: every
    output: {topic: every, key: id, late_topic: every-late}
    primary: views
    key: {views: user, engagements: user}
    within: {engagements: {before: 1s, after: 10s}}
    lateness: 5m
    fields: $fields
  - name: latest
    output: {topic: latest, key: id, late_topic: latest-late}
    kind: inner
    attribute: latest
    primary: views
    key: {views: user, engagements: user}
    within: {engagements: {before: 1s, after: 10s}}
    lateness: 5m
    fields: $fields
Y
pipeline=$WORK/pipeline.yaml
base=$(($(date +%s) * 1000 - 60000))
publish() { # TOPIC, lines on stdin; times are seconds after the base
    jq -c --argjson base "$base" '.ts = $base + .ts * 1000' \
        | "$BUILD/tests/support/feed/feed-publish" - --publish "$PUBSUB" --project "$PROJECT" --topic "$1" --in-flight 1
}

# Ann sees a at 0 and b at 4; c is alone; d's only engagement is a ms too late, e's the earliest that counts.
publish views << 'J'
{"id": "a", "user": "ann", "ts": 0}
{"id": "b", "user": "ann", "ts": 4}
{"id": "c", "user": "cat", "ts": 5}
{"id": "d", "user": "dan", "ts": 6}
{"id": "e", "user": "eve", "ts": 8}
{"id": "e", "user": "eve", "ts": 8}
J
publish engagements << 'J'
{"id": "1", "user": "ann", "ts": 9, "kind": "share", "ms": 30}
{"id": "2", "user": "ann", "ts": 3, "kind": "like", "ms": 5}
{"id": "3", "user": "ann", "ts": 2, "kind": "skip"}
{"id": "4", "user": "ann", "ts": 14, "kind": "like", "ms": 7}
{"id": "4", "user": "ann", "ts": 14, "kind": "like", "ms": 7}
{"id": "5", "user": "dan", "ts": 16.001, "kind": "like", "ms": 1}
{"id": "6", "user": "eve", "ts": 7, "kind": "like", "ms": -2}
J
# A clock two hours fast must not close the windows of others.
publish views <<< '{"id": "fast", "user": "ann", "ts": 7200}'

start bridge "$dualrun" bridge "$pipeline"
until_true 30 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
printf 'no Avro' | kcat -P -b "$KAFKA" -t views -p 0 -k ann
"$dualrun" join "$pipeline" --until-end

expect_rows() { # TOPIC, rows on stdin
    diff <(sort) <(jq -S -c .value "$(dump "$1")" | sort) >&2 || die "rows of $1 are not those worked out by hand (<)"
}
expect_rows every << 'J'
{"id":"a","kinds":["skip","like","share"],"last":"share","least":5,"likes":1,"total":35}
{"id":"b","kinds":["like","share","like"],"last":"like","least":5,"likes":2,"total":42}
{"id":"c","kinds":[],"last":null,"least":null,"likes":0,"total":null}
{"id":"d","kinds":[],"last":null,"least":null,"likes":0,"total":null}
{"id":"e","kinds":["like"],"last":"like","least":-2,"likes":1,"total":-2}
J
expect_rows latest << 'J'
{"id":"a","kinds":["skip"],"last":"skip","least":null,"likes":0,"total":null}
{"id":"b","kinds":["like","share","like"],"last":"like","least":5,"likes":2,"total":42}
{"id":"e","kinds":["like"],"last":"like","least":-2,"likes":1,"total":-2}
J
reasons=$(jq -r '.headers["dualrun.reason"]' "$(dump views-dead)" | sed 's/is [0-9]* ms/is N ms/' | sort | uniq -c | awk '{$1 = $1} 1')
[ "$reasons" = "2 AHEAD: the event time is N ms past the record's own, the limit is 3600000 ms
2 DECODE: not in Confluent's wire format" ] || die "each join should have refused both records: $reasons"

note "a schema that nobody knows stops the join; once it is known, it goes on"
printf '\0\0\0\0\143\2f\6ann\0' | kcat -P -b "$KAFKA" -t views -p 0 -k ann
status=0
"$dualrun" join "$pipeline" --until-end --join every 2> "$WORK/stderr" || status=$?
[ "$status" -ne 0 ] || die "the join went over a record of an unknown schema"
grep -q 'topic views partition 0 offset 8: .*99' "$WORK/stderr" || die "not told: $(cat "$WORK/stderr")"
cp "$WORK/view.avsc" "$WORK/registry/99.avsc"
"$dualrun" join "$pipeline" --until-end --join every
