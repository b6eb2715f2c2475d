#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kafka-rig.sh: real Apache Kafka brokers (KRaft) on this machine, for tests, demo and benches.
#
#   kafka-rig.sh install                       fetch the jars (Maven) into the cache; done by start too
#   kafka-rig.sh start DIR [BROKERS]           1 (default) or 3 brokers on free loopback ports; waits until they
#                                              answer; prints the bootstrap list HOST:PORT[,HOST:PORT...]
#   kafka-rig.sh bootstrap DIR                 prints that list again
#   kafka-rig.sh stop DIR [N]                  ends all brokers, or broker N (SIGTERM, then waits)
#   kafka-rig.sh kill DIR N                    kill -9 of broker N
#   kafka-rig.sh pause|resume DIR N            SIGSTOP, SIGCONT
#   kafka-rig.sh restart DIR N                 starts broker N again on its old port and data
#   kafka-rig.sh tls|sasl DIR                  prints the bootstrap list of those listeners
#   kafka-rig.sh pid DIR N                     prints its process id
#   kafka-rig.sh log DIR N                     prints its log
#
# DIR holds everything that the brokers write. Environment:
#   KAFKA_VERSION   4.1.1 (default) or 3.9.1
#   KAFKA_HEAP      512m
#   KAFKA_SECURE    a folder with broker.pem (key and certificate) and ca.pem: each broker also listens with TLS, for
#                   clients with a certificate of that authority, and with SASL over TLS (PLAIN, SCRAM-SHA-256 and -512).
#                   Users: alice, who may do everything, and bob, who may do nothing; passwords USER-secret. Their
#                   ports: the verbs `tls` and `sasl`
#   DUALRUN_CACHE   where the jars are kept, default ~/.cache/dualrun
set -euo pipefail

version=${KAFKA_VERSION:-4.1.1}
heap=${KAFKA_HEAP:-512m}
cache=${DUALRUN_CACHE:-$HOME/.cache/dualrun}
jars=$cache/kafka-$version
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster_id=ZHVhbHJ1bi10ZXN0LWtyYQ

die() { echo "kafka-rig: $*" >&2; exit 1; }

install_jars() {
    [ -f "$jars/.complete" ] && return 0
    command -v mvn > /dev/null || die "mvn is not installed; run ./run install"
    mkdir -p "$cache"
    (
        flock 9 # Two tests may come here at once.
        [ -f "$jars/.complete" ] && exit 0
        echo "kafka-rig: fetching Apache Kafka $version" >&2
        rm -rf "$jars"
        mvn -q -B -f "$here/kafka/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies \
            -DoutputDirectory="$jars" >&2
        touch "$jars/.complete"
    ) 9> "$cache/.lock-kafka-$version"
}

