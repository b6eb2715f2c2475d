#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kafka over TLS, with a certificate of the client, SASL PLAIN and SCRAM: everything crosses. Who is not let in is told
# within seconds what is wrong and what to look at, and no message is taken. No password is in any log.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

mkdir "$WORK/tls"
cd "$WORK/tls"
ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
authority() { openssl req -x509 "${ec[@]}" -keyout "$1.key" -out "$1.pem" -subj "/CN=$1 of a test" -days 2 2> /dev/null; }
certificate() { # NAME: its key and its certificate, also together in NAME.pem
    openssl req "${ec[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1 of a test" 2> /dev/null
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" \
        -extfile <(echo 'subjectAltName=IP:127.0.0.1') 2> /dev/null
    cat "$1.key" "$1.crt" > "$1.pem"
}
authority ca
authority stranger
certificate broker
certificate client

export KAFKA_SECURE=$WORK/tls
start_broker
plain=$KAFKA
tls=$("$rig" tls "$WORK/kafka")
sasl=$("$rig" sasl "$WORK/kafka")
start_emulator
make_events

# connect BROKERS PROPERTY...: the pipeline file for them, under $pipeline.
connect() {
    local properties
    KAFKA=$1 events_pipeline
    shift
    properties=$(printf '"%s", ' "$@" | sed 's/=/": "/g')
    sed -i "s#compression: zstd}#compression: zstd, properties: {${properties%, }}}#" "$pipeline"
}
ca=ssl.ca.location=$WORK/tls/ca.pem
export ALICE_SECRET=alice-secret WRONG_SECRET=not-the-secret BOB_SECRET=bob-secret
login() { # MECHANISM USER VARIABLE: the properties, a line each
    printf '%s\n' security.protocol=SASL_SSL "$ca" "sasl.mechanism=$1" "sasl.username=$2" "sasl.password=\${env:$3}"
}

first=1
crosses() {
    publish_numbers $first $((first + 999))
    first=$((first + 1000))
    start_bridge
    until_true 20 "everything is acknowledged over $1" all_acknowledged events-to-kafka
    finish bridge || die "$1: the bridge did not end well"
    KAFKA=$plain expect_published
}
connect "$tls" security.protocol=SSL "$ca" "ssl.certificate.location=$WORK/tls/client.crt" "ssl.key.location=$WORK/tls/client.key"
crosses "TLS with the client's certificate"
mechanisms=(PLAIN)
# Before 2.6.1 librdkafka's SCRAM does not work with Kafka 4, which the bridge must say; with KAFKA_VERSION=3.9.1 it does.
scram_works() {
    [[ ${KAFKA_VERSION:-4} == 3.* ]] || printf '%s\n' 2.6.1 "$(pkg-config --modversion rdkafka)" | sort -CV
}
if scram_works; then mechanisms+=(SCRAM-SHA-256 SCRAM-SHA-512); fi
for mechanism in "${mechanisms[@]}"; do
    mapfile -t properties < <(login "$mechanism" alice ALICE_SECRET)
    connect "$sasl" "${properties[@]}"
    crosses "SASL $mechanism"
done

# refused NAME WORDS HINT BROKERS PROPERTY...: all of them at the same time, as each waits for its broker's word.
declare -A words hints
refused() {
    local name=$1
    words[$name]=$2 hints[$name]=$3
    connect "${@:4}"
    cp "$pipeline" "$WORK/$name.yaml"
    start "$name" "$dualrun" bridge "$WORK/$name.yaml"
}
publish_numbers $first $((first + 999))
taken=$(subscription_stat events-to-kafka .pulls)
if ! scram_works; then
    mapfile -t properties < <(login SCRAM-SHA-512 alice ALICE_SECRET)
    refused librdkafka 'uthentication' 'librdkafka 2.6.1' "$sasl" "${properties[@]}"
fi
mapfile -t properties < <(login PLAIN alice WRONG_SECRET)
refused password 'uthentication' 'check sasl' "$sasl" "${properties[@]}"
mapfile -t properties < <(login PLAIN bob BOB_SECRET)
refused rights 'uthoriz' 'ACLs' "$sasl" "${properties[@]}"
refused authority 'certificate' 'ssl.ca.location' "$tls" security.protocol=SSL "ssl.ca.location=$WORK/tls/stranger.pem"
refused host 'certificate' 'host name' "${tls/127.0.0.1/localhost}" security.protocol=SSL "$ca"
refused nobody 'certificate' 'ssl.ca.location' "$tls" security.protocol=SSL "$ca"
refused unencrypted '' 'security.protocol' "$tls" security.protocol=PLAINTEXT
refused encrypted '' 'security.protocol' "$plain" security.protocol=SSL "$ca"
for name in "${!words[@]}"; do
    until_true 20 "the bridge with the wrong $name ends" eval "! running $name"
    status=0
    await "$name" || status=$?
    [ "$status" = 6 ] || die "$name: status $status instead of 6: $(cat "$WORK/log/$name")"
    grep -q "${words[$name]}" "$WORK/log/$name" || die "$name: not told: $(cat "$WORK/log/$name")"
    grep -q "${hints[$name]}" "$WORK/log/$name" || die "$name: no way out: $(cat "$WORK/log/$name")"
done
[ "$(subscription_stat events-to-kafka .pulls)" = "$taken" ] || die "messages were pulled that could not go anywhere"
if grep -rq -e alice-secret -e not-the-secret -e bob-secret "$WORK/log"; then die "a password is in a log"; fi

mapfile -t properties < <(login PLAIN alice ALICE_SECRET)
connect "$sasl" "${properties[@]}" ssl.endpoint.identification.algorithm=none
start_bridge
until_true 20 "what was refused is delivered" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
KAFKA=$plain expect_published
grep -q 'brokers are NOT verified' "$WORK/log/bridge" || die "no warning of brokers that are not verified"
