#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the joiner twenty times at random moments of one run: every view is labelled once and right.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

kills=${KILLS:-20}
start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
# Small commits, so that there are many for a kill to fall into.
sed -i 's/idle_after: .*/&\n  commit_interval: 100ms/' "$pipeline"

start bridge "$dualrun" bridge "$pipeline"
events=${EVENTS:-300000}
publish_feed --events "$events" --seed 13 --span 60m
until_true 120 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

http=127.0.0.1:$(free_port)
# worked: this process has read its share of the backlog, so that the next ones have something left to do.
worked() { [ "$(metric "http://$http" dualrun_join_inputs_total 2> /dev/null || echo 0)" -ge $((events / kills / 2)) ]; }
for kill in $(seq "$kills"); do
    start joiner "$dualrun" join "$pipeline" --until-end --http "$http"
    # The moment is the point: anywhere from start-up to steady state.
    for _ in $(seq $((RANDOM % 40))); do
        if worked; then break; fi
        sleep 0.05
    done
    running joiner || die "kill $kill came when the join was done: give the test more events"
    finish joiner KILL || true
done
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
