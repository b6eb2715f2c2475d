# SPDX-License-Identifier: Apache-2.0
"""usage: page_measure.py PAGE: prints a page that shows PAGE in frames as wide as a phone and a desk, light and dark,
and writes what it measured there as JSON into its element `measured`."""
import html
import sys

FRAMES = {"phone": (390, 844, "light"), "desk": (1280, 900, "light"), "dark": (1280, 900, "dark")}

SCRIPT = """
const light = color => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number); return (r * 299 + g * 587 + b * 114) / 255000; };
const measure = frame => {
    const page = frame.contentDocument, view = frame.contentWindow, style = view.getComputedStyle(page.body);
    const box = query => page.querySelector(query).getBoundingClientRect();
    return {
        wider: page.documentElement.scrollWidth - view.innerWidth,
        verdict: page.querySelector("h1").textContent,
        verdict_bottom: box("h1").bottom, next_bottom: box(".next").bottom, height: view.innerHeight,
        back: light(style.backgroundColor), ink: light(style.color),
        loaded: page.querySelectorAll("script, img, link, iframe, object").length,
        on: [...page.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on"))).length,
        samples: page.querySelectorAll(".sample").length,
        commands: page.querySelectorAll(".sample code").length,
        charts: page.querySelectorAll("svg rect").length,
        gates: page.querySelectorAll("table .pill").length,
        title: page.title,
    };
};
addEventListener("load", () => {
    const found = {};
    for (const frame of document.querySelectorAll("iframe")) found[frame.id] = measure(frame);
    document.getElementById("measured").textContent = JSON.stringify(found);
});
"""


def main():
    page = html.escape(open(sys.argv[1], encoding="utf-8").read(), quote=True)
    print("<!doctype html><meta charset=utf-8><pre id=measured></pre>")
    for name, (width, height, scheme) in FRAMES.items():
        print(f"<iframe id={name} style='width:{width}px;height:{height}px;border:0;color-scheme:{scheme}' srcdoc=\"{page}\"></iframe>")
    print(f"<script>{SCRIPT}</script>")


main()
