# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh: what the end-to-end tests, the demo and the benches share. Source it.
#
# BUILD is the build folder whose programs run (default build/dev); WORK a fresh folder for everything that is
# written. All that was started is ended at exit. With KEEP=1 the folder stays.
set -euo pipefail

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TREE/build/dev}
WORK=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/dualrun.XXXXXX")}
mkdir -p "$WORK/pid" "$WORK/log"
PROJECT=demo-project

# shellcheck disable=SC2034 # for those who source this
dualrun=$BUILD/cli/dualrun
rig=$TREE/tests/support/kafka-rig.sh

die() { echo "FAIL: $*" >&2; exit 1; }
note() { echo "--- $*" >&2; }

# start NAME COMMAND...: in the background; output goes to $WORK/log/NAME.
start() {
    local name=$1
    shift
    "$@" >> "$WORK/log/$name" 2>&1 < /dev/null &
    echo $! > "$WORK/pid/$name"
}

pid_of() { cat "$WORK/pid/$1" 2> /dev/null; }

# running NAME: it has not ended (a process that ended and was not waited for is a zombie, state Z).
running() { [ -f "$WORK/pid/$1" ] && grep -qsE '^State:\s+[^Z]' "/proc/$(pid_of "$1")/status"; }

# finish NAME [SIGNAL]: asks it to end, waits, returns its exit status. Ended by the hard way after 40 s. No subshell
# watches: one that is signalled before it has put its traps away runs those of the test, which end everything.
finish() {
    local name=$1 pid status=0 end=$((SECONDS + 40))
    pid=$(pid_of "$name") || return 0
    kill "-${2:-TERM}" "$pid" 2> /dev/null || true
    while running "$name"; do
        if [ "$SECONDS" -ge "$end" ]; then
            kill -9 "$pid" 2> /dev/null && note "$name did not end by itself"
            break
        fi
        sleep 0.05
    done
    wait "$pid" 2> /dev/null || status=$?
    rm -f "$WORK/pid/$name"
    return $status
}

# await NAME: waits for its own end and returns its exit status.
await() {
    local status=0
    wait "$(pid_of "$1")" 2> /dev/null || status=$?
    rm -f "$WORK/pid/$1"
    return $status
}

# until_true SECONDS WHAT COMMAND...: fails, with WHAT, if the command does not succeed in time.
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "not in time: $what"
        sleep 0.2
    done
}

start_broker() { KAFKA=$("$rig" start "$WORK/kafka" "${1:-1}"); export KAFKA; }

# start_emulator [OPTION...]: sets PUBSUB to http://HOST:PORT.
start_emulator() {
    start emulator "$BUILD/tests/support/pubsub_emulator/pubsub-emulator" --listen 127.0.0.1:0 "$@"
    until_true 10 "the emulator listens" grep -q 'listening on' "$WORK/log/emulator"
    PUBSUB=http://$(sed -n 's/.*listening on \([^ ]*\).*/\1/p' "$WORK/log/emulator" | head -n 1)
    export PUBSUB
}

# pubsub METHOD PATH [BODY]: one call; the path begins behind projects/PROJECT.
pubsub() {
    curl -sS -f -X "$1" -H 'content-type: application/json' ${3:+-d "$3"} "$PUBSUB/v1/projects/$PROJECT$2"
}

# make_topic TOPIC SUBSCRIPTION...
make_topic() {
    local topic=$1 subscription
    shift
    pubsub PUT "/topics/$topic" '{}' > /dev/null
    for subscription in "$@"; do
        pubsub PUT "/subscriptions/$subscription" \
            "{\"topic\":\"projects/$PROJECT/topics/$topic\",\"ackDeadlineSeconds\":${ACK_DEADLINE:-10}}" > /dev/null
    done
}

# pipeline_from FILE: a copy in $WORK with the real endpoints; prints its path. Schemas are copied beside it. LATENESS
# replaces that of the join: a feed of an hour that is published in seconds is far more out of order than a live one,
# because pulls run side by side.
pipeline_from() {
    local copy
    copy=$WORK/$(basename "$1")
    [ -d "$WORK/schemas" ] || cp -r "$TREE/config/schemas" "$WORK/schemas"
    sed -e "s#endpoint: .*#endpoint: $PUBSUB#" -e "s#brokers: .*#brokers: [$KAFKA]#" \
        ${LATENESS:+-e "s#lateness: .*#lateness: $LATENESS#"} "$1" > "$copy"
    echo "$copy"
}

# metric URL NAME [LABELS]: the value, summed over its series.
metric() {
    curl -sS -f "$1/metrics" | awk -v name="$2" -v label="${3:-}" \
        'index($1, name) == 1 && ($1 == name || substr($1, length(name) + 1, 1) == "{") && index($0, label) {sum += $2; seen = 1}
         END {if (!seen) exit 1; printf "%d\n", sum}'
}

# subscription_stat NAME FILTER: what the emulator counted, through a filter of jq (".acked").
subscription_stat() {
    curl -sS -f "$PUBSUB/admin/stats" | jq ".subscriptions[\"projects/$PROJECT/subscriptions/$1\"] | $2"
}

# all_acknowledged SUBSCRIPTION...: nothing that was published to them is still open.
all_acknowledged() {
    local subscription
    for subscription in "$@"; do
        [ "$(subscription_stat "$subscription" '.published > 0 and .ready + .outstanding + .waiting == 0')" = true ] || return 1
    done
}

# make_streams STREAM...: for each its Pub/Sub topic, the bridge's subscription and the audit's.
make_streams() {
    local stream
    for stream in "$@"; do make_topic "$stream" "$stream-to-kafka" "$stream-audit"; done
}

# publish_feed OPTION...: the generated feed, with its expectation in $WORK/expect.
publish_feed() {
    "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" "$@"
}

# dump TOPIC: every committed record as a JSON line, to $WORK/TOPIC.jsonl; prints the path.
dump() {
    "$BUILD/tests/support/tools/topic-dump" "$KAFKA" "$1" --schemas "$WORK/registry" --until-end > "$WORK/$1.jsonl"
    echo "$WORK/$1.jsonl"
}

expect_check() { python3 "$TREE/tests/support/tools/expect_check.py" "$WORK/expect" "$@"; }

free_port() {
    local port
    while :; do
        port=$((15000 + RANDOM % 5000))
        (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
    done
    echo "$port"
}

end_all() {
    local status=$? name
    trap - EXIT INT TERM
    for name in "$WORK"/pid/*; do finish "${name##*/}" || true; done
    "$rig" stop "$WORK/kafka" || true
    if [ "$status" -ne 0 ] && [ "${SHOW_LOGS:-1}" = 1 ]; then
        for name in "$WORK"/log/*; do
            [ -s "$name" ] && { echo "=== ${name##*/} (last lines)"; tail -n 15 "$name"; } >&2
        done
    fi
    if [ "${KEEP:-0}" = 1 ]; then note "kept: $WORK"; else rm -rf "$WORK"; fi
    exit "$status"
}
trap end_all EXIT
trap 'exit 130' INT TERM
