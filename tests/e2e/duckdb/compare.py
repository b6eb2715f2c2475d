# SPDX-License-Identifier: Apache-2.0
"""usage: compare.py TOPIC ROWS: rows of a query against records of the output topic, both as JSON lines.

TOPIC is what `dualrun cat FILE JOIN` prints, ROWS what the exported query does. Equal: the same primary records, and for
each the same sample id, key and value. Prints the first differences and ends with status 1.
"""
import json
import sys

OWN = ("dualrun_sample", "dualrun_partition", "dualrun_offset", "dualrun_key")


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def of_topic(record):
    partition, offset = record["join"]["from"].split(":")
    return (int(partition), int(offset)), (record["join"]["sample"], record["key"], record["value"])


def of_query(row):
    value = {name: item for name, item in row.items() if name not in OWN}
    return (row["dualrun_partition"], row["dualrun_offset"]), (row["dualrun_sample"], row["dualrun_key"], value)


def only(pairs, where):
    rows = {}
    for place, row in pairs:
        if place in rows:
            sys.exit(f"{place} comes twice in {where}")
        rows[place] = row
    return rows


def exact(row):
    """As text: 1, 1.0 and true are not the same."""
    return json.dumps(row, sort_keys=True)


def main():
    topic = only(map(of_topic, lines(sys.argv[1])), sys.argv[1])
    query = only(map(of_query, lines(sys.argv[2])), sys.argv[2])
    different = [place for place in sorted(topic.keys() | query.keys())
                 if place not in topic or place not in query or exact(topic[place]) != exact(query[place])]
    for place in different[:5]:
        print(f"{place}\n  topic: {exact(topic.get(place))}\n  query: {exact(query.get(place))}")
    if different or not topic:
        sys.exit(f"{len(different)} rows differ of {len(topic)} in the topic and {len(query)} of the query")
    print(f"{len(topic)} rows are equal")


main()
