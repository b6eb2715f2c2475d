# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# bridge.sh: what the tests of the bridge share. Source it after lib.sh.
#
# One stream, `events`, goes over as it is (decode: raw), so that what Kafka holds can be compared with what was
# published byte by byte, by tools that are not ours: kcat, sort, awk.

# events_pipeline [LINE...]: sets pipeline; the lines go under the stream.
events_pipeline() {
    local brokers="\"${KAFKA//,/\", \"}\""
    pipeline=$WORK/events.yaml
    cat > "$pipeline" << Y
version: 1
pipeline: events
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: ${CREDENTIALS:-emulator}}
kafka: {brokers: [$brokers], compression: zstd}
streams:
  events:
    subscription: events-to-kafka
    topic: {name: events, partitions: 4, replication: 1}
    decode: raw
    key: ${KEY:-attribute:key}
    dead_letter: events-dead
Y
    [ $# -eq 0 ] || printf '    %s\n' "$@" >> "$pipeline"
}

# admin PATH BODY: the emulator's admin path; prints its answer.
admin() { curl -sS -f -X POST -d "$2" "$PUBSUB/admin/$1"; }

# make_events [SETTING...]: topic and subscription, with settings such as '"enableMessageOrdering":true'.
make_events() {
    local setting settings=""
    for setting in "$@"; do settings+=",$setting"; done
    pubsub PUT /topics/events '{}' > /dev/null
    pubsub PUT /subscriptions/events-to-kafka \
        "{\"topic\":\"projects/$PROJECT/topics/events\",\"ackDeadlineSeconds\":${ACK_DEADLINE:-10}$settings}" > /dev/null
}

# publish_numbers FIRST LAST: a message for each number, at once, of 97 keys in turn, which are ordering keys too if
# ORDERED is set; what was published is in $WORK/published. SPACING_US puts their publish times apart.
publish_numbers() {
    local file=$WORK/numbers
    python3 - "$1" "$2" "${ORDERED:-}" "$WORK/published" > "$file" << 'P'
import base64, json, sys
first, last, ordered, published = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a")
for number in range(first, last + 1):
    key = f"key-{number % 97}"
    text = json.dumps({"key": key, "number": number, "text": "of some length, so that a message is a message"})
    print(text, file=published)
    message = {"data": base64.b64encode(text.encode()).decode(), "attributes": {"key": key}}
    print(json.dumps(message | ({"orderingKey": key} if ordered else {})))
P
    admin preload "{\"topic\":\"projects/$PROJECT/topics/events\",\"file\":\"$file\",\"format\":\"message\"${SPACING_US:+,\"spacing_us\":$SPACING_US}}" \
        > /dev/null
}

# start_bridge: with its status server at $http.
start_bridge() {
    http=127.0.0.1:$(free_port)
    # shellcheck disable=SC2154 # dualrun is set by lib.sh
    start bridge "$dualrun" bridge "$pipeline" --http "$http"
    until_true 20 "the bridge is ready" curl -sf "http://$http/readyz"
}

bridge_metric() { metric "http://$http" "dualrun_bridge_$1"; }

# run_bridge NAME: one of several, each with a status server of its own.
declare -A at
run_bridge() {
    at[$1]=127.0.0.1:$(free_port)
    start "$1" "$dualrun" bridge "$pipeline" --http "${at[$1]}"
}
delivered() { metric "http://${at[$1]}" dualrun_bridge_delivered_messages_total; }
has_delivered() { [ "$(delivered "$1")" -gt "$2" ]; } # NAME COUNT

# values TOPIC: every record's value, a line each.
values() { kcat -b "$KAFKA" -C -t "$1" -o beginning -e -q -f '%s\n'; }

# expect_published [DOUBLED]: the topic holds what was published, nothing else, and at most so many of it twice.
expect_published() {
    local doubled
    values events > "$WORK/values"
    sort -u "$WORK/values" > "$WORK/values.unique"
    sort "$WORK/published" | cmp - "$WORK/values.unique" || die "the topic does not hold what was published"
    doubled=$(($(wc -l < "$WORK/values") - $(wc -l < "$WORK/values.unique")))
    note "$(wc -l < "$WORK/published") messages, $doubled of them doubled"
    [ "$doubled" -le "${1:-0}" ] || die "$doubled records are doubled; at most ${1:-0} may be"
}

# expect_order: each key stays in one partition, and its messages come in their order, redelivered copies aside. To be
# called behind expect_published.
expect_order() {
    kcat -b "$KAFKA" -C -t events -o beginning -e -q -f '%p %k %s\n' \
        | sed -E 's/^([0-9]+) (\S+) .*"number": ([0-9]+),.*/\1 \2 \3/' > "$WORK/order"
    [ "$(wc -l < "$WORK/order")" = "$(wc -l < "$WORK/values")" ] || die "not every record was looked at"
    awk '{
        if ($2 in partition && partition[$2] != $1) {print $2 " is in partitions " partition[$2] " and " $1; bad = 1}
        partition[$2] = $1
        if (seen[$3]++) next
        if ($3 < last[$2]) {print $2 ": " $3 " comes first behind " last[$2]; bad = 1}
        last[$2] = $3
    } END {exit bad}' "$WORK/order" >&2 || die "the order of keys is broken"
}

# expect_struck: every fault that was set struck at least once.
expect_struck() {
    curl -sS -f "$PUBSUB/admin/faults" > "$WORK/faults"
    jq -e '[.faults[] | select(.fired == 0)] == []' "$WORK/faults" > /dev/null \
        || die "a fault never struck: $(jq -c '[.faults[] | select(.fired == 0)]' "$WORK/faults")"
}
