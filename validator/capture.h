/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture: the validator's own copy of what was published, on disk.
 *
 * Messages are acknowledged only when they are on disk for good, so a capture survives any crash and
 * the next run reads on: `audit-STREAM-NUMBER.capture` in the work folder, zstd frames of messages, one
 * frame per batch. A frame that a crash cut off is left out: it was never acknowledged.
 */
#ifndef VALIDATOR_CAPTURE_H
#define VALIDATOR_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct capture_message { /* Borrowed. */
    int64_t publish_time_us;
    const char *id;
    size_t id_size;
    const char *ordering_key;
    size_t ordering_key_size;
    const char *attributes; /* One JSON object, keys sorted, compact. */
    size_t attributes_size;
    const void *data;
    size_t data_size;
};

struct capture;

/* Appends to a file of its own. */
struct capture *capture_open(const char *directory, const char *stream, struct error *err);
void capture_close(struct capture *capture);

void capture_put(struct capture *capture, const struct capture_message *message);
/* Returns when everything put so far is on disk. */
bool capture_sync(struct capture *capture, struct error *err);

typedef bool capture_take(void *context, const struct capture_message *message, struct error *err);
/* Every message of every capture of the stream, in no order. */
bool capture_read(const char *directory, const char *stream, capture_take *take, void *context,
                  struct error *err);

#endif
