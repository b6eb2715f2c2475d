#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""open_bandit_expect: which impressions were clicked, computed plainly.

    open_bandit_expect.py DATA OUT [--after-ms 120000]

DATA holds impressions.jsonl.gz and clicks.jsonl.gz (tests/data/open-bandit). Writes OUT/labels.jsonl for expect_check.py
and the unpacked OUT/impressions.jsonl and OUT/clicks.jsonl, which feed-publish takes.
"""
import argparse
import gzip
import json
from pathlib import Path

FIELDS = ("impression_id", "ts", "policy", "item_id", "position", "propensity_score", "user", "affinity")


def unpack(data, out, name):
    text = gzip.decompress((data / f"{name}.jsonl.gz").read_bytes())
    (out / f"{name}.jsonl").write_bytes(text)
    return [json.loads(line) for line in text.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--after-ms", type=int, default=120000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    impressions = unpack(options.data, options.out, "impressions")
    clicks = {}
    for click in unpack(options.data, options.out, "clicks"):
        clicks.setdefault(click["impression_id"], []).append(click["ts"])
    clicked_count = 0
    with open(options.out / "labels.jsonl", "w", encoding="utf-8") as labels:
        for row in sorted(impressions, key=lambda row: row["impression_id"]):
            times = clicks.get(row["impression_id"], [])
            clicked = any(0 <= time - row["ts"] <= options.after_ms for time in times)
            clicked_count += clicked
            label = {name: row[name] for name in FIELDS}
            labels.write(json.dumps({**label, "clicked": clicked}) + "\n")
    print(json.dumps({"impressions": len(impressions), "clicked": clicked_count}))


if __name__ == "__main__":
    main()
