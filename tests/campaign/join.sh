#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# campaign/join.sh: the join under faults, for minutes, on a real broker; a report with what was done and what came of it.
# ./run campaign join builds and calls it.
#
#   --seed N         of all chance in it (the time of the day)
#   --rounds LIST    which rounds (all): points damage rebalances brokers
#   --kills N        deaths in the round of points: between any two steps of a commit and of a checkpoint (200)
#   --damages N      kill -9, each with a file of the checkpoints damaged, in the round of damage (50)
#   --rebalances N   processes that come, end, are killed, or sleep beyond their session, in the round of rebalances (50)
#   --rate N         events a second (1000)
#   --report FILE    docs/reports/DATE-join-campaign.md
#
# Each round has a new emulator and a new cluster, and a live feed that goes on through all of it, with late events, duplicates and a
# hot key. Judged are: every view labelled once and with the fields that the generator expects, and what dualrun validate says.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=tests/support/lib.sh
. "$here/../support/lib.sh"
# shellcheck source=tests/campaign/common.sh
. "$here/common.sh"

rounds=points,damage,rebalances,brokers
seed=$(date +%s) kills=200 damages=50 rebalances=50 rate=1000
report=$TREE/docs/reports/$(date -u +%F)-join-campaign.md
while [ $# -gt 0 ]; do
    case $1 in
    --seed) seed=${2:?--seed takes a number} ;;
    --rounds) rounds=${2:?--rounds takes a list} ;;
    --kills) kills=${2:?--kills takes a number} ;;
    --damages) damages=${2:?--damages takes a number} ;;
    --rebalances) rebalances=${2:?--rebalances takes a number} ;;
    --rate) rate=${2:?--rate takes a number} ;;
    --report) report=${2:?--report takes a file} ;;
    *) usage ;;
    esac
    shift 2
done

tasks=4

# --- one round -----------------------------------------------------------------------------------

set_up() { # BROKERS
    forget_round
    start_broker "$1"
    start_emulator
    make_streams views engagements
    pipeline=$(pipeline_from "$TREE/config/demo.yaml")
    # A window of half a minute, so that much is live when a process dies; the shortest session that a broker allows.
    sed -i -e "s/replication: 1/replication: $1/" -e 's/after: 10s/after: 25s/' \
        -e 's/idle_after: .*/&\n  commit_interval: 50ms\n  checkpoint_interval: 300ms/' \
        -e 's/^  compression: .*/&\n  properties: {session.timeout.ms: "6000", heartbeat.interval.ms: "1000"}/' "$pipeline"
    start bridge "$dualrun" bridge "$pipeline"
    until_true 30 "the bridge has made the topics" grep -q 'stream starts stream=engagements' "$WORK/log/bridge"
}

feed() { # SECONDS
    start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
        --events $(($1 * rate)) --rate "$rate" --seed "$seed" --window 2s,25s --skew 0.01 --late 50
}

start_joiner() { # NAME [ENVIRONMENT...]
    port[$1]=$(free_port)
    start "joiner-$1" env "${@:2}" "$dualrun" join "$pipeline" --http "127.0.0.1:${port[$1]}"
}
declare -A port

is_running() { running "joiner-$1" && curl -sf "http://127.0.0.1:${port[$1]}/readyz" > /dev/null; }
# Every task is in one process, and its state is restored.
all_tasks_run() { # NAME...
    local name
    for name in "$@"; do
        is_running "$name" || return 1
        curl -sf "http://127.0.0.1:${port[$name]}/metrics" | grep -o '^dualrun_join_live_rows{.*}' || true
    done > "$WORK/tasks"
    [ "$(sort -u "$WORK/tasks" | wc -l)" = $tasks ] && [ "$(wc -l < "$WORK/tasks")" = $tasks ]
}

judge() { # NAME [JOINER...]: the end of a round, and its line of the report; these still run
    local name=$1 ended=yes labels verdict well=well
    note "$((SECONDS - begun)) s: waiting for the end"
    await feed || ended="the feed ended badly"
    until_true 120 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
    finish bridge || ended="the bridge ended with $?"
    for joiner in "${@:2}"; do
        look_at_memory "joiner-$joiner"
        finish "joiner-$joiner" || ended="${ended/#yes/}joiner $joiner ended with $?; "
    done
    "$dualrun" join "$pipeline" --until-end >> "$WORK/log/joiner" 2>&1 || ended="the last joiner ended with $?"
    labels=exact
    expect_check --labels "$(dump labels)" >&2 || labels="**wrong**"
    verdict=$(verdict_of join)
    if [ "$ended" != yes ] || [ "$labels" != exact ] || [ "$verdict" != PASS ] || [ "$peak_kib" -gt 262144 ]; then
        well="**not well**"
        all_well=0
        [ "$ended" = yes ] || echo "ended: $ended" >&2
        tail -n 5 "$WORK"/log/joiner* "$WORK/log/validate" >&2
    fi
    printf '| %s | %s | %d | %s | %d | %d | %s | %s |\n' "$name" "$done_what" "$(wc -l < "$WORK/labels.jsonl")" "$labels" \
        $((peak_kib / 1024)) $((SECONDS - begun)) "$verdict" "$well" | tee -a "$lines" >&2
    finish emulator || true
    "$rig" stop "$WORK/kafka"
}

