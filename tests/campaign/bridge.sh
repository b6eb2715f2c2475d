#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# campaign/bridge.sh: the bridge under faults, for minutes, on a real broker; a report with what was done and what came of
# it. ./run campaign bridge builds and calls it.
#
#   --seed N         of all chance in it (the time of the day); the same seed plans the same faults
#   --rounds LIST    which rounds, such as kills,down (all): kills down leaders statuses cut slow twice everything
#   --kills N        kill -9 in the round of kills (50)
#   --down SECONDS   how long the broker is away (60)
#   --messages N     in each round (100000)
#   --report FILE    docs/reports/DATE-bridge-campaign.md
#
# Each round has a new emulator and a new cluster. Its messages have ordering keys. Judged are: lost (published, and neither in
# the topic nor among the dead letters), doubled, order within each key, the most memory that a process of the bridge took, and what
# dualrun validate says, which compares the topic with an audit subscription of its own.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=tests/support/lib.sh
. "$here/../support/lib.sh"
# shellcheck source=tests/e2e/bridge.sh
. "$here/../e2e/bridge.sh"
# shellcheck source=tests/campaign/common.sh
. "$here/common.sh"

rounds=kills,down,leaders,statuses,cut,slow,twice,everything
seed=$(date +%s) kills=50 down=60 messages=100000
report=$TREE/docs/reports/$(date -u +%F)-bridge-campaign.md
while [ $# -gt 0 ]; do
    case $1 in
    --seed) seed=${2:?--seed takes a number} ;;
    --rounds) rounds=${2:?--rounds takes a list} ;;
    --kills) kills=${2:?--kills takes a number} ;;
    --down) down=${2:?--down takes seconds} ;;
    --messages) messages=${2:?--messages takes a number} ;;
    --report) report=${2:?--report takes a file} ;;
    *) usage ;;
    esac
    shift 2
done
all_messages=$messages
export ORDERED=1

# --- one round -----------------------------------------------------------------------------------

set_up() { # BROKERS [LINE OF THE STREAM...]
    forget_round
    messages=$all_messages struck=0
    start_broker "$1"
    # shellcheck disable=SC2119 # It takes options of its own, not ours.
    start_emulator
    make_events '"enableMessageOrdering":true'
    pubsub PUT /subscriptions/events-audit \
        "{\"topic\":\"projects/$PROJECT/topics/events\",\"ackDeadlineSeconds\":60}" > /dev/null
    KEY=ordering_key events_pipeline "audit_subscription: events-audit" "${@:2}"
    sed -i "s/replication: 1/replication: $1/" "$pipeline"
    cat >> "$pipeline" << Y
bridge: {max_messages: 2000}
validate: {report: $WORK/report, work: $WORK/validate}
Y
}

acked() { subscription_stat events-to-kafka .acked; }
has_acked() { [ "$(acked)" -ge "$1" ]; }

# feed SECONDS: publishes the messages in equal parts, one a second, in the background.
feed() {
    local seconds=$1 part=$((messages / $1)) i
    messages=$((part * seconds))
    (
        for ((i = 0; i < seconds; i++)); do
            publish_numbers $((i * part + 1)) $(((i + 1) * part))
            sleep 1
        done
        touch "$WORK/fed"
    ) &
    echo $! > "$WORK/pid/feed"
}

