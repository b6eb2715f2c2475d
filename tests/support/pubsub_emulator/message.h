/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: one published message, rendered to JSON once.
 *
 * Every subscription of a topic shares it, and every answer copies its fragment as it stands, so
 * that a pull costs a memcpy. Counted references; one thread.
 */
#ifndef EMULATOR_MESSAGE_H
#define EMULATOR_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

struct message {
    uint32_t references;
    uint32_t fragment_size;
    uint32_t key_size;   /* Of the ordering key, 0 without one. */
    uint32_t data_bytes; /* Decoded size of data. */
    uint64_t id;
    int64_t publish_time_us;
    char text[]; /* The fragment, then the ordering key and a NUL. */
};

/* What a publisher gives; borrowed. */
struct message_draft {
    const char *data; /* Base64, standard alphabet with padding; NULL without data. */
    size_t data_size;
    uint32_t data_bytes;
    json_t *attributes; /* Object of strings, or NULL. */
    const char *ordering_key;
};

/* Returns one reference (caller gives it back with message_release). */
struct message *message_new(const struct message_draft *draft, uint64_t id,
                            int64_t publish_time_us);
struct message *message_retain(struct message *message);
void message_release(struct message *message); /* NULL is legal. */

/* `{"data":…,"messageId":…}` */
static inline const char *message_fragment(const struct message *message)
{
    return message->text;
}

static inline const char *message_key(const struct message *message)
{
    return message->text + message->fragment_size;
}

/* The fragment as JSON again, for the rare reader of attributes. Returns (caller decrefs). */
json_t *message_json(const struct message *message);

/*
 * Base64 as JSON's proto form takes it: standard or URL-safe, padding optional. Puts the standard
 * form behind out and its decoded size in *bytes; false if it is not base64.
 */
bool message_base64(const char *text, size_t size, struct buffer *out, uint32_t *bytes);
/* Encodes raw bytes behind out. */
void message_base64_encode(const void *data, size_t size, struct buffer *out);
/* Appends a JSON string with its quotes; text is UTF-8. */
void message_append_json_text(struct buffer *out, const char *text, size_t size);

#endif
