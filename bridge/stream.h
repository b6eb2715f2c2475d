/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: one subscription on its way to one topic.
 *
 *     STARTING ──described──> RUNNING <──────┐
 *        │ │                    │            │ after a while
 *        │ └──failed──> WAITING <──failed────┤
 *        │                 └─────────────────┘ (to STARTING if it was never described)
 *        └── from any: a message that fits nowhere ──> STOPPED
 *
 * A stream that fails does not touch the others; what it has in flight is still acknowledged. The stages
 * are called by the bridge's turn, in its order; each does what it can now and returns.
 */
#ifndef BRIDGE_STREAM_H
#define BRIDGE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/backlog.h"
#include "bridge/books.h"
#include "bridge/dead_share.h"
#include "bridge/delivery.h"
#include "bridge/flight.h"
#include "bridge/lease.h"
#include "bridge/pulls.h"
#include "bridge/rate.h"
#include "bridge/retry.h"
#include "bridge/sink_kafka.h"
#include "bridge/source_pubsub.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/pipeline.h"
#include "core/registry.h"

enum stream_state { STREAM_STARTING, STREAM_RUNNING, STREAM_WAITING, STREAM_STOPPED };

/* Why nothing is pulled just now. */
enum stream_hold {
    HOLD_NONE,
    HOLD_STARTING, /* The subscription was not read yet. */
    HOLD_STOPPED,
    HOLD_STOPPING,    /* The process ends. */
    HOLD_AUTH,        /* The token was refused, or may not read the subscription. */
    HOLD_BACKOFF,     /* After a failed call, until the next try. */
    HOLD_KAFKA_QUEUE, /* What was pulled does not go out: Kafka's queue is full. */
    HOLD_MESSAGES,    /* bridge.max_messages are held. */
    HOLD_BYTES,       /* bridge.max_bytes are held. */
    HOLD_RATE,        /* max_rate of the stream. */
    HOLD_DEAD_RATE,   /* max_dead_rate of the stream. */
    STREAM_HOLD_COUNT,
};

enum stream_metric {
#define METRIC(name, kind, scale, help) STREAM_##name,
#include "bridge/metrics.def"
    STREAM_METRIC_COUNT
};

enum {
#define LABELLED(name, kind, scale, labels, help) LABELLED_##name,
#include "bridge/metrics.def"
    LABELLED_COUNT
};
extern const struct metric_def stream_labelled[LABELLED_COUNT];

struct stream_context { /* Shared by the streams of a process. Borrowed. */
    const struct pipeline *pipeline;
    struct clock *clock;
    struct source *source;
    struct sink *sink;
    struct registry *registry;
    struct metrics *metrics;
    size_t stream_count;
    const struct sink_topic *ledger;
    char instance[BOOK_NAME_SIZE]; /* Of this process, in heartbeats and books. */
    uint64_t run;                  /* Random: of this life of it. */
};

struct stream {
    const struct pipeline_stream *config;
    struct stream_context *context;
    uint32_t index;
    enum stream_state state;
    bool described;
    bool ordered; /* One pull at a time. */
    bool describing;
    bool denied;        /* WAITING: for a token, or for permission. */
    struct error error; /* WAITING, STOPPED: why. */
    int64_t resume_us;  /* WAITING: until when. */
    struct retry retry;
    struct retry busy;        /* Pulls answered by 429, 503, 504. */
    int64_t token_refused_us; /* When the token was refused; 0: it was not, since a success. */

    struct source_subscription subscription;
    struct delivery delivery;
    struct flight *flight;
    struct books *books;
    bool ledger_failed; /* It was said. */
    struct lease lease;
    struct pulls pulls;

    enum stream_hold hold;
    struct rate rate;      /* Messages that come. */
    struct rate dead_rate; /* Dead letters that go. */
    struct dead_share dead_share;
    int64_t sent, dead;   /* Since dead_share was told. */
    int64_t dead_told_us; /* When a dead letter was last logged; 0: never. */
    int64_t dead_hidden;  /* Those since. */
    struct backlog backlog;
    int64_t pull_us; /* When a pull that was held back for its time may go; INT64_MAX: none was. */

