#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pull_all: what is in a subscription, body by body, in Base64 with the attributes as JSON behind a blank.

    pull_all.py ENDPOINT PROJECT SUBSCRIPTION COUNT

Pulls and acknowledges until COUNT messages came, then once more; exit status 1 if there are fewer.
"""
import json
import sys
import urllib.request


def call(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def main():
    endpoint, project, subscription, count = sys.argv[1:4] + [int(sys.argv[4])]
    url = f"{endpoint}/v1/projects/{project}/subscriptions/{subscription}"
    seen = empty = 0
    while seen < count or empty == 0:
        messages = call(f"{url}:pull", {"maxMessages": 1000, "returnImmediately": True}).get("receivedMessages", [])
        empty = 0 if messages else empty + 1
        if empty > 20:
            sys.exit(f"pull_all: {seen} of {count} messages")
        for message in messages:
            body = message["message"]
            print(body.get("data", ""), json.dumps(body.get("attributes", {}), sort_keys=True))
        if messages:
            seen += len(messages)
            call(f"{url}:acknowledge", {"ackIds": [message["ackId"] for message in messages]})


if __name__ == "__main__":
    main()
