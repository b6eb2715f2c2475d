#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A clean run of 100,000 records has no difference, and a validation may be killed or repeated: what it captured of
# the audit subscription, and acknowledged, is not lost, so the verdict and the counts stay.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

captured() { cat "$WORK"/captures/audit-views-*.capture 2> /dev/null | wc -c; }
caught_some() { [ "$(captured)" -gt 200000 ]; }
counts() { jq -c '[.verdict, (.comparisons[].counts | del(.candidate_pending, .repeated, .transient))]' "$WORK/$1/report.json"; }

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")
sed -i "s#settle: .*#&\n  work: $WORK/captures#" "$pipeline"
start bridge "$dualrun" bridge "$pipeline"
publish_feed --events 100000 --seed 32
until_true 120 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end

note "killed in mid-capture"
start validate "$dualrun" validate "$pipeline" --report "$WORK/killed"
until_true 30 "a part of the audit is captured" caught_some
finish validate KILL || true
[ ! -e "$WORK/killed/report.json" ] || die "it was done before it was killed: give the test more events"
[ "$(subscription_stat views-audit '.ready + .outstanding + .waiting > 0')" = true ] || die "nothing was left to capture"

note "again: it reads on, and finds no difference"
"$dualrun" validate "$pipeline" --report "$WORK/first" || die "the validator found differences"
[ "$(jq '[.comparisons[].counts.reference] | add > 100000' "$WORK/first/report.json")" = true ] || die "it did not compare everything"
[ "$(jq '.differences_total - ([.comparisons[].causes[] | select(.explained).count] | add // 0)' "$WORK/first/report.json")" = 0 ] \
    || die "a difference without a cause"

note "and again, from the captures alone: the same"
"$dualrun" validate "$pipeline" --report "$WORK/second" || die "the second validation found differences"
[ "$(counts first)" = "$(counts second)" ] || die "first $(counts first), then $(counts second)"
