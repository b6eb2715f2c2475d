#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# dualrun cat shows what lies in a topic as another tool does, finds one record by place, key and time, shows dead
# letters with their reason, follows a topic, and shows what waits in a subscription without taking it away.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")
publish_feed --events 2000 --seed 65 --poison 40

show() { "$dualrun" cat "$pipeline" "$@" 2>> "$WORK/log/cat"; }
refused() { # WORDS ARGUMENT...
    local words=$1 status=0
    shift
    "$dualrun" cat "$pipeline" "$@" > "$WORK/refused" 2>&1 || status=$?
    [ "$status" = 3 ] || die "cat $*: status $status"
    grep -qF -- "$words" "$WORK/refused" || die "cat $*: $(cat "$WORK/refused")"
}

note "what waits in a subscription is shown and stays"
waiting=$(subscription_stat views-to-kafka '.ready + .outstanding + .waiting')
show views --pubsub --count 25 > "$WORK/waiting"
jq -es 'length == 25 and all(.[]; .subscription == "views-to-kafka" and (.value.view_id | length) > 0 and .attributes.origin == "app"
    and (.publish_time_us > 1e15)) and ([.[].message_id] | unique | length == 25)' "$WORK/waiting" > /dev/null \
    || die "of the subscription: $(head -n 2 "$WORK/waiting")"
[ "$(subscription_stat views-to-kafka '.ready + .outstanding + .waiting')" = "$waiting" ] || die "messages were taken away"

start bridge "$dualrun" bridge "$pipeline"
until_true 60 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
"$dualrun" join "$pipeline" --until-end 2>> "$WORK/log/join"

note "each topic as another tool reads it"
for topic in views engagements labels; do
    jq -cS '[.partition, .offset, .key, .value]' "$(dump "$topic")" | sort > "$WORK/other"
    show "$topic" > "$WORK/shown"
    jq -cS '[.partition, .offset, .key, .value]' "$WORK/shown" | sort | cmp - "$WORK/other" || die "$topic is not shown as it is"
done
jq -es 'all(.[]; .join.final and (.join.sample | length == 32) and (.join.from | test("^[0-9]+:[0-9]+$")))' "$WORK/shown" > /dev/null \
    || die "provenance of labels: $(head -n 1 "$WORK/shown")"
show views | jq -es 'all(.[]; .source.subscription == "views-to-kafka" and .headers.origin == "app" and .schema_id > 0)' > /dev/null \
    || die "provenance of views: $(show views --count 1)"

note "one record by its place, its key, its time"
one=$(show views --last 1 | jq -c . | head -n 1)
place=$(jq -r '"\(.partition):\(.offset)"' <<< "$one")
[ "$(show views --at "$place" | jq -c .)" = "$one" ] || die "not the record at $place"
key=$(jq -r .key <<< "$one")
show views --key "$key" | jq -es --arg key "$key" 'length >= 1 and all(.[]; .key == $key)' > /dev/null || die "not those of $key"
time=$(jq -r .timestamp <<< "$one")
show views --from "$time" | jq -es --arg time "$time" 'length >= 1 and (map(.timestamp) | min >= $time)' > /dev/null || die "not those from $time"
show views --to "$time" | jq -es --arg time "$time" 'length >= 1 and (map(.timestamp) | max < $time)' > /dev/null || die "not those to $time"
[ "$(show views --partition 1 --count 3 | jq -c .partition | sort -u)" = 1 ] || die "other partitions are shown too"
show views | head -n 1 > /dev/null || die "a closed pipe is an error"

note "dead letters with their reason and what was published"
show views-dead > "$WORK/dead"
jq -es 'length > 0 and all(.[]; (.reason | test("^[A-Z]+: ")) and .key == null and .source.message_id != null)' "$WORK/dead" > /dev/null \
    || die "dead letters: $(head -n 1 "$WORK/dead")"

note "following"
start follow "$dualrun" cat "$pipeline" views --follow --last 1
until_true 20 "the last record is shown" grep -q partition "$WORK/log/follow"
printf 'later:\377\376' | kcat -b "$KAFKA" -P -t views -p 0 -K :
printf 'gone:' | kcat -b "$KAFKA" -P -t views -p 0 -K : -Z
until_true 20 "the later records are shown" grep -q '"key":"gone".*"value":null' "$WORK/log/follow"
grep -q '"key":"later","value":{"hex":"fffe"}' "$WORK/log/follow" || die "bytes that are no text: $(cat "$WORK/log/follow")"
finish follow || die "following did not end well"

note "what cannot be shown"
refused "did you mean views?" vews
refused "exclude each other" views --at 0:1 --last 3
refused "is no place" views --at 7
refused "has no partition 99" views --partition 99
refused "is no stream with a subscription" labels --pubsub
