#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records random joins, as the executable model of the contract sees them, for test_recompute.c.

    record_cases.py MODEL_DIRECTORY OUT     MODEL_DIRECTORY holds join_model.py
"""
import json, random, sys

sys.path.insert(0, sys.argv[1])
import join_model as model


class RecordingTask(model.Task):
    """Keeps the watermark that each late row met."""

    def feed(self, row):
        watermark, known = self.watermark, len(self.late)
        super().feed(row)
        if len(self.late) > known:
            self.met[(row.input, row.offset)] = (watermark, self.late[-1][1])


def record(rng):
    join, inputs = model.random_case(rng)
    task = RecordingTask(join, len(inputs))
    task.met = {}
    for row in model.interleave(rng, inputs):
        task.feed(row)
    def shown(label):
        key, ident, count, first, last = label
        return [key, ident, count, first and first[2], last and last[2]]
    return {
        "windows": join.windows, "lateness": join.lateness, "attribute": join.attribute,
        "rows": [[r.input, r.key, r.time, r.id, r.kind, r.offset, *task.met.get((r.input, r.offset), ())]
                 for rows in inputs for r in rows if r.key >= 0],
        "truth": [shown(v) for v in model.batch(join, inputs).values() if v[0] >= 0],
        "streamed": [shown(v) for v in task.out if v[0] >= 0],
    }


rng = random.Random(20261121)
with open(sys.argv[2], "w") as out:
    cases = [json.dumps(record(rng), separators=(",", ":")) for _ in range(80)]
    out.write("[\n" + ",\n".join(cases) + "\n]\n")
