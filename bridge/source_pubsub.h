/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_pubsub: Pub/Sub's REST calls of all streams, many in flight at once, over one libcurl multi.
 *
 * HTTP/2 where TLS agrees on it, else HTTP/1.1; connections are kept. A call is started, then comes
 * back from source_next with its answer, in any order; what an answer means is the stream's matter.
 * Calls and their buffers are used again. One thread; blocks only in source_wait, and in source_start
 * when a token must be fetched.
 */
#ifndef BRIDGE_SOURCE_PUBSUB_H
#define BRIDGE_SOURCE_PUBSUB_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/envelope.h"
#include "bridge/flight.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/pipeline.h"

enum source_verb { SOURCE_DESCRIBE, SOURCE_PULL, SOURCE_ACK, SOURCE_MODIFY, SOURCE_VERB_COUNT };

/* The URLs of one subscription. */
struct source_subscription {
    char *urls[SOURCE_VERB_COUNT];
};

struct source_call {
    enum source_verb verb;
    void *owner; /* The stream that started it. */
    struct buffer request;
    struct buffer answer;
    long status; /* 0: no whole answer came; see curl_fault. */
    CURLcode curl_code;
    char curl_fault[CURL_ERROR_SIZE];
    int64_t began_us;
    int64_t ended_us;
    /* What the stream needs when the answer comes. */
    int32_t asked;            /* PULL */
    struct flight_refs refs;  /* ACK: slots; MODIFY: batches. */
    struct envelope envelope; /* PULL: the answer, read. */
    size_t next;              /* PULL: the first of its messages that is not yet on its way. */
    uint32_t flight_batch;    /* PULL */
    uint32_t ref;             /* PULL: the slot of message `next`, if it was entered. */
    bool entered;
    bool cancelled; /* By source_cancel_pulls. */
    /* Of the source. */
    CURL *easy;
    struct curl_slist *headers;
    char *authorization;
    struct source_call *link;
};

struct source;

struct source *source_open(const struct pipeline_pubsub *pubsub, struct clock *clock,
                           struct error *err);
void source_close(struct source *source);

void source_subscription_init(struct source_subscription *subscription,
                              const struct pipeline_pubsub *pubsub, const char *name);
void source_subscription_fini(struct source_subscription *subscription);

/* A call to be filled (request, asked, refs) and started; or given back by source_done. */
struct source_call *source_call(struct source *source, enum source_verb verb, void *owner);
/* Takes the call: it comes back from source_next. False if no token could be had; the call is done. */
bool source_start(struct source *source, const struct source_subscription *subscription,
                  struct source_call *call, int64_t timeout_ms, struct error *err);
/* The token was refused: the next call fetches a new one. */
void source_refuse_token(struct source *source);

/* Waits until something happens: an answer, bytes to read at wake_fd, or the timeout. */
void source_wait(struct source *source, int wake_fd, int64_t timeout_ms);
/* The next answered call, or NULL. The caller gives it back by source_done. */
struct source_call *source_next(struct source *source);
void source_done(struct source *source, struct source_call *call);

/* Calls in flight of one verb; SOURCE_VERB_COUNT: of all. */
unsigned source_in_flight(const struct source *source, enum source_verb verb);
/* Ends the pulls whose answers have not begun, and of which none is expected: they come back from
 * source_next as failed. */
void source_cancel_pulls(struct source *source);

#endif
