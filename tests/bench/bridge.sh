#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bridge.sh: what the bridge costs, how late it is, how much it saves. One JSON line a figure on stdout.
#
#   bridge.sh [PART...]       cost raw budget scaling idle latency tls (all of these), and by name only:
#   bridge.sh flat            memory over BENCH_FLAT messages (10000000)
#   bridge.sh pair FOLDER     this build against another one's (its build/release), in turns, and the ratio of their cost
#
# Release build. The bridge alone on one core, emulator and broker on the others. Environment:
#   BENCH_EVENTS   messages of a CPU run (1000000), all different
#   BENCH_SECONDS  length of the latency run (20)
#   BENCH_TLS_EVENTS  messages of each of the six runs with and without TLS (200000)
#   BENCH_PAIRS    how many turns each (5)
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
quotient() { awk -v a="$1" -v b="$2" -v form="${3:-%.2f}" 'BEGIN {printf form, a / b}'; }

# pin NAME|PID CORES
pin() {
    [ "$cores" -gt 1 ] || return 0
    taskset -acp "$2" "$1" > /dev/null
}
others=1-$((cores - 1))
[ "$cores" -gt 1 ] || others=0

# cpu_us PID [THREADS]: user and system time so far, of the process or of its threads whose names match.
cpu_us() {
    local stats=("/proc/$1/stat")
    [ -z "${2:-}" ] || stats=(/proc/"$1"/task/*/stat)
    awk -v hz="$(getconf CLK_TCK)" -v threads="${2:-.}" \
        '{name = $0; sub(/^[^(]*\(/, "", name); sub(/\).*/, "", name); sub(/.*\) /, "")
          if (name ~ threads) sum += $12 + $13} END {printf "%d\n", sum * 1e6 / hz}' "${stats[@]}"
}

set_up() { # Topics and events; emulator and broker apart from the bridge.
    start_broker 1
    pin "$("$rig" pid "$WORK/kafka" 1)" "$others"
    start_emulator --poll-hold 10s
    pin "$(pid_of emulator)" "$others"
    make_topic views views-to-kafka views-audit
    make_topic engagements engagements-to-kafka engagements-audit
    pipeline=$(pipeline_from "$TREE/config/demo.yaml")
    demo=$pipeline
}

generate() { # The events, once: data of messages a line each, and whole messages whose attribute `key` is the event's id.
    [ ! -f "$WORK/feed/views.jsonl" ] || return 0
    "$generator" --views "$events" --engagements 0.00001 --duplicates 0 --out "$WORK/feed" --expect "$WORK/feed" > /dev/null
    bytes=$(jq '.bytes.bodies + .bytes.attributes' "$WORK/feed/summary.json")
}

attributes='{"origin":"app","v":"1"}'
preload() { # TOPIC FILE [MEMBER]
    curl -sS -f -d "{\"topic\":\"projects/$PROJECT/topics/$1\",\"file\":\"$2\"${3:+,$3}}" "$PUBSUB/admin/preload" > /dev/null
}
preload_events() { generate && preload views "$WORK/feed/views.jsonl" "\"attributes\":${1:-$attributes}"; }
preload_keyed() {
    generate
    [ -f "$WORK/feed/keyed.jsonl" ] || python3 - "$WORK/feed/views.jsonl" > "$WORK/feed/keyed.jsonl" << 'PYEND'
import base64, json, sys
for line in open(sys.argv[1], "rb"):
    line = line.rstrip(b"\n")
    print(json.dumps({"data": base64.b64encode(line).decode(), "attributes": {"origin": "app", "key": json.loads(line)["view_id"]}}))
PYEND
    preload views "$WORK/feed/keyed.jsonl" '"format":"message"'
}

run=0
fresh_topic() { # [SED EXPRESSION]: the demo's pipeline with a new topic for views
    run=$((run + 1))
    topic=views-$run
    pipeline=$WORK/run-$run.yaml
    sed -e "s/topic: {name: views,/topic: {name: $topic,/" ${1:+-e "$1"} "$demo" > "$pipeline"
}
raw_topic() { # Without the join, which needs fields.
    fresh_topic "/^join:/,\$d; /^    schema: schemas.view/d; 0,/decode: json/s//decode: raw/; 0,/key: view_id/s//key: attribute:key/; 0,/event_time:.*/s///; 0,/event_id: view_id.*/s///"
}

start_bridge() { # [BUILD]
    http=127.0.0.1:$(free_port)
    start bridge taskset -c 0 "${1:-$BUILD}/cli/dualrun" bridge "$pipeline" --stream views --http "$http"
    until_true 20 "the bridge is ready" curl -sf "http://$http/readyz"
}

acknowledged() { metric "http://$http" dualrun_bridge_acknowledged_messages_total 'stream="views"'; }
has_acknowledged() { [ "$(acknowledged)" -ge "$1" ]; }
stored_bytes() { find "$WORK/kafka" -path "*/$topic-[0-9]*/*.log" -printf '%s\n' | awk '{sum += $1} END {print sum}'; }

