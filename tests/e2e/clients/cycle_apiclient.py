# SPDX-License-Identifier: Apache-2.0
"""cycle_apiclient.py URL: the whole cycle with google-api-python-client, whose every call is plain REST."""
import base64
import json
import sys
import urllib.request

from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

URL = sys.argv[1]
PROJECT = "projects/api-project"
TOPIC = f"{PROJECT}/topics/api-topic"
SUB = f"{PROJECT}/subscriptions/api%25sub"  # This client escapes nothing itself.
SUB_NAME = f"{PROJECT}/subscriptions/api%sub"
SNAPSHOT = f"{PROJECT}/snapshots/api-snapshot"

service = build("pubsub", "v1", credentials=AnonymousCredentials(), static_discovery=True,
                client_options={"api_endpoint": URL})
topics = service.projects().topics()
subscriptions = service.projects().subscriptions()
snapshots = service.projects().snapshots()


def admin(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{URL}/admin/{path}", data) as answer:
        return json.load(answer)


def fails(request, status, name, text):
    try:
        request.execute()
    except HttpError as error:
        body = json.loads(error.content)["error"]
        assert (error.status_code, body["code"], body["status"]) == (status, status, name), body
        assert text in body["message"], body
        return body
    raise AssertionError(f"{request.uri} did not fail with {status}")


def pull(count=10):
    answer = subscriptions.pull(subscription=SUB, body={"maxMessages": count, "returnImmediately": True}).execute()
    return answer.get("receivedMessages", [])


assert topics.create(name=TOPIC, body={"labels": {"team_name": "a"}}).execute()["labels"] == {"team_name": "a"}
fails(topics.create(name=TOPIC, body={}), 409, "ALREADY_EXISTS", "api-topic")
made = subscriptions.create(name=SUB, body={"topic": TOPIC, "ackDeadlineSeconds": 15}).execute()
assert made["name"] == SUB_NAME and made["state"] == "ACTIVE" and made["messageRetentionDuration"] == "604800s", made
fails(subscriptions.create(name=SUB + "2", body={"topic": TOPIC, "ackDeadlineSeconds": 5}), 400,
      "INVALID_ARGUMENT", "between 10 and 600 seconds")
assert [t["name"] for t in topics.list(project=PROJECT).execute()["topics"]] == [TOPIC]
assert topics.subscriptions().list(topic=TOPIC).execute()["subscriptions"] == [SUB_NAME]
assert topics.get(topic=TOPIC).execute()["name"] == TOPIC
assert topics.patch(name=TOPIC, body={"topic": {"messageRetentionDuration": "86400s"},
                                      "updateMask": "messageRetentionDuration"}).execute()
assert subscriptions.get(subscription=SUB).execute()["topicMessageRetentionDuration"] == "86400s"
granted = subscriptions.testIamPermissions(resource=SUB, body={"permissions": ["pubsub.subscriptions.consume"]})
assert granted.execute() == {"permissions": ["pubsub.subscriptions.consume"]}

ids = topics.publish(topic=TOPIC, body={"messages": [
    {"data": base64.b64encode(f"event {n}".encode()).decode(), "attributes": {"n": str(n)}}
    for n in range(3)]}).execute()["messageIds"]
messages = pull()
assert [m["message"]["messageId"] for m in messages] == ids
assert base64.b64decode(messages[2]["message"]["data"]) == b"event 2"
assert ids == sorted(ids, key=int) and all(len(i) in (16, 17) for i in ids)
subscriptions.modifyAckDeadline(subscription=SUB, body={"ackIds": [messages[0]["ackId"]],
                                                        "ackDeadlineSeconds": 0}).execute()
assert subscriptions.acknowledge(subscription=SUB, body={"ackIds": [m["ackId"] for m in messages[1:]]}).execute() == {}
again = pull()
assert [m["message"]["messageId"] for m in again] == ids[:1] and again[0]["ackId"] != messages[0]["ackId"]
fails(subscriptions.acknowledge(subscription=SUB, body={"ackIds": ["nonsense"]}), 400, "INVALID_ARGUMENT", "nonsense")
fails(subscriptions.acknowledge(subscription=SUB, body={"ackIds": ["x" * 524288]}), 400, "INVALID_ARGUMENT",
      "Request payload size exceeds the limit: 524288 bytes.")
subscriptions.acknowledge(subscription=SUB, body={"ackIds": [again[0]["ackId"]]}).execute()

snapshots.create(name=SNAPSHOT, body={"subscription": SUB_NAME}).execute()
assert snapshots.get(snapshot=SNAPSHOT).execute()["topic"] == TOPIC
assert [s["name"] for s in snapshots.list(project=PROJECT).execute()["snapshots"]] == [SNAPSHOT]
assert topics.snapshots().list(topic=TOPIC).execute()["snapshots"] == [SNAPSHOT]
assert snapshots.patch(name=SNAPSHOT, body={"snapshot": {"labels": {"a": "b"}},
                                            "updateMask": "labels"}).execute()["labels"] == {"a": "b"}
subscriptions.seek(subscription=SUB, body={"time": "2020-01-01T00:00:00Z"}).execute()
assert [m["message"]["messageId"] for m in pull()] == ids, "the topic retains what was acknowledged"
subscriptions.seek(subscription=SUB, body={"snapshot": SNAPSHOT}).execute()
assert pull() == []
snapshots.delete(snapshot=SNAPSHOT).execute()
fails(snapshots.get(snapshot=SNAPSHOT), 404, "NOT_FOUND", "api-snapshot")

changed = subscriptions.patch(name=SUB, body={"subscription": {"ackDeadlineSeconds": 99},
                                              "updateMask": "ackDeadlineSeconds"}).execute()
assert changed["ackDeadlineSeconds"] == 99
admin("faults", {"method": "topics.publish", "status": 429, "calls": 1, "message": "Quota exceeded"})
fails(topics.publish(topic=TOPIC, body={"messages": [{"data": "AA=="}]}), 429, "RESOURCE_EXHAUSTED", "Quota exceeded")
fails(subscriptions.modifyPushConfig(subscription=SUB, body={"pushConfig": {}}), 501, "UNIMPLEMENTED", "emulator")
subscriptions.detach(subscription=SUB).execute()
assert subscriptions.get(subscription=SUB).execute()["detached"] is True
fails(subscriptions.pull(subscription=SUB, body={"maxMessages": 1}), 400, "FAILED_PRECONDITION", "detached")
subscriptions.delete(subscription=SUB).execute()
topics.delete(topic=TOPIC).execute()
print("google-api-python-client: whole cycle done")
