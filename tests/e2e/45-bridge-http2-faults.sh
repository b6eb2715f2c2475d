#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# HTTP/2 with everything going wrong together: streams that are reset, answers cut in mid-body, 503, GOAWAY again and
# again, a server that dies and comes back, tokens that expire. Nothing is lost, nothing doubled; then the server speaks
# only HTTP/1.1, and everything crosses by that. The front is nghttpx; it resets the stream of an answer that it got cut.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

proxy=$(PATH=$PATH:/usr/sbin command -v nghttpx) || die "nghttpx is not installed; run ./run install test"
cd "$WORK"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.pem \
    -subj '/CN=127.0.0.1' -addext 'subjectAltName=IP:127.0.0.1' -days 2 2> /dev/null
export SSL_CERT_FILE=$WORK/server.pem

start_broker
start_emulator --require-token --token-life 2s
export GCE_METADATA_HOST=${PUBSUB#http://}
token=$(curl -sS -f -H 'Metadata-Flavor: Google' \
    "$PUBSUB/computeMetadata/v1/instance/service-accounts/default/token" | jq -r .access_token)
pubsub() { curl -sS -f -X "$1" -H "authorization: Bearer $token" -d "$3" "$PUBSUB/v1/projects/$PROJECT$2"; }
make_events

front_port=$(free_port)
start_front() { # PROTOCOLS, for ALPN
    cat > front.conf << C
frontend=127.0.0.1,$front_port
backend=127.0.0.1,${PUBSUB##*:}
private-key-file=$WORK/server.key
certificate-file=$WORK/server.pem
npn-list=$1
workers=1
no-ocsp=yes
pid-file=$WORK/front.pid
errorlog-file=$WORK/log/front-errors
accesslog-file=$WORK/front.log
accesslog-format=\$alpn \$remote_port \$status
C
    start front "$proxy" --conf="$WORK/front.conf"
    until_true 10 "the front listens" eval "(: < /dev/tcp/127.0.0.1/$front_port) 2> /dev/null"
}
kill_front() { # With its worker: at once, whatever is under way.
    local main workers
    main=$(pid_of front)
    workers=$(cat "/proc/$main/task/$main/children")
    # shellcheck disable=SC2086 # A list of numbers.
    kill -9 "$main" $workers
    finish front KILL || true
}

start_front h2,http/1.1
PUBSUB=https://127.0.0.1:$front_port CREDENTIALS=metadata events_pipeline
echo 'bridge: {max_messages: 400}' >> "$pipeline" # Small pulls: many calls.
publish_numbers 1 30000
admin faults '{"method":"subscriptions.pull","every":6,"calls":8,"truncate":3000}' > /dev/null
admin faults '{"method":"subscriptions.pull","every":7,"calls":3,"status":503}' > /dev/null
admin faults '{"method":"subscriptions.acknowledge","every":5,"calls":4,"truncate":1}' > /dev/null
admin faults '{"method":"subscriptions.pull","every":2,"bytes_per_second":200000}' > /dev/null # So that cuts meet answers under way.
start_bridge
for round in $(seq 40); do
    sleep 0.5
    all_acknowledged events-to-kafka && break
    case $((round % 6)) in
    1 | 3 | 5) kill -HUP "$(pid_of front)" ;; # A new worker; the old one says GOAWAY and ends its streams.
    2)
        kill_front
        start_front h2,http/1.1
        ;;
    esac
    admin tokens '{}' > /dev/null
    admin expire '{}' > /dev/null # What a lost answer held comes again now, not in ten seconds.
done
until_true 30 "everything is acknowledged" all_acknowledged events-to-kafka
expect_struck
[ "$(bridge_metric failed_calls_total)" -gt 5 ] || die "the bridge did not see the faults"
expect_published

calls=$(grep -c '^h2 ' front.log)
connections=$(awk '$1 == "h2" {print $2}' front.log | sort -u | wc -l)
note "$calls calls over $connections connections of HTTP/2"
[ "$(grep -vc '^h2 ' front.log)" = 0 ] || die "a call did not go over HTTP/2"
[ "$connections" -gt 1 ] || die "no connection was ever cut"
[ "$calls" -ge $((4 * connections)) ] || die "calls do not share connections: $calls over $connections"

kill_front
: > front.log
start_front http/1.1
publish_numbers 30001 31000
until_true 30 "the rest is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
expect_published
grep -q '^http/1.1 ' front.log || die "nothing went over HTTP/1.1"
finish front || true