# carry [BUILD]: the bridge takes what is preloaded; sets cpu, cpu_turn, cpu_brokers, elapsed (us, ns) and rss.
carry() {
    local begin pid
    begin=$(date +%s%N)
    start_bridge "${1:-}"
    pid=$(pid_of bridge)
    until_true 300 "all is acknowledged" has_acknowledged "$events"
    elapsed=$(($(date +%s%N) - begin))
    cpu=$(cpu_us "$pid")
    cpu_turn=$(cpu_us "$pid" '^dualrun')
    cpu_brokers=$(cpu_us "$pid" '^rdk:broker')
    rss=$(awk '/^VmHWM/ {print $2 * 1024}' "/proc/$pid/status")
    finish bridge || die "the bridge ended with status $?"
}

part_cost() {
    note "cost: $events messages"
    preload_events
    fresh_topic
    carry
    local conditions="$events JSON messages of $((bytes / events)) bytes with attributes, Avro, zstd, headers"
    figure bridge.cpu_us_per_message "$(quotient "$cpu" "$events")" us "$conditions"
    figure bridge.messages_per_second "$(quotient "$((events * 1000000))" "$((elapsed / 1000))" %.0f)" 1/s "$conditions"
    figure bridge.peak_rss_bytes "$rss" bytes "$conditions"
    figure bridge.bytes_saved_ratio "$(awk -v a="$(stored_bytes)" -v b="$bytes" 'BEGIN {printf "%.4f", 1 - a / b}')" ratio \
        "Kafka's log segments against bodies and attributes; $conditions"
}

part_raw() {
    note "raw: $events messages"
    preload_keyed
    raw_topic
    carry
    figure bridge.cpu_us_per_message_raw "$(quotient "$cpu" "$events")" us \
        "$events messages as they came, keyed by an attribute of theirs, two attributes, zstd, headers"
}

# Where a message's time goes: by thread, and by leaving one thing out at a time.
part_budget() {
    local full what="$events JSON messages"
    note "budget"
    preload_events
    fresh_topic
    carry
    full=$cpu
    figure bridge.budget_all_us "$(quotient "$full" "$events")" us "$what, Avro, zstd, headers"
    figure bridge.budget_turn_us "$(quotient "$cpu_turn" "$events")" us "of that, the bridge's thread: HTTP, envelope, Avro, hand-over to librdkafka, reports, acks"
    figure bridge.budget_brokers_us "$(quotient "$cpu_brokers" "$events")" us "of that, librdkafka's broker thread: batches, zstd, sending"
    preload_events
    fresh_topic 's/compression: zstd/compression: none/'
    carry
    figure bridge.budget_zstd_us "$(quotient $((full - cpu)) "$events")" us "less without compression (what is sent grows)"
    preload_events '{}'
    fresh_topic
    carry
    figure bridge.budget_attributes_us "$(quotient $((full - cpu)) "$events")" us "less without the two attributes"
    preload_keyed
    raw_topic
    carry
    figure bridge.budget_avro_us "$(quotient $((full - cpu)) "$events")" us "less with decode: raw (the record is then larger)"
}

part_scaling() {
    local count i pid sum one=0 begin
    for count in 1 2 4; do
        note "scaling: $count processes"
        preload_events
        fresh_topic
        before=$(subscription_stat views-to-kafka .acked)
        begin=$(date +%s%N)
        for ((i = 0; i < count; i++)); do start "bridge$i" taskset -c 0 "$dualrun" bridge "$pipeline" --stream views; done
        # shellcheck disable=SC2317 # until_true calls it.
        all_taken() { [ "$(subscription_stat views-to-kafka .acked)" -ge $((before + events)) ]; }
        until_true 300 "all is acknowledged" all_taken
        elapsed=$(($(date +%s%N) - begin)) sum=0
        for ((i = 0; i < count; i++)); do
            pid=$(pid_of "bridge$i")
            sum=$((sum + $(cpu_us "$pid")))
        done
        for ((i = 0; i < count; i++)); do finish "bridge$i" || die "bridge $i ended with status $?"; done
        [ "$count" != 1 ] || one=$sum
        figure "bridge.scaling_cpu_us_per_message_$count" "$(quotient "$sum" "$events")" us "$count processes on one subscription and one core"
        figure "bridge.scaling_efficiency_$count" "$(quotient "$one" "$sum")" ratio "CPU of one process for the same work against that of $count"
        figure "bridge.scaling_messages_per_second_$count" "$(quotient "$((events * 1000000))" "$((elapsed / 1000))" %.0f)" 1/s \
            "$count processes on one core, their starts included"
    done
}

