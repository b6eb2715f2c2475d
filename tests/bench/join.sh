#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# join.sh: what the join costs, on a real broker. Prints one JSON line a figure.
#
#   VIEWS=2000000 tests/bench/join.sh
#
# join.inputs_per_cpu_second   the whole input with dualrun join --until-end, exactly-once, 64 MiB for state;
#                              CPU time of that process, its start included
# join.peak_rss_bytes          of the same run
#     _with_checkpoints        both once more, with a checkpoint every 5 s
#     _small_memory            both with 16 MiB, an eighth of what the live rows take: most of their index lies on disk
#     _narrow_window           both with a window of one minute: a ninth of the live rows
#     _hot_key                 both for 300,000 views, 1 % of which, and of the engagements, have one key
# join.latency_ms_p99          a live feed of 5,000 views a second: from the wall clock at which the watermark of a live
#                              feed closes a row to when a read_committed consumer has it; commits every second. _p50 too
# join.restart_seconds         kill -9 with some 600,000 live rows; from the start of the successor to its first row
#                              that a read_committed consumer sees; state rebuilt from the topics
#     _with_checkpoint         the same, with checkpoints every 2 s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

views=${VIEWS:-2000000}
dualrun=build/release/cli/dualrun
work=$(mktemp -d "${TMPDIR:-/tmp}/dualrun-bench-join.XXXXXX")
pids=()

