#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sabotage_found: the report names every record that a saboteur spoiled, rightly, and no other without a cause.

    sabotage_found.py REPORT LIST...

REPORT is report.json, each LIST what saboteur --list wrote. Prints one line for each spoiled record; exit status 1 if
one is not named, or if the report has a difference without a cause that nobody made.
"""
import json
import sys

KIND = {"delete": "missing", "double": "duplicate", "alter": "altered", "move": "wrong_partition", "rekey": "wrong_key"}
SHOWN = {"delete": "deleted", "double": "doubled", "alter": "altered", "move": "moved", "rekey": "rekeyed"}


def identity(deed):
    """As the report names the record: a message by its id, a sample by the row's key."""
    return deed["message_id"] or deed["key"]


def main():
    report = json.load(open(sys.argv[1], encoding="utf-8"))
    deeds = [json.loads(line) for path in sys.argv[2:] for line in open(path, encoding="utf-8")]
    open_differences = {}
    for difference in report["differences"]:
        if difference["cause"] == "unexplained":
            for name in {difference.get("message_id"), difference.get("key")} - {None}:
                open_differences.setdefault((name, difference["kind"]), []).append(difference)
    named = set()
    wrong = 0
    for deed in deeds:
        found = open_differences.get((identity(deed), KIND[deed["action"]]), [])
        named.update(id(difference) for difference in found)
        what = f"{SHOWN[deed['action']]:8} in {deed['topic']:8} {identity(deed)}"
        if not found:
            print(f"  NOT NAMED {what}")
            wrong += 1
            continue
        fields = ", ".join(field["name"] for field in found[0].get("fields", []))
        print(f"  named     {what}  {found[0]['kind']}{': ' + fields if fields else ''}")
        if deed["action"] == "alter" and deed["field"].split(".")[0] not in fields:
            print(f"            but the altered field is {deed['field']}")
            wrong += 1
    for differences in open_differences.values():
        for difference in differences:
            if id(difference) not in named:
                named.add(id(difference))
                print(f"  NOT SABOTAGED {json.dumps(difference)}")
                wrong += 1
    print(f"  {len(deeds)} records were spoiled; {wrong} of them, or of the differences, do not fit")
    return 1 if wrong else 0


sys.exit(main())
