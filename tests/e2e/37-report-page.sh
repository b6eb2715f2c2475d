#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The report's page in a real browser: on a phone nothing is wider than the screen; the first screen of a desk has the verdict and
# the next step; dark where the reader's screen is dark; and text from data, however hostile, stays text.
# shellcheck source=../support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || die "no browser: ./run test installs chromium"

measure() { # REPORT NAME: renders it and measures it in the browser
    "$dualrun" report show "$1" --format html > "$WORK/$2.html"
    python3 "$TREE/tests/e2e/page_measure.py" "$WORK/$2.html" > "$WORK/$2-frames.html"
    "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$WORK/browser" --window-size=1400,1000 --dump-dom \
        "file://$WORK/$2-frames.html" > "$WORK/$2-dom.html" 2> "$WORK/log/browser" || die "the browser failed: $(cat "$WORK/log/browser")"
    sed -n 's#.*<pre id="measured">\(.*\)</pre>.*#\1#p' "$WORK/$2-dom.html" | sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' > "$WORK/$2.json"
    jq -e 'keys == ["dark", "desk", "phone"]' "$WORK/$2.json" > /dev/null || die "$2: nothing was measured"
}

expect() { # NAME FILTER WHAT
    jq -e "$2" "$WORK/$1.json" > /dev/null || die "$1: $3: $(cat "$WORK/$1.json")"
}

report=$TREE/tests/data/report/fail.json
measure "$report" page
expect page '.phone.wider <= 0 and .desk.wider <= 0' "it is wider than the screen"
expect page '.phone.verdict == "FAIL" and .phone.verdict_bottom < .phone.height' "the verdict is not on the first screen"
expect page '.desk.next_bottom < .desk.height' "the next step is not on the first screen of a desk"
expect page '.desk.back > 0.9 and .desk.ink < 0.3' "it is not dark on light"
expect page '.dark.back < 0.2 and .dark.ink > 0.7' "it is not light on dark"
expect page ".desk.samples == $(jq '.differences | length' "$report")" "it shows other samples"
expect page '.desk.commands >= .desk.samples - 2 and .desk.charts > 0' "commands or charts are missing"
expect page ".desk.gates >= $(jq '.gates | length' "$report")" "it shows fewer gates"

note "hostile text in every place that data can reach"
jq '(.. | strings) |= (if . == "PASS" or . == "FAIL" or . == "INCONCLUSIVE" or test("^(bridge|join|unexplained|missing|altered|[^/]+/[0-9]+/[0-9]+)$")
    then . else "<img src=x onerror=\"document.title=1\"><script>document.title=2</script>'"'"'>" + . + ("x" * 300) end)' \
    "$report" > "$WORK/hostile-report.json"
measure "$WORK/hostile-report.json" hostile
expect hostile '[.phone, .desk, .dark | .loaded, .on] | add == 0' "text became elements"
expect hostile '.desk.title | test("onerror")' "the title is another"
expect hostile '.phone.wider <= 0' "long text makes it wider than the screen"
expect page '.desk.loaded == 0' "it loads something"
