#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bridge.sh: what the bridge costs, how late it is, how much it saves. One JSON line a figure on stdout.
#
# Release build. The bridge alone on one core, emulator and broker on the others. Environment:
#   BENCH_EVENTS   messages of the CPU run (1000000), all different
#   BENCH_SECONDS  length of the latency run (20)
#   BENCH_TLS_EVENTS  messages of each of the six runs with and without TLS (200000)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=tests/support/lib.sh
. "$here/../support/lib.sh"

events=${BENCH_EVENTS:-1000000}
seconds=${BENCH_SECONDS:-20}
tls_events=${BENCH_TLS_EVENTS:-200000}
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

# An HTTP/2 server with TLS in front of the emulator, and the same in plain HTTP/1.1: what differs is the transport alone.
start_front() {
    local proxy
    proxy=$(PATH=$PATH:/usr/sbin command -v nghttpx) || die "nghttpx is not installed; run ./run install test"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/server.key" -out "$WORK/server.pem" \
        -subj '/CN=127.0.0.1' -days 2 -addext 'subjectAltName=IP:127.0.0.1' 2> /dev/null
    export SSL_CERT_FILE=$WORK/server.pem
    tls=$(free_port) plain=$(free_port)
    start front taskset -c "$others" "$proxy" --conf=/dev/null --workers=1 --frontend="127.0.0.1,$tls" \
        --frontend="127.0.0.1,$plain;no-tls" --backend="127.0.0.1,${PUBSUB##*:}" --accesslog-file="$WORK/access" \
        --accesslog-format="\$alpn \$server_port" "$WORK/server.key" "$WORK/server.pem"
    until_true 10 "the front listens" curl -s -o /dev/null "http://127.0.0.1:$plain/"
}

# transport_cost ENDPOINT: sets cost, in us a message.
transport_cost() {
    local cpu
    curl -sS -f -d "{\"topic\":\"projects/$PROJECT/topics/views\",\"file\":\"$WORK/feed/views.jsonl\"}" \
        "$PUBSUB/admin/preload" > /dev/null
    sed -i "s#endpoint: .*#endpoint: $1#" "$pipeline"
    start_bridge
    until_true 300 "all is acknowledged" has_acknowledged "$tls_events"
    cpu=$(cpu_us "$(pid_of bridge)")
    finish bridge || die "the bridge ended with status $?"
    cost=$(awk -v a="$cpu" -v b="$tls_events" 'BEGIN {printf "%.3f", a / b}')
}

# Three pairs, in turn; the pair with the middle difference is told.
measure_tls() {
    note "TLS and HTTP/2: three pairs of $tls_events messages"
    local cost difference ratio tls plain before conditions
    start_front
    "$generator" --views "$tls_events" --engagements 0.00001 --duplicates 0 --out "$WORK/feed" --expect "$WORK/feed" > /dev/null
    for _ in 1 2 3; do
        transport_cost "http://127.0.0.1:$plain"
        before=$cost
        transport_cost "https://127.0.0.1:$tls"
        awk -v a="$before" -v b="$cost" 'BEGIN {printf "%.2f %.3f\n", b - a, b / a}'
    done | sort -n > "$WORK/pairs"
    grep -q "^h2 $tls\$" "$WORK/access" || die "the runs with TLS did not go over HTTP/2"
    read -r difference ratio <<< "$(sed -n 2p "$WORK/pairs")"
    conditions="middle of three pairs of $tls_events messages, HTTP/2 with TLS against plain HTTP/1.1, both by nghttpx"
    figure bridge.tls_us_per_message "$difference" us "$conditions"
    figure bridge.tls_cpu_ratio "$ratio" ratio "$conditions"
    finish front || true
}

set_up
measure_cost
measure_latency
measure_tls
