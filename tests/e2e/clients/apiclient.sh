#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# google-api-python-client, which is made from the discovery document, runs a whole cycle.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/lib.sh
source "$here/../../support/lib.sh"

unset PUBSUB_EMULATOR_HOST # It would make the clients speak gRPC.
clients=$("$here/install.sh")
start_emulator --poll-hold 1s
"$clients/venv/bin/python" "$here/cycle_apiclient.py" "$PUBSUB"
note "passed"
