/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: what one subscription holds, and the rules by which it is delivered.
 *
 * Every message has a slot; a delivery leases it for a time under a new generation, so the ack id
 * of an earlier delivery is stale. Messages of one ordering key are delivered in order: none while
 * another of its key is out, and a redelivery brings back every later one, acknowledged or not.
 * Time is passed in (us); there is no I/O, and chance comes from a seed. One thread.
 *
 *     READY -> LEASED -> DONE          acknowledged, dead-lettered, too old, or passed over by a seek
 *       ^        |
 *       +-- WAITING                    given back or run out, with a retry policy; else READY at once
 */
#ifndef EMULATOR_QUEUE_H
#define EMULATOR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "message.h"

struct queue;

struct queue_options {
    int64_t ack_deadline_us;
    int64_t retention_us; /* Older messages are dropped, acknowledged or not. */
    bool retain;          /* Acknowledged payloads stay until retention_us, for a seek. */
    bool ordered;
    bool exactly_once;
    int32_t max_attempts; /* Then the message is dead. 0: never. */
    bool backoff;         /* A message comes back after retry_min_us, twice that, ... */
    int64_t retry_min_us;
    int64_t retry_max_us;
    /* Chances that the service takes an acknowledgement and delivers again all the same, and that
     * it delivers a message whose lease still runs. At most once each for a message. */
    double duplicate_acked;
    double duplicate_leased;
    uint64_t seed;
};

struct queue_counts {
    uint64_t published;
    uint64_t ready; /* Deliverable now, or later with its key. */
    uint64_t outstanding;
    uint64_t waiting;
    uint64_t delivered;
    uint64_t redelivered;
    uint64_t acked;
    uint64_t nacked;
    uint64_t expired;
    uint64_t extended;
    uint64_t stale; /* Ack ids that were not the newest, or came too late. */
    uint64_t dead;
    uint64_t dropped; /* Too old, or passed over by a seek. */
    uint64_t duplicated;
};

enum queue_result {
    QUEUE_OK,
    QUEUE_STALE,     /* Not the newest ack id of its message, or its lease has run out. */
    QUEUE_FOREIGN,   /* Another subscription's. */
    QUEUE_MALFORMED, /* No ack id at all. */
};

/* identity makes its ack ids differ from those of every other queue. */
struct queue *queue_new(uint64_t identity, const struct queue_options *options);
void queue_free(struct queue *queue);
/* Leases that run keep their deadline. */
void queue_set_options(struct queue *queue, const struct queue_options *options);
const struct queue_options *queue_options(const struct queue *queue);
const struct queue_counts *queue_counts(const struct queue *queue);

/* Shares message. */
void queue_add(struct queue *queue, struct message *message);

/* Lets leases and backoffs run out. Every call below does it first. */
void queue_tick(struct queue *queue, int64_t now_us);
/* When queue_tick may next have something to do; INT64_MAX if never. */
int64_t queue_due_us(const struct queue *queue);
bool queue_has_ready(const struct queue *queue);

/* Leases up to max messages and appends them as JSON objects with commas between. Returns how many. */
size_t queue_pull(struct queue *queue, int64_t now_us, size_t max, struct buffer *out);
enum queue_result queue_ack(struct queue *queue, int64_t now_us, const char *ack_id, size_t size);
/* seconds 0 gives the message back. */
enum queue_result queue_modify(struct queue *queue, int64_t now_us, const char *ack_id, size_t size,
                               int32_t seconds);
/* What queue_ack would say, without doing it. */
enum queue_result queue_check(struct queue *queue, int64_t now_us, const char *ack_id, size_t size);

/* Ends every lease as if its time were up. Returns how many. */
size_t queue_expire_all(struct queue *queue, int64_t now_us);

/* Acknowledges what was published before time_us; whatever else is still held is to be delivered. */
void queue_seek_time(struct queue *queue, int64_t now_us, int64_t time_us);
/* To be delivered: the given messages (ascending ids), and all with an id above last_id. */
void queue_seek_snapshot(struct queue *queue, struct message *const *messages, size_t count,
                         uint64_t last_id);
/* The unacknowledged messages, ascending ids, one reference each. Returns (caller frees). */
struct message **queue_unacked(const struct queue *queue, size_t *count);
/* Publish time of the oldest unacknowledged message; INT64_MAX without one. */
int64_t queue_oldest_us(const struct queue *queue);
/* Forgets everything. */
void queue_purge(struct queue *queue);

/* The next message that used up its attempts, with its reference, or NULL. */
struct message *queue_take_dead(struct queue *queue, uint32_t *attempts);

#endif
