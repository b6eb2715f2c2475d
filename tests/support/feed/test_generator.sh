#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# feed-generator against the emulator, whose publish calls fail in several ways: what can be pulled is the feed.
# shellcheck disable=SC1091
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
generator=$BUILD/tests/support/feed/feed-generator
tools=$TREE/tests/support/tools
feed=(--events 20000 --late 10 --poison 48 --duplicates 0.01)

start_emulator
make_topic views views-all
make_topic engagements engagements-all
for fault in '{"method":"*publish","skip":1,"calls":2,"status":503}' '{"method":"*publish","skip":5,"calls":1,"drop_answer":true}' \
    '{"method":"*publish","skip":8,"calls":1,"truncate":10}' '{"method":"*publish","skip":10,"calls":1,"close":true}'; do
    curl -sS -f -X POST "$PUBSUB/admin/faults" -d "$fault" > /dev/null
done
"$generator" "${feed[@]}" --publish "$PUBSUB" --out "$WORK/out" --expect "$WORK/expect" > "$WORK/told"
retries=$(jq .retries "$WORK/told")
# libcurl itself repeats a call when a connection that it had kept is closed: that one is not counted.
[ "$retries" -ge 3 ] || die "only $retries requests were sent again: the faults did not hit"
[ "$(jq .published "$WORK/told")" = "$(jq .messages.all "$WORK/expect/summary.json")" ] || die "it says: $(cat "$WORK/told")"

note "every message of the feed is there, none is of another feed"
for topic in views engagements; do
    count=$(jq ".messages.$topic" "$WORK/expect/summary.json")
    python3 "$tools/pull_all.py" "$PUBSUB" "$PROJECT" "$topic-all" "$count" > "$WORK/pulled"
    python3 - "$WORK/pulled" "$WORK/out/$topic.jsonl" << 'P' || die "$topic: the pulled bodies are not the feed"
import base64, sys
from collections import Counter
pulled = Counter(base64.b64decode(line.split(b" ")[0]) for line in open(sys.argv[1], "rb"))
written = Counter(open(sys.argv[2], "rb").read().split(b"\n")[:-1])
# A request whose answer was lost is published again.
sys.exit(pulled.keys() != written.keys() or any(pulled[body] < count for body, count in written.items()))
P
done

note "attributes and ordering keys"
make_topic ordered ordered-all
"$generator" --views 50 --poison 16 --publish "$PUBSUB" --views-topic ordered --engagements-topic ordered --ordering-keys > /dev/null
python3 "$tools/pull_all.py" "$PUBSUB" "$PROJECT" ordered-all 96 > "$WORK/pulled"
grep -c '"poison": "p0000' "$WORK/pulled" | grep -qx 16 || die "not all the poison carries its number"
[ "$(grep -c '"origin": "app", .*"v": "3"' "$WORK/pulled")" -ge 96 ] || die "attributes are missing"
note "passed"
