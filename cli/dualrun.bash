# SPDX-License-Identifier: Apache-2.0
# Completion for bash, made by `dualrun completion`.
_dualrun() {
    local word=${COMP_WORDS[COMP_CWORD]} words=
    case "${COMP_WORDS[1]} ${COMP_WORDS[2]}" in
    'plan '*) words=' --stream --sample --fail-on --json --log-level --log-json --help ' ;;
    'bridge '*) words=' --stream --replay-dead-letters --reason --from --to --dry-run --http --json --log-level --log-json --help ' ;;
    'join '*) words=' --join --until-end --inspect --http --json --log-level --log-json --help ' ;;
    'validate '*) words=' --kind --stream --join --report --json --log-level --log-json --help ' ;;
    'report show') words=' --format --json --log-level --log-json --help ' ;;
    'report diff') words=' --json --log-level --log-json --help ' ;;
    'cat '*) words=' --at --partition --last --from --to --key --count --follow --pubsub --json --log-level --log-json --help ' ;;
    'export bigquery-sql') words=' --join --out --json --log-level --log-json --help ' ;;
    'export duckdb-sql') words=' --join --out --json --log-level --log-json --help ' ;;
    'export flink-sql') words=' --join --out --json --log-level --log-json --help ' ;;
    'schema infer') words=' --stream --sample --name --namespace --no-enums --json --log-level --log-json --help ' ;;
    'schema check') words=' --stream --mode --json --log-level --log-json --help ' ;;
    'schema show') words=' --stream --json --log-level --log-json --help ' ;;
    'config show') words=' --json --log-level --log-json --help ' ;;
    'config check') words=' --json --log-level --log-json --help ' ;;
    'config schema') words=' --json --log-level --log-json --help ' ;;
    'version '*) words=' --json --log-level --log-json --help ' ;;
    'help '*) words=' --json --log-level --log-json --help ' ;;
    esac
    [[ $COMP_CWORD -eq 1 ]] && words='plan bridge join validate report cat export schema config version help'
    [[ $COMP_CWORD -eq 2 && ${COMP_WORDS[1]} == report ]] && words='show diff'
    [[ $COMP_CWORD -eq 2 && ${COMP_WORDS[1]} == export ]] && words='bigquery-sql duckdb-sql flink-sql'
    [[ $COMP_CWORD -eq 2 && ${COMP_WORDS[1]} == schema ]] && words='infer check show'
    [[ $COMP_CWORD -eq 2 && ${COMP_WORDS[1]} == config ]] && words='show check schema'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [[ $word == -* || $COMP_CWORD -eq 1 ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _dualrun dualrun
