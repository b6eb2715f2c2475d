#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real data: 20,000 impressions of a shop and their clicks.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams impressions clicks
pipeline=$(pipeline_from "$TREE/config/open-bandit.yaml")
python3 "$TREE/tests/support/tools/open_bandit_expect.py" "$TREE/tests/data/open-bandit" "$WORK/expect"
for stream in impressions clicks; do
    "$BUILD/tests/support/feed/feed-publish" "$WORK/expect/$stream.jsonl" --publish "$PUBSUB" --project "$PROJECT" --topic "$stream"
done
start bridge "$dualrun" bridge "$pipeline"
until_true 120 "everything is bridged" all_acknowledged impressions-to-kafka clicks-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump clicked-impressions)"
"$dualrun" validate "$pipeline" --report "$WORK/report" || die "the validator found differences"
