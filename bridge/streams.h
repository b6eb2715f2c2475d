/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams: all streams of a process, and each stage over all of them.
 */
#ifndef BRIDGE_STREAMS_H
#define BRIDGE_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/stream.h"

struct streams {
    struct stream_context context;
    struct stream **list; /* Owned. */
    size_t count;
    int64_t beat_us; /* Of the next heartbeats. */
};

/* The streams of the file that have a subscription, or the one of that name. */
bool streams_open(struct streams *streams, const struct pipeline *pipeline, const char *only,
                  const struct sink_listener *listener, struct metrics *metrics, struct error *err);
void streams_close(struct streams *streams);

/* How long a turn may wait, at most most_ms. */
int64_t streams_wait_ms(const struct streams *streams, int64_t most_ms);
/* Answers of Pub/Sub: messages that came, acknowledgements that are confirmed. */
void streams_answer(struct streams *streams);
/* A report of the sink. */
void streams_settled(struct streams *streams, uint64_t tag, const char *fault);
void streams_send(struct streams *streams);
/* at_once: without waiting for more. */
void streams_ack(struct streams *streams, bool at_once);
void streams_extend(struct streams *streams);
/* New pulls, as far as there is room; none while draining. */
void streams_pull(struct streams *streams, bool draining);
/* Each second: heartbeats and books into the ledger, gauges. */
void streams_beat(struct streams *streams);

/* A report of a note in the ledger. */
void streams_noted(struct streams *streams, uint64_t tag, const char *fault);
/* The end of a clean stop: all books are written for the last time. */
void streams_close_books(struct streams *streams);

/* The limits of the pipeline file have changed. */
void streams_limit(struct streams *streams);

/* A stream has stopped, or all are over; err says why the first has. */
bool streams_have_failed(const struct streams *streams, struct error *err);
/* Not one stream can go on; err says why the first cannot. */
bool streams_are_over(const struct streams *streams, struct error *err);
bool streams_are_drained(const struct streams *streams);
void streams_return(struct streams *streams);

#endif
