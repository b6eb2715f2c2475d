#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# dualrun plan finds nothing wrong with a good pipeline, names every fault that was planted at either end, with its
# severity, and changes nothing: no topic, no schema, no acknowledgement.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(pipeline_from "$TREE/config/demo.yaml")
publish_feed --events 3000 --seed 66

plan() { # STATUS [FLAG...]: the document is in $WORK/plan
    local status=0 wanted=$1
    shift
    "$dualrun" plan "$pipeline" --json "$@" > "$WORK/plan" 2>> "$WORK/log/plan" || status=$?
    [ "$status" = "$wanted" ] || die "plan $* ended with $status instead of $wanted: $(jq -c '[.findings[] | select(.severity == "error")]' "$WORK/plan")"
}
found() { jq -r --arg severity "$1" '.findings[] | select(.severity == $severity) | .code' "$WORK/plan" | sort -u | tr '\n' ' '; }
state() {
    subscription_stat views-to-kafka '[.acked, .ready + .outstanding + .waiting]' | jq -c .
    kcat -b "$KAFKA" -L -J | jq -c '[.topics[].topic]'
    [ -d "$WORK/registry" ] && find "$WORK/registry" -type f
    true
}

note "a good pipeline on one broker"
state > "$WORK/before"
plan 0
[ "$(found error)" = "" ] || die "errors: $(found error) $(jq -c ".findings[] | select(.code == \"sample_failed\")" "$WORK/plan")"
[ "$(found warning)" = "one_copy subscription_expires " ] || die "warnings: $(found warning)"
jq -e '.passed and (.streams | length == 2) and all(.streams[]; .messages == 500 and .fit == 500 and .saved > 0.5 and .saved < 0.95
    and .stored_bytes > 30)' "$WORK/plan" > /dev/null || die "the sample: $(jq -c .streams "$WORK/plan")"
state | diff "$WORK/before" - || die "the plan changed something"
plan 1 --fail-on warning --sample 0
jq -e 'all(.streams[]; has("messages") | not)' "$WORK/plan" > /dev/null || die "messages were pulled for --sample 0"
"$dualrun" plan "$pipeline" --stream views 2>> "$WORK/log/plan" > "$WORK/text" || die "as text: $?"
grep -qE '^  views +500 messages of the sample, 500 fit; [0-9]+ bytes published, [0-9]+ stored: [0-9.]+% less$' "$WORK/text" \
    || die "as text: $(cat "$WORK/text")"

