// SPDX-License-Identifier: Apache-2.0
// cycle.mjs URL MODULES: every call of the bridge's life with @google-cloud/pubsub over REST.
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';

const [url, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const {PubSub, v1} = require('@google-cloud/pubsub');
const {OAuth2Client} = require('google-auth-library');

const {hostname, port, host} = new URL(url);
const authClient = new OAuth2Client();
authClient.setCredentials({access_token: 'any', expiry_date: Date.now() + 3600e3});
const rest = {fallback: true, protocol: 'http', authClient};
const pubsub = new PubSub({projectId: 'node-project', apiEndpoint: host, emulatorMode: false, ...rest});
const subscriber = new v1.SubscriberClient({servicePath: hostname, port: Number(port), ...rest});
const publisher = new v1.PublisherClient({servicePath: hostname, port: Number(port), ...rest});

const admin = async (path, body) => {
    const answer = await fetch(`${url}/admin/${path}`, body && {method: 'POST', body: JSON.stringify(body)});
    assert.equal(answer.status, 200);
    return answer.json();
};
const fails = async (call, status, text) => {
    await assert.rejects(call, error => {
        assert.equal(Number(error.code), status);
        assert.match(error.message, text);
        return true;
    });
};
const name = pubsub.projectId;
const subscription = `projects/${name}/subscriptions/node%sub+1`;
const pull = async maxMessages => (await subscriber.pull({subscription, maxMessages}))[0].receivedMessages;

// Topics and subscriptions.
const [topic] = await pubsub.createTopic('node.topic~1');
await fails(pubsub.createTopic('node.topic~1'), 409, /ALREADY_EXISTS/);
await topic.createSubscription('node%sub+1', {enableMessageOrdering: true, ackDeadlineSeconds: 10});
const [topics] = await pubsub.getTopics();
assert.deepEqual(topics.map(t => t.name), [`projects/${name}/topics/node.topic~1`]);
const [ofTopic] = await topic.getSubscriptions();
assert.deepEqual(ofTopic.map(s => s.name), [subscription]);

// Publishing and pulling.
const text = 'naïve 😀 "quoted"\n';
const ids = [];
for (const n of [1, 2, 3]) {
    ids.push(await pubsub.topic('node.topic~1', {messageOrdering: true}).publishMessage(
        {data: Buffer.from(`${text}${n}`), attributes: {emoji: '😀', n: `${n}`}, orderingKey: 'key'}));
}
const first = await pull(2);
assert.deepEqual(first.map(m => m.message.messageId), ids.slice(0, 2));
assert.equal(Buffer.from(first[0].message.data).toString(), `${text}1`);
assert.deepEqual(first[0].message.attributes, {emoji: '😀', n: '1'});
assert.equal(first[0].message.orderingKey, 'key');

// Deadlines and acknowledgement.
await subscriber.modifyAckDeadline({subscription, ackIds: [first[0].ackId], ackDeadlineSeconds: 0});
const again = await pull(10);
assert.deepEqual(again.map(m => m.message.messageId), ids);
await subscriber.modifyAckDeadline({subscription, ackIds: again.map(m => m.ackId), ackDeadlineSeconds: 60});
await admin('clock', {advance_ms: 30000});
await subscriber.acknowledge({subscription, ackIds: again.map(m => m.ackId)});
assert.equal((await admin('stats')).subscriptions[subscription].acked, 3);

// Update, snapshot, seek, detach.
await pubsub.subscription('node%sub+1').setMetadata({retainAckedMessages: true, ackDeadlineSeconds: 30});
const [metadata] = await pubsub.subscription('node%sub+1').getMetadata();
assert.equal(metadata.ackDeadlineSeconds, 30);
assert.equal(metadata.retainAckedMessages, true);
assert.equal(metadata.state, 'ACTIVE');
const [snapshot] = await pubsub.subscription('node%sub+1').createSnapshot('before');
await topic.publishMessage({data: Buffer.from('later')});
const later = await pull(10);
assert.equal(later.length, 1);
await subscriber.acknowledge({subscription, ackIds: later.map(m => m.ackId)});
await pubsub.subscription('node%sub+1').seek(snapshot.name);
const replayed = await pull(10);
assert.equal(Buffer.from(replayed[0].message.data).toString(), 'later');
await pubsub.subscription('node%sub+1').seek(new Date(Date.now() + 3600e3));
assert.equal((await admin('stats')).subscriptions[subscription].outstanding, 0);
await snapshot.delete();
await fails(pubsub.subscription('none').getMetadata(), 404, /Resource not found \(resource=none\)/);

// Exactly once, by the error's details.
const exact = `projects/${name}/subscriptions/exact`;
await topic.createSubscription('exact', {enableExactlyOnceDelivery: true});
await topic.publishMessage({data: Buffer.from('once')});
const [{receivedMessages: [once]}] = await subscriber.pull({subscription: exact, maxMessages: 1});
await admin('expire', {subscription: exact});
await fails(subscriber.acknowledge({subscription: exact, ackIds: [once.ackId]}), 400,
    /PERMANENT_FAILURE_INVALID_ACK_ID/);

// A fault surfaces as its status.
await admin('faults', {method: 'subscriptions.pull', status: 503, calls: 1});
await fails(subscriber.pull({subscription, maxMessages: 1}), 503, /UNAVAILABLE/);

await publisher.detachSubscription({subscription});
await fails(subscriber.pull({subscription, maxMessages: 1}), 400, /FAILED_PRECONDITION/);
await pubsub.subscription('node%sub+1').delete();
await topic.delete();
await pubsub.close();
console.log('node: whole cycle done');
process.exit(0);
