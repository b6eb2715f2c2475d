#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pub/Sub over HTTP/2, as Google speaks it: TLS agrees on it, many pulls share one connection, and pulls that wait are answered
# with a 504 that is no JSON, which is no error. The HTTP/2 server is nghttpx, in front of the emulator; 45 has its faults.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

proxy=$(PATH=$PATH:/usr/sbin command -v nghttpx) || die "nghttpx is not installed; run ./run install test"
cd "$WORK"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.pem \
    -subj '/CN=127.0.0.1' -days 2 -addext 'subjectAltName=IP:127.0.0.1' 2> /dev/null

start_broker
start_emulator --poll-hold 20s
make_events
port=$(free_port)
start_proxy() {
    start proxy "$proxy" --conf=/dev/null --workers=1 --frontend="127.0.0.1,$port" --backend="127.0.0.1,${PUBSUB##*:}" \
        --backend-read-timeout=1s --accesslog-file="$WORK/access" --accesslog-format="\$alpn \$remote_port \$request \$status" \
        --errorlog-file="$WORK/log/proxy-errors" server.key server.pem
    until_true 10 "the proxy listens" curl -s -k -o /dev/null "https://127.0.0.1:$port/"
}
pulls() { grep -c ":pull HTTP/2 $1\$" "$WORK/access" || true; }

events_pipeline
sed -i "s#endpoint: \"[^\"]*\"#endpoint: \"https://127.0.0.1:$port\"#" "$pipeline"
export SSL_CERT_FILE=$WORK/server.pem
start_proxy
start_bridge
publish_numbers 1 20000
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
grep "subscriptions/events-to-kafka" access | grep -v '^h2 ' && die "not everything went over HTTP/2"
connections=$(awk '/:pull /{print $2}' access | sort -u | wc -l)
[ "$connections" -le 2 ] || die "$(pulls 200) pulls took $connections connections"
note "$(pulls 200) pulls over $connections connection(s)"

note "pulls that wait are answered 504, without JSON"
idle() { [ "$(pulls 504)" -ge 3 ]; }
until_true 30 "the proxy gave up pulls" idle
publish_numbers 20001 21000
until_true 30 "what comes then is taken" all_acknowledged events-to-kafka

finish bridge || die "the bridge did not end well"
grep "subscriptions/events-to-kafka" access | grep -v '^h2 ' && die "not everything went over HTTP/2"
expect_published
