#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the bridge, again and again while it works: nothing is lost, and the join sees each event once.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

kills=${KILLS:-8}
start_broker
ACK_DEADLINE=10 start_emulator
make_streams views engagements
pipeline=$(LATENESS=10m pipeline_from "$TREE/config/demo.yaml")

start feed "$BUILD/tests/support/feed/feed-generator" --publish "$PUBSUB" --project "$PROJECT" --expect "$WORK/expect" \
    --events 40000 --seed 12 --poison 20 --rate 4000
delivered() { [ "$(($(subscription_stat views-to-kafka .acked) + $(subscription_stat engagements-to-kafka .acked)))" -gt "$1" ]; }
for kill in $(seq "$kills"); do
    start bridge "$dualrun" bridge "$pipeline"
    until_true 60 "the bridge gets on before kill $kill" delivered $((kill * 1000))
    sleep "0.$((RANDOM % 10))"
    running bridge || die "the bridge ended before kill $kill"
    finish bridge KILL || true
    all_acknowledged views-to-kafka engagements-to-kafka && die "kill $kill came when all work was done"
done
await feed || die "the feed was not published"

# The leases of the killed ones run out at once instead of in ten seconds.
curl -sS -f -X POST "$PUBSUB/admin/expire" -d '{}' > /dev/null
start bridge "$dualrun" bridge "$pipeline"
until_true 120 "everything is acknowledged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
note "$kills kills; redelivered: $(subscription_stat views-to-kafka .redelivered) views," \
    "$(subscription_stat engagements-to-kafka .redelivered) engagements"

"$dualrun" join "$pipeline" --until-end
expect_check --labels "$(dump labels)"
