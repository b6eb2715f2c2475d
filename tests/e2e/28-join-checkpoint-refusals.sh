#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a checkpoint makes good, and what it must not: retention that took old records is no matter any more, a topic that
# was made anew under kept offsets is found out, another configuration is refused. --inspect tells what is there.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

operator=$BUILD/tests/e2e/kafka-operator
start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=1h pipeline_from "$TREE/config/demo.yaml") # So long that rows stay live.
sed -i -e 's/partitions: 4/partitions: 1/' -e 's/idle_after: .*/idle_after: 1h/' \
    -e 's/^  compression: .*/&\n  properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "1000"}/' "$pipeline"

refused() { # STATUS TEXT HINT [FILE]
    local status=0
    timeout 30 "$dualrun" join "${4:-$pipeline}" 2> "$WORK/stderr" || status=$?
    [ "$status" -eq "$1" ] || die "status $status instead of $1: $(cat "$WORK/stderr")"
    grep -v '^20' "$WORK/stderr" | diff <(printf 'dualrun: %s\nhint: %s\n' "$2" "$3") - >&2 || die "told otherwise (>)"
}
run_a_while() { # the join commits live rows and stops
    : > "$WORK/log/joiner"
    start joiner "$dualrun" join "$pipeline"
    until_true 20 "the join runs" grep -q 'task runs' "$WORK/log/joiner"
    sleep 2
    finish joiner || die "the joiner did not end well"
}
inspect() { "$dualrun" join "$pipeline" --inspect --json | jq -e "$1" > /dev/null || die "--inspect: not so: $1"; }
bridged() { # SEED
    start bridge "$dualrun" bridge "$pipeline"
    publish_feed --events 1000 --seed "$1" --span 10m
    until_true 30 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
    finish bridge || die "the bridge did not end well"
}

bridged 28
inspect '.tasks[0] | .problem == "nothing is committed" and .checkpoints == []'
run_a_while
end=$("$BUILD/tests/support/tools/topic-dump" "$KAFKA" views --until-end | wc -l)
inspect ".tasks[0] | .live_rows > 900 and .same_configuration and .inputs[0].offset == $end and .inputs[0].lag == 0"
inspect '.tasks[0].live_rows == .tasks[0].checkpoints[0].live_rows'
inspect '.tasks[0].checkpoints | length == 1 and .[0].records_to_replay == 0 and .[0].problem == null'
"$dualrun" join "$pipeline" --inspect | grep -q '^    checkpoint .* 0 records to replay, good$' || die "--inspect in words"

note "a checkpoint that is spoiled is shown as such"
shelf=$WORK/state/labels/checkpoints/task-0
cp -r "$shelf" "$WORK/shelf"
for manifest in "$shelf"/*/manifest; do printf x >> "$manifest"; done
inspect '.tasks[0].checkpoints[0].problem | endswith("manifest: its hash is not that of its content")'
rm -r "$shelf"
mv "$WORK/shelf" "$shelf"

note "another configuration"
sed 's/, after: [0-9]*s/, after: 21s/' "$pipeline" > "$WORK/wider.yaml"
refused 4 "join labels: the configuration is not that of the last commit of group demo-labels" \
    "drain first: run the old file with --until-end; or give the join another group, which begins anew" "$WORK/wider.yaml"

note "retention took what the checkpoint holds"
"$operator" "$KAFKA" forget views 0 10
run_a_while
grep -q 'checkpoint loaded' "$WORK/log/joiner" || die "it did not begin with its checkpoint"

note "a topic that was made anew, under the offsets of the old one"
"$operator" "$KAFKA" renew views 1
bridged 29
lend() { until_true 20 "offsets are kept" "$operator" "$KAFKA" lend demo-labels views 0 "$end" engagements; }
lend
refused 5 "topic views partition 0: the record at offset $((end - 1)) is not the one that was joined" \
    "the topic was made anew or compacted: give the join another group to begin anew"
