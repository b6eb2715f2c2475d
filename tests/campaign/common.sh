# shellcheck shell=bash disable=SC2034,SC2154
# What the campaigns share: rounds by name, the most memory of a process, the report. To be sourced behind lib.sh, by a script
# that sets rounds, seed and report, names its options in the comment at its head, and has a function round_NAME for each round.
lines=$WORK/lines
all_well=1
command="./run campaign $(basename "$0" .sh) $*"
export KAFKA_HEAP=${KAFKA_HEAP:-384m} SHOW_LOGS=1

usage() { awk 'NR > 2 && !/^#/ {exit} NR > 2 {sub(/^# ?/, ""); print}' "$0" >&2; exit 3; }

forget_round() { # Each round has a new cluster, a new emulator and new files.
    rm -rf "$WORK"/{kafka,log,pid,published,expect,state,registry,validate,report}
    mkdir -p "$WORK/log" "$WORK/pid"
    peak_kib=0 done_what=""
    begun=$SECONDS
}

look_at_memory() { # NAME: before the process ends.
    local kib
    kib=$(awk '/^VmHWM/ {print $2}' "/proc/$(pid_of "$1")/status" 2> /dev/null || true)
    [ "${kib:-0}" -le "$peak_kib" ] || peak_kib=$kib
}

verdict_of() { # KIND: what dualrun validate says
    note "$((SECONDS - begun)) s: validating"
    "$dualrun" validate "$pipeline" --kind "$1" > "$WORK/log/validate" 2>&1 || true
    jq -r '.verdict // "none"' "$WORK/report/report.json" 2> /dev/null || echo none
}

run_rounds() {
    local round
    : > "$lines"
    RANDOM=$((seed % 32768))
    for round in ${rounds//,/ }; do
        declare -F "round_$round" > /dev/null || die "no such round: $round"
    done
    for round in ${rounds//,/ }; do
        note "round $round"
        "round_$round"
    done
}

write_report() { # TITLE, the text between command and table, the table's head, the last words
    mkdir -p "$(dirname "$report")"
    cat > "$report" << M
# Campaign: $1, $(date -u '+%-d %B %Y')

\`$command\`

$(git -C "$TREE" describe --always --dirty --match none), $("$dualrun" version), librdkafka $(pkg-config --modversion rdkafka), Apache Kafka ${KAFKA_VERSION:-4.1.1}, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, other work on the machine.

$2

$3
$(cat "$lines")

$([ $all_well = 1 ] && echo "All well." || echo "Not all well.") $4
M
    note "report: $report"
    [ $all_well = 1 ]
}

# The bound on the chance of what was not seen in N trials: three by N.
bound_of() { awk -v n="$1" 'BEGIN {printf "%.1f", 300 / n}'; }
