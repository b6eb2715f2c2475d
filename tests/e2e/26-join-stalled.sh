#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A joiner that stood still for some seconds (SIGSTOP, less than its session) while its idle inputs came to life again does
# not take the time for silence: what was written meanwhile is joined, and nothing of it is late.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=1s pipeline_from "$TREE/config/demo.yaml")
# Silence alone is evidence here, so that only the stall itself can be noticed; nobody else joins the group.
sed -i 's/idle_after: .*/idle_after: 1s\n  idle_evidence: none/' "$pipeline"
http=127.0.0.1:$(free_port)

start bridge "$dualrun" bridge "$pipeline"
publish_feed --views 500 --engagements 0.01 --out-of-window 0 --duplicates 0 --rate 1000 --seed 21
until_true 60 "the first views are bridged" all_acknowledged views-to-kafka
start joiner "$dualrun" join "$pipeline" --http "$http"
counted() { [ "$(metric "http://$http" "$1")" -ge "$2" ]; }
until_true 60 "the first views are read" counted dualrun_join_inputs_total 500
sleep 2 # idle_after passes: every input is idle, and no row is old enough to be closed.

note "the joiner stands still, and views go on"
kill -STOP "$(pid_of joiner)"
publish_feed --views 500 --engagements 0.01 --out-of-window 0 --duplicates 0 --rate 1000 --seed 22 &
sleep 7 # The length of the stall is what is tested: longer than the lateness, shorter than the session.
kill -CONT "$(pid_of joiner)"
wait $!
until_true 90 "all views are closed" counted dualrun_join_labels_total 1000
finish joiner || die "the joiner did not end well"
finish bridge || die "the bridge did not end well"

late=$(wc -l < "$(dump labels-late)")
[ "$late" = 0 ] || die "$late views were late, which nobody made late"
[ "$(wc -l < "$(dump labels)")" = 1000 ] || die "not one label a view"
