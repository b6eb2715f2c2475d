#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A join with more live rows than its memory can index: the rest of the index goes to disk, a kill -9 in that state costs nothing
# but the restart, and every view is labelled once. What a process gave up, it says nothing of any more. Commits come by the number
# of records, long before their interval.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=2h pipeline_from "$TREE/config/demo.yaml") # Nothing closes before the end.
sed -i 's/idle_after: .*/&\n  memory: 4MiB\n  checkpoint_interval: 500ms\n  commit_interval: 1m\n  commit_records: 5000/' "$pipeline"
start bridge "$dualrun" bridge "$pipeline"
publish_feed --events "${EVENTS:-120000}" --seed 34 --span 60m
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

http=127.0.0.1:$(free_port)
index_on_disk() { [ "$(metric "http://$http" dualrun_join_index_disk_bytes)" -gt 0 ]; }
checkpoint_made() { [ "$(metric "http://$http" dualrun_join_checkpoints_total)" -gt 0 ]; }
start joiner "$dualrun" join "$pipeline" --http "$http"
until_true 60 "a part of the index is on disk" index_on_disk
until_true 40 "a commit comes by its records, and a checkpoint behind it" checkpoint_made
finish joiner KILL || true

start joiner "$dualrun" join "$pipeline" --http "$http"
until_true 60 "the next process, too, has a part of it on disk" index_on_disk
leftover=$(find "$WORK/state" -name 'index-*')
[ -z "$leftover" ] || die "a file of the index is left: $leftover"

note "a second process takes half of the tasks"
other=127.0.0.1:$(free_port)
start other "$dualrun" join "$pipeline" --http "$other"
partitions() { curl -sf "http://$1/metrics" | grep -c '^dualrun_join_live_rows{'; }
shared() { [ "$(partitions "$http")" = 2 ] && [ "$(partitions "$other")" = 2 ]; }
until_true 60 "each process shows its own two tasks and no others" shared
finish other || die "the second process did not end well"
finish joiner || die "the joiner did not end well"

"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
