#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Executable model of the join: a streaming task and the batch join it must equal.

    join_model.py CASES [SEED]     random cases; stops at the first one that breaks a promise
    join_model.py --record CASES [SEED]     prints cases with what comes of them, as JSON (recorded.json)

Promises checked, each for several interleavings of the same inputs:
  purity    live rows and (offsets, W) -> the same rows, however the inputs were interleaved
  theorem   without late records the output equals the batch join;
            with them it differs only for primary rows that a late record's key and window touch
  once      every admitted primary row that is closed is emitted exactly once
"""
import json, random, sys
from collections import defaultdict, namedtuple

Row = namedtuple("Row", "input key time id kind offset")          # one record of a task's inputs
Join = namedtuple("Join", "windows lateness attribute")            # windows[i] = (lo, hi) of secondary i (input i+1)


def matches(join, primary, row):
    lo, hi = join.windows[row.input - 1]
    return row.key == primary.key and -lo <= row.time - primary.time <= hi


def attributed(join, primary, row, primaries):
    """Does row count for primary, among all primaries that are known?"""
    if not matches(join, primary, row):
        return False
    if join.attribute == "every":
        return True
    return (primary.time, primary.id) == max((p.time, p.id) for p in primaries if matches(join, p, row))


def label(join, primary, rows, primaries):
    own = sorted((r.time, r.id, r.kind) for r in rows if attributed(join, primary, r, primaries))
    return (primary.key, primary.id, len(own), own[0] if own else None, own[-1] if own else None)


def deduplicated(rows):
    first = {}
    for row in sorted(rows, key=lambda r: r.offset):
        first.setdefault((row.input, row.key, row.id), row)
    return list(first.values())


def batch(join, inputs):
    primaries = deduplicated(inputs[0])
    rows = [r for i in range(1, len(inputs)) for r in deduplicated(inputs[i])]
    return {(p.key, p.id): label(join, p, rows, [q for q in primaries if q.key == p.key]) for p in primaries}


class Task:
    """Partition p of every input. feed() takes records in any interleaving that keeps each input's order."""

    def __init__(self, join, inputs):
        self.join, self.max_time = join, [None] * inputs
        self.hi = max(hi for _, hi in join.windows)
        self.lo = max(lo for lo, _ in join.windows)
        self.watermark, self.live, self.late, self.out = None, {}, [], []

    def cutoff(self, watermark):
        reach = self.hi + self.join.lateness + (self.lo if self.join.attribute == "latest" else 0)
        return watermark - reach

    def meets(self, row, cutoff):
        return row.time >= (cutoff if row.input == 0 else cutoff - self.join.windows[row.input - 1][0])

    def feed(self, row):
        W = self.watermark
        dropped = W is not None and not self.meets(row, self.cutoff(W))
        if W is not None and row.time < W - self.join.lateness:
            self.late.append((row, "dropped" if dropped else "admitted"))
        if not dropped:
            self.live.setdefault((row.input, row.key, row.id), row)   # a duplicate of a live row changes nothing
        known = self.max_time[row.input]
        self.max_time[row.input] = row.time if known is None else max(row.time, known)
        if None not in self.max_time:
            self.advance(min(self.max_time))

    def advance(self, watermark):
        if self.watermark is not None and watermark <= self.watermark:
            return
        self.watermark = watermark
        cutoff = self.cutoff(watermark)
        primaries = [r for r in self.live.values() if r.input == 0]
        rows = [r for r in self.live.values() if r.input != 0]
        for p in sorted((p for p in primaries if p.time < cutoff), key=lambda p: (p.time, p.key, p.id)):
            self.out.append(label(self.join, p, rows, [q for q in primaries if q.key == p.key]))
        self.live = {k: r for k, r in self.live.items() if self.meets(r, cutoff)}


def touched(join, row, primary):
    """Can a late row change what is emitted for primary?"""
    if row.key != primary.key:
        return False
    if row.input != 0:
        return matches(join, primary, row)
    reach = max(hi for _, hi in join.windows) + max(lo for lo, _ in join.windows)
    same = row.id == primary.id
    return same or (join.attribute == "latest" and abs(row.time - primary.time) <= reach)


def interleave(rng, inputs):
    queues = [list(q) for q in inputs]
    while any(queues):
        q = rng.choice([q for q in queues if q])
        yield q.pop(0)


def random_case(rng):
    secondaries = rng.randint(1, 3)
    join = Join([(rng.randint(0, 5), rng.randint(0, 12)) for _ in range(secondaries)],
                rng.randint(0, 6), rng.choice(["every", "latest"]))
    inputs, disorder = [], rng.choice([0, 3, 6, 20])
    for i in range(secondaries + 1):
        rows = []
        for n in range(rng.randint(5, 40)):
            time = n * 2 + rng.randint(-disorder, disorder)
            rows.append(Row(i, rng.randint(0, 2), time, n, rng.choice("lsc"), len(rows)))
            if rng.random() < 0.1:
                rows.append(rows[-1]._replace(offset=len(rows)))      # a redelivered copy
        rows.append(Row(i, -1, 10_000, -1, "end", len(rows)))          # closes every window
        inputs.append(rows)
    return join, inputs


def check(case, join, inputs, rng):
    truth, seen = batch(join, inputs), {}
    for _ in range(5):
        task, offsets = Task(join, len(inputs)), [0] * len(inputs)
        for row in interleave(rng, inputs):
            task.feed(row)
            offsets[row.input] += 1
            if task.watermark is not None:
                at, live = (tuple(offsets), task.watermark), frozenset(task.live)
                assert seen.setdefault(at, live) == live, f"case {case}: state is not a function of {at}"
        emitted = defaultdict(list)
        for row in task.out:
            emitted[row[:2]].append(row)
        late = [r for r, _ in task.late]
        for p in deduplicated(inputs[0]):
            if p.time == 10_000:
                continue
            got, want = emitted.get((p.key, p.id), []), truth[(p.key, p.id)]
            assert len(got) <= 1, f"case {case}: {p} emitted {len(got)} times"
            if got != [want]:
                assert any(touched(join, r, p) for r in late), f"case {case}: {p} got {got} want {want} without a late witness"
    return len(late)


def record(join, inputs, rng):
    task, rows = Task(join, len(inputs)), list(interleave(rng, inputs))
    for row in rows:
        task.feed(row)
    return {"windows": join.windows, "lateness": join.lateness, "attribute": join.attribute, "rows": rows, "out": task.out,
            "late": [(r.input, r.offset, outcome) for r, outcome in task.late], "live": len(task.live)}


def record_cases(cases, seed):
    rng = random.Random(seed)
    lines = [json.dumps(record(*random_case(rng), rng), separators=(",", ":")) for _ in range(cases)]
    print("[" + ",\n".join(lines) + "]")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--record"]:
        record_cases(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
        sys.exit()
    cases, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 2000, int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng, with_late = random.Random(seed), 0
    for case in range(cases):
        with_late += check(case, *random_case(rng), rng) > 0
    print(f"{cases} passed, 0 failed ({with_late} cases with late records)")
