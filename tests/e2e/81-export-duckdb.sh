#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `dualrun export duckdb-sql`: the joins of one file, of every kind and attribution and with every aggregate, as DuckDB
# computes them from the topics and as the joiner wrote them: equal row by row, sample ids too. What was planted is found.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
here=$TREE/tests/e2e/duckdb
seed=${SEED:-81}

programs=$("$TREE/tests/support/venv.sh" "$here")/bin
start_broker
start_emulator
make_streams views engagements clicks
cat > "$WORK/view.avsc" << 'J'
{"type": "record", "name": "View", "fields": [{"name": "id", "type": "string"}, {"name": "user", "type": "string"}, {"name": "ts", "type": "long"},
 {"name": "score", "type": "double"}, {"name": "tags", "type": {"type": "array", "items": "string"}},
 {"name": "geo", "type": ["null", {"type": "record", "name": "Geo", "fields": [{"name": "country", "type": "string"}, {"name": "size", "type": "int"}]}], "default": null},
 {"name": "note", "type": ["null", "string"], "default": null}]}
J
cat > "$WORK/engagement.avsc" << 'J'
{"type": "record", "name": "Engagement", "fields": [{"name": "id", "type": "long"}, {"name": "user", "type": "string"}, {"name": "at", "type": "long"},
 {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["skip", "like", "share"]}}, {"name": "ok", "type": "boolean"},
 {"name": "ms", "type": ["null", "long"], "default": null}, {"name": "ratio", "type": ["null", "double"], "default": null},
 {"name": "who", "type": ["null", {"type": "record", "name": "Who", "fields": [{"name": "name", "type": ["null", "string"], "default": null}]}], "default": null}]}
J
cat > "$WORK/click.avsc" << 'J'
{"type": "record", "name": "Click", "fields": [{"name": "user", "type": "string"}, {"name": "at", "type": "string"}, {"name": "item", "type": "int"}]}
J
cat > "$WORK/pipeline.yaml" << Y
version: 1
pipeline: exported
pubsub: {project: $PROJECT, endpoint: "$PUBSUB", credentials: emulator}
kafka: {brokers: ["$KAFKA"], schema_registry: {directory: registry}}
streams:
  views: {subscription: views-to-kafka, topic: {name: views, partitions: 3}, schema: view.avsc, key: user, event_time: {field: ts, unit: ms}, event_id: id, dead_letter: views-dead}
  engagements: {subscription: engagements-to-kafka, topic: {name: engagements, partitions: 3}, schema: engagement.avsc, key: user, event_time: {field: at, unit: us}, event_id: id}
  clicks: {subscription: clicks-to-kafka, topic: {name: clicks, partitions: 3}, schema: click.avsc, key: user, event_time: {field: at, unit: rfc3339}, event_id: message_id}
join:
Y
joins=(every-left every-inner latest-left latest-inner)
for join in "${joins[@]}"; do
    cat >> "$WORK/pipeline.yaml" << Y
  - name: $join
    output: {topic: $join, key: id, late_topic: $join-late}
    kind: ${join#*-}
    attribute: ${join%-*}
    primary: views
    key: {views: user, engagements: user, clicks: user}
    within: {engagements: {before: 500ms, after: 3s}, clicks: {after: 1s}}
    lateness: 5m
    fields:
      - views.*
      - views.geo.country
      - {name: liked, any: engagements, where: {kind: like}}
      - {name: shares, count: engagements, where: {kind: [share, like], ok: true}}
      - {name: fives, count: engagements, where: {ms: [5, "07", 7]}}
      - {name: first_kind, first: engagements.kind}
      - {name: last_name, last: engagements.who.name}
      - {name: last_ok, last: engagements.ok, where: {who.name: "z'"}}
      - {name: least, min: engagements.ms}
      - {name: most, max: engagements.ms, where: {ok: false}}
      - {name: least_kind, min: engagements.kind}
      - {name: most_name, max: engagements.who.name}
      - {name: least_ratio, min: engagements.ratio}
      - {name: total, sum: engagements.ms}
      - {name: total_ok, sum: engagements.ms, where: {ok: true}}
      - {name: ratios, sum: engagements.ratio}
      - {name: kinds, list: engagements.kind, limit: 3}
      - {name: moments, list: engagements.at}
      - {name: clicks, count: clicks}
      - {name: items, sum: clicks.item}
      - {name: first_item, first: clicks.item}
Y
done
pipeline=$WORK/pipeline.yaml

note "events of seed $seed"
python3 "$here/events.py" "$seed" "$(($(date +%s) * 1000 - 60000))" "$WORK"
for stream in views engagements clicks; do
    "$BUILD/tests/support/feed/feed-publish" - --publish "$PUBSUB" --project "$PROJECT" --topic "$stream" < "$WORK/$stream.events"
done
start bridge "$dualrun" bridge "$pipeline"
until_true 60 "everything is bridged" all_acknowledged views-to-kafka engagements-to-kafka clicks-to-kafka
finish bridge || die "the bridge did not end well"
printf 'no Avro' | kcat -P -b "$KAFKA" -t views -p 0 -k 'user 1' # A dead letter of the join, and of the query.
"$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join"

cd "$WORK"
for name in views engagements clicks "${joins[@]}"; do "$dualrun" cat "$pipeline" "$name" > "$name.jsonl"; done
compare() { "$programs/python" "$here/compare.py" "$@"; }
for join in "${joins[@]}"; do
    "$dualrun" export duckdb-sql "$pipeline" --join "$join" --out "$join.sql"
    "$programs/duckdb" -jsonlines < "$join.sql" > "$join.rows.jsonl"
    note "$join: $(compare "$join.jsonl" "$join.rows.jsonl")"
    "$programs/python" "$here/query.py" "$join.sql" "$join.module.jsonl"
    compare "$join.jsonl" "$join.module.jsonl" > "$WORK/log/compare"
    [ ! -s "$join-late.jsonl" ] || die "a record was late"
done
[ "$(jq -s 'map(select(.value.total == null and .value.least != null)) | length' every-left.jsonl)" -gt 0 ] || die "no sum has overflowed"
[ "$(wc -l < latest-inner.jsonl)" -lt "$(wc -l < latest-left.jsonl)" ] || die "inner left nothing out"

note "what is planted is found"
refused() { # WORDS: the comparison of every-left ends with them
    "$programs/duckdb" -jsonlines < every-left.sql > planted.rows.jsonl
    if compare every-left.jsonl planted.rows.jsonl > compared 2>&1; then die "not found: $1"; fi
    grep -q "$1" compared || die "found, but not told: $(cat compared)"
}
plant() { # STREAM PROGRAM: its file goes through awk, which must change it
    mv "$1.jsonl" whole
    awk "$2" whole > "$1.jsonl"
    if cmp -s whole "$1.jsonl"; then die "nothing was planted in $1"; fi
}
plant engagements 'done < 10 && sub(/"kind":"like"/, "\"kind\":\"skip\"") {done++} 1'
refused 'rows differ of'
mv whole engagements.jsonl
plant views 'NR > 1'
refused 'query: null'
note "passed"