# drained SECONDS: everything is published and acknowledged; leases of the dead are ended.
drained() {
    local end=$((SECONDS + $1))
    while [ -e "$WORK/pid/feed" ] && [ ! -e "$WORK/fed" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.5; done
    rm -f "$WORK/fed" "$WORK/pid/feed"
    until all_acknowledged events-to-kafka; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
        admin expire "{\"subscription\":\"projects/$PROJECT/subscriptions/events-to-kafka\"}" > /dev/null
    done
}

fault() { # METHOD WHAT: of the bridge's subscription only
    admin faults "{\"method\":\"subscriptions.$1\",\"resource\":\"*/events-to-kafka\",\"seed\":$RANDOM,$2}" > /dev/null
}
count_struck() { struck=$((struck + $(curl -sS -f "$PUBSUB/admin/faults" | jq '[.faults[].fired] | add // 0'))); }

order_breaks() {
    kcat -b "$KAFKA" -C -t events -o beginning -e -q -f '%p %k %s\n' | sed -E 's/^([0-9]+) (\S+) .*"number": ([0-9]+),.*/\1 \2 \3/' \
        | awk '{if ($2 in partition && partition[$2] != $1) bad++
                partition[$2] = $1
                if (seen[$3]++) next
                if ($3 < last[$2]) bad++
                last[$2] = $3} END {print bad + 0}'
}

judge() { # NAME: the line of the report
    local name=$1 ended=yes lost doubled order verdict redelivered well=well
    note "$((SECONDS - begun)) s: waiting for the end"
    drained 180 || ended="no: $(subscription_stat events-to-kafka '.ready + .outstanding + .waiting') open"
    count_struck
    admin faults '{"faults":[]}' > /dev/null 2>&1 || true
    curl -sS -X DELETE "$PUBSUB/admin/faults" > /dev/null
    look_at_memory bridge
    finish bridge || ended="$ended; status $?"
    values events > "$WORK/values"
    sort -u "$WORK/values" > "$WORK/values.unique"
    sort "$WORK/published" > "$WORK/published.sorted"
    lost=$(comm -23 "$WORK/published.sorted" "$WORK/values.unique" | wc -l)
    doubled=$(($(wc -l < "$WORK/values") - $(wc -l < "$WORK/values.unique")))
    order=$(order_breaks)
    redelivered=$(subscription_stat events-to-kafka .redelivered)
    verdict=$(verdict_of bridge)
    if [ "$lost" != 0 ] || [ "$order" != 0 ] || [ "$ended" != yes ] || [ "$verdict" != PASS ] || [ "$peak_kib" -gt 262144 ]; then
        well="**not well**"
        all_well=0
    fi
    printf '| %s | %s | %d | %d | %d | **%d** | %d | **%d** | %d | %d | %s | %s |\n' "$name" "$done_what" "$struck" \
        "$(wc -l < "$WORK/published")" "$redelivered" "$lost" "$doubled" "$order" $((peak_kib / 1024)) $((SECONDS - begun)) \
        "$verdict" "$well" | tee -a "$lines" >&2
    [ "$well" = well ] || { tail -n 5 "$WORK/log/bridge" "$WORK/log/validate" >&2; echo "ended: $ended" >&2; }
    finish emulator || true
    "$rig" stop "$WORK/kafka"
}

# --- the rounds ----------------------------------------------------------------------------------

round_kills() {
    local i before
    set_up 1 "max_rate: 1000" # So that there is work left for every kill.
    publish_numbers 1 "$messages"
    for ((i = 1; i <= kills; i++)); do
        before=$(acked)
        start bridge "$dualrun" bridge "$pipeline"
        until_true 60 "the bridge gets on before kill $i" has_acked $((before + RANDOM % 1000 + 1))
        look_at_memory bridge
        note "$((SECONDS - begun)) s: kill $i"
        all_acknowledged events-to-kafka && die "kill $i came when all work was done: give more --messages"
        finish bridge KILL || true
        admin expire "{\"subscription\":\"projects/$PROJECT/subscriptions/events-to-kafka\"}" > /dev/null
    done
    done_what="$kills × kill -9"
    start_bridge
    judge kills
}

round_down() {
    set_up 1
    feed $((down + 30))
    start_bridge
    until_true 60 "the first are over" has_acked 1000
    "$rig" kill "$WORK/kafka" 1
    sleep "$down"
    all_acknowledged events-to-kafka && die "everything was acknowledged while the broker was away"
    "$rig" restart "$WORK/kafka" 1
    done_what="broker away for $down s"
    judge down
}

