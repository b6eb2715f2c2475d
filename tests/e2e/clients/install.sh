#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh: Google's Node and Python clients into the cache outside the tree, once for every set of versions.
# Prints the folder: node/ has the modules, venv/ the Python environment.
# Needs the Debian packages nodejs, npm, python3 and python3-venv.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}/clients
versions=$(cat "$here/package-lock.json" "$here/requirements.txt" | sha256sum | cut -c1-16)
mkdir -p "$cache"

exec 9> "$cache/lock"
flock 9 # Tests that run side by side install once.
if [ "$(cat "$cache/versions" 2> /dev/null)" != "$versions" ]; then
    rm -rf "$cache/node" "$cache/venv" "$cache/versions"
    mkdir -p "$cache/node"
    cp "$here/package.json" "$here/package-lock.json" "$cache/node/"
    (cd "$cache/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    python3 -m venv "$cache/venv" >&2
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    echo "$versions" > "$cache/versions"
fi
echo "$cache"
