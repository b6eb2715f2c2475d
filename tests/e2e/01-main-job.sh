#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job with every oddity of a feed: published events cross to Kafka, are joined, and the validator agrees; so
# does the generator's own expectation, which knows neither of them.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")

note "bridge"
start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 20000 --seed 11 --poison 40
until_true 120 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

note "join"
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
expect_check --dead "$(dump views-dead)" "$(dump engagements-dead)"

note "validate"
"$dualrun" validate "$pipeline" --report "$WORK/report" || die "the validator found differences"
jq -e '.verdict == "PASS"' "$WORK/report/report.json" > /dev/null || die "the report does not say PASS"