    struct source_call *received; /* Answers with messages that are not yet sent, oldest first. */
    struct source_call **received_end;
    int64_t unsent_messages;
    int64_t unsent_bytes;

    int64_t ready_since_us; /* Of the oldest acknowledgement not yet sent; 0: none. */
    int64_t ack_after_us;   /* No acknowledgement before: the last one failed. */
    struct retry ack_retry;
    unsigned acks_in_flight;

    int64_t behind_ms; /* Age of the oldest message of the last answer; 0 if it was empty. */
    int64_t heard_us;  /* When it came, or when the stream could be read first. */
    struct metric *metrics[STREAM_METRIC_COUNT];
    struct metric *held[STREAM_HOLD_COUNT]; /* Seconds; HOLD_NONE has none. */
};

/* Topics, schema and mapping are opened at once; the subscription by the turns. NULL on error. */
struct stream *stream_new(const struct pipeline_stream *config, struct stream_context *context,
                          uint32_t index, struct error *err);
void stream_free(struct stream *stream);
/* The limits of the pipeline file have changed. */
void stream_limit(struct stream *stream);
/* "kafka queue full"; "" for HOLD_NONE. */
const char *stream_hold_name(enum stream_hold hold);

/* Stages. */
void stream_answer(struct stream *stream, struct source_call *call);
void stream_settled(struct stream *stream, uint32_t ref, bool dead_letter, const char *fault);
void stream_send(struct stream *stream);
void stream_ack(struct stream *stream, bool at_once);
void stream_extend(struct stream *stream);
void stream_start(struct stream *stream);
void stream_pull(struct stream *stream, struct pulls_room *room);
/* Gives everything in flight back to Pub/Sub, which is the end of the stream. */
void stream_return(struct stream *stream);

/* When a stage has something to do although nothing came. */
int64_t stream_next_us(const struct stream *stream);
/* Nothing unsent, unconfirmed or unacknowledged. */
bool stream_is_drained(const struct stream *stream);
void stream_measure(struct stream *stream);
/* The age of what it delivers; 0 when nothing is in flight and nothing came for a while. */
int64_t stream_behind_ms(const struct stream *stream, int64_t now_us);

/* On the ledger: that this run begins, and where its topics end. */
void stream_begin_books(const struct stream *stream);
/* Writes the books that are due. */
void stream_write_books(struct stream *stream);
/* The ledger's report of a book. */
void stream_noted(struct stream *stream, uint32_t number, const char *fault);
/* Writes all books for the last time. */
void stream_close_books(struct stream *stream);

/* Between the files of the stream. */
struct books *stream_open_books(const struct stream *stream);
void stream_expect_books(struct stream *stream, const struct envelope *envelope);
/* True if the message must wait for its book. */
bool stream_awaits_book(struct stream *stream, const struct envelope_message *message);
/* Counts an event of the message whose slot it is. */
void stream_book(struct stream *stream, enum book_event event, uint32_t ref);
/* Counts a message that is left to a redelivery, without a slot. */
void stream_book_left(struct stream *stream, const struct envelope_message *message);
int64_t stream_ack_us(const struct stream *stream);
void stream_fail(struct stream *stream, const struct error *err);
/* A call could not be started: the failure of source_start. */
void stream_has_no_token(struct stream *stream, const struct error *err);
void stream_succeeded(struct stream *stream);
void stream_received(struct stream *stream, struct source_call *call);
void stream_acked(struct stream *stream, struct source_call *call);
void stream_extended(struct stream *stream, struct source_call *call);
/* What an answer is, and err if it is a failure. A refused token is refused. */
enum retry_class stream_classify(struct stream *stream, const struct source_call *call,
                                 const char *what, struct error *err);
uint64_t stream_tag(const struct stream *stream, uint32_t ref, bool dead_letter);

static inline void stream_count(struct stream *stream, enum stream_metric metric, int64_t delta)
{
    metric_add(stream->metrics[metric], delta);
}

#endif