# --- the rounds ----------------------------------------------------------------------------------

points=(join.produced join.offsets_sent join.committed join.checkpoint_saved join.checkpoint_described join.checkpoint_renamed
    join.checkpoint_pruned)

round_points() {
    local i point status
    set_up 1
    feed $((kills * 2 + 20))
    for ((i = 1; i <= kills; i++)); do
        point=${points[RANDOM % ${#points[@]}]}:$((RANDOM % 5 + 1))
        start_joiner a "DUALRUN_CRASH_AT=$point"
        status=0
        await joiner-a || status=$?
        [ "$status" = 137 ] || die "death $i: it should have died at $point, and ended with status $status"
        [ $((i % 20)) != 0 ] || note "$((SECONDS - begun)) s: $i deaths"
    done
    running feed || note "the feed was over before the last death"
    done_what="$kills deaths at ${#points[@]} named points of commit and checkpoint"
    start_joiner a
    judge points a
}

damage() { # One file of the checkpoints is cut, changed or gone.
    local files file size
    mapfile -t files < <(find "$WORK/state" -path '*/checkpoints/*' -type f | sort)
    [ ${#files[@]} -gt 0 ] || return 0
    file=${files[RANDOM % ${#files[@]}]}
    size=$(stat -c %s "$file")
    cp "$file" "$WORK/copy" # What is changed must be this file alone, not what it is a hard link to.
    case $((RANDOM % 3)) in
    0) truncate -s $((size / 2)) "$WORK/copy" && mv "$WORK/copy" "$file" ;;
    1) rm "$file" ;;
    2)
        printf '\377' | dd of="$WORK/copy" bs=1 seek=$((size > 0 ? RANDOM % size : 0)) conv=notrunc status=none
        mv "$WORK/copy" "$file"
        ;;
    esac
}

round_damage() {
    local i
    set_up 1
    feed $((damages * 4 + 20))
    for ((i = 1; i <= damages; i++)); do
        start_joiner a
        until_true 60 "all tasks run, for damage $i" all_tasks_run a
        sleep 1.$((RANDOM % 10)) # Checkpoints are made.
        look_at_memory joiner-a
        finish joiner-a KILL || true
        damage
    done
    done_what="$damages × kill -9 and a file of a checkpoint cut, changed or removed; $(grep -c 'checkpoint not used' "$WORK/log/joiner-a") checkpoints were refused"
    start_joiner a
    judge damage a
}

round_rebalances() {
    local i name names=(a) count=0 victim
    set_up 1
    feed $((rebalances * 8 + 20))
    start_joiner a
    until_true 60 "all tasks run" all_tasks_run a
    for ((i = 1; i <= rebalances; i++)); do
        victim=$((RANDOM % ${#names[@]}))
        name=${names[victim]}
        case $((${#names[@]} == 1 ? 0 : ${#names[@]} >= 4 ? RANDOM % 3 + 1 : RANDOM % 4)) in
        0) # One comes.
            name=p$((++count))
            start_joiner "$name"
            names+=("$name")
            ;;
        1) # One ends.
            look_at_memory "joiner-$name"
            finish "joiner-$name" || die "joiner $name did not end well"
            unset "names[victim]"
            ;;
        2) # One is killed.
            look_at_memory "joiner-$name"
            finish "joiner-$name" KILL || true
            unset "names[victim]"
            ;;
        3) # One sleeps beyond its session, and wakes up as a zombie.
            kill -STOP "$(pid_of "joiner-$name")"
            sleep 8
            kill -CONT "$(pid_of "joiner-$name")"
            ;;
        esac
        names=("${names[@]}")
        until_true 60 "all tasks run in ${names[*]}, after change $i" all_tasks_run "${names[@]}"
        [ $((i % 10)) != 0 ] || note "$((SECONDS - begun)) s: $i changes"
    done
    done_what="$rebalances times a process came, ended, was killed or slept beyond its session, up to 4 at once"
    judge rebalances "${names[@]}"
}

round_brokers() {
    local i
    set_up 3
    feed 120
    start_joiner a
    start_joiner b
    until_true 60 "all tasks run" all_tasks_run a b
    for ((i = 1; i <= 9; i++)); do
        "$rig" kill "$WORK/kafka" $((i % 3 + 1))
        sleep $((RANDOM % 3 + 1))
        "$rig" restart "$WORK/kafka" $((i % 3 + 1))
        sleep $((RANDOM % 3 + 1))
    done
    done_what="9 × kill -9 of one of three brokers, two processes"
    judge brokers a b
}

run_rounds
write_report "the join under faults" "A live feed of $rate events a second with late events, duplicates and 1 % of them on one key; window of 27 s, \`commit_interval: 50ms\`,
\`checkpoint_interval: 300ms\`, exactly once, release build, a new cluster for each round. The labels are exact when every view has one and each field is what
the generator expects. The last column is well when they are, every process that was not killed ended with 0, memory stayed under
256 MiB and \`dualrun validate --kind join\` said PASS." \
    "| round | what was done | labels | they are | peak MiB | seconds | validator | |
|---|---|---|---|---|---|---|---|" \
    "$([[ ,$rounds, != *,points,* ]] || echo "A wrong label after a death has a chance below $(bound_of "$kills") % (95 %, three by n).")"
