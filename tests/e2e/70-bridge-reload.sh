#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGHUP applies what may change in the pipeline file without a stop; what may not, and a file that is wrong, changes
# nothing, and the log says which key and line; the metrics count both.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events
events_pipeline "max_rate: 20"
sed -i '1a bridge: {max_messages: 400, max_pulls: 1}' "$pipeline" # Pulls of a hundred, one at a time.
publish_numbers 1 5000
start_bridge
reloads() { metric "http://$http" dualrun_bridge_reloads_total "result=\"$1\""; }
have_been() { [ "$(reloads "$1")" = "$2" ]; }
is_held() { [ "$(metric "http://$http" dualrun_bridge_held_seconds_total 'reason="max_rate"')" -gt 0 ]; }
reload() { kill -HUP "$(pid_of bridge)"; }
until_true 20 "the rate holds the stream" is_held
all_acknowledged events-to-kafka && die "the rate did not hold"

note "a file that is wrong"
cp "$pipeline" "$WORK/good"
sed -i 's/max_rate: 20/max_rat: 0/' "$pipeline"
reload
until_true 10 "it is refused" have_been refused 1
grep -q "not reloaded: the old one stays.*events.yaml:[0-9]*:[0-9]*: streams.events.max_rat: .*hint=\"did you mean max_rate" "$WORK/log/bridge" \
    || die "what is wrong is not told"

note "what needs a new start: nothing of the file is applied"
sed 's/max_rate: 20/max_rate: 0/; s/partitions: 4/partitions: 8/' "$WORK/good" > "$pipeline"
reload
until_true 10 "it is refused" have_been refused 2
grep -q "events.yaml: line 9: streams.events.topic.partitions cannot change while it runs: 8, was 4" "$WORK/log/bridge" || die "the key is not told"
sed '/max_rate/d' "$WORK/good" > "$pipeline"
echo '  more: {topic: more, key: attribute:key, decode: raw}' >> "$pipeline"
reload
until_true 10 "it is refused" have_been refused 3
grep -q "streams.more cannot change while it runs" "$WORK/log/bridge" || die "the new stream is not told"
all_acknowledged events-to-kafka && die "a part of a refused file was applied"

note "what may change"
sed 's/max_rate: 20/max_rate: 0/; s/max_pulls: 1/max_pulls: 4, log_level: warn/' "$WORK/good" > "$pipeline"
echo 'validate: {settle: 3m}' >> "$pipeline"
reload
until_true 10 "it is applied" have_been applied 1
until_true 20 "the rate holds no longer" all_acknowledged events-to-kafka
cp "$WORK/good" "$pipeline"
reload
until_true 10 "it is applied" have_been applied 2
grep -q 'changed=".*streams.events.max_rate: 0 -> 20' "$WORK/log/bridge" || die "the change is not told"

note "dead letters beyond their rate hold the stream, until the limit is taken away"
sed 's/max_rate: 20/max_dead_rate: 5/' "$WORK/good" > "$pipeline"
reload
until_true 10 "it is applied" have_been applied 3
python3 -c 'import json
for n in range(3000): print(json.dumps({"data": "eA=="}))' > "$WORK/dead"
admin preload "{\"topic\":\"projects/$PROJECT/topics/events\",\"file\":\"$WORK/dead\",\"format\":\"message\"}" > /dev/null
is_held_by_dead() { [ "$(metric "http://$http" dualrun_bridge_held_seconds_total 'reason="max_dead_rate"')" -gt 0 ]; }
until_true 20 "their rate holds the stream" is_held_by_dead
all_acknowledged events-to-kafka && die "their rate did not hold"
sed '/max_rate/d' "$WORK/good" > "$pipeline"
reload
until_true 20 "it holds no longer" all_acknowledged events-to-kafka
[ "$(bridge_metric dead_letters_total)" = 3000 ] || die "there are not 3000 dead letters"
finish bridge || die "the bridge did not end well"
expect_published
