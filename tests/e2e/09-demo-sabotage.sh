#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A few records are deleted, doubled and altered on the way: the demo ends with 1, and the report names each of them and
# no other.
set -euo pipefail
work=$(mktemp -d)
export OUT=$work/report
trap 'rm -rf "$work"' EXIT
status=0
"$(dirname "$0")/../support/demo.sh" --sabotage --events 30000 --rate 3000 > "$work/said" || status=$?
tail -n 22 "$work/said"
[ "$status" = 1 ]
[ "$(jq -r .verdict "$OUT/report.json")" = FAIL ]
grep -q '18 records were spoiled; 0 of them' "$work/said"