finish() {
    for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
    tests/support/kafka-rig.sh stop "$work/kafka" > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

die() { echo "bench join: $*" >&2; exit 1; }

metric() { # NAME VALUE UNIT CONDITIONS
    printf '{"name":"%s","value":%s,"unit":"%s","conditions":"%s"}\n' "$@"
}

write_pipeline() { # NAME: group, topics and folder of its own
    mkdir -p "$work/$1"
    cat > "$work/$1/pipeline.yaml" << Y
version: 1
pipeline: bench
kafka:
  brokers: ["$brokers"]
  compression: lz4
  schema_registry: {directory: $work/registry}
streams:
  views: {topic: {name: join-views}, decode: json, schema: $work/registry/1.avsc, key: view_id, event_time: {field: ts, unit: ms}}
  engagements: {topic: {name: join-engagements}, decode: json, schema: $work/registry/2.avsc, key: view_id, event_time: {field: ts, unit: ms}}
join:
  name: labels
  group: bench-$1
  output: {topic: labels-$1, key: view_id, late_topic: late-$1}
  primary: views
  key: {views: view_id, engagements: view_id}
  within: {engagements: {before: 5s, after: 10m}}
  lateness: 30s
  idle_evidence: none
  idle_after: 1h
  memory: 64MiB
  checkpoint_interval: 0
  state: $work/$1/state
  fields:
    - views.*
    - {name: engaged, any: engagements}
    - {name: kind, first: engagements.kind}
    - {name: engaged_at, first: engagements.ts}
Y
}

write_registry() {
    mkdir -p "$work/registry/subjects"
    echo '{"type":"record","name":"View","namespace":"bench","fields":[{"name":"view_id","type":"string"},{"name":"user_id","type":"long"},{"name":"post_id","type":"long"},{"name":"ts","type":"long"},{"name":"surface","type":"string"},{"name":"position","type":"int"},{"name":"score","type":"double"}]}' > "$work/registry/1.avsc"
    echo '{"type":"record","name":"Engagement","namespace":"bench","fields":[{"name":"view_id","type":"string"},{"name":"kind","type":"string"},{"name":"ts","type":"long"},{"name":"dwell_ms","type":"int"}]}' > "$work/registry/2.avsc"
    echo "1 1" > "$work/registry/subjects/join-views-value"
    echo "1 2" > "$work/registry/subjects/join-engagements-value"
}

load() {
    cc -std=gnu17 -O2 -Wall -Wextra -Werror -o "$work/join_feed" tests/bench/join_feed.c -lrdkafka
    "$work/join_feed" "$brokers" "$views"
}

count_rows() { kcat -C -b "$brokers" -t "$1" -o beginning -e -q -f '%k\n' | grep -vc '^~'; }

# run_measured NAME: join --until-end; sets cpu (seconds) and rss (bytes, the peak).
run_measured() {
    local TIMEFORMAT='%U %S'
    cpu=$( { time {
        "$dualrun" join "$work/$1/pipeline.yaml" --until-end 2> "$work/$1/log" &
        local pid=$! name value
        while [ -r "/proc/$pid/status" ]; do
            while read -r name value _; do
                if [ "$name" = VmHWM: ]; then echo "$value" > "$work/$1/rss"; fi
            done < "/proc/$pid/status" 2> /dev/null || break
            sleep 0.5
            kill -0 "$pid" 2> /dev/null || break
        done
        wait "$pid"
    }; } 2>&1) || die "the join failed: $(tail -n 3 "$work/$1/log")"
    cpu=$(awk '{print $1 + $2}' <<< "$cpu")
    rss=$(($(cat "$work/$1/rss") * 1024))
}

per_second() { awk -v n="$inputs" -v c="$1" 'BEGIN {printf "%d", n / c}'; }

whole_run() { # NAME METRIC CONDITIONS
    local cpu rss rows
    run_measured "$1"
    rows=$(count_rows "labels-$1")
    [ "$rows" = "$views" ] || die "$rows rows for $views views"
    metric "join.inputs_per_cpu_second$2" "$(per_second "$cpu")" 1/s \
        "$views views, $((inputs - views - 8)) engagements, 4 partitions, exactly_once, commit 1s, $3, $cpu CPU-s"
    metric "join.peak_rss_bytes$2" "$rss" bytes "$3"
}

# Up to so many rows that a kill -9 leaves a full window behind; then from the start of the successor to its first row.
restart() { # NAME METRIC HOW
    local pid began reader seconds rows
    "$dualrun" join "$work/$1/pipeline.yaml" --json > "$work/$1/status" 2> "$work/$1/log" &
    pid=$!
    pids+=("$pid")
    until [ "$(kcat -C -b "$brokers" -t "labels-$1" -o beginning -e -q -f '%k\n' 2> /dev/null | wc -l)" -gt 50000 ]; do
        kill -0 "$pid" 2> /dev/null || die "the join ended: $(tail -n 3 "$work/$1/log")"
        sleep 0.3
    done
    kill -9 "$pid"
    wait "$pid" 2> /dev/null || true
    timeout 60 kcat -C -b "$brokers" -t "labels-$1" -o end -c 1 -q > /dev/null &
    reader=$!
    pids+=("$reader")
    sleep 0.5
    began=$(date +%s%N)
    "$dualrun" join "$work/$1/pipeline.yaml" --json > "$work/$1/status" 2> "$work/$1/log" &
    pid=$!
    pids+=("$pid")
    wait "$reader" || die "no row within 60 s of the restart: VIEWS must be well above 600000, the rows of a window"
    seconds=$(awk -v a="$began" -v b="$(date +%s%N)" 'BEGIN {printf "%.2f", (b - a) / 1e9}')
    rows=$(grep -o 'task runs.*live_rows=[0-9]*' "$work/$1/log" | awk -F= '{n += $NF} END {print n + 0}')
    kill -9 "$pid"
    metric "join.restart_seconds$2" "$seconds" s "kill -9, $rows live rows $3"
}

latency() {
    local pid reader seconds=30 rate=5000 share
    write_pipeline live
    sed -i -e 's/join-views/live-views/; s/join-engagements/live-engagements/; s/before: 5s, after: 10m/before: 1s, after: 2s/' \
        -e 's/lateness: 30s/lateness: 0s/' "$work/live/pipeline.yaml"
    echo "1 1" > "$work/registry/subjects/live-views-value"
    echo "1 2" > "$work/registry/subjects/live-engagements-value"
    "$work/join_feed" "$brokers" live $((seconds + 10)) "$rate" &
    pids+=("$!")
    until kcat -L -b "$brokers" 2> /dev/null | grep -q live-engagements; do sleep 0.2; done
    "$dualrun" join "$work/live/pipeline.yaml" --json > "$work/live/status" 2> "$work/live/log" &
    pid=$!
    pids+=("$pid")
    until kcat -L -b "$brokers" 2> /dev/null | grep -q labels-live; do
        kill -0 "$pid" 2> /dev/null || die "the join ended: $(tail -n 3 "$work/live/log")"
        sleep 0.2
    done
    tests/bench/latency.py "$brokers" labels-live $((seconds * rate)) "$work/live/latency" --closed-after 2000 &
    reader=$!
    pids+=("$reader")
    wait "$reader"
    kill "$pid"
    wait "$pid" || die "the join did not end well: $(tail -n 3 "$work/live/log")"
    for share in 50 99; do
        metric "join.latency_ms_p$share" "$(jq ".p${share}_ms" "$work/live/latency")" ms \
            "$rate views/s, commit 1s, from the closing time to the row in a consumer, $(jq -c . "$work/live/latency" | tr -d '"')"
    done
}

[ -x "$dualrun" ] || die "$dualrun is not built: run ./run build release"
brokers=$(KAFKA_HEAP=1g tests/support/kafka-rig.sh start "$work/kafka")
write_registry
inputs=$(load) || die "the topics were not filled"
latency
write_pipeline whole
whole_run whole "" "64 MiB, no checkpoints"
write_pipeline checkpointed
sed -i 's/checkpoint_interval: .*/checkpoint_interval: 5s/' "$work/checkpointed/pipeline.yaml"
whole_run checkpointed _with_checkpoints "64 MiB, a checkpoint every 5 s"
write_pipeline small
sed -i 's/memory: 64MiB/memory: 16MiB/' "$work/small/pipeline.yaml"
whole_run small _small_memory "16 MiB, no checkpoints"
write_pipeline narrow
sed -i 's/after: 10m/after: 1m/; s/lateness: 30s/lateness: 5s/' "$work/narrow/pipeline.yaml"
whole_run narrow _narrow_window "64 MiB, window of 1 min"
write_pipeline hot
sed -i 's/join-views/hot-views/; s/join-engagements/hot-engagements/' "$work/hot/pipeline.yaml"
echo "1 1" > "$work/registry/subjects/hot-views-value"
echo "1 2" > "$work/registry/subjects/hot-engagements-value"
(views=300000 inputs=$("$work/join_feed" "$brokers" 300000 10) && whole_run hot _hot_key "1 % on one key")
write_pipeline restart
restart restart "" "rebuilt from the source topics"
write_pipeline again
sed -i 's/checkpoint_interval: .*/checkpoint_interval: 2s/' "$work/again/pipeline.yaml"
restart again _with_checkpoint "from a checkpoint, one every 2 s"
