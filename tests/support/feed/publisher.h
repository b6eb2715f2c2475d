/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher: messages to Pub/Sub topics over REST, in batches, several requests in flight a topic.
 *
 * A batch that fails in a way that may pass is sent again, so a message can be published twice, as
 * with any publisher. Owned by one thread. Requests move on in publisher_add and publisher_turn.
 */
#ifndef FEED_PUBLISHER_H
#define FEED_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum { PUBLISHER_BATCH_MAX = 1000 }; /* Pub/Sub takes no more in a request. */

struct publisher_options {
    const char *endpoint; /* http://HOST:PORT */
    const char *project;
    const char *const *topics;
    size_t topic_count;
    uint32_t in_flight; /* Requests a topic. 1 keeps the order of messages. */
};

struct publisher_attribute {
    const char *name; /* Both must need no JSON escapes. */
    const char *value;
};

struct publisher_message {
    const void *body;
    size_t body_size;
    const struct publisher_attribute *attributes;
    size_t attribute_count;
    const char *ordering_key; /* NULL: none. */
};

struct publisher_counts {
    uint64_t published; /* Messages that the server gave an id. */
    uint64_t requests;
    uint64_t retries; /* Requests that were sent again. */
};

struct publisher;

/* Borrows the options' text. */
struct publisher *publisher_new(const struct publisher_options *options, struct error *err);
void publisher_free(struct publisher *publisher);

/* Copies. Waits while all requests of the topic are in flight. */
bool publisher_add(struct publisher *publisher, size_t topic,
                   const struct publisher_message *message, struct error *err);
/* Sends batches that are not full yet. */
void publisher_flush(struct publisher *publisher);
/* Moves requests on; waits up to timeout_ms for something to happen. */
bool publisher_turn(struct publisher *publisher, int timeout_ms, struct error *err);
/* Flushes and waits for every answer. */
bool publisher_finish(struct publisher *publisher, struct error *err);

const struct publisher_counts *publisher_counts(const struct publisher *publisher);

#endif
