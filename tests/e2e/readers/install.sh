#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh: a Python environment with fastavro and jsonschema, in the cache outside the tree, once for every version. Prints its folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}
venv=$cache/readers-$(sha256sum "$here/requirements.txt" | cut -c1-16)
mkdir -p "$cache"
exec 9> "$cache/.lock-readers"
flock 9
if [ ! -e "$venv/.complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    touch "$venv/.complete"
fi
echo "$venv"
