#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# campaign/truth.sh: does the validator find every fault, and nothing else? Faults are planted in real topics, hundreds of each
# kind, one kind at a time and mixed; a join with a planted bug is compared; and what has no fault is compared with itself, many times.
# ./run campaign truth builds and calls it.
#
#   --seed N       of all choices (the time of the day)
#   --rounds LIST  which rounds (all): each mixture bugs same
#   --faults N     of each kind, in the topic of a stream and in the output of a join (500)
#   --events N     in the rounds with faults (40000)
#   --seeds N      feeds that are compared with themselves in the round same (20)
#   --size N       events of each of those (500000)
#   --report FILE  docs/reports/DATE-truth-campaign.md
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$here/../../build/release}
# shellcheck source=tests/support/lib.sh
. "$here/../support/lib.sh"
# shellcheck source=tests/campaign/common.sh
. "$here/common.sh"

rounds=each,mixture,bugs,same
seed=$(date +%s) faults=500 events=40000 seeds=20 size=500000
report=$TREE/docs/reports/$(date -u +%F)-truth-campaign.md
while [ $# -gt 0 ]; do
    case $1 in
    --seed) seed=${2:?--seed takes a number} ;;
    --rounds) rounds=${2:?--rounds takes a list} ;;
    --faults) faults=${2:?--faults takes a number} ;;
    --events) events=${2:?--events takes a number} ;;
    --seeds) seeds=${2:?--seeds takes a number} ;;
    --size) size=${2:?--size takes a number} ;;
    --report) report=${2:?--report takes a file} ;;
    *) usage ;;
    esac
    shift 2
done
export LATENESS=60m # Nothing is late: a backlog is bridged with many pulls side by side.
kinds=(delete double alter move rekey)

# --- what a round needs --------------------------------------------------------------------------

# set_up SEED EVENTS AUDIT...: both streams bridged and joined without a fault, to topics that end with -clean. Each audit is one more
# pair of subscriptions, for one validation.
set_up() {
    local audits=("${@:3}")
    forget_round
    start_broker
    start_emulator
    make_topic views views-to-kafka "${audits[@]/#/views-audit-}"
    make_topic engagements engagements-to-kafka "${audits[@]/#/engagements-audit-}"
    pipeline=$(pipeline_from "$TREE/config/demo.yaml")
    sed -i -e 's/settle: .*/settle: 1s/' -e '/^ *audit_subscription/d' "$pipeline"
    clean=$WORK/clean.yaml
    sed -e 's/{name: views,/{name: views-clean,/; s/{topic: labels,/{topic: labels-clean,/' "$pipeline" > "$clean"
    start bridge "$dualrun" bridge "$clean"
    publish_feed --events "$2" --seed "$1" --span 20m
    until_true 120 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
    finish bridge || die "the bridge did not end well"
    "$dualrun" join "$clean" --until-end 2> "$WORK/log/join"
}

saboteur() { # FROM TO KIND...: as many of each
    local options=() kind
    for kind in "${@:3}"; do options+=("--$kind" "$faults"); done
    "$BUILD/tests/support/tools/saboteur" "$KAFKA" --from "$1" --to "$2" --seed "$seed" --one-in 4 --list "$WORK/planted" \
        --schemas "$WORK/registry" --until-end "${options[@]}" 2> "$WORK/log/saboteur"
}

# validated NAME KIND PIPELINE: the report is in $WORK/report-NAME
validated() {
    local status=0
    sed -i "/^validate:/a\\  work: $WORK/work-$1" "$3"
    "$dualrun" validate "$3" --kind "$2" --report "$WORK/report-$1" > "$WORK/log/validate-$1" 2>&1 || status=$?
    [ "$status" -le 2 ] || die "validate $1 ended with $status: $(tail -n 3 "$WORK/log/validate-$1")"
    found=$WORK/report-$1/report.json
}

line() { # WHAT PLANTED FOUND VERDICT WELL
    local well=well
    [ "$5" = 1 ] || { well="**not well**"; all_well=0; }
    printf '| %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$4" "$well" | tee -a "$lines" >&2
}

# judge WHAT KIND-OF-COMPARISON NAME: the report against what was planted: as many of each kind, none of another, and each sample is a
# planted one, rightly named.
judge() {
    local answer
    answer=$(python3 - "$found" "$WORK/planted" "$2" "$3" << 'P'
import collections, json, sys
report, planted = json.load(open(sys.argv[1])), [json.loads(line) for line in open(sys.argv[2])]
KIND = {"delete": "missing", "double": "duplicate", "alter": "altered", "move": "wrong_partition", "rekey": "wrong_key"}
one = next(c for c in report["comparisons"] if c["kind"] == sys.argv[3] and c["name"] == sys.argv[4])
counts = collections.Counter()
for cause in one["causes"]:
    if cause["cause"] == "unexplained":
        counts[cause["kind"]] += cause["count"]
wanted = collections.Counter(KIND[deed["action"]] for deed in planted)
known = {(deed["message_id"] or deed["key"], KIND[deed["action"]]): deed for deed in planted}
strange = 0
for difference in report["differences"]:
    if difference["cause"] != "unexplained":
        continue
    names = {difference.get("message_id"), difference.get("key")} - {None}
    deed = next((known[name, difference["kind"]] for name in names if (name, difference["kind"]) in known), None)
    fields = [field["name"] for field in difference.get("fields", [])]
    if deed is None or (deed["action"] == "alter" and deed["field"].split(".")[0] not in fields):
        strange += 1
exact = counts == wanted and strange == 0
print(sum(wanted.values()), sum(counts.values()), one["verdict"], int(exact and one["verdict"] == "FAIL"), sep="\t")
P
)
    IFS=$'\t' read -r planted_count found_count verdict well <<< "$answer"
    line "$1" "$planted_count" "$found_count" "$verdict" "$well"
}

