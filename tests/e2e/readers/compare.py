#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare: every published view, field by field, as kcat fetches it and fastavro reads it.

    compare.py RECORDS PUBLISHED SCHEMAS

RECORDS is what kcat -f '%k\\t%h\\t%R%s' printed: key, headers, and the value behind its size in four bytes. PUBLISHED
holds the JSON events as they were published, SCHEMAS the directory that serves as registry.
"""
import io
import json
import re
import struct
import sys
import uuid
from pathlib import Path

import fastavro


def plain(value):
    """As JSON would say it."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, uuid.UUID):
        return str(value)
    if hasattr(value, "timestamp"):
        return round(value.timestamp() * 1000)
    if isinstance(value, bytes):
        return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()
    return value


def completed(event, schema):
    """The event with the schema's defaults in place of what it leaves out."""
    return {field["name"]: event.get(field["name"], field.get("default")) for field in schema["fields"]}


SOURCE = re.compile(r"dualrun\.source=sub=views-to-kafka id=[0-9]+ time=[0-9]{16}( attempt=[0-9]+)?")


def split(data):
    """Key, headers and value of each record."""
    at = 0
    while at < len(data):
        key_end = data.index(b"\t", at)
        headers_end = data.index(b"\t", key_end + 1)
        start = headers_end + 5
        (size,) = struct.unpack(">i", data[headers_end + 1 : start])
        yield data[at:key_end].decode(), data[key_end + 1 : headers_end].decode(), data[start : start + size]
        at = start + size


def main():
    records, published, schemas = (Path(argument) for argument in sys.argv[1:])
    parsed = {}
    wanted = {}
    for line in published.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        wanted[event["view_id"]] = event
    seen = set()
    for key, headers, value in split(records.read_bytes()):
        assert SOURCE.search(headers), f"no provenance in {headers}"
        assert value[0] == 0, "no Confluent frame"
        number = int.from_bytes(value[1:5], "big")
        if number not in parsed:
            text = json.loads((schemas / f"{number}.avsc").read_text(encoding="utf-8"))
            parsed[number] = (text, fastavro.parse_schema(dict(text)))
        text, schema = parsed[number]
        stream = io.BytesIO(value[5:])
        found = plain(fastavro.schemaless_reader(stream, schema))
        assert stream.read() == b"", "bytes behind the record"
        assert found["view_id"] == key, f"the key {key} is not the view's id {found['view_id']}"
        assert found == completed(wanted[key], text), f"{key}: {found} is not {wanted[key]}"
        seen.add(key)
    missing = wanted.keys() - seen
    assert not missing, f"{len(missing)} views are missing, such as {sorted(missing)[0]}"
    print(f"{len(seen)} views read by fastavro {fastavro.__version__}, every field as published")


main()
