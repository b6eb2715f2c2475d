#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# venv.sh FOLDER: what FOLDER/requirements.txt names, in a Python environment of its own below DUALRUN_CACHE. Prints its path.
# Needs the Debian packages python3 and python3-venv.
set -euo pipefail

requirements=$1/requirements.txt
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}
venv=$cache/$(basename "$1")-$(sha256sum < "$requirements" | cut -c1-16)
mkdir -p "$cache"
exec 9> "$venv.lock"
flock 9 # Tests that run side by side install once.
if [ ! -e "$venv/.complete" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    touch "$venv/.complete"
fi
echo "$venv"
