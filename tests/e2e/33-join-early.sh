#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# emit: early. A view with a match is readable long before its window closes, once, also when the joiner is killed; the
# final row follows under the same key; the validator judges final rows alone. Then a whole feed with kills.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=15m pipeline_from "$TREE/config/demo.yaml")
sed -i 's/idle_after: .*/&\n  emit: early\n  commit_interval: 200ms/' "$pipeline"
# Pulls side by side would mix up more of the hour than lateness bears.
echo 'bridge: {max_pulls: 1}' >> "$pipeline"
start bridge "$dualrun" bridge "$pipeline"

rows() { # WANTED: true | false; keys of the rows that are final or not
    jq -r --arg final "final=$1" 'select(.headers["dualrun.join"] | endswith($final)) | .key' "$(dump labels)" | sort
}

publish_feed --events 30000 --seed 33 --span 60m
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
for point in join.produced:1 join.offsets_sent:2 join.committed:2 join.offsets_sent:1; do
    status=0
    DUALRUN_CRASH_AT=$point "$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join" || status=$?
    [ "$status" = 137 ] || die "crash at $point: status $status"
done
"$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join" || die "the join did not end well"

python3 - "$(dump labels)" "$WORK/final.jsonl" << 'P'
import json, sys
final, early, order = {}, {}, []
with open(sys.argv[2], "w") as out:
    for number, line in enumerate(open(sys.argv[1])):
        record = json.loads(line)
        header = record["headers"]["dualrun.join"]
        sample, is_final = header.split()[0], header.endswith("final=true")
        kind = final if is_final else early
        if sample in kind:
            sys.exit(f"{sample} came out twice, final: {is_final}")
        if not is_final and sample in final:
            sys.exit(f"{sample} came out early after its final row")
        kind[sample] = record
        if is_final:
            out.write(line)
own = ("view_id", "user_id", "ts")
for sample, record in early.items():
    if sample not in final:
        sys.exit(f"{sample} has an early row and no final one")
    closed = final[sample]
    if record["key"] != closed["key"] or any(record["value"].get(f) != closed["value"].get(f) for f in own):
        sys.exit(f"{sample}: the early row is another view's: {record} {closed}")
if len(early) < 100:
    sys.exit(f"{len(early)} early rows: they prove nothing")
print(f"--- {len(final)} final rows, {len(early)} early ones", file=sys.stderr)
P
early=$(rows false | wc -l)
expect_check --labels "$WORK/final.jsonl"
"$dualrun" validate "$pipeline" --kind join --json > "$WORK/verdict" 2>> "$WORK/log/validate" \
    || die "validate: $(jq -c '.comparisons[] | [.counts, .causes]' "$WORK/verdict")"
jq -e --argjson early "$early" '.verdict == "PASS" and .comparisons[0].facts.early_rows == $early' "$WORK/verdict" > /dev/null \
    || die "validate: $(jq -c '.comparisons[] | [.counts, .facts]' "$WORK/verdict")"

note "the window is open for minutes, and the match is readable; a kill does not bring it again"
make_streams plays thumbs
for name in Play Thumb; do
    echo '{"type": "record", "name": "'$name'", "fields": [{"name": "id", "type": "string"}, {"name": "ts", "type": "long"}]}' \
        > "$WORK/$name.avsc"
done
cat > "$WORK/live.yaml" << Y
version: 1
pipeline: live
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: registry}}
streams:
  plays: {subscription: plays-to-kafka, topic: {name: plays, partitions: 2}, decode: json, schema: Play.avsc, key: id, event_time: {field: ts, unit: ms}}
  thumbs: {subscription: thumbs-to-kafka, topic: {name: thumbs, partitions: 2}, decode: json, schema: Thumb.avsc, key: id, event_time: {field: ts, unit: ms}}
join:
  name: seen
  output: {topic: seen, key: id, late_topic: seen-late}
  primary: plays
  key: {plays: id, thumbs: id}
  within: {thumbs: {before: 1s, after: 10m}}
  lateness: 1m
  emit: early
  commit_interval: 200ms
  fields: [plays.id, {name: liked, any: thumbs}]
Y
publish() { # TOPIC ID
    echo '{"id": "'"$2"'", "ts": '"$(date +%s)"000'}' \
        | "$BUILD/tests/support/feed/feed-publish" - --publish "$PUBSUB" --project "$PROJECT" --topic "$1" --in-flight 1
}
seen() { jq -c '[.value.id, .value.liked, (.headers["dualrun.join"] | endswith("final=true"))]' "$(dump seen)" | sort; }
seen_is() { [ "$(seen 2> /dev/null)" = "$1" ]; }
start live-bridge "$dualrun" bridge "$WORK/live.yaml"
publish plays liked
publish plays unliked
publish thumbs liked
until_true 30 "the topics are there" all_acknowledged plays-to-kafka thumbs-to-kafka
start live-join "$dualrun" join "$WORK/live.yaml"
until_true 30 "the early row" seen_is '["liked",true,false]'
kill -9 "$(pid_of live-join)"
publish thumbs liked # A second match: no early row.
publish thumbs unliked
start live-join-again "$dualrun" join "$WORK/live.yaml"
until_true 60 "the second early row" seen_is '["liked",true,false]
["unliked",true,false]'
finish live-join-again || die "the join did not end well"
finish live-bridge || die "the bridge did not end well"
"$dualrun" join "$WORK/live.yaml" --until-end 2>> "$WORK/log/join" || die "the join did not end well"
seen_is '["liked",true,false]
["liked",true,true]
["unliked",true,false]
["unliked",true,true]' || die "seen: $(seen)"
