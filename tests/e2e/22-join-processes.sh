#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Processes come and go while records come: a second and a third join in, one is killed, one is paused beyond its session
# and wakes up as a zombie, one ends by itself. Every view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
# The shortest session that a broker allows, so that a dead process is missed soon.
sed -i -e 's/idle_after: .*/&\n  commit_interval: 50ms/' \
    -e 's/^  compression: .*/&\n  properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "1000"}/' "$pipeline"
joiner() { start "joiner-$1" "$dualrun" join "$pipeline"; }
tasks() { grep -c 'partitions assigned' "$WORK/log/joiner-$1"; }
has_tasks() { grep -q "partitions assigned join=labels tasks=$2" "$WORK/log/joiner-$1"; }

start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the bridge has made the topics" grep -q 'stream starts stream=engagements' "$WORK/log/bridge"
start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events "${EVENTS:-120000}" --seed 22 --span 60m
joiner a
until_true 20 "the first process has all tasks" has_tasks a 4
joiner b
until_true 20 "the second process has half of them" has_tasks b 2

note "one is killed, a third comes"
finish joiner-a KILL || true
joiner c
until_true 20 "the third process has tasks" has_tasks c 2

note "one is paused beyond its session"
kill -STOP "$(pid_of joiner-b)"
until_true 30 "the others take its tasks" has_tasks c 4
assigned=$(tasks b)
kill -CONT "$(pid_of joiner-b)"
more_tasks() { [ "$(tasks b)" -gt "$assigned" ]; }
until_true 30 "the zombie is let in again" more_tasks
running joiner-b || die "the paused process ended"

await feed || die "the feed was not published"
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
for name in b c; do finish "joiner-$name" || die "joiner $name did not end well"; done
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
