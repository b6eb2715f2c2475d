#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_sabotage: a spoiled topic differs from its source by exactly what the saboteur's list says.

    check_sabotage.py SOURCE_DUMP TARGET_DUMP LIST

Both dumps are topic-dump's. Prints one JSON line of counts; exit status 1 and the reason if anything else differs.
"""
import json
import sys
from collections import Counter


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def identity(row):
    return row["partition"], row["key"]


def content(row):
    return {name: row[name] for name in row if name != "offset"}


def expect(fact, text):
    if not fact:
        sys.exit(f"check_sabotage: {text}")


def check_copies(row, copies, deed):
    told = f"{row['key']} at {row['partition']}:{row['offset']}"
    if deed is None or deed["action"] == "double":
        expect(all(content(copy) == content(row) for copy in copies), f"{told}: its copy differs")
    if deed is None:
        expect(len(copies) == 1, f"{told}: {len(copies)} copies, but nothing in the list")
        return
    wanted = {"delete": [], "double": ["offset", "second_offset"], "alter": ["offset"]}[deed["action"]]
    expect([copy["offset"] for copy in copies] == [deed[name] for name in wanted],
           f"{told}: {deed['action']} is listed, but copies are at {[copy['offset'] for copy in copies]}")
    if deed["action"] == "alter":
        altered = content(copies[0])
        changed = [name for name in row["value"] if altered["value"][name] != row["value"][name]]
        expect(changed == [deed["field"]], f"{told}: {changed} changed, {deed['field']} is listed")
        altered["value"] = row["value"]
        expect(altered == content(row), f"{told}: more than the value changed")


def main():
    source, target, deeds = (rows(path) for path in sys.argv[1:4])
    copies = {}
    for row in target:
        copies.setdefault(identity(row), []).append(row)
    listed = {(deed["partition"], deed["key"]): deed for deed in deeds}
    expect(len(listed) == len(deeds), "a record is in the list twice")
    for row in source:
        deed = listed.pop(identity(row), None)
        if deed is not None:
            expect(deed["source_offset"] == row["offset"], f"{row['key']}: listed at another offset")
            expect(f"id={deed['message_id']} " in row["headers"]["dualrun.source"], f"{row['key']}: wrong message id")
            expect(deed["view_id"] == row["value"]["view_id"], f"{row['key']}: wrong view id")
        check_copies(row, copies.pop(identity(row), []), deed)
    expect(not listed, f"listed, but not in the source: {sorted(listed)}")
    expect(not copies, f"in the target, but not in the source: {sorted(copies)[:3]}")
    print(json.dumps({"records": len(source), **Counter(deed["action"] for deed in deeds)}))


if __name__ == "__main__":
    main()
