/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker: the topics, subscriptions and snapshots of every project, and what passes between them.
 *
 * Time is passed in; no I/O. One thread.
 */
#ifndef EMULATOR_BROKER_H
#define EMULATOR_BROKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "message.h"
#include "queue.h"

/* What a topic, a subscription and a snapshot have in common. */
struct resource {
    char *name;     /* Owned: projects/P/COLLECTION/NAME. */
    json_t *config; /* Owned: as the API shows it, with its defaults. */
};

struct topic {
    struct resource resource; /* First, as in the two below. */
    int64_t retention_us;     /* 0: keeps nothing itself. */
    uint64_t published;
    uint32_t snapshot_count;
};

struct subscription {
    struct resource resource;
    struct topic *topic; /* NULL once the topic is deleted. */
    struct queue *queue;
    struct filter *filter; /* NULL: every message. */
    char *dead_topic;      /* NULL: none. */
    bool detached;
    bool retain_acked;
    uint64_t pulls;
    uint64_t empty_pulls;
    uint64_t bytes; /* Of pull answers. */
};

struct snapshot {
    struct resource resource;
    struct topic *topic; /* NULL once the topic is deleted. */
    struct message **messages;
    size_t message_count;
    uint64_t last_id; /* All later messages of the topic belong to it too. */
    int64_t expire_us;
};

struct collection {
    struct resource **items; /* Sorted by name. */
    size_t count;
    size_t capacity;
};

struct broker {
    struct collection topics;
    struct collection subscriptions;
    struct collection snapshots;
    uint64_t last_id;
    uint64_t next_identity;
};

/* first_id: message ids count up from it. */
void broker_init(struct broker *broker, uint64_t first_id);
void broker_fini(struct broker *broker);

struct resource *broker_find(const struct collection *collection, const char *name);
struct topic *broker_topic(const struct broker *broker, const char *name);
struct subscription *broker_subscription(const struct broker *broker, const char *name);
struct snapshot *broker_snapshot(const struct broker *broker, const char *name);

/* The name must be free. Takes config. */
struct topic *broker_add_topic(struct broker *broker, const char *name, json_t *config);
void broker_remove_topic(struct broker *broker, struct topic *topic);
/* Takes config and filter; copies dead_topic. */
struct subscription *broker_add_subscription(struct broker *broker, const char *name,
                                             struct topic *topic, json_t *config,
                                             const struct queue_options *options,
                                             struct filter *filter, const char *dead_topic);
void broker_remove_subscription(struct broker *broker, struct subscription *subscription);
void broker_detach(struct subscription *subscription);
/* Takes config. */
struct snapshot *broker_add_snapshot(struct broker *broker, const char *name,
                                     struct subscription *subscription, int64_t expire_us,
                                     json_t *config);
void broker_remove_snapshot(struct broker *broker, struct snapshot *snapshot);

/* Whether a subscription keeps acknowledged payloads, after a change of it, its topic or a snapshot. */
void broker_refresh(struct broker *broker, struct topic *topic);

/* Gives the message to every subscription of the topic whose filter it matches. Returns its id. */
uint64_t broker_publish(struct broker *broker, struct topic *topic,
                        const struct message_draft *draft, int64_t now_us);
/* Lets time pass: leases, backoffs, snapshots; forwards dead letters. */
void broker_tick(struct broker *broker, int64_t now_us);
/* Forwards the subscription's dead letters; broker_tick does it for all. */
void broker_forward_dead(struct broker *broker, struct subscription *subscription, int64_t now_us);
int64_t broker_due_us(const struct broker *broker);

#endif
