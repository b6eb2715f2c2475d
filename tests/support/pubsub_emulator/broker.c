/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "timestamp.h"

static struct topic *topic_at(const struct broker *broker, size_t index)
{
    return (struct topic *)broker->topics.items[index];
}

static struct subscription *subscription_at(const struct broker *broker, size_t index)
{
    return (struct subscription *)broker->subscriptions.items[index];
}

static struct snapshot *snapshot_at(const struct broker *broker, size_t index)
{
    return (struct snapshot *)broker->snapshots.items[index];
}

/* Where name is, or where it would go. */
static size_t position(const struct collection *collection, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = collection->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(collection->items[middle]->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct resource *broker_find(const struct collection *collection, const char *name)
{
    bool found;
    size_t at = position(collection, name, &found);

    return found ? collection->items[at] : NULL;
}

static void collection_add(struct collection *collection, struct resource *resource,
                           const char *name, json_t *config)
{
    bool found;
    size_t at = position(collection, name, &found);

    assert(!found);
    resource->name = memory_text(name);
    resource->config = config;
    if (collection->count == collection->capacity) {
        collection->capacity = collection->capacity > 0 ? 2 * collection->capacity : 16;
        collection->items =
            memory_resize(collection->items, collection->capacity * sizeof(struct resource *));
    }
    memmove(collection->items + at + 1, collection->items + at,
            (collection->count - at) * sizeof(struct resource *));
    collection->items[at] = resource;
    collection->count++;
}

/* Frees the resource itself, too. */
static void collection_remove(struct collection *collection, struct resource *resource)
{
    bool found;
    size_t at = position(collection, resource->name, &found);

    assert(found);
    collection->count--;
    memmove(collection->items + at, collection->items + at + 1,
            (collection->count - at) * sizeof(struct resource *));
    free(resource->name);
    json_decref(resource->config);
    free(resource);
}

void broker_init(struct broker *broker, uint64_t first_id)
{
    *broker = (struct broker){.last_id = first_id, .next_identity = first_id};
}

void broker_fini(struct broker *broker)
{
    while (broker->snapshots.count > 0)
        broker_remove_snapshot(broker, snapshot_at(broker, 0));
    while (broker->subscriptions.count > 0)
        broker_remove_subscription(broker, subscription_at(broker, 0));
    while (broker->topics.count > 0)
        broker_remove_topic(broker, topic_at(broker, 0));
    free(broker->topics.items);
    free(broker->subscriptions.items);
    free(broker->snapshots.items);
    *broker = (struct broker){0};
}

struct topic *broker_topic(const struct broker *broker, const char *name)
{
    return (struct topic *)broker_find(&broker->topics, name);
}

struct subscription *broker_subscription(const struct broker *broker, const char *name)
{
    return (struct subscription *)broker_find(&broker->subscriptions, name);
}

struct snapshot *broker_snapshot(const struct broker *broker, const char *name)
{
    return (struct snapshot *)broker_find(&broker->snapshots, name);
}

struct topic *broker_add_topic(struct broker *broker, const char *name, json_t *config)
{
    struct topic *topic = memory_new(sizeof *topic);

    collection_add(&broker->topics, &topic->resource, name, config);
    return topic;
}

void broker_remove_topic(struct broker *broker, struct topic *topic)
{
    for (size_t i = 0; i < broker->subscriptions.count; i++) {
        struct subscription *subscription = subscription_at(broker, i);
        if (subscription->topic != topic)
            continue;
        subscription->topic = NULL;
        json_object_set_new(subscription->resource.config, "topic", json_string("_deleted-topic_"));
    }
    for (size_t i = 0; i < broker->snapshots.count; i++) {
        struct snapshot *snapshot = snapshot_at(broker, i);
        if (snapshot->topic != topic)
            continue;
        snapshot->topic = NULL;
        json_object_set_new(snapshot->resource.config, "topic", json_string("_deleted-topic_"));
    }
    collection_remove(&broker->topics, &topic->resource);
}

struct subscription *broker_add_subscription(struct broker *broker, const char *name,
                                             struct topic *topic, json_t *config,
                                             const struct queue_options *options,
                                             struct filter *filter, const char *dead_topic)
{
    struct subscription *subscription = memory_new(sizeof *subscription);

    subscription->topic = topic;
    subscription->queue = queue_new(broker->next_identity++, options);
    subscription->filter = filter;
    subscription->dead_topic = memory_text(dead_topic);
    subscription->retain_acked = options->retain;
    collection_add(&broker->subscriptions, &subscription->resource, name, config);
    broker_refresh(broker, topic);
    return subscription;
}

void broker_remove_subscription(struct broker *broker, struct subscription *subscription)
{
    queue_free(subscription->queue);
    filter_free(subscription->filter);
    free(subscription->dead_topic);
    collection_remove(&broker->subscriptions, &subscription->resource);
}

void broker_detach(struct subscription *subscription)
{
    subscription->detached = true;
    queue_purge(subscription->queue);
    json_object_set_new(subscription->resource.config, "detached", json_true());
}

struct snapshot *broker_add_snapshot(struct broker *broker, const char *name,
                                     struct subscription *subscription, int64_t expire_us,
                                     json_t *config)
{
    struct snapshot *snapshot = memory_new(sizeof *snapshot);

    snapshot->topic = subscription->topic;
    snapshot->messages = queue_unacked(subscription->queue, &snapshot->message_count);
    snapshot->last_id = broker->last_id;
    snapshot->expire_us = expire_us;
    collection_add(&broker->snapshots, &snapshot->resource, name, config);
    if (snapshot->topic != NULL) {
        snapshot->topic->snapshot_count++;
        broker_refresh(broker, snapshot->topic);
    }
    return snapshot;
}

void broker_remove_snapshot(struct broker *broker, struct snapshot *snapshot)
{
    struct topic *topic = snapshot->topic;

    for (size_t i = 0; i < snapshot->message_count; i++)
        message_release(snapshot->messages[i]);
    free(snapshot->messages);
    collection_remove(&broker->snapshots, &snapshot->resource);
    if (topic != NULL) {
        topic->snapshot_count--;
        broker_refresh(broker, topic);
    }
}

void broker_refresh(struct broker *broker, struct topic *topic)
{
    for (size_t i = 0; topic != NULL && i < broker->subscriptions.count; i++) {
        struct subscription *subscription = subscription_at(broker, i);
        if (subscription->topic != topic)
            continue;
        struct queue_options options = *queue_options(subscription->queue);
        options.retain =
            subscription->retain_acked || topic->retention_us > 0 || topic->snapshot_count > 0;
        queue_set_options(subscription->queue, &options);
    }
}

uint64_t broker_publish(struct broker *broker, struct topic *topic,
                        const struct message_draft *draft, int64_t now_us)
{
    struct message *message = message_new(draft, ++broker->last_id, now_us);

    topic->published++;
    for (size_t i = 0; i < broker->subscriptions.count; i++) {
        struct subscription *subscription = subscription_at(broker, i);
        if (subscription->topic == topic && !subscription->detached
            && filter_matches(subscription->filter, draft->attributes))
            queue_add(subscription->queue, message);
    }
    message_release(message);
    return broker->last_id;
}

/* "projects/P/subscriptions/S" -> P and S. Returns P (caller frees). */
static char *split_name(const char *name, const char **last)
{
    const char *project = strchr(name, '/') + 1;

    *last = strrchr(name, '/') + 1;
    return memory_text_n(project, strcspn(project, "/"));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static json_t *dead_attributes(const struct subscription *subscription, const json_t *message,
                               uint32_t attempts)
{
    json_t *old = json_object_get(message, "attributes");
    json_t *attributes = old != NULL ? json_copy(old) : json_object();
    const char *name;
    char *project = split_name(subscription->resource.name, &name);
    char count[16];

    snprintf(count, sizeof count, "%" PRIu32, attempts);
    set_text(attributes, "CloudPubSubDeadLetterSourceDeliveryCount", count);
    set_text(attributes, "CloudPubSubDeadLetterSourceSubscription", name);
    set_text(attributes, "CloudPubSubDeadLetterSourceSubscriptionProject", project);
    set_text(attributes, "CloudPubSubDeadLetterSourceTopicPublishTime",
             json_string_value(json_object_get(message, "publishTime")));
    free(project);
    return attributes;
}

static void forward(struct broker *broker, struct subscription *subscription,
                    struct message *message, uint32_t attempts, int64_t now_us)
{
    struct topic *topic = broker_topic(broker, subscription->dead_topic);

    if (topic == NULL) { /* The service cannot forward it, so it goes on delivering it. */
        queue_add(subscription->queue, message);
        return;
    }
    json_t *json = message_json(message);
    json_t *attributes = dead_attributes(subscription, json, attempts);
    const json_t *data = json_object_get(json, "data");
    struct message_draft draft = {
        .data = json_string_value(data),
        .data_size = json_string_length(data),
        .data_bytes = message->data_bytes,
        .attributes = attributes,
        .ordering_key = message_key(message),
    };

    broker_publish(broker, topic, &draft, now_us);
    json_decref(attributes);
    json_decref(json);
}

void broker_forward_dead(struct broker *broker, struct subscription *subscription, int64_t now_us)
{
    uint32_t attempts;
    struct message *message;

    while ((message = queue_take_dead(subscription->queue, &attempts)) != NULL) {
        forward(broker, subscription, message, attempts, now_us);
        message_release(message);
    }
}

void broker_tick(struct broker *broker, int64_t now_us)
{
    for (size_t i = 0; i < broker->subscriptions.count; i++) {
        queue_tick(subscription_at(broker, i)->queue, now_us);
        broker_forward_dead(broker, subscription_at(broker, i), now_us);
    }
    for (size_t i = broker->snapshots.count; i-- > 0;)
        if (snapshot_at(broker, i)->expire_us <= now_us)
            broker_remove_snapshot(broker, snapshot_at(broker, i));
}

int64_t broker_due_us(const struct broker *broker)
{
    int64_t due_us = INT64_MAX;

    for (size_t i = 0; i < broker->subscriptions.count; i++) {
        int64_t next_us = queue_due_us(subscription_at(broker, i)->queue);
        due_us = next_us < due_us ? next_us : due_us;
    }
    return due_us;
}
