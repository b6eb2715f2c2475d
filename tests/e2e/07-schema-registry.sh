#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The schema registry by URL, against a real server (Apicurio, through Confluent's interface).
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dualrun.XXXXXX")
rig=$tree/tests/support/registry-rig.sh

finish() {
    "$rig" stop "$work/registry"
    rm -r "$work"
}
trap finish EXIT

REGISTRY_URL=$("$rig" start "$work/registry")
export REGISTRY_URL
curl -sf -X PUT -H 'Content-Type: application/json' -d '{"compatibility":"BACKWARD"}' \
    -o "$work/answer" "$REGISTRY_URL/config/strict"
"${BUILD:-$tree/build/dev}/tests/e2e/schema-registry"
