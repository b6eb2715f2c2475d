#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the joiner twenty times at random moments of one run: every view is labelled once and right.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

kills=${KILLS:-20}
start_broker
start_emulator
make_streams views engagements
pipeline=$(pipeline_from "$TREE/config/demo.yaml")

start bridge "$dualrun" bridge "$pipeline"
start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events 80000 --seed 13 --rate 1500
for kill in $(seq "$kills"); do
    start joiner "$dualrun" join "$pipeline"
    sleep "$((1 + RANDOM % 2)).$((RANDOM % 10))" # The moment is the point: anywhere from start-up to steady state.
    running joiner || die "the joiner ended before kill $kill"
    running feed || die "kill $kill came when all was published"
    finish joiner KILL || true
done
await feed || die "the feed was not published"
until_true 120 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
"$dualrun" validate "$pipeline" --kind join --report "$WORK/report" || die "the validator found differences"
