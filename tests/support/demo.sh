#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh: the main job on this machine, on real parts. ./run demo builds and calls it.
#
#   --events N              how many events to publish, together (200000)
#   --sabotage              delete, double and alter a few records on the way; the validator must name each one
#   --dataset open-bandit   real impressions and clicks instead of the generated feed
#   --keep                  leave everything running, with its addresses
set -euo pipefail

events=200000 rate=10000 sabotage=0 keep=0 dataset=feed
while [ $# -gt 0 ]; do
    case $1 in
    --events) events=${2:?--events takes a number}; shift ;;
    --rate) rate=${2:?--rate takes a number}; shift ;;
    --sabotage) sabotage=1 ;;
    --keep) keep=1 ;;
    --dataset) dataset=${2:?--dataset takes a name}; shift ;;
    -h | --help) sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "demo: no such option: $1 (--events N, --rate N, --sabotage, --keep, --dataset open-bandit)" >&2; exit 3 ;;
    esac
    shift
done
case $dataset in
feed | open-bandit) ;;
*) echo "demo: no such dataset: $dataset (feed, open-bandit)" >&2; exit 3 ;;
esac

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=lib.sh
. "$here/lib.sh"
out=${OUT:-$TREE/out/demo}
mkdir -p "$out"
tools=$BUILD/tests/support
started=$SECONDS
export SHOW_LOGS=1

step() { printf '\033[1m%3ds  %s\033[0m\n' $((SECONDS - started)) "$*"; }

# clear_line TEXT: progress in place on a terminal, a line now and then elsewhere.
progress() {
    if [ -t 1 ]; then printf '\r\033[K      %s' "$*"; elif [ $((SECONDS % 5)) -eq 0 ] && [ "${said:-}" != $SECONDS ]; then
        said=$SECONDS
        printf '      %s\n' "$*"
    fi
}
progress_end() { [ ! -t 1 ] || printf '\r\033[K'; }

acknowledged() { # of all streams, and the sum published to them
    local stream acked=0 published=0
    for stream in "${streams[@]}"; do
        acked=$((acked + $(subscription_stat "$stream-to-kafka" .acked)))
        published=$((published + $(subscription_stat "$stream-to-kafka" .published)))
    done
    echo "$acked $published"
}


# spoiled FILE TOPIC: a copy of the pipeline file that writes TOPIC-clean in place of TOPIC.
spoiled() {
    local copy=${1%.yaml}-$2-clean.yaml
    sed -e "s/{name: $2,/{name: $2-clean,/" -e "s/{topic: $2,/{topic: $2-clean,/" "$1" > "$copy"
    echo "$copy"
}

start_saboteur() { # TOPIC SEED
    start "saboteur-$1" "$tools/tools/saboteur" "$KAFKA" --from "$1-clean" --to "$1" --delete 3 --double 3 --alter 3 \
        --one-in 1000 --seed "$2" --list "$out/sabotage-$1.jsonl" --schemas "$WORK/registry"
}

