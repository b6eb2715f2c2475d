#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pub/Sub over TLS, compressed answers included: with an authority that SSL_CERT_FILE names everything crosses; without it
# the bridge refuses, and says what to do.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

cd "$WORK"
ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -subj '/CN=authority of a test' -days 2 2> /dev/null
openssl req "${ec[@]}" -keyout server.key -out server.csr -subj '/CN=127.0.0.1' 2> /dev/null
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
    -extfile <(echo 'subjectAltName=IP:127.0.0.1') 2> /dev/null

start_broker
start_emulator --tls server.pem server.key --json-log calls.jsonl
PUBSUB=${PUBSUB/http:/https:}
export CURL_CA_BUNDLE=$WORK/ca.pem # For curl, that the test calls; a library of curl does not read it.
make_events
events_pipeline
publish_numbers 1 20000

start bridge "$dualrun" bridge "$pipeline"
until_true 20 "the refusal is told" grep -q 'SSL_CERT_FILE' log/bridge
finish bridge || true
grep -q 'certificate' log/bridge || die "the refusal does not name the certificate"
[ "$(subscription_stat events-to-kafka .pulls)" = 0 ] || die "it pulled from a server that it cannot know"

export SSL_CERT_FILE=$WORK/ca.pem
start_bridge
until_true 60 "everything is acknowledged" all_acknowledged events-to-kafka
finish bridge || die "the bridge did not end well"
expect_published
