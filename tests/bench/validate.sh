#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# validate.sh: records that the validator compares per CPU-second, from memory and from a real broker.
# Prints one JSON line per figure.
set -euo pipefail
BUILD=${BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release}
# shellcheck source=tests/support/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lib.sh"

views=${VIEWS:-1000000}
cmake --preset release -S "$TREE" > /dev/null
cmake --build "$BUILD" --target bench-validate -- -j2 > /dev/null
bench=$BUILD/tests/bench/bench-validate

"$bench" memory "$views"
brokers=$("$rig" start "$WORK/kafka")
trap '"$rig" stop "$WORK/kafka"; rm -rf "$WORK"' EXIT
"$bench" "$brokers" "$WORK" "$views" 0 | tail -n 1