stored_bytes() { # TOPIC...: what the topics take on the broker's disk, indexes apart
    local topic
    for topic in "$@"; do cat "$WORK"/kafka/1/data/"$topic"-[0-9]*/*.log; done | wc -c
}

metric_or_0() { metric "$@" 2> /dev/null || echo 0; }

start_all() {
    local bridge_file join_file
    step "Apache Kafka ${KAFKA_VERSION:-4.1.1} and the Pub/Sub emulator"
    start_broker
    start_emulator
    make_streams "${streams[@]}"
    pipeline=$(pipeline_from "$TREE/config/$dataset.yaml")
    bridge_file=$pipeline join_file=$pipeline
    if [ "$sabotage" = 1 ]; then
        bridge_file=$(spoiled "$pipeline" "${streams[0]}")
        join_file=$(spoiled "$pipeline" "$output")
        start_saboteur "${streams[0]}" 1
        start_saboteur "$output" 2
    fi
    bridge_http=127.0.0.1:$(free_port)
    join_http=127.0.0.1:$(free_port)
    start bridge "$dualrun" bridge "$bridge_file" --http "$bridge_http"
    until_true 30 "the bridge is ready" curl -sf "http://$bridge_http/readyz"
    until_true 30 "topic ${streams[0]} is there" kcat -b "$KAFKA" -C -t "${streams[0]}" -o end -e -c 1 -q
    start join "$dualrun" join "$join_file" --http "$join_http"
    until_true 30 "the joiner is ready" curl -sf "http://$join_http/readyz"
}

publish() {
    if [ "$dataset" = demo ]; then
        step "publishing $events events, $rate a second, with every oddity of a real feed; bridge and joiner work meanwhile"
        start publisher "$tools/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$out/expect" \
            --events "$events" --rate "$rate" --late 20 --poison 32
    else
        step "publishing 20,000 real impressions of a shop, and their clicks"
        python3 "$tools_source/open_bandit_expect.py" "$TREE/tests/data/open-bandit" "$out/expect"
        start publisher bash -c "for stream in ${streams[*]}; do $tools/feed/feed-publish $out/expect/\$stream.jsonl \
            --publish $PUBSUB --project $PROJECT --topic \$stream; done"
    fi
}

# Until everything that was published is in Kafka and every row is closed. Sets bridged_s, the time until the first.
follow() {
    local acked published labels live
    while :; do
        for program in bridge join; do running $program || die "the $program process ended"; done
        read -r acked published < <(acknowledged)
        labels=$(metric_or_0 "http://$join_http" dualrun_join_labels_total)
        live=$(metric_or_0 "http://$join_http" dualrun_join_live_rows)
        progress "published $published   in Kafka and acknowledged $acked   rows in the join's state $live   samples out $labels"
        if ! running publisher && [ "$acked" -ge "$published" ]; then
            [ "$bridged_s" -gt 0 ] || bridged_s=$((SECONDS - began))
            [ "$dataset" = demo ] || break
            [ "$labels" -eq 0 ] || [ "$live" -gt 0 ] || break
        fi
        sleep 0.3
    done
    progress_end
    await publisher || die "publishing failed; see $WORK/log/publisher"
}

# A week of events was published at once: nothing closes the last rows but the end of the backlog.
finish_backlog() {
    step "joining to the end of the backlog"
    finish join || die "the joiner did not end well"
    "$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join"
}

validate() {
    step "validating: every published message against Kafka, every sample against an independent recompute"
    if [ "$sabotage" = 1 ]; then
        finish "saboteur-${streams[0]}" || die "the saboteur of ${streams[0]} failed"
        finish "saboteur-$output" || die "the saboteur of $output failed"
    fi
    verdict=0
    "$dualrun" validate "$pipeline" --report "$out" > "$out/validate.txt" 2> "$WORK/log/validate" || verdict=$?
    [ -s "$out/report.json" ] || { cat "$WORK/log/validate" >&2; die "no report"; }
}

thousands() { sed ':a;s/\B[0-9]\{3\}\>/,&/;ta' <<< "$1"; } # 1234567 -> 1,234,567

summary() {
    local acked published before after
    read -r acked published < <(acknowledged)
    before=$(subscription_bytes)
    after=$(stored_bytes "${stored[@]}")
    echo
    cat "$out/validate.txt"
    echo
    printf '  %-22s %s published, %s acknowledged: in Kafka or in the dead letters, %s a second\n' events \
        "$(thousands "$published")" "$(thousands "$acked")" "$(thousands $((published / (bridged_s > 0 ? bridged_s : 1))))"
    printf '  %-22s %s published (bodies and attributes), %s stored by Kafka (everything): %s %% less\n' bytes \
        "$(thousands "$before")" "$(thousands "$after")" "$((100 - 100 * after / before))"
    printf '  %-22s file://%s/report.html\n' report "$(realpath "$out")"
}

# The generator knows what must come out, and knows neither joiner nor validator.
third_opinion() {
    local topics=("$output") topic
    for topic in "${streams[@]}"; do topics+=("$topic-dead"); done
    for topic in "${topics[@]}"; do
        "$tools/tools/topic-dump" "$KAFKA" "$topic" --schemas "$WORK/registry" --until-end > "$WORK/$topic.jsonl" || return 1
    done
    if python3 "$tools_source/expect_check.py" "$out/expect" --labels "$WORK/$output.jsonl" > "$out/expectation.txt" \
        && { [ "$dataset" != demo ] || python3 "$tools_source/expect_check.py" "$out/expect" --dead "$WORK/views-dead.jsonl" \
            "$WORK/engagements-dead.jsonl" >> "$out/expectation.txt"; }; then
        printf '  %-22s the feed itself says the same of every sample and dead letter\n' "third opinion"
    else
        cat "$out/expectation.txt"
        die "the feed's own expectation differs"
    fi
}

# Bodies and attributes of what was published to the streams.
subscription_bytes() {
    if [ "$dataset" = demo ]; then jq '.bytes.bodies + .bytes.attributes' "$out/expect/summary.json"; else
        cat "$out/expect/"{impressions,clicks}.jsonl | wc -c
    fi
}

tools_source=$TREE/tests/support/tools
if [ "$dataset" = feed ]; then
    dataset=demo streams=(views engagements) output=labels stored=(views engagements)
else
    streams=(impressions clicks) output=clicked-impressions stored=(impressions clicks)
fi
rm -rf "$out"
mkdir -p "$out"
pipeline=
start_all
began=$SECONDS bridged_s=0
publish
follow
[ "$dataset" = demo ] || finish_backlog
validate
summary
if [ "$sabotage" = 0 ]; then
    third_opinion
else
    echo
    python3 "$tools_source/sabotage_found.py" "$out/report.json" "$out"/sabotage-*.jsonl || die "the report does not name what was spoiled"
fi
if [ "$keep" = 1 ]; then
    KEEP=1
    printf '\n  everything runs on; Ctrl-C ends it\n'
    printf '  %-22s %s\n' "Pub/Sub emulator" "$PUBSUB" Kafka "$KAFKA" bridge "http://$bridge_http/status" \
        join "http://$join_http/status" "pipeline file" "$pipeline"
    while :; do sleep 3600; done
fi
SHOW_LOGS=0
exit "$verdict"
