#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# registry-rig.sh: a real schema registry (Apicurio, in memory) on this machine, for tests.
#
#   registry-rig.sh install      fetch it (Maven, 142 MB) into the cache; done by start too
#   registry-rig.sh start DIR    on a free loopback port; waits until it answers; prints the URL that speaks
#                                Confluent's interface
#   registry-rig.sh stop DIR     SIGTERM, then waits
#   registry-rig.sh log DIR      prints its log
#
# DIR holds its process id, port and log. Environment:
#   APICURIO_VERSION   2.6.13.Final (the newest that runs on Java 17)
#   DUALRUN_CACHE      where it is kept, default ~/.cache/dualrun
set -euo pipefail

version=${APICURIO_VERSION:-2.6.13.Final}
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}
home=$cache/apicurio-$version

die() { echo "registry-rig: $*" >&2; exit 1; }

install_registry() {
    [ -f "$home/.complete" ] && return 0
    command -v mvn > /dev/null || die "mvn is not installed; run ./run install"
    mkdir -p "$cache"
    (
        flock 9 # Two tests may come here at once.
        [ -f "$home/.complete" ] && exit 0
        echo "registry-rig: fetching Apicurio $version" >&2
        rm -rf "$home"
        mkdir -p "$home/download"
        mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
            -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" -DoutputDirectory="$home/download" >&2
        tar -xzf "$home/download/"*.tar.gz -C "$home"
        rm -r "$home/download"
        touch "$home/.complete"
    ) 9> "$cache/.lock-apicurio-$version"
}

free_port() {
    local port
    for _ in $(seq 200); do
        port=$((20000 + RANDOM % 12000))
        (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
    done
    die "no free port between 20000 and 32000"
}

pid_of() { # DIR: only if it is still ours
    local pid
    pid=$(cat "$1/pid" 2> /dev/null) || return 1
    grep -qs "quarkus.http.port=$(cat "$1/port")" "/proc/$pid/cmdline" || return 1
    echo "$pid"
}

start() { # DIR
    local dir=$1 port url
    pid_of "$dir" > /dev/null && die "$dir is in use: stop it first"
    install_registry
    mkdir -p "$dir"
    port=$(free_port)
    url=http://127.0.0.1:$port/apis/ccompat/v7
    echo "$port" > "$dir/port"
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dquarkus.http.host=127.0.0.1 \
        "-Dquarkus.http.port=$port" -jar "$(find "$home" -name '*-runner.jar' -print -quit)" \
        > "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pid"
    disown
    for _ in $(seq 600); do
        curl -sf -m 5 -o "$dir/subjects" "$url/subjects" && { echo "$url"; return; }
        kill -0 "$(cat "$dir/pid")" 2> /dev/null || { tail -n 20 "$dir/log" >&2; die "it ended; its log is $dir/log"; }
        sleep 0.1
    done
    stop "$dir"
    die "it does not answer after 60 s; its log is $dir/log"
}

stop() { # DIR
    local pid
    pid=$(pid_of "$1") || return 0
    kill "$pid" 2> /dev/null || true
    for _ in $(seq 200); do
        pid_of "$1" > /dev/null || { rm -f "$1/pid"; return 0; }
        sleep 0.1
    done
    kill -9 "$pid" 2> /dev/null || true
    rm -f "$1/pid"
}

verb=${1:-}
[ "$verb" = install ] || [ $# -eq 2 ] || { sed -n '3,14s/^# \{0,1\}//p' "$0" >&2; exit 3; }
case $verb in
install) install_registry ;;
start) start "$(realpath -m "$2")" ;;
stop) stop "$(realpath -m "$2")" ;;
log) cat "$2/log" ;;
*) die "no such verb: $verb" ;;
esac
