#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bridge.sh: what the bridge costs, how late it is, how much it saves. One JSON line a figure on stdout.
#
# Release build. The bridge alone on one core, emulator and broker on the others. Environment:
#   BENCH_EVENTS   messages of the CPU run (1000000), all different
#   BENCH_SECONDS  length of the latency run (20)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=tests/support/lib.sh
. "$here/../support/lib.sh"

events=${BENCH_EVENTS:-1000000}
seconds=${BENCH_SECONDS:-20}
generator=$BUILD/tests/support/feed/feed-generator
cores=$(nproc)
machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $cores cores"

# figure NAME VALUE UNIT CONDITIONS
figure() { printf '{"name":"%s","value":%s,"unit":"%s","conditions":"%s; %s"}\n' "$1" "$2" "$3" "$4" "$machine"; }

# pin NAME|PID CORES
pin() {
    [ "$cores" -gt 1 ] || return 0
    taskset -acp "$2" "$1" > /dev/null
}
others=1-$((cores - 1))
[ "$cores" -gt 1 ] || others=0

# cpu_us PID: user and system time so far.
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); printf "%d\n", ($12 + $13) * 1e6 / hz}' "/proc/$1/stat"; }

set_up() { # A topic for views; emulator and broker apart from the bridge.
    start_broker 1
    pin "$("$rig" pid "$WORK/kafka" 1)" "$others"
    start_emulator --poll-hold 10s
    pin "$(pid_of emulator)" "$others"
    make_topic views views-to-kafka views-audit
    make_topic engagements engagements-to-kafka engagements-audit
    pipeline=$(pipeline_from "$TREE/config/demo.yaml")
}

start_bridge() {
    http=127.0.0.1:$(free_port)
    start bridge taskset -c 0 "$dualrun" bridge "$pipeline" --stream views --http "$http"
    until_true 20 "the bridge is ready" curl -sf "http://$http/readyz"
}

acknowledged() { metric "http://$http" dualrun_bridge_acknowledged_messages_total 'stream="views"'; }
has_acknowledged() { [ "$(acknowledged)" -ge "$1" ]; }

stored_bytes() { find "$WORK/kafka" -path '*/views-[0-9]*/*.log' -printf '%s\n' | awk '{sum += $1} END {print sum}'; }

measure_cost() {
    note "cost: $events messages"
    "$generator" --views "$events" --engagements 0.00001 --duplicates 0 --out "$WORK/feed" --expect "$WORK/feed" > /dev/null
    local bytes attributes='{"origin":"app","v":"1"}' begin end cpu pid
    bytes=$(jq '.bytes.bodies + .bytes.attributes' "$WORK/feed/summary.json")
    curl -sS -f -d "{\"topic\":\"projects/$PROJECT/topics/views\",\"file\":\"$WORK/feed/views.jsonl\",\"attributes\":$attributes}" \
        "$PUBSUB/admin/preload" > /dev/null
    rm -f "$WORK/feed/views.jsonl"
    begin=$(date +%s%N)
    start_bridge
    pid=$(pid_of bridge)
    until_true 300 "all is acknowledged" has_acknowledged "$events"
    end=$(date +%s%N)
    cpu=$(cpu_us "$pid")
    local rss conditions="$events JSON messages of $((bytes / events)) bytes with attributes, Avro, zstd, headers"
    rss=$(awk '/^VmHWM/ {print $2 * 1024}' "/proc/$pid/status")
    finish bridge || die "the bridge ended with status $?"
    figure bridge.cpu_us_per_message "$(awk -v a="$cpu" -v b="$events" 'BEGIN {printf "%.2f", a / b}')" us "$conditions"
    figure bridge.messages_per_second "$(awk -v a="$events" -v b=$((end - begin)) 'BEGIN {printf "%.0f", a * 1e9 / b}')" 1/s "$conditions"
    figure bridge.peak_rss_bytes "$rss" bytes "$conditions"
    figure bridge.bytes_saved_ratio "$(awk -v a="$(stored_bytes)" -v b="$bytes" 'BEGIN {printf "%.4f", 1 - a / b}')" ratio \
        "Kafka's log segments against bodies and attributes; $conditions"
}

measure_latency() {
    local rate=5000 before after count
    note "latency: $rate messages a second for $seconds s"
    start_bridge
    start latency python3 "$here/bridge_latency.py" "$KAFKA" views $((rate * (seconds - 1))) "$WORK/latency.json"
    sleep 2
    before=$(cpu_us "$(pid_of bridge)")
    "$generator" --views $((rate * seconds)) --engagements 0.00001 --duplicates 0 --rate "$rate" --publish "$PUBSUB" \
        --project "$PROJECT" > /dev/null
    await latency || die "the latency reader failed"
    count=$(acknowledged)
    after=$(cpu_us "$(pid_of bridge)")
    finish bridge || die "the bridge ended with status $?"
    local conditions="publish time to readable in Kafka, $rate messages a second for $seconds s, all on one machine"
    figure bridge.latency_p50_ms "$(jq .p50_ms "$WORK/latency.json")" ms "$conditions"
    figure bridge.latency_p99_ms "$(jq .p99_ms "$WORK/latency.json")" ms "$conditions"
    figure bridge.cpu_us_per_message_at_5000 "$(awk -v a=$((after - before)) -v b="$count" 'BEGIN {printf "%.1f", a / b}')" us \
        "$rate messages a second"
}

set_up
measure_cost
measure_latency
