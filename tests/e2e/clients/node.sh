#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Google's Node client over REST runs a whole cycle against the emulator.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/lib.sh
source "$here/../../support/lib.sh"

unset PUBSUB_EMULATOR_HOST # It would make the clients speak gRPC.
clients=$("$here/install.sh")
start_emulator --poll-hold 1s
node "$here/cycle.mjs" "$PUBSUB" "$clients/node"
note "passed"
