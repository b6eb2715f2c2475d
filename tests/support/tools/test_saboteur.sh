#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real broker, a topic that is written while the saboteur copies it: the copy differs by exactly what its list says.
# shellcheck disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
tools=$BUILD/tests/support/tools
here=$TREE/tests/support/tools

start_broker 1
mkdir -p "$WORK/registry"
dump() { "$tools/topic-dump" "$KAFKA" "$1" --schemas "$WORK/registry" --until-end > "$WORK/$1.jsonl"; }

note "the saboteur waits for its topic, and copies while it grows"
start saboteur "$tools/saboteur" "$KAFKA" --from clean --to spoiled --delete 4 --double 5 --alter 6 --one-in 300 \
    --list "$WORK/list" --schemas "$WORK/registry"
for first in 0 4000 8000; do
    "$tools/test-producer" "$KAFKA" clean "$first" 4000 "$WORK/registry"
    sleep 0.5
done
finish saboteur || die "the saboteur failed: $(tail -n 3 "$WORK/log/saboteur")"
dump clean
dump spoiled
grep -qx '{"from":"clean","to":"spoiled","read":12000,"written":12001,"deleted":4,"doubled":5,"altered":6,"moved":0,"rekeyed":0}' \
    "$WORK/log/saboteur" || die "it says: $(cat "$WORK/log/saboteur")"
python3 "$here/check_sabotage.py" "$WORK/clean.jsonl" "$WORK/spoiled.jsonl" "$WORK/list"

note "one planted change that is not in the list is found"
sed '1d' "$WORK/list" > "$WORK/list.short"
if python3 "$here/check_sabotage.py" "$WORK/clean.jsonl" "$WORK/spoiled.jsonl" "$WORK/list.short" 2> "$WORK/told"; then
    die "a list without its first line passed"
fi

note "a topic that is too short for the wishes is an error"
status=0
"$tools/saboteur" "$KAFKA" --from clean --to spoiled-again --delete 1000 --one-in 1000 --until-end --list "$WORK/list.2" \
    > /dev/null 2> "$WORK/told" || status=$?
[ "$status" = 1 ] || die "exit status $status"
grep -q 'topic clean was too short: [0-9]* of 1000 to delete were done' "$WORK/told" || die "it says: $(cat "$WORK/told")"
note "passed"
