#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A restart begins with a checkpoint. The joiner dies at each step of making one; a checkpoint is spoiled at each of its
# files; both are: every time the next older one or the source topics give the state, and every view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i -e 's/idle_after: .*/idle_after: 1h\n  commit_interval: 10ms\n  checkpoint_interval: 10ms/' \
    -e 's/partitions: 4/partitions: 1/' "$pipeline"
shelf=$WORK/state/labels/checkpoints/task-0

start bridge "$dualrun" bridge "$pipeline"
publish_feed --events "${EVENTS:-100000}" --seed 27 --span 60m
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

http=127.0.0.1:$(free_port)
run() { # [NAME=VALUE]: until it rests, with fresh log
    : > "$WORK/log/joiner"
    start joiner env "$@" "$dualrun" join "$pipeline" --http "$http"
}
log_has() { grep -q "$1" "$WORK/log/joiner"; }
ended() { ! running joiner; }
made() { [ "$(metric "http://$http" dualrun_join_checkpoints_total)" -ge 1 ]; } # by this process
newest() { find "$shelf" -mindepth 1 -maxdepth 1 ! -name 'half*' -printf '%f\n' | sort | tail -n "${1:-1}" | head -n 1; }
told() { log_has "$1" || die "not told: $1"; }

for point in join.checkpoint_saved join.checkpoint_described join.checkpoint_renamed join.checkpoint_pruned; do
    for nth in 1 3; do
        note "dies at $point, time $nth"
        run "DUALRUN_CRASH_AT=$point:$nth"
        until_true 30 "it dies" ended
        status=0
        await joiner || status=$?
        [ "$status" -eq 137 ] || die "the joiner should have died at $point:$nth, but ended with status $status"
    done
done
run X=
until_true 30 "it goes on from a checkpoint" log_has 'checkpoint loaded'
until_true 30 "it makes a checkpoint" made
finish joiner KILL || true

note "the newest is spoiled, at each file"
for pattern in manifest '*.sst' 'MANIFEST-*' CURRENT 'OPTIONS-*'; do
    file=$(find "$shelf/$(newest)" -name "$pattern" | sort | head -n 1)
    [ -n "$file" ] || die "a checkpoint without $pattern"
    # Linked files are the live store's own: a copy is spoiled, as a disk would.
    cp "$file" "$file.copy"
    mv "$file.copy" "$file"
    truncate -s -1 "$file"
    run X=
    until_true 30 "it runs" log_has 'task runs'
    told "checkpoint not used .*name=$(basename "$(dirname "$file")").*${file##*/}"
    told 'checkpoint loaded'
    until_true 30 "it makes a checkpoint" made
    finish joiner KILL || true
done

note "every checkpoint is spoiled: the source topics give the state"
for name in "$(newest)" "$(newest 2)"; do printf x > "$shelf/$name/manifest"; done
run X=
until_true 30 "it runs" log_has 'task runs'
log_has 'checkpoint loaded' && die "a spoiled checkpoint was loaded"
[ "$(grep -c 'checkpoint not used' "$WORK/log/joiner")" -eq 2 ] || die "not both are told"
until_true 30 "it makes a checkpoint" made
finish joiner || die "the joiner did not end well"

"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
