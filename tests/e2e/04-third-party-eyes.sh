#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the bridge writes is read by programs that know nothing of it: kcat shows key and headers as the README says, and
# fastavro reads every field as it was published.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

venv=$("$TREE/tests/support/venv.sh" "$TREE/tests/e2e/readers")
start_broker
start_emulator
make_streams views engagements
pipeline=$(pipeline_from "$TREE/config/demo.yaml")
feed=(--events 5000 --seed 14)
"$BUILD/tests/support/feed/feed-generator" "${feed[@]}" --out "$WORK/published"
publish_feed "${feed[@]}"
start bridge "$dualrun" bridge "$pipeline"
until_true 120 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"

kcat -b "$KAFKA" -C -t views -o beginning -e -q -f '%k\t%h\t%R%s' > "$WORK/views.kcat"
"$venv/bin/python3" "$TREE/tests/e2e/readers/compare.py" "$WORK/views.kcat" "$WORK/published/views.jsonl" "$WORK/registry"