port_is_free() { ! (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Below the range that the kernel gives to outgoing connections, so that a restart finds it free.
free_port() {
    local port
    for _ in $(seq 200); do
        port=$((20000 + RANDOM % 12000))
        if port_is_free "$port"; then
            echo "$port"
            return
        fi
    done
    die "no free port between 20000 and 32000"
}

configure() { # DIR N COUNT: writes DIR/N/server.properties; ports are in DIR/ports, "N BROKER CONTROLLER" a line
    local dir=$1 n=$2 count=$3 voters broker controller
    voters=$(awk '{printf "%s%s@127.0.0.1:%s", (NR > 1 ? "," : ""), $1, $3}' "$dir/ports")
    read -r broker controller < <(awk -v n="$n" '$1 == n {print $2, $3}' "$dir/ports")
    mkdir -p "$dir/$n"
    cat > "$dir/$n/server.properties" << P
process.roles=broker,controller
node.id=$n
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/$n/data
num.partitions=4
auto.create.topics.enable=false
log.retention.ms=-1
default.replication.factor=$count
min.insync.replicas=$((count > 1 ? 2 : 1))
offsets.topic.replication.factor=$count
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$count
transaction.state.log.min.isr=$((count > 1 ? 2 : 1))
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
P
    [ -z "${KAFKA_SECURE:-}" ] || secure "$dir" "$n" "$broker" "$controller" >> "$dir/$n/server.properties"
}

secure() { # DIR N BROKER CONTROLLER: what KAFKA_SECURE adds; of a property given twice the last holds
    local tls sasl
    read -r tls sasl < <(awk -v n="$2" '$1 == n {print $4, $5}' "$1/ports")
    cat << P
listeners=PLAINTEXT://127.0.0.1:$3,CONTROLLER://127.0.0.1:$4,SSL://127.0.0.1:$tls,SASL_SSL://127.0.0.1:$sasl
advertised.listeners=PLAINTEXT://127.0.0.1:$3,SSL://127.0.0.1:$tls,SASL_SSL://127.0.0.1:$sasl
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location=$KAFKA_SECURE/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$KAFKA_SECURE/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret" user_bob="bob-secret";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice;User:CN=client of a test
P
}

launch() { # DIR N
    local dir=$1 n=$2
    java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -XX:+UseG1GC "-Xms$heap" "-Xmx$heap" -cp "$jars/*" \
        kafka.Kafka "$dir/$n/server.properties" \
        > "$dir/$n/log" 2>&1 < /dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    echo $! > "$dir/$n/pid"
    disown
    for _ in $(seq 200); do # The fork becomes java.
        pid_of "$dir" "$n" > /dev/null && return 0
        sleep 0.01
    done
    die "java did not start; see $dir/$n/log"
}

pid_of() { # DIR N: only if it is still ours
    local pid
    pid=$(cat "$1/$2/pid" 2> /dev/null) || return 1
    grep -qs "$1/$2/server.properties" "/proc/$pid/cmdline" || return 1
    echo "$pid"
}

wait_ready() { # DIR N
    local port
    port=$(awk -v n="$2" '$1 == n {print $2}' "$1/ports")
    for _ in $(seq 300); do
        kcat -b "127.0.0.1:$port" -L -m 1 > /dev/null 2>&1 && return 0
        pid_of "$1" "$2" > /dev/null || { tail -n 20 "$1/$2/log" >&2; die "broker $2 ended; its log is $1/$2/log"; }
        sleep 0.1
    done
    die "broker $2 does not answer after 30 s; its log is $1/$2/log"
}

# bootstrap DIR [COLUMN]: of the listener whose ports stand in that column.
bootstrap() { awk -v at="${2:-2}" '{printf "%s127.0.0.1:%s", (NR > 1 ? "," : ""), $at} END {print ""}' "$1/ports"; }

start() { # DIR COUNT
    local dir=$1 count=$2 n
    [ -e "$dir/ports" ] && die "$dir is in use: stop it and remove it first"
    install_jars
    mkdir -p "$dir"
    for n in $(seq "$count"); do
        echo "$n $(free_port) $(free_port)${KAFKA_SECURE:+ $(free_port) $(free_port)}"
    done > "$dir/ports"
    for n in $(seq "$count"); do
        configure "$dir" "$n" "$count"
        java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$jars/*" kafka.tools.StorageTool format \
            -t "$cluster_id" -c "$dir/$n/server.properties" \
            ${KAFKA_SECURE:+--add-scram 'SCRAM-SHA-256=[name=alice,password=alice-secret]'} \
            ${KAFKA_SECURE:+--add-scram 'SCRAM-SHA-512=[name=alice,password=alice-secret]'} > "$dir/$n/format.log" 2>&1 \
            || { cat "$dir/$n/format.log" >&2; die "could not format the storage of broker $n"; }
        launch "$dir" "$n"
    done
    for n in $(seq "$count"); do wait_ready "$dir" "$n"; done
    bootstrap "$dir"
}

end_broker() { # DIR N SIGNAL: waits until it is gone
    local pid
    pid=$(pid_of "$1" "$2") || return 0
    kill "-$3" "$pid" 2> /dev/null || true
    for _ in $(seq 300); do
        pid_of "$1" "$2" > /dev/null || { rm -f "$1/$2/pid"; return 0; }
        sleep 0.1
    done
    kill -9 "$pid" 2> /dev/null || true
    rm -f "$1/$2/pid"
}

stop() { # DIR [N]
    local n
    [ -e "$1/ports" ] || return 0
    if [ $# -gt 1 ]; then
        end_broker "$1" "$2" TERM
    else
        while read -r n _; do end_broker "$1" "$n" TERM & done < "$1/ports"
        wait
    fi
}

verb=${1:-}
[ "$verb" = install ] || [ $# -ge 2 ] || { sed -n '3,27s/^# \{0,1\}//p' "$0" >&2; exit 3; }
[ "$verb" = install ] || dir=$(realpath -m "$2")
case $verb in
install) install_jars ;;
start) start "$dir" "${3:-1}" ;;
bootstrap) bootstrap "$dir" ;;
tls) bootstrap "$dir" 4 ;;
sasl) bootstrap "$dir" 5 ;;
stop) stop "$dir" "${@:3}" ;;
kill) end_broker "$dir" "${3:?which broker}" KILL ;;
pause) kill -STOP "$(pid_of "$dir" "${3:?which broker}")" ;;
resume) kill -CONT "$(pid_of "$dir" "${3:?which broker}")" ;;
restart)
    end_broker "$dir" "${3:?which broker}" TERM
    launch "$dir" "$3"
    wait_ready "$dir" "$3"
    ;;
pid) pid_of "$dir" "${3:?which broker}" ;;
log) cat "$dir/${3:?which broker}/log" ;;
*) die "no such verb: $verb" ;;
esac