part_idle() {
    local streams=64 i pid before span=20
    note "idle: $streams streams"
    pipeline=$WORK/idle.yaml
    sed -n '1,/^streams:/p' "$demo" > "$pipeline"
    for ((i = 1; i <= streams; i++)); do
        make_topic "idle-$i" "idle-$i"
        printf '  idle-%d: {subscription: idle-%d, topic: {name: idle-%d, partitions: 4, replication: 1}, decode: raw, key: ordering_key}\n' $i $i $i >> "$pipeline"
    done
    start bridge taskset -c 0 "$dualrun" bridge "$pipeline" --http "${http:=127.0.0.1:$(free_port)}"
    until_true 60 "the bridge is ready" curl -sf "http://$http/readyz"
    sleep 5
    pid=$(pid_of bridge)
    before=$(cpu_us "$pid")
    sleep $span
    figure bridge.idle_core_share "$(awk -v a=$(($(cpu_us "$pid") - before)) -v s=$span 'BEGIN {printf "%.4f", a / s / 1e6}')" ratio \
        "of a core, $streams streams to which nothing comes, pulls held for 10 s (the service: 90 s), a heartbeat a second each"
    figure bridge.idle_rss_bytes "$(awk '/^VmRSS/ {print $2 * 1024}' "/proc/$pid/status")" bytes "$streams idle streams"
    finish bridge || die "the bridge ended with status $?"
}

part_flat() {
    local total=${BENCH_FLAT:-10000000} rounds i pid now first=0 last=0
    rounds=$((total / events))
    note "flat: $rounds times $events messages"
    fresh_topic
    start_bridge
    pid=$(pid_of bridge)
    for ((i = 1; i <= rounds; i++)); do
        preload_events
        until_true 300 "round $i is acknowledged" has_acknowledged $((i * events))
        now=$(awk '/^VmRSS/ {print $2 * 1024}' "/proc/$pid/status")
        note "after $((i * events)): $((now / 1048576)) MiB"
        [ $i != 1 ] || first=$now
        last=$now
    done
    figure bridge.rss_growth_bytes $((last - first)) bytes "resident memory after $total messages less that after the first $events; $((last / 1048576)) MiB at the end"
    finish bridge || die "the bridge ended with status $?"
}

part_latency() {
    local rate=5000 before after count
    note "latency: $rate messages a second for $seconds s"
    fresh_topic
    start_bridge
    start latency python3 "$here/latency.py" "$KAFKA" "$topic" $((rate * (seconds - 1))) "$WORK/latency.json"
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
    figure bridge.cpu_us_per_message_at_5000 "$(quotient $((after - before)) "$count" %.1f)" us "$rate messages a second"
}

# The same events by two builds in turns, so that what else the machine does meets both.
part_pair() {
    local other=$1 i mine theirs
    for ((i = 1; i <= ${BENCH_PAIRS:-5}; i++)); do
        preload_events
        fresh_topic
        carry "$other"
        theirs=$cpu
        preload_events
        fresh_topic
        carry
        mine=$cpu
        note "turn $i: $(quotient "$mine" "$events") us, the other $(quotient "$theirs" "$events") us"
        echo "$mine $theirs" >> "$WORK/pairs"
    done
    figure bridge.cpu_ratio "$(awk '{print $1 / $2}' "$WORK/pairs" | sort -n | awk '{a[NR] = $1} END {printf "%.3f", a[int((NR + 1) / 2)]}')" ratio \
        "this build's CPU a message against the other's, median of $(wc -l < "$WORK/pairs") turns of $events messages"
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

# Three pairs, in turn; the pair with the middle difference is told.
part_tls() {
    local events=$tls_events difference ratio tls plain before conditions
    note "TLS and HTTP/2: three pairs of $events messages"
    rm -f "$WORK/feed/views.jsonl" "$WORK/feed/keyed.jsonl" # Of another number.
    start_front
    for _ in 1 2 3; do
        preload_events
        fresh_topic "s#endpoint: .*#endpoint: http://127.0.0.1:$plain#"
        carry
        before=$cpu
        preload_events
        fresh_topic "s#endpoint: .*#endpoint: https://127.0.0.1:$tls#"
        carry
        awk -v a="$before" -v b="$cpu" -v n="$events" 'BEGIN {printf "%.2f %.3f\n", (b - a) / n, b / a}' >> "$WORK/transports"
    done
    rm -f "$WORK/feed/views.jsonl"
    grep -q "^h2 $tls\$" "$WORK/access" || die "the runs with TLS did not go over HTTP/2"
    read -r difference ratio <<< "$(sort -n "$WORK/transports" | sed -n 2p)"
    conditions="middle of three pairs of $events messages, HTTP/2 with TLS against plain HTTP/1.1, both by nghttpx"
    figure bridge.tls_us_per_message "$difference" us "$conditions"
    figure bridge.tls_cpu_ratio "$ratio" ratio "$conditions"
    finish front || true
}

set_up
if [ "${1:-}" = pair ]; then
    part_pair "$(realpath "${2:?pair takes the folder of the other build}")"
    exit
fi
[ $# -gt 0 ] || set -- cost raw budget scaling idle latency tls
for part in "$@"; do
    declare -F "part_$part" > /dev/null || die "no such part: $part (cost raw budget scaling idle latency tls flat pair)"
    "part_$part"
done
