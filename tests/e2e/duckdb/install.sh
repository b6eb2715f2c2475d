#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh: DuckDB into the cache outside the tree, once for every set of versions. Prints the folder of its programs:
# duckdb and python. Needs the Debian packages python3 and python3-venv.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
versions=$(sha256sum < "$here/requirements.txt" | cut -c1-16)
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}/duckdb-$versions
mkdir -p "$cache"

exec 9> "$cache/lock"
flock 9 # Tests that run side by side install once.
if [ ! -f "$cache/whole" ]; then
    rm -rf "$cache/venv"
    python3 -m venv "$cache/venv" >&2
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    touch "$cache/whole"
fi
echo "$cache/venv/bin"
