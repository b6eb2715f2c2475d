#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo as a user runs it: live, with late and poisoned events; PASS, and the feed's own expectation agrees.
set -euo pipefail
OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
"$(dirname "$0")/../support/demo.sh" --events 20000 --rate 2000
[ "$(jq -r .verdict "$OUT/report.json")" = PASS ]
