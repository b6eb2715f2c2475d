#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Avro messages, bare and framed, arrive as records of the registered schema, and what is no value of it is a dead letter;
# a JSON message with a member that the schema does not have is a dead letter that names it, and is replayed once the
# schema has grown; another stream keeps such members in a map. The validator agrees.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_streams packed strict kept
echo '{"type": "record", "name": "Packed", "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "long"}]}' > "$WORK/packed.avsc"
echo '{"type": "record", "name": "Strict", "fields": [{"name": "id", "type": "string"}]}' > "$WORK/strict.avsc"
cat > "$WORK/kept.avsc" << 'A'
{"type": "record", "name": "Kept", "fields": [{"name": "id", "type": "string"},
 {"name": "rest", "type": {"type": "map", "values": "string"}, "default": {}, "dualrun": "unknown"},
 {"name": "user", "type": ["null", {"type": "record", "name": "User", "fields": [{"name": "age", "type": "int"}]}], "default": null}]}
A
pipeline=$WORK/decode.yaml
cat > "$pipeline" << Y
version: 1
pipeline: decode
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: registry}}
streams:
  packed:
    subscription: packed-to-kafka
    audit_subscription: packed-audit
    topic: {name: packed, partitions: 2, replication: 1}
    decode: avro
    schema: packed.avsc
    key: id
    dead_letter: packed-dead
  strict:
    subscription: strict-to-kafka
    audit_subscription: strict-audit
    topic: {name: strict, partitions: 2, replication: 1}
    unknown_fields: dead_letter
    schema: strict.avsc
    key: id
    dead_letter: strict-dead
  kept:
    subscription: kept-to-kafka
    audit_subscription: kept-audit
    topic: {name: kept, partitions: 2, replication: 1}
    unknown_fields: keep
    schema: kept.avsc
    key: id
    dead_letter: kept-dead
validate: {settle: 1s, work: $WORK/work, report: $WORK/report}
Y

# The registry gives the first schema the id 1: half of the messages are framed with it.
python3 - > "$WORK/packed" << 'P'
import base64, json
def long(n):
    n, out = n << 1 ^ n >> 63, b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
def value(n):
    text = f"id-{n}".encode()
    return long(len(text)) + text + long(n * 1000003)
bodies = [(b"\0\0\0\0\1" if n % 2 else b"") + value(n) for n in range(400)]
bodies += [b"", value(7)[:-1], value(7) + b"x", b"\0\0\0\0\x63" + value(7), b'{"id": "json", "n": 1}']
for body in bodies:
    print(json.dumps({"data": base64.b64encode(body).decode()}))
P
python3 -c 'import base64, json
for text in [f"{{\"id\": \"{n}\"}}" for n in range(50)] + [f"{{\"id\": \"{n}\", \"grown\": {n}}}" for n in range(50, 60)]:
    print(json.dumps({"data": base64.b64encode(text.encode()).decode()}))' > "$WORK/strict"
# In two orders; the last one has an unknown member where nothing takes it.
python3 - > "$WORK/kept" << 'P'
import base64, json
bodies = ['{"id": "%d", "note": "a \\u0062", "pos": [1, 2.50], "user": {"age": 3}}' % n for n in range(50)]
bodies += ['{"pos":[1, 2.50] ,"user": {"age": 3}, "id": "%d", "note":"a \\u0062"}' % n for n in range(50, 100)]
bodies += ['{"id": "%d", "rest": {"a": "b"}}' % n for n in range(100, 110)]
bodies += ['{"id": "x", "note": 1, "user": {"age": 3, "size": 4}}']
for body in bodies:
    print(json.dumps({"data": base64.b64encode(body.encode()).decode()}))
P
for stream in packed strict kept; do
    admin preload "{\"topic\":\"projects/$PROJECT/topics/$stream\",\"file\":\"$WORK/$stream\",\"format\":\"message\"}" > /dev/null
done
start_bridge
until_true 20 "everything is acknowledged" all_acknowledged packed-to-kafka strict-to-kafka kept-to-kafka
finish bridge || die "the bridge did not end well"

jq -es '(length == 400) and all(.[]; .value.n == (.value.id[3:] | tonumber) * 1000003 and .key == .value.id)' "$(dump packed)" > /dev/null \
    || die "the packed records: $(head -n 2 "$WORK/packed.jsonl")"
[ "$("$dualrun" cat "$pipeline" packed-dead | jq -r .reason | sort | uniq -c | sed 's/^ *//')" = "5 DECODE: not one Avro value of the stream's schema" ] \
    || die "dead letters: $("$dualrun" cat "$pipeline" packed-dead)"
[ "$("$dualrun" cat "$pipeline" strict | wc -l)" = 50 ] || die "the strict stream"
[ "$("$dualrun" cat "$pipeline" strict-dead | jq -r .reason | sort -u)" = "DECODE: at byte 13, grown is not in the schema" ] \
    || die "dead letters: $("$dualrun" cat "$pipeline" strict-dead)"

"$dualrun" cat "$pipeline" kept | jq -c '[(.value.id | tonumber | if . < 100 then 0 else 1 end), .value.rest, .value.user.age]' | sort | uniq -c | sed 's/^ *//' > "$WORK/kept.counts"
cat > "$WORK/kept.expected" << 'X'
100 [0,{"note":"\"a \\u0062\"","pos":"[1, 2.50]"},3]
10 [1,{"rest":"{\"a\": \"b\"}"},null]
X
diff "$WORK/kept.expected" "$WORK/kept.counts" || die "the kept members"
[ "$("$dualrun" cat "$pipeline" kept-dead | jq -r .reason)" = "DECODE: at byte 42, user: size is not in the schema" ] \
    || die "dead letters: $("$dualrun" cat "$pipeline" kept-dead)"

note "the schema grows, and what was kept arrives"
echo '{"type": "record", "name": "Strict", "fields": [{"name": "id", "type": "string"}, {"name": "grown", "type": "int", "default": -1}]}' > "$WORK/strict.avsc"
"$dualrun" bridge "$pipeline" --stream strict --replay-dead-letters > "$WORK/replay" 2>> "$WORK/log/replay" || die "replay: $(cat "$WORK/replay")"
[ "$("$dualrun" cat "$pipeline" strict | jq -s 'map(.value.grown // empty) | add')" = 545 ] || die "the grown records"
"$dualrun" validate "$pipeline" --kind bridge --json > "$WORK/verdict" 2>> "$WORK/log/validate" || die "validate: $(jq -c '[.comparisons[] | [.name, .counts, .causes]]' "$WORK/verdict")"
jq -e '[.comparisons[].counts | [.matched, .dead_letter]] == [[400, 5], [60, 0], [110, 1]]' "$WORK/verdict" > /dev/null \
    || die "validate: $(jq -c '[.comparisons[] | [.name, .counts]]' "$WORK/verdict")"
