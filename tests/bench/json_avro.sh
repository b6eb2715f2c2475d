#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# json_avro.sh: what one event costs to encode, alone. One JSON line a figure on stdout.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$tree/build/release}
cmake --build "$build" --target bench-json_avro >&2
"$build/tests/bench/bench-json_avro" "$@"
