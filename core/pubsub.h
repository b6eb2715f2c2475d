/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubsub: Pub/Sub's REST calls, one at a time, for everything but the bridge's pull path.
 *
 * Answers are Jansson's. The bridge's pull path has its own engine and shares only the URLs and the
 * error bodies, so that what captures the truth for the validator is other code than what moves it.
 * Not thread safe.
 */
#ifndef CORE_PUBSUB_H
#define CORE_PUBSUB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/pipeline.h"

struct pubsub;

struct pubsub *pubsub_new(const struct pipeline_pubsub *config, struct error *err);
void pubsub_free(struct pubsub *pubsub);

/* "ENDPOINT/v1/projects/P/subscriptions/S:verb" (verb NULL: the resource itself). A subscription may
 * be given by its short name or whole. Returns (caller frees). */
char *pubsub_subscription_url(const struct pipeline_pubsub *config, const char *subscription,
                              const char *verb);

/* One call with a fresh token and one retry after a 401. NULL on error; an error body of Google's form
 * becomes "STATUS: message". 429, 499, 500, 502, 503 and 504 are ERROR_RETRY. Returns (caller decrefs). */
json_t *pubsub_call(struct pubsub *pubsub, const char *method, const char *url, json_t *body,
                    struct error *err);

/* What an HTTP status and Google's error body mean, as pubsub_call tells it. Returns false. */
bool pubsub_fail(struct error *err, long status, const void *body, size_t size, const char *what);

struct pubsub_message { /* Borrowed from the pull's answer, but for data. */
    const char *ack_id;
    const char *message_id;
    const char *ordering_key; /* "" if there is none. */
    json_t *attributes;       /* Object, or NULL. */
    int64_t publish_time_us;
    int32_t attempt;
    const uint8_t *data; /* Decoded; in the answer's own buffer. */
    size_t data_size;
};

struct pubsub_batch {
    json_t *answer;
    struct pubsub_message *messages;
    size_t count;
    struct buffer data;
};

/* An empty batch is no error: "empty" is not "drained". */
bool pubsub_pull(struct pubsub *pubsub, const char *subscription, int32_t max_messages,
                 int64_t timeout_ms, struct pubsub_batch *batch, struct error *err);
void pubsub_batch_fini(struct pubsub_batch *batch);
/* Splits by bytes and count as Pub/Sub's limits ask. */
bool pubsub_ack(struct pubsub *pubsub, const char *subscription, const char *const *ack_ids,
                size_t count, struct error *err);
/* seconds 0 gives the messages back. */
bool pubsub_modify_deadline(struct pubsub *pubsub, const char *subscription,
                            const char *const *ack_ids, size_t count, int32_t seconds,
                            struct error *err);

#endif
