/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope: the answer of a Pub/Sub pull, read in one pass and in place.
 *
 * Strict JSON (RFC 8259, UTF-8) of the shape that Pub/Sub documents; keys that it does not know are
 * checked and skipped. What it refuses is refused whole: a cut or garbled answer gives no message.
 * Only content that is not Base64 is a fault of its message alone. Pure.
 */
#ifndef BRIDGE_ENVELOPE_H
#define BRIDGE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

struct envelope_text { /* Borrowed from the body; not terminated. */
    const char *data;
    size_t size;
};

struct envelope_attribute {
    struct envelope_text name;
    struct envelope_text value;
};

struct envelope_message {
    struct envelope_text ack_id;
    bool ack_id_plain; /* May stand between quotes in JSON as it is. */
    bool data_bad;     /* Not Base64: data is the text as it came. */
    struct envelope_text message_id;
    struct envelope_text ordering_key; /* Empty if there is none. */
    int64_t publish_time_us;
    int32_t attempt; /* 0: Pub/Sub does not count deliveries of this subscription. */
    uint32_t attribute_count;
    size_t attribute_first; /* Into envelope->attributes. */
    const uint8_t *data;    /* Decoded. */
    size_t data_size;
};

struct envelope {
    struct envelope_message *messages; /* Owned, as attributes; kept from answer to answer. */
    size_t message_count;
    size_t message_capacity;
    struct envelope_attribute *attributes;
    size_t attribute_count;
    size_t attribute_capacity;
    /* Where and why an answer was refused. */
    size_t fault_offset;
    const char *fault;
};

/* Reads body, which it changes and the messages borrow from. False: see fault. */
bool envelope_parse(struct envelope *envelope, struct buffer *body);
void envelope_fini(struct envelope *envelope);

#endif