note "the projection is near what the bridge then stores"
projected=$(jq '.streams[] | select(.stream == "views") | .stored_bytes' <("$dualrun" plan "$pipeline" --json --stream views --sample 2000 2>> "$WORK/log/plan"))
start bridge "$dualrun" bridge "$pipeline"
until_true 60 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
stored=$(($(cat "$WORK"/kafka/1/data/views-[0-9]/*.log | wc -c) / $(subscription_stat views-to-kafka .acked)))
awk -v projected="$projected" -v stored="$stored" 'BEGIN {ratio = projected / stored; exit !(ratio > 0.6 && ratio < 1.4)}' \
    || die "projected $projected bytes a message, stored $stored"

note "a pipeline with everything wrong"
operator=$BUILD/tests/e2e/kafka-operator
"$operator" "$KAFKA" make posts 3 retention.ms=10000 retention.bytes=1000000 cleanup.policy=delete
"$operator" "$KAFKA" make reactions 4 cleanup.policy=compact message.timestamp.type=LogAppendTime max.message.bytes=100000
"$operator" "$KAFKA" make posts-dead 1 max.message.bytes=1000000
"$operator" "$KAFKA" make wrong-ledger 1 cleanup.policy=delete
"$operator" "$KAFKA" make samples 2
make_topic other posts-audit
make_topic gone reactions-audit
pubsub PUT /subscriptions/posts-to-kafka "{\"topic\":\"projects/$PROJECT/topics/views\",\"messageRetentionDuration\":\"600s\",
    \"filter\":\"attributes.origin = \\\"app\\\"\",\"enableMessageOrdering\":true,\"enableExactlyOnceDelivery\":true,
    \"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/$PROJECT/topics/other\",\"maxDeliveryAttempts\":5}}" > /dev/null
pubsub PUT /subscriptions/reactions-to-kafka "{\"topic\":\"projects/$PROJECT/topics/gone\"}" > /dev/null
pubsub DELETE /topics/gone > /dev/null
publish_feed --events 600 --seed 67
curl -sS -f -X POST -d '{"deny":["pubsub.subscriptions.consume"]}' "$PUBSUB/admin/permissions" > /dev/null
sed 's/"name": "locale", "type": "string", "default": "und"/"name": "language", "type": "string"/' "$WORK/schemas/view.avsc" > "$WORK/schemas/post.avsc"
cat > "$WORK/wrong.yaml" << Y
version: 1
pipeline: wrong
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: other-registry}}
streams:
  posts:
    subscription: posts-to-kafka
    audit_subscription: posts-audit
    topic: {name: posts, partitions: 4}
    schema: schemas/post.avsc
    key: view_id
    event_time: {field: ts, unit: ms}
    dead_letter: posts-dead
    stop_above: 1%
  reactions:
    subscription: reactions-to-kafka
    audit_subscription: reactions-audit
    topic: reactions
    schema: schemas/engagement.avsc
    key: view_id
    event_time: {field: ts, unit: ms}
  missing:
    subscription: nobody-made-it
    topic: nowhere
    decode: raw
    key: ordering_key
join:
  output: {topic: samples}
  primary: posts
  key: {posts: view_id, reactions: view_id}
  within: {reactions: {after: 10m}}
  fields: [posts.*, {name: any_reaction, any: reactions}]
Y
pipeline=$WORK/wrong.yaml
plan 1
[ "$(found error)" = "audit_filters_otherwise audit_of_another_topic inputs_not_aligned ledger_not_compacted output_not_aligned \
partitions_differ permission_missing retention_short sample_misfits stream_compacted subscription_detached subscription_unreadable topic_missing " ] \
    || die "errors: $(found error) $(jq -c ".findings[] | select(.code == \"sample_failed\")" "$WORK/plan")"
[ "$(found warning)" = "dead_letters_small no_audit no_dead_letters one_copy publish_time_lost retention_by_size \
subscription_dead_letters subscription_expires subscription_retention_short " ] || die "warnings: $(found warning)"
[ "$(found info)" = "ack_deadline_short order_by_another_key records_limited sample_empty schema_new subscription_exactly_once \
subscription_expires subscription_filters subscription_no_rewind topic_new " ] || die "information: $(found info)"
jq -e '.streams[] | select(.stream == "posts") | .fit == 0 and (.reasons[0].reason | test("language: is missing"))' "$WORK/plan" > /dev/null \
    || die "misfits: $(jq -c .streams "$WORK/plan")"
jq -e 'all(.findings[]; .subject != "" and .fact != "") and all(.findings[] | select(.severity == "error"); .why != null or .next != null)' "$WORK/plan" > /dev/null \
    || die "a finding without words"
"$dualrun" plan "$pipeline" 2>> "$WORK/log/plan" > "$WORK/text" && die "as text, the status is 0"
head -n 3 "$WORK/text" | grep -q '^NOT READY: plan of .*wrong.yaml: [0-9]* errors' || die "the first line: $(head -n 1 "$WORK/text")"

note "ends that do not answer"
sed -e "s#endpoint: \"[^\"]*\"#endpoint: \"http://127.0.0.1:9\"#" -e "s#brokers: \[.*\]#brokers: [\"127.0.0.1:9\"]#" "$pipeline" > "$WORK/nobody.yaml"
pipeline=$WORK/nobody.yaml
plan 1
[ "$(found error)" = "kafka_unreachable subscription_unreadable " ] || die "errors: $(found error) $(jq -c ".findings[] | select(.code == \"sample_failed\")" "$WORK/plan")"
