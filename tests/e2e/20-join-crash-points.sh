#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The joiner dies between any two steps of a commit, at the first, an early and a later one: every view is labelled once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i 's/idle_after: .*/&\n  commit_interval: 10ms/' "$pipeline"

start bridge "$dualrun" bridge "$pipeline"
publish_feed --events "${EVENTS:-60000}" --seed 20 --span 60m
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

for point in join.produced join.offsets_sent join.committed; do
    for nth in 1 2 4; do
        note "dies at $point, commit $nth"
        start joiner env DUALRUN_CRASH_AT=$point:$nth "$dualrun" join "$pipeline" --until-end
        status=0
        await joiner || status=$?
        [ "$status" -eq 137 ] || die "the joiner should have died at $point:$nth, but ended with status $status"
    done
done
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