plant() { # NAME KIND...: in the stream's topic, then in the join's output
    local file=$WORK/$1.yaml
    note "$((SECONDS - begun)) s: $1"
    saboteur views-clean "views-$1" "${@:2}"
    sed -e "s/{name: views,/{name: views-$1,/" -e "s/subscription: views-to-kafka/&\n    audit_subscription: views-audit-$1/" \
        -e "s/subscription: engagements-to-kafka/&\n    audit_subscription: engagements-audit-$1/" "$pipeline" > "$file"
    validated "stream-$1" bridge "$file"
    judge "a stream's topic: $1" bridge views
    saboteur labels-clean "labels-$1" "${@:2}"
    sed "s/{topic: labels,/{topic: labels-$1,/; s/{name: views,/{name: views-clean,/" "$pipeline" > "$file"
    validated "join-$1" join "$file"
    judge "a join's output: $1" join labels
}

end_round() {
    finish emulator || true
    "$rig" stop "$WORK/kafka"
}

# --- the rounds ----------------------------------------------------------------------------------

round_each() {
    local kind
    set_up "$seed" "$events" "${kinds[@]}"
    for kind in "${kinds[@]}"; do plant "$kind" "$kind"; done
    end_round
}

round_mixture() {
    set_up $((seed + 1)) "$events" all
    plant all "${kinds[@]}"
    end_round
}

# A join with a bug: it runs with a file in which one rule is another one, and is compared by the right file.
bug() { # NAME WHAT SED
    local file=$WORK/$1.yaml
    note "$((SECONDS - begun)) s: $2"
    sed -e "s/{topic: labels-clean,/{topic: labels-$1,/; s/labels-late}/late-$1}/; s/^  name: labels/&\n  group: bug-$1\n  state: $1/" "$clean" > "$file"
    sed "$3" "$file" > "$WORK/$1-bug.yaml"
    ! cmp -s "$file" "$WORK/$1-bug.yaml" || die "$1 changes nothing"
    "$dualrun" join "$WORK/$1-bug.yaml" --until-end 2> "$WORK/log/join-$1"
    validated "bug-$1" join "$file"
    jq -c '.comparisons[0].causes' "$found" >&2
    line "a join that $2" "a rule" "$(jq -r '[.comparisons[0].causes[] | select(.cause == "unexplained") | "\(.count) \(.kind)"] | join(", ")' "$found")" \
        "$(jq -r .verdict "$found")" "$(jq '[.comparisons[0] | .verdict == "FAIL", .counts.reference == .counts.matched + .counts.different + .counts.missing] | all | if . then 1 else 0 end' "$found")"
}

round_bugs() {
    set_up $((seed + 2)) "$events" none
    bug window "is off by one millisecond at the end of its window" 's/after: 10s/after: 9999ms/'
    bug before "is off by one millisecond at its beginning" 's/before: 2s/before: 1999ms/'
    bug tie "takes the last engagement for the first" 's/first: engagements.kind/last: engagements.kind/'
    bug filter "counts likes for shares" 's/count: engagements, where: {kind: share}/count: engagements, where: {kind: like}/'
    bug aggregate "takes the shortest dwell time for the longest" 's/max: engagements.dwell_ms/min: engagements.dwell_ms/'
    bug inner "leaves out views without a match" 's/^  lateness: .*/&\n  kind: inner/'
    end_round
}

round_same() {
    local i differences=0 compared=0 passed=0
    for ((i = 1; i <= seeds; i++)); do
        note "feed $i of $seeds"
        set_up $((seed + 100 + i)) "$size" same
        sed -e "s/{name: views,/{name: views-clean,/; s/{topic: labels,/{topic: labels-clean,/" \
            -e "s/subscription: \(views\|engagements\)-to-kafka/&\n    audit_subscription: \1-audit-same/" "$pipeline" > "$WORK/same.yaml"
        validated same all "$WORK/same.yaml"
        compared=$((compared + $(jq '[.comparisons[].counts.reference] | add' "$found")))
        differences=$((differences + $(jq '[.comparisons[].causes[].count] | add // 0' "$found")))
        passed=$((passed + $(jq 'if .verdict == "PASS" then 1 else 0 end' "$found")))
        end_round
    done
    line "no fault: $seeds feeds of $size events" 0 "$differences of $compared compared" "$passed × PASS" \
        $((differences == 0 && passed == seeds))
}

run_rounds
write_report "the truth of the validator" "Faults are planted in copies of real topics: records left out, doubled, altered in one field, moved to another partition and written under another key, $faults of
each kind. It is well when the report counts exactly as many of each kind and none of another, and each of its samples is one that was planted, with the field that was altered." \
    "| what | planted | found | verdict | |
|---|---|---|---|---|" "A kind that is missed has a chance below $(bound_of "$faults") % (95 %, three by n)."
