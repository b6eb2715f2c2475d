#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several streams in one process: one whose subscription is not there and one that gets too many dead letters stop nobody
# else; status, metrics, page and the line on a terminal say which and why; the way out is a new start.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=bridge.sh
. "$TREE/tests/e2e/bridge.sh"

start_broker
start_emulator
make_events
make_topic poisoned poisoned-to-kafka
events_pipeline
cat >> "$pipeline" << Y
  absent:
    subscription: absent-to-kafka
    topic: {name: absent, partitions: 1, replication: 1}
    decode: raw
    key: attribute:key
  poisoned:
    subscription: poisoned-to-kafka
    topic: {name: poisoned, partitions: 1, replication: 1}
    decode: raw
    key: attribute:key
    dead_letter: poisoned-dead
    stop_above: 1%
    stop_window: 1h
    stop_least: 500
Y
# preload TOPIC COUNT ATTRIBUTE
preload() {
    python3 -c 'import json, sys
for n in range(int(sys.argv[1])): print(json.dumps({"data": "eA==", "attributes": {sys.argv[2]: f"k{n % 7}"}}))' "$2" "$3" > "$WORK/preload"
    admin preload "{\"topic\":\"projects/$PROJECT/topics/$1\",\"file\":\"$WORK/preload\",\"format\":\"message\"}" > /dev/null
}
publish_numbers 1 3000
preload poisoned 100 other # Too few to be judged, then a third of the whole.
http=127.0.0.1:$(free_port)
start bridge "$dualrun" bridge "$pipeline" --http "$http" --json
state() { curl -sf "http://$http/status" | jq -r ".streams[] | select(.stream == \"$1\") | .${2:-state}"; }
is() { [ "$(state "$1" "$2")" = "$3" ]; }
until_true 20 "the good stream is done" all_acknowledged events-to-kafka
until_true 20 "the poisoned stream is judged by enough only" is poisoned dead_letters 100
is poisoned state running || die "a hundred messages stopped it"
until_true 20 "the absent stream waits" is absent state waiting
state absent error | grep -q 'subscription absent-to-kafka: GET: NOT_FOUND' || die "why it waits: $(state absent error)"

preload poisoned 200 key
preload poisoned 5000 other
until_true 20 "the poisoned stream stops" is poisoned state stopped
state poisoned error | grep -qE 'stream poisoned: [0-9]+ of [0-9]+ messages within 1h became dead letters: stop_above: 1%' \
    || die "why it stopped: $(state poisoned error)"
is poisoned held stopped || die "held: $(state poisoned held)"
is_down() { [ "$(metric "http://$http" dualrun_bridge_stream_up 'stream="poisoned"')" = 0 ]; }
until_true 5 "the metric says that the stream is down" is_down
publish_numbers 3001 4000
until_true 20 "the good stream goes on" all_acknowledged events-to-kafka
kept=$(subscription_stat poisoned-to-kafka '.ready + .outstanding + .waiting')
[ "$kept" -gt 0 ] || die "the stopped stream took everything"

curl -sf "http://$http/healthz" > /dev/null || die "it is not alive"
[ "$(curl -s -o /dev/null -w '%{http_code}' "http://$http/readyz")" = 503 ] || die "ready although streams are down"
curl -sf -H 'accept: text/html,*/*' "http://$http/status" > "$WORK/page"
grep -q '<h2>stream poisoned</h2>.*class="stopped"' "$WORK/page" || die "the page does not tell"
grep -qE '<script|src=|https?://' "$WORK/page" && die "the page needs more than itself"
curl -sf "http://$http/metrics" | python3 -c '
import re, sys
helped, typed = set(), {}
for line in sys.stdin.read().splitlines():
    if line.startswith("# HELP "): helped.add(line.split()[2])
    elif line.startswith("# TYPE "): typed[line.split()[2]] = line.split()[3]
    else:
        name = re.match(r"[a-z_]+", line).group()
        base = re.sub("_(bucket|sum|count)$", "", name) if re.sub("_(bucket|sum|count)$", "", name) in typed else name
        assert base in helped and base in typed and base.startswith("dualrun_"), line
        assert base.endswith("_total") == (typed[base] == "counter"), line' || die "the metrics are not as Prometheus asks"

status=0
finish bridge || status=$?
[ "$status" = 1 ] || die "a stopped stream ended with status $status instead of 1"
grep -q 'hint: look at dualrun.reason in the topic poisoned-dead' "$WORK/log/bridge" || die "no way out is told"
grep '^{' "$WORK/log/bridge" | jq -es 'length > 0 and all(.streams | length == 3)' > /dev/null || die "--json is not one object a line"
grep -q 'a message became a dead letter stream=poisoned .*reason="KEY: no attribute key"' "$WORK/log/bridge" || die "no dead letter was logged"
[ "$(grep -c 'became a dead letter stream=' "$WORK/log/bridge")" -le 5 ] || die "a flood of dead letters floods the log"

note "mended and started again, on a terminal of 70 columns"
sed -i '/^  absent:/,/key: /d; /poisoned-to-kafka/,$ s/key: attribute:key/key: attribute:other/; s/stop_above: 1%/stop_above: 90%/' "$pipeline"
python3 - "$dualrun" "$pipeline" > "$WORK/terminal" << 'P' &
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    os.execv(sys.argv[1], [sys.argv[1], "bridge", sys.argv[2]])
print(pid, flush=True)
try:
    while data := os.read(terminal, 4096): sys.stdout.buffer.write(data), sys.stdout.flush()
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
reader=$!
until_true 20 "the rest is delivered" all_acknowledged poisoned-to-kafka
until_true 20 "there is a line" grep -q 'oldest unacked' "$WORK/terminal"
kill -TERM "$(head -n 1 "$WORK/terminal" | tr -d '\r')"
wait "$reader" || die "the mended bridge ended with $?"
sed 's/\r\x1b\[K/\n/g' "$WORK/terminal" > "$WORK/lines"
awk '/oldest unacked/ {lines++} length($0) > 70 && !/^2/ {exit 1} END {exit lines == 0}' "$WORK/lines" || die "the line is wider than the terminal"
grep -q '^2.* info stream starts' "$WORK/lines" || die "a log line is mixed with the status line"
