#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""expect_check: does a topic hold exactly what the feed's expectation says?

    expect_check.py EXPECT --labels DUMP        every label once, with every field
    expect_check.py EXPECT --dead DUMP...       every poisoned message, byte for byte, and nothing else

EXPECT is the folder that feed-generator --expect wrote (or open_bandit_expect.py), DUMP the output of topic-dump.
Prints counts and the first differences. Exit status: 0 equal, 1 different, 3 wrong usage.

A label whose view has a late engagement may be the one without it or the one with it: whether the joiner could still
take it is decided by the race that makes it late. Both are counted.
"""
import argparse
import base64
import json
import sys
from pathlib import Path

SHOWN = 10
NOT_FIELDS = ("counts", "complete")


def lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as problem:
                sys.exit(f"expect_check: {path}:{number}: {problem}")


def same(expected, found):
    """JSON equality; Python takes True for 1."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return expected == found


class Differences:
    def __init__(self):
        self.total = 0

    def add(self, text):
        self.total += 1
        if self.total <= SHOWN:
            print(f"  {text}")
        elif self.total == SHOWN + 1:
            print("  ...")


def fields_that_differ(expected, found):
    return [name for name, value in expected.items()
            if name not in NOT_FIELDS and (name not in found or not same(value, found[name]))]


def place(row):
    return f"partition {row['partition']} offset {row['offset']}"


def is_final(row):
    return "final=false" not in row["headers"].get("dualrun.join", "")


def check_label(expected, row, counts, differences):
    key = row["key"]
    found = row.get("value")
    if found is None:
        counts["undecoded"] += 1
        differences.add(f"undecoded {key} at {place(row)}: no Avro record")
        return
    wrong = fields_that_differ(expected, found)
    if "complete" in expected:
        reading = "late_left_out" if not wrong else "late_joined"
        wrong = wrong and fields_that_differ({**expected, **expected["complete"]}, found)
        counts[reading] += not wrong
    if wrong:
        counts["altered"] += 1
        told = ", ".join(f"{name}: {found.get(name)!r}, expected {expected[name]!r}" for name in wrong)
        differences.add(f"altered {key} at {place(row)}: {told}")


def check_labels(folder, dump):
    wanted = {}
    for row in lines(folder / "labels.jsonl"):
        wanted[str(next(iter(row.values())))] = row  # The first member is the key.
    counts = dict.fromkeys(("rows", "early", "missing", "extra", "doubled", "altered", "undecoded", "late_left_out",
                            "late_joined"), 0)
    differences = Differences()
    seen = {}
    for row in lines(dump):
        if not is_final(row):
            counts["early"] += 1
            continue
        counts["rows"] += 1
        key = row["key"]
        if key in seen:
            counts["doubled"] += 1
            differences.add(f"doubled {key} at {place(row)} and {seen[key]}")
            continue
        seen[key] = place(row)
        if key in wanted:
            check_label(wanted[key], row, counts, differences)
        else:
            counts["extra"] += 1
            differences.add(f"extra {key} at {place(row)}")
    for key in wanted.keys() - seen.keys():
        counts["missing"] += 1
        differences.add(f"missing {key}")
    print(json.dumps({"check": "labels", "expected": len(wanted), **counts, "differences": differences.total}))
    return differences.total == 0


def body_of(row):
    return row.get("value_base64", "")


def check_dead(folder, dumps):
    wanted = {row["poison"]: row for row in lines(folder / "dead.jsonl")}
    counts = dict.fromkeys(("rows", "missing", "extra", "altered", "repeated"), 0)
    differences = Differences()
    seen = set()
    for dump in dumps:
        for row in lines(dump):
            counts["rows"] += 1
            name = row["headers"].get("poison")
            reason = row["headers"].get("dualrun.reason", "no reason")
            if name not in wanted:
                counts["extra"] += 1
                differences.add(f"extra dead letter at {place(row)}: {reason}")
            elif body_of(row) != wanted[name]["body_base64"]:
                counts["altered"] += 1
                differences.add(f"altered {name} ({wanted[name]['reason']}) at {place(row)}: not the original bytes")
            elif name in seen:
                counts["repeated"] += 1  # After a crash the bridge may say it twice.
            seen.add(name)
    for name in sorted(wanted.keys() - seen):
        counts["missing"] += 1
        differences.add(f"missing {name} ({wanted[name]['reason']})")
    print(json.dumps({"check": "dead", "expected": len(wanted), **counts, "differences": differences.total}))
    return differences.total == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expect", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--dead", type=Path, nargs="+")
    try:
        options = parser.parse_args()
    except SystemExit as end:
        sys.exit(3 if end.code else 0)
    if options.labels is None and options.dead is None:
        print("expect_check: give --labels or --dead", file=sys.stderr)
        sys.exit(3)
    equal = True
    if options.labels is not None:
        equal = check_labels(options.expect, options.labels)
    if options.dead is not None:
        equal = check_dead(options.expect, options.dead) and equal
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
