#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Records that are deleted, doubled, altered, moved, rekeyed and invented on the way, in a bridged topic and in the
# join's output: the validator names each one rightly, counts them exactly, and finds nothing else. Its page says so in
# a browser, if there is one.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# sabotage FROM TO SEED DELETE DOUBLE ALTER MOVE REKEY
sabotage() {
    "$BUILD/tests/support/tools/saboteur" "$KAFKA" --from "$1" --to "$2" --seed "$3" --delete "$4" --double "$5" --alter "$6" \
        --move "$7" --rekey "$8" --one-in 100 --list "$WORK/spoiled-$2" --schemas "$WORK/registry" --until-end
}

# counts KIND NAME: what the report counts of one comparison.
counts() {
    jq -c --arg kind "$1" --arg name "$2" '.comparisons[] | select(.kind == $kind and .name == $name) |
        [.verdict, .counts.missing, .counts.duplicate, .counts.extra,
            ([.causes[] | select(.cause == "unexplained" and .kind == "altered").count] | add // 0),
            ([.causes[] | select(.kind == "wrong_partition").count] | add // 0),
            ([.causes[] | select(.kind == "wrong_key").count] | add // 0)]' "$WORK/report/report.json"
}

expect_counts() { # KIND NAME WANTED
    local found
    found=$(counts "$1" "$2")
    [ "$found" = "$3" ] || die "$1 $2: verdict, missing, duplicate, extra, altered, wrong partition, wrong key are $found, not $3"
}

start_broker
start_emulator
make_streams views engagements
pipeline=$(LATENESS=60s pipeline_from "$TREE/config/demo.yaml")
bridge_file=$WORK/bridge.yaml join_file=$WORK/join.yaml
sed 's/{name: views,/{name: views-clean,/' "$pipeline" > "$bridge_file"
sed 's/{topic: labels,/{topic: labels-clean,/' "$pipeline" > "$join_file"

start bridge "$dualrun" bridge "$bridge_file"
publish_feed --events 6000 --seed 31
until_true 60 "the bridge has acknowledged everything" all_acknowledged views-to-kafka engagements-to-kafka
finish bridge || die "the bridge did not end well"
sabotage views-clean views 1 4 3 5 2 1
"$dualrun" join "$join_file" --until-end
sabotage labels-clean labels 2 3 4 5 1 2
echo "stranger:of nobody" | kcat -b "$KAFKA" -P -t views -p 0 -K : || die "no record could be invented"

status=0
"$dualrun" validate "$pipeline" --report "$WORK/report" || status=$?
[ "$status" = 1 ] || die "exit status $status"
expect_counts bridge views '["FAIL",4,3,1,5,2,1]'
expect_counts bridge engagements '["PASS",0,0,0,0,0,0]'
expect_counts join labels '["FAIL",3,4,0,5,1,2]'
jq 'del(.differences[] | select(.key == "stranger"))' "$WORK/report/report.json" > "$WORK/without-stranger.json"
python3 "$TREE/tests/support/tools/sabotage_found.py" "$WORK/without-stranger.json" "$WORK"/spoiled-*

note "the same report for a test runner and for Prometheus, and again from its file"
python3 - "$WORK/report/report.xml" << 'END'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
cases = {(c.get("classname"), c.get("name")): c.find("failure") is not None for c in root.iter("testcase")}
assert int(root.get("tests")) == len(cases) and int(root.get("failures")) == sum(cases.values()), root.attrib
assert cases["dualrun.bridge.views", "comparison"] and cases["dualrun.join.labels", "gate unexplained"]
assert not cases["dualrun.bridge.engagements", "comparison"]
END
for line in 'comparison="bridge",of="views",kind="missing",cause="unexplained"} 4' 'comparison="join",of="labels",kind="duplicate",cause="unexplained"} 4'; do
    grep -qF "dualrun_validate_differences{pipeline=\"demo\",$line" "$WORK/report/report.prom" || die "report.prom has no $line"
done
for pair in json:json html:html junit:xml prometheus:prom; do
    "$dualrun" report show "$WORK/report" --format "${pair%:*}" | cmp - "$WORK/report/report.${pair#*:}" || die "report show: ${pair%:*} is another"
done

note "each command of the page fetches a record of its sample"
sed 's/<code>/\n&/g' "$WORK/report/report.html" | sed -n 's#^<code>\(dualrun cat [^<]*\)</code>.*#\1#p' > "$WORK/commands"
[ "$(wc -l < "$WORK/commands")" -ge 20 ] || die "the page has $(wc -l < "$WORK/commands") commands"
while read -r _ command; do
    # shellcheck disable=SC2086 # as a shell would split it
    "$dualrun" $command < /dev/null | jq -es 'length == 1 and .[0].offset >= 0' > /dev/null || die "dualrun $command"
done < <(shuf -n 12 --random-source=<(yes) "$WORK/commands")

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$browser" ] || { note "no browser: the page is not opened"; exit 0; }
note "the page, in a browser"
"$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$WORK/browser" --dump-dom "file://$WORK/report/report.html" \
    > "$WORK/dom.html" 2> "$WORK/log/browser" || die "the browser failed"
grep -q '<h1>FAIL</h1>' "$WORK/dom.html" || die "the page does not begin with the verdict"
samples=$(grep -o '<article class="sample">' "$WORK/dom.html" | wc -l)
[ "$samples" = "$(jq '.differences | length' "$WORK/report/report.json")" ] || die "the page shows $samples samples"
for key in stranger $(jq -r 'select(.key != null and .action != "delete").key' "$WORK"/spoiled-*); do
    grep -qF "$key" "$WORK/dom.html" || die "the page does not show $key"
done
if grep -qE '<(script|link|img|iframe)|(src|href)="?(https?:)?//|url\(|@import' "$WORK/dom.html"; then
    die "the page loads something"
fi
