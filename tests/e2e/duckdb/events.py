# SPDX-License-Identifier: Apache-2.0
"""usage: events.py SEED BASE_MS FOLDER: views, engagements and clicks as JSON lines, full of ties and edges.

Few users, so that windows overlap; times on a coarse grid, so that records meet the very edges of windows and each other;
events twice, events of one id at two times, nulls, numbers whose sum overflows on the way or in the end.
"""
import datetime
import json
import random
import sys
from pathlib import Path

GRID_MS = 500
SPAN_MS = 40000
LEAST, MOST = -(2**63), 2**63 - 1


def view(rng, i, base_ms):
    return {"id": f"v{i}", "user": f"user {rng.randrange(60)}", "ts": base_ms + rng.randrange(0, SPAN_MS, GRID_MS),
            "score": rng.choice([0.1, 1e300, -0.5, 2.0, rng.random()]),
            "tags": rng.sample(["a", "it's", "\u00e9\\", '"'], rng.randrange(4)),
            "geo": rng.choice([None, {"country": "DE", "size": rng.randrange(9)}]),
            "note": rng.choice([None, "", "quote ' and \"", "\u4e16\u754c"])}


def engagement(rng, i, base_ms):
    big = rng.random() < 0.15
    return {"id": i, "user": f"user {rng.randrange(60)}",
            "at": (base_ms + rng.randrange(0, SPAN_MS, GRID_MS)) * 1000 + rng.choice([0, 0, 999]),
            "kind": rng.choice(["like", "share", "skip"]), "ok": rng.random() < 0.5,
            "ms": rng.choice([MOST, LEAST, MOST - 3]) if big else rng.choice([None, 5, 7, -2, rng.randrange(100000)]),
            "ratio": rng.choice([None, 0.1, 0.2, 1e17, -1e17, rng.random()]),
            "who": rng.choice([None, {"name": None}, {"name": rng.choice(["ann", "Bo", "\u00e9ve", "z'"])}])}


def click(rng, base_ms):
    ms = base_ms + rng.randrange(0, SPAN_MS, GRID_MS)
    when = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone(datetime.timedelta(hours=rng.choice([0, 2, -5]))))
    return {"user": f"user {rng.randrange(60)}", "at": when.isoformat(timespec="milliseconds"), "item": rng.randrange(5)}


def again(rng, events, time, step):
    """Some events twice, some once more at another time; in any order."""
    twice = [dict(event) for event in rng.sample(events, len(events) // 10)]
    moved = [dict(event, **{time: event[time] + step}) for event in rng.sample(events, len(events) // 20)]
    every = events + twice + moved
    rng.shuffle(every)
    return every


def main():
    rng = random.Random(int(sys.argv[1]))
    base_ms, folder = int(sys.argv[2]), Path(sys.argv[3])
    streams = {
        "views": again(rng, [view(rng, i, base_ms) for i in range(400)], "ts", GRID_MS),
        "engagements": again(rng, [engagement(rng, i, base_ms) for i in range(1500)], "at", GRID_MS * 1000),
        "clicks": [click(rng, base_ms) for _ in range(300)],
    }
    streams["views"].append(dict(view(rng, 9999, base_ms), ts=base_ms + 2 * 3600000))  # A clock two hours fast.
    for name, events in streams.items():
        with open(folder / f"{name}.events", "w", encoding="utf-8") as out:
            for event in events:
                print(json.dumps(event), file=out)


main()
