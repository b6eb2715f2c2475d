#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh PROGRAM CASE: runs the program in the case's folder and compares everything that it says.
#
#   command          the words behind the program's name
#   environment      NAME=VALUE lines (optional)
#   status           the exit status (optional: 0)
#   expected.stdout, expected.stderr   what it must say there (optional: nothing)
#   expected.stdout.is                 instead: the file that stdout must equal, from the top of the tree
set -u -o pipefail

program=$1
cd "$2" || exit 1
top=$(cd ../../.. && pwd)
out=$(mktemp -d "${TMPDIR:-/tmp}/dualrun-case.XXXXXX")
trap 'rm -rf "$out"' EXIT

words=()
eval "words=($(cat command))"
environment=()
[[ -f environment ]] && mapfile -t environment < environment
env "${environment[@]}" "$program" "${words[@]}" > "$out/stdout" 2> "$out/stderr"
status=$?

failed=0
compare() { # STREAM EXPECTED
    if ! diff -u --label "expected $1" --label "actual $1" "$2" "$out/$1"; then
        failed=1
    fi
}
for stream in stdout stderr; do
    if [[ -f expected.$stream.is ]]; then
        compare "$stream" "$top/$(cat "expected.$stream.is")"
    elif [[ -f expected.$stream ]]; then
        compare "$stream" "expected.$stream"
    else
        compare "$stream" /dev/null
    fi
done
expected=0
[[ -f status ]] && expected=$(cat status)
if [[ $status -ne $expected ]]; then
    echo "exit status $status, expected $expected"
    failed=1
fi
exit $failed
