#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a topic as it grows and measures each record's age when it is read.

latency.py BROKERS TOPIC COUNT OUT: the age is the wall clock less the publish time in the header
dualrun.source. With --closed-after MS it is the wall clock less the record's timestamp and MS: a joined row's age
since its window closed. The first tenth is left out, as everything warms up. OUT gets the percentiles as JSON.
"""
import json
import re
import subprocess
import sys
import time


def main():
    brokers, topic, count, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    closed_after_ms = int(sys.argv[6]) if sys.argv[5:6] == ["--closed-after"] else None
    reader = subprocess.Popen(
        ["kcat", "-C", "-q", "-u", "-b", brokers, "-t", topic, "-o", "end", "-f", "%T %h\n"], stdout=subprocess.PIPE)
    pattern = re.compile(rb"dualrun\.source=[^,]* time=(\d+)")
    ages = []
    for line in reader.stdout:
        now_us = time.time_ns() // 1000
        if closed_after_ms is None:
            begun_us = int(pattern.search(line).group(1))
        else:
            begun_us = (int(line.split(b" ", 1)[0]) + closed_after_ms) * 1000
        ages.append(now_us - begun_us)
        if len(ages) == count:
            break
    reader.terminate()
    reader.wait()
    ages = sorted(ages[len(ages) // 10:])
    at = {f"p{share}_ms": round(ages[len(ages) * share // 100] / 1000, 2) for share in (50, 90, 99)}
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"count": len(ages), "max_ms": round(ages[-1] / 1000, 2), **at}, file)


main()
