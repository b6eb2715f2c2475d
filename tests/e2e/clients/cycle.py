# SPDX-License-Identifier: Apache-2.0
"""cycle.py URL: every call of the bridge's life with google-cloud-pubsub over REST."""
import datetime
import json
import sys
import urllib.request

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.types import Subscription

URL = sys.argv[1]
OPTIONS = {"transport": "rest", "credentials": AnonymousCredentials(), "client_options": {"api_endpoint": URL}}
PROJECT = "projects/python-project"
TOPIC = f"{PROJECT}/topics/python-topic"
DEAD = f"{PROJECT}/topics/dead"
SUB = f"{PROJECT}/subscriptions/python%sub"


def admin(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{URL}/admin/{path}", data) as answer:
        return json.load(answer)


def stats(name):
    return admin("stats")["subscriptions"][name]


def fails(kind, text, call, **arguments):
    try:
        call(**arguments)
    except kind as error:
        assert text in str(error), f"{error} does not say: {text}"
        return error
    raise AssertionError(f"{call} did not fail with {kind}")


publisher = PublisherClient(**OPTIONS)
subscriber = SubscriberClient(**OPTIONS)


def pull(name, count=10):
    return subscriber.pull(subscription=name, max_messages=count).received_messages


# Topics and subscriptions.
publisher.create_topic(name=TOPIC)
publisher.create_topic(name=DEAD)
fails(exceptions.Conflict, "Resource already exists", publisher.create_topic, name=TOPIC)
made = subscriber.create_subscription(request={
    "name": SUB, "topic": TOPIC, "ack_deadline_seconds": 20,
    "dead_letter_policy": {"dead_letter_topic": DEAD, "max_delivery_attempts": 5},
    "retry_policy": {"minimum_backoff": duration_pb2.Duration(seconds=1)},
    "filter": 'attributes.kind = "good" OR attributes:emoji'})
assert made.state == Subscription.State.ACTIVE, made
assert [s.name for s in subscriber.list_subscriptions(project=PROJECT)] == [SUB]
assert list(publisher.list_topic_subscriptions(topic=TOPIC)) == [SUB]
assert [t.name for t in publisher.list_topics(project=PROJECT)] == [DEAD, TOPIC]

# Publishing, by the raw and by the batching client.
answer = publisher.publish(topic=TOPIC, messages=[
    {"data": bytes(range(256)), "attributes": {"emoji": "\U0001F600 ü"}},
    {"data": b"filtered out", "attributes": {"kind": "bad"}}])
assert len(answer.message_ids) == 2
batching = pubsub_v1.PublisherClient(**OPTIONS)  # With its message ordering on, 2.44.0 times out at once over REST.
future = batching.publish(TOPIC, b"batched", kind="good")
assert int(future.result(timeout=10)) > int(answer.message_ids[1])
publisher.publish(topic=TOPIC, messages=[{"data": b"keyed", "attributes": {"kind": "good"}, "ordering_key": "key"}])

messages = pull(SUB)
assert [m.message.data for m in messages] == [bytes(range(256)), b"batched", b"keyed"], messages
assert dict(messages[0].message.attributes) == {"emoji": "\U0001F600 ü"}
assert messages[2].message.ordering_key == "key"
assert messages[0].delivery_attempt == 1
assert messages[0].message.publish_time.year >= 2020

# Deadlines, backoff, acknowledgement.
subscriber.modify_ack_deadline(subscription=SUB, ack_ids=[messages[0].ack_id], ack_deadline_seconds=0)
subscriber.acknowledge(subscription=SUB, ack_ids=[m.ack_id for m in messages[1:]])
assert stats(SUB)["waiting"] == 1
admin("clock", {"advance_ms": 1000})
again = pull(SUB)
assert again[0].delivery_attempt == 2 and again[0].ack_id != messages[0].ack_id
fails(exceptions.BadRequest, "ack_deadline=715", subscriber.modify_ack_deadline, subscription=SUB,
      ack_ids=[again[0].ack_id], ack_deadline_seconds=715)
subscriber.acknowledge(subscription=SUB, ack_ids=[again[0].ack_id])
assert stats(SUB)["acked"] == 3

# Update, snapshot, seek.
changed = subscriber.update_subscription(request={
    "subscription": {"name": SUB, "ack_deadline_seconds": 45, "retain_acked_messages": True},
    "update_mask": field_mask_pb2.FieldMask(paths=["ack_deadline_seconds", "retain_acked_messages"])})
assert changed.ack_deadline_seconds == 45 and changed.retain_acked_messages
snapshot = f"{PROJECT}/snapshots/before"
subscriber.create_snapshot(name=snapshot, subscription=SUB)
assert [s.name for s in subscriber.list_snapshots(project=PROJECT)] == [snapshot]
assert list(publisher.list_topic_snapshots(topic=TOPIC)) == [snapshot]
publisher.publish(topic=TOPIC, messages=[{"data": b"later", "attributes": {"kind": "good"}}])
subscriber.acknowledge(subscription=SUB, ack_ids=[m.ack_id for m in pull(SUB)])
subscriber.seek(request={"subscription": SUB, "snapshot": snapshot})
assert [m.message.data for m in pull(SUB)] == [b"later"]
future_time = timestamp_pb2.Timestamp()
future_time.FromDatetime(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
subscriber.seek(request={"subscription": SUB, "time": future_time})
assert stats(SUB)["outstanding"] == 0
subscriber.delete_snapshot(snapshot=snapshot)
fails(exceptions.NotFound, "Resource not found", subscriber.get_snapshot, snapshot=snapshot)

# Exactly once: the error names each id.
exact = f"{PROJECT}/subscriptions/exact"
subscriber.create_subscription(request={"name": exact, "topic": TOPIC, "enable_exactly_once_delivery": True})
publisher.publish(topic=TOPIC, messages=[{"data": b"once"}])
once = pull(exact)[0]
admin("expire", {"subscription": exact})
error = fails(exceptions.BadRequest, "acknowledgement ids", subscriber.acknowledge,
              subscription=exact, ack_ids=[once.ack_id])
assert error.reason == "EXACTLY_ONCE_ACKID_FAILURE", error.reason
assert error.metadata == {once.ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}, error.metadata

# The client itself repeats a pull that failed with 503.
admin("faults", {"method": "subscriptions.pull", "status": 503, "calls": 2})
assert [m.message.data for m in pull(exact)] == [b"once"]
assert admin("faults")["faults"][0]["fired"] == 2

publisher.detach_subscription(request={"subscription": SUB})
fails(exceptions.BadRequest, "detached", pull, name=SUB)
subscriber.delete_subscription(subscription=SUB)
publisher.delete_topic(topic=TOPIC)
assert subscriber.get_subscription(subscription=exact).topic == "_deleted-topic_"
print("python: whole cycle done")
