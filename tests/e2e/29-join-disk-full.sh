#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No space for checkpoints: the join says so and goes on; with space again it makes them again. Every view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

if ! unshare -rm mount -t tmpfs none /mnt 2> /dev/null; then
    note "this machine lets nobody mount a tmpfs of its own: nothing is tried"
    exit 0
fi
start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i -e 's/idle_after: .*/idle_after: 1h\n  commit_interval: 50ms\n  checkpoint_interval: 100ms\n  memory: 16MiB/' \
    -e 's/partitions: 4/partitions: 1/' "$pipeline"
mkdir -p "$WORK/state"
http=127.0.0.1:$(free_port)
start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the bridge has made the topics" grep -q 'stream starts stream=engagements' "$WORK/log/bridge"
# The state directory is a disk of 64 MiB that is full but for 6 MiB, before the join begins.
start joiner unshare -rm sh -c "mount -t tmpfs -o size=64m none '$WORK/state' && head -c 58M /dev/zero > '$WORK/state/filler' \
    && exec '$dualrun' join '$pipeline' --http $http"
start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events "${EVENTS:-60000}" --seed 29 --span 60m
at_least() { [ "$(metric "http://$http" "$1")" -ge "$2" ]; }
until_true 60 "a checkpoint finds no space" at_least dualrun_join_checkpoint_failures_total 1
until_true 30 "it is told" grep -q 'no checkpoint: the join goes on without .* free, a checkpoint wants ' "$WORK/log/joiner"
until_true 30 "the join goes on" at_least dualrun_join_inputs_total 2000
rm "/proc/$(pid_of joiner)/root$WORK/state/filler"
until_true 30 "checkpoints are made again" grep -q 'checkpoints are made again' "$WORK/log/joiner"

await feed || die "the feed was not published"
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
finish joiner || die "the joiner did not end well"
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
