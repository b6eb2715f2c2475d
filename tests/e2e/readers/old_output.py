# SPDX-License-Identifier: Apache-2.0
"""Rows of a join as an old system would have written them, with faults planted in some.

    old_output.py ROWS LATE DEAD FAULTS FILE

ROWS, LATE and DEAD are dumps of topics (topic-dump). FAULTS is none or all. FILE's name gives format and packing; a * in
it makes two files. Prints how many rows have which fault, as JSON. A row has one fault, and no late record or dead letter
of its key, but for those that are to be late.
"""
import base64
import csv
import gzip
import io
import json
import re
import sys
import uuid

import fastavro
from backports import zstd

FIELDS = ["view_id", "ts", "user_id", "score", "locale", "referrer", "is_liked", "shares", "first_kind", "dwell", "batch"]
SCHEMA = {"type": "record", "name": "Old", "fields": [
    {"name": "view_id", "type": "string"},
    {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "user_id", "type": "long"},
    {"name": "score", "type": "double"},
    {"name": "locale", "type": "string"},
    {"name": "referrer", "type": ["null", "string"]},
    {"name": "is_liked", "type": "boolean"},
    {"name": "shares", "type": "long"},
    {"name": "first_kind", "type": ["null", "string"]},
    {"name": "dwell", "type": ["null", "long"]},
    {"name": "batch", "type": "string"}]}
EACH = 7


def old_row(value):
    row = {name: value.get(name) for name in FIELDS}
    row.update(is_liked=value["liked"], dwell=value["dwell_ms"], batch="nightly")
    return row


def late_times(path):
    """Of late engagements by key, and the keys of late views: their rows have no fault, as late would explain it."""
    times, views = {}, set()
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        header = dict(part.split("=", 1) for part in record["headers"]["dualrun.late"].split())
        if header["input"] == "engagements":
            times.setdefault(record["key"], []).append(int(header["time"]))
        else:
            views.add(record["key"])
    return times, views


def dead_keys(path):
    keys = set()
    for line in open(path, encoding="utf-8"):
        value = base64.b64decode(json.loads(line).get("value_base64") or "")
        keys.update(match.decode().lower() for match in re.findall(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value))
    return keys


def set_to(name, value):
    def plant(row):
        row[name] = value(row) if callable(value) else value
    return plant


def plant(rows, late, unfit, spared):
    faults = {
        "value": (lambda row: True, set_to("shares", 77)),
        "rounding": (lambda row: row["score"] != 0, set_to("score", lambda row: row["score"] * (1 + 1e-9))),
        "null": (lambda row: row["dwell"] is None, set_to("dwell", 0)),
        "enum": (lambda row: row["first_kind"] == "like", set_to("first_kind", "LIKE")),
        "time": (lambda row: True, set_to("ts", lambda row: row["ts"] + 1)),
        "key_form": (lambda row: row["view_id"] != row["view_id"].upper(), set_to("view_id", lambda row: row["view_id"].upper())),
        "extra": (lambda row: True, None),
        "missing": (lambda row: True, None),
        "old_duplicate": (lambda row: True, None),
    }
    counts = dict.fromkeys(list(faults) + ["late"], 0)
    planted = []
    order = list(faults)
    for row in rows:
        key = row["view_id"]
        if key in late:
            if any(row["ts"] - 2000 <= time <= row["ts"] + 10000 for time in late[key]):
                row["shares"] += 5
                counts["late"] += 1
            planted.append(row)
            continue
        fault = next((name for name in order if counts[name] < EACH and faults[name][0](row)), None)
        if fault is None or key in unfit or key == spared:
            planted.append(row)
            continue
        counts[fault] += 1
        if faults[fault][1] is not None:
            faults[fault][1](row)
        if fault != "extra":
            planted.append(row)
        if fault == "missing":
            planted.append(dict(row, view_id=str(uuid.UUID(int=counts[fault]))))
        if fault == "old_duplicate":
            planted.append(dict(row))
    return planted, counts


def as_csv(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(FIELDS)
    for row in rows:
        writer.writerow(["" if row[name] is None else str(row[name]).lower() if isinstance(row[name], bool)
                         else repr(row[name]) if isinstance(row[name], float) else row[name] for name in FIELDS])
    return text.getvalue().encode()


def write(path, rows, codec):
    plain = re.sub(r"\.(gz|zst)$", "", path)
    if plain.endswith(".avro"):
        data = io.BytesIO()
        fastavro.writer(data, fastavro.parse_schema(SCHEMA), rows, codec=codec)
        data = data.getvalue()
    elif plain.endswith(".csv"):
        data = as_csv(rows)
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.endswith(".gz"):
        data = gzip.compress(data)
    if path.endswith(".zst"):
        data = zstd.compress(data)
    with open(path, "wb") as file:
        file.write(data)


def main():
    dump, late, dead, kind, path, spared = sys.argv[1:]
    rows = [old_row(json.loads(line)["value"]) for line in open(dump, encoding="utf-8")]
    total = len(rows)
    counts = {}
    if kind == "all":
        times, late_views = late_times(late)
        rows, counts = plant(rows, times, dead_keys(dead) | late_views, spared)
        same_row = ("missing", "old_duplicate")
        counts["duplicate"] = 1
        counts["matched"] = total - sum(counts[name] for name in counts if name not in same_row + ("duplicate",))
        counts["total"] = sum(counts[name] for name in counts if name != "matched") + counts["key_form"]
    if "*" in path:
        middle = len(rows) // 2
        write(path.replace("*", "1"), rows[:middle], "deflate")
        write(path.replace("*", "2"), rows[middle:], "zstandard")
    else:
        write(path, rows, "null")
    print(json.dumps(counts))


main()
