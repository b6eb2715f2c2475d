/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight: the messages of a stream that were pulled and are not yet acknowledged.
 *
 * Each message of an answer gets a slot. A slot gives up its ack id only when Kafka has the message,
 * and always the newest ack id of that message:
 *
 *     enter ──new──> SENDING ──delivered──> READY ──take──> ACKING ──acked──> free
 *       │               │  └────lost──> UNWANTED ──> free     │ └──again──> READY
 *       ├──again, still on its way──> WAITING ──the first is delivered──> READY
 *       └──again, was delivered─────────────────────────────> READY
 *
 * A message that comes again while it is on its way takes the acknowledgement over: the older slot
 * is free as soon as Kafka reports. The messages of one answer share a batch, whose lease is extended
 * as a whole. One thread; never blocks, never logs. Pure.
 */
#ifndef BRIDGE_FLIGHT_H
#define BRIDGE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/window.h"
#include "core/buffer.h"

enum {
    FLIGHT_BATCH_SIZE_MAX = 4096, /* Messages of one answer that get a slot. */
    FLIGHT_REQUEST_IDS_MAX = 2500,
    FLIGHT_REQUEST_BYTES_MAX = 500 * 1024, /* Pub/Sub's limit is 524,288. */
};

struct flight;

struct flight_message { /* Borrowed. */
    const void *message_id;
    size_t message_id_size;
    const char *ack_id;
    size_t ack_id_size;
    bool ack_id_plain; /* Needs no escape in JSON. */
    uint32_t size_bytes;
    uint32_t minute; /* Of its publish time: of no meaning here. */
};

enum flight_entry {
    FLIGHT_NEW,       /* Send it; then report by flight_settle. */
    FLIGHT_DUPLICATE, /* Kafka has it or will have it: nothing to do. */
    FLIGHT_NO_ROOM,   /* More than a batch holds: leave it to a redelivery. */
};

struct flight_refs { /* The slots of one request. */
    uint32_t *refs;  /* Owned. */
    uint32_t count;
    uint32_t capacity;
};

struct flight *flight_new(uint32_t window_size);
void flight_free(struct flight *flight);

/* A batch for one answer. Closes by itself when its last message is done. */
uint32_t flight_open(struct flight *flight, int64_t now_us, int64_t renew_us);
/* Says that a message will be entered soon, so that what is known of it is brought near. */
void flight_expect(const struct flight *flight, const void *message_id, size_t size);
/* Copies. ref names the slot of a new message. */
enum flight_entry flight_enter(struct flight *flight, uint32_t batch,
                               const struct flight_message *message, uint32_t *ref);
/* Kafka has this message already: a delivery of it is a duplicate. */
void flight_remember(struct flight *flight, const void *message_id, size_t size);
/* Whose slot it is, until it is settled, acknowledged or lost. */
struct flight_owner {
    struct window_id id;
    uint32_t minute;
};
struct flight_owner flight_owner(const struct flight *flight, uint32_t ref);
/* No more messages come into the batch. */
void flight_close(struct flight *flight, uint32_t batch);

/* Kafka's report. A message that was lost becomes unknown again: its redelivery is sent. */
void flight_settle(struct flight *flight, uint32_t ref, bool delivered);

/*
 * The next acknowledgement request: {"ackIds":[…]} within Pub/Sub's limits. False if none is due.
 * Its slots are out until flight_acked, flight_ack_again or flight_ack_lost is called for each.
 */
bool flight_take_acks(struct flight *flight, struct buffer *body, struct flight_refs *refs);
/* Returns how long ago its answer came, at now_us. */
int64_t flight_acked(struct flight *flight, uint32_t ref, int64_t now_us);
void flight_ack_again(struct flight *flight, uint32_t ref);
/*
 * Pub/Sub refused other ids of the request and said nothing of this one: it is sent once more, then
 * taken as acknowledged. Should it not be, Pub/Sub delivers the message again, which costs one more
 * acknowledgement. False if it is sent once more.
 */
bool flight_ack_unnamed(struct flight *flight, uint32_t ref);
/* Pub/Sub no longer takes this ack id: it sends the message again, and then that one is acked. */
void flight_ack_lost(struct flight *flight, uint32_t ref);

/* The ack id of a slot that is out, as it was entered. */
struct flight_ack_id {
    const char *text;
    size_t size;
};
struct flight_ack_id flight_ack_id(const struct flight *flight, uint32_t ref);

/* When the next batch must be extended; INT64_MAX: never. */
int64_t flight_due_us(const struct flight *flight);
/* When the oldest answer came of which something is in flight; INT64_MAX: nothing is. */
int64_t flight_oldest_us(const struct flight *flight);
int64_t flight_received_us(const struct flight *flight, uint32_t batch);
void flight_renew(struct flight *flight, uint32_t batch, int64_t renew_us);

/* How far the extensions of one moment are taken. */
struct flight_due {
    int64_t until_us; /* What is due by then is taken. */
    uint32_t batch;   /* Both start at 0. */
    uint32_t slot;
};
/*
 * The next modifyAckDeadline request, within Pub/Sub's limits, for messages of batches that are due and
 * not acknowledged yet. `batches` are those that it went through: each must be renewed, also if the
 * request is empty, which is the end: false.
 */
bool flight_take_extension(const struct flight *flight, struct flight_due *due, int32_t seconds,
                           struct buffer *body, struct flight_refs *batches);
/* The same with 0 seconds for everything in flight, once each: the end. Reports may still come. */
bool flight_take_returns(struct flight *flight, struct buffer *body);

struct flight_counts {
    uint64_t sending; /* Given to Kafka, or waiting for such a one. */
    uint64_t ready;   /* Kafka has it; to be acknowledged. */
    uint64_t acking;
    uint64_t bytes; /* Of all three. */
};
const struct flight_counts *flight_counts(const struct flight *flight);

#endif
