#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a join must not go on after: each is refused with the fact, the place and the way out, and changes nothing.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

operator=$BUILD/tests/e2e/kafka-operator
start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=1h pipeline_from "$TREE/config/demo.yaml") # So long that rows stay live.
sed -i -e 's/partitions: 4/partitions: 1/' -e 's/idle_after: .*/idle_after: 1h\n  checkpoint_interval: 0/' \
    -e 's/^  compression: .*/&\n  properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "1000"}/' "$pipeline"

# refused STATUS TEXT HINT [FILE]: the join ends with exactly these lines on stderr, after its log.
refused() {
    local status=0
    timeout 30 "$dualrun" join "${4:-$pipeline}" 2> "$WORK/stderr" || status=$?
    [ "$status" -eq "$1" ] || die "status $status instead of $1: $(cat "$WORK/stderr")"
    grep -v '^20' "$WORK/stderr" | diff <(printf 'dualrun: %s\nhint: %s\n' "$2" "$3") - >&2 || die "told otherwise (>)"
}
run_a_while() { # the join commits live rows and stops
    start joiner "$dualrun" join "$1"
    until_true 20 "the join runs" grep -q 'task runs' "$WORK/log/joiner"
    sleep 2
    finish joiner || die "the joiner did not end well"
    : > "$WORK/log/joiner"
}

start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 1000 --seed 25 --span 10m
until_true 30 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
run_a_while "$pipeline"
end=$("$BUILD/tests/support/tools/topic-dump" "$KAFKA" views --until-end | wc -l)

note "another configuration"
sed 's/, after: [0-9]*s/, after: 21s/' "$pipeline" > "$WORK/wider.yaml"
refused 4 "join labels: the configuration is not that of the last commit of group demo-labels" \
    "drain first: run the old file with --until-end; or give the join another group, which begins anew" "$WORK/wider.yaml"

note "offsets that were moved"
# Kafka takes them only once the last process has left the group.
move() { until_true 20 "offsets move" "$operator" "$KAFKA" move demo-labels views 0 "$1"; }
move $((end - 1))
refused 7 "group demo-labels: the offset of views [0] was moved from $end to $((end - 1))" \
    "offsets of a join cannot be moved: give the join another group"
move "$end"

note "another partition count"
sed -e 's/topic: {name: views, .*/topic: {name: views}/' -e 's/topic: {name: engagements, .*/topic: {name: odd}/' "$pipeline" > "$WORK/odd.yaml"
"$operator" "$KAFKA" renew odd 2 # Was not there: only made.
refused 5 "join labels: topic views has 1 partitions, topic odd has 2" \
    "inputs of a join need the same number: make one of the topics anew" "$WORK/odd.yaml"

note "retention took what state needs"
"$operator" "$KAFKA" forget views 0 10
refused 5 "topic views partition 0: state needs records from offset 0, the log begins at 10" \
    "retention is shorter than window, lateness and the time that the join was down; give the join another group to begin anew"

note "a topic that was made anew"
"$operator" "$KAFKA" renew views 1
# Kafka forgets the offsets of a topic that is deleted.
refused 7 "group demo-labels, partition 0: the offsets of the inputs were not committed together" \
    "a topic was made anew, or something else writes to this group: give the join another group to begin anew"

note "topics that get more partitions while the join runs, and what a start says to it"
sed -e 's/^  name: labels/&\n  group: again/' -e 's/session.timeout.ms:/topic.metadata.refresh.interval.ms: "500", &/' "$pipeline" > "$WORK/again.yaml"
text="join labels: topic views had 1 partitions when group again read it, now it has 2"
hint="keys have moved to other partitions and would not meet what they match: give the join another group and other output topics to begin anew"
start joiner "$dualrun" join "$WORK/again.yaml"
until_true 20 "the join runs" grep -q "task runs" "$WORK/log/joiner"
"$operator" "$KAFKA" widen views 2
"$operator" "$KAFKA" widen engagements 2
await joiner && die "the join went on"
grep -qF "dualrun: $text" "$WORK/log/joiner" || die "told otherwise: $(tail -n 3 "$WORK/log/joiner")"
refused 7 "$text" "$hint" "$WORK/again.yaml"