round_leaders() {
    local i broker
    set_up 3
    feed 60
    start_bridge
    for ((i = 1; i <= 8; i++)); do
        broker=$((RANDOM % 3 + 1))
        "$rig" kill "$WORK/kafka" $broker
        sleep 2
        "$rig" restart "$WORK/kafka" $broker
        sleep 1
    done
    done_what="8 × kill -9 of one of three brokers"
    judge leaders
}

statuses() { # CHANCE
    local status method
    for status in 400 401 403 404 409 429 499 500 502 503 504; do
        for method in pull acknowledge modifyAckDeadline; do fault $method "\"status\":$status,\"probability\":$1"; done
    done
}
cuts() { # CHANCE
    local method bytes
    for method in pull acknowledge modifyAckDeadline; do
        for bytes in 0 1 17 300 5000; do fault $method "\"truncate\":$bytes,\"probability\":$1"; done
        for bytes in 1 12 40 90; do fault $method "\"truncate_head\":$bytes,\"probability\":$1"; done
        fault $method "\"drop_answer\":true,\"probability\":$1"
        fault $method "\"close\":true,\"probability\":$1"
    done
}
slowness() { # CHANCE
    fault pull "\"bytes_per_second\":100000,\"probability\":$1"
    fault pull "\"delay_ms\":1500,\"probability\":$1"
    fault acknowledge "\"delay_ms\":1500,\"probability\":$1"
    fault modifyAckDeadline "\"delay_ms\":3000,\"probability\":$1"
}
twice() {
    admin duplicates "{\"subscription\":\"projects/$PROJECT/subscriptions/events-to-kafka\",\"acked\":0.05,\"leased\":0.05,\"seed\":$RANDOM}" > /dev/null
}

round_statuses() { set_up 1; statuses 0.01; publish_numbers 1 "$messages"; start_bridge; done_what="1 % of each of 11 statuses"; judge statuses; }
round_cut() { set_up 1; cuts 0.01; publish_numbers 1 "$messages"; start_bridge; done_what="1 % of each of 11 cuts"; judge cut; }
round_slow() { set_up 1; slowness 0.05; publish_numbers 1 "$messages"; start_bridge; done_what="5 % slow, each of 4 kinds"; judge slow; }
round_twice() { set_up 1; twice; publish_numbers 1 "$messages"; start_bridge; done_what="10 % delivered twice"; judge twice; }

round_everything() {
    local i
    set_up 3
    statuses 0.002
    cuts 0.002
    slowness 0.01
    twice
    feed 60
    for ((i = 1; i <= 8; i++)); do
        start bridge "$dualrun" bridge "$pipeline"
        sleep $((RANDOM % 4 + 3))
        look_at_memory bridge
        if [ $((i % 2)) = 0 ]; then "$rig" kill "$WORK/kafka" $((i / 2 % 3 + 1)); fi
        finish bridge KILL || true
        if [ $((i % 2)) = 0 ]; then "$rig" restart "$WORK/kafka" $((i / 2 % 3 + 1)); fi
    done
    done_what="all of the above, 8 × kill -9 of the bridge, 4 of a broker"
    start_bridge
    judge everything
}

run_rounds
write_report "the bridge under faults" "One ordered subscription of 97 keys, \`bridge.max_messages: 2000\`, release build, a new cluster for each round. Lost: published, and not in the topic. Doubled: records
beyond the first of a message. Order: records of a key that come first behind a later one, or in another partition. The last column is
well when nothing was lost, no order broken, all acknowledged, the process ended with 0, memory stayed under 256 MiB and \`dualrun validate\` said PASS." \
    "| round | what was done | faults of Pub/Sub that struck | published | redelivered | lost | doubled | order | peak MiB | seconds | validator | |
|---|---|---|---|---|---|---|---|---|---|---|---|" \
    "$([[ ,$rounds, != *,kills,* ]] || echo "A loss by a kill has a chance below $(bound_of "$kills") % (95 %, three by n). ")With kill -9 of the bridge copies are allowed (at least once); the others must have none."
