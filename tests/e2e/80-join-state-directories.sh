#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes of one join on one host, each with a state directory of its own, share the partitions and never fence
# each other; a name is the same after a restart. Every view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i -e 's/idle_after: .*/&\n  commit_interval: 50ms\n  state: STATE/' \
    -e 's/^  compression: .*/&\n  properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "1000"}/' "$pipeline"
for name in a b; do sed "s#state: STATE#state: $WORK/state-$name#" "$pipeline" > "$WORK/$name.yaml"; done
joiner() { start "joiner-$1" "$dualrun" join "$WORK/$1.yaml" --json; }
has_tasks() { grep -q "partitions assigned join=labels tasks=$2" "$WORK/log/joiner-$1"; }
slot_of() { grep -o '"slot":"[^"]*"' "$WORK/log/joiner-$1" | sort -u; }
told_slot() { [ -n "$(slot_of "$1")" ]; }

start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the bridge has made the topics" grep -q 'stream starts stream=engagements' "$WORK/log/bridge"
start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events "${EVENTS:-60000}" --seed 80 --span 60m
joiner a
until_true 20 "the first process has all tasks" has_tasks a 4
joiner b
until_true 20 "the second process has half of them" has_tasks b 2
until_true 20 "the first says its slot" told_slot a
until_true 20 "the second says its slot" told_slot b
[ "$(slot_of a)" != "$(slot_of b)" ] || die "both are $(slot_of a)"
finish joiner-b KILL || true
before=$(slot_of b)
: > "$WORK/log/joiner-b"
joiner b
until_true 20 "it is back at once: its session is still there" has_tasks b 2
until_true 20 "it says its slot" told_slot b
[ "$(slot_of b)" = "$before" ] || die "after a restart it is $(slot_of b) instead of $before"

await feed || die "the feed was not published"
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
for name in a b; do
    finish "joiner-$name" || die "joiner $name did not end well"
    if grep 'going back to what was committed' "$WORK/log/joiner-$name"; then die "joiner $name was fenced"; fi
done
"$dualrun" join "$WORK/a.yaml" --until-end
expect_check --labels "$(dump labels)"
