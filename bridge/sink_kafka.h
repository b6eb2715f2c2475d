/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_kafka: records into Kafka, once each and in order, with a report for each.
 *
 * An idempotent producer with acks=all that never gives a record up by time: a broker that is away is
 * back-pressure, not loss. Reports come from librdkafka's threads and are handed on by sink_settle,
 * in the caller's thread; sink_wake_fd becomes readable when there are some.
 */
#ifndef BRIDGE_SINK_KAFKA_H
#define BRIDGE_SINK_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/envelope.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/pipeline.h"

struct sink;
struct sink_topic;

/* What Kafka says of a record: err NULL if it has it. */
struct sink_listener {
    void *context;
    void (*settled)(void *context, uint64_t tag, const char *fault);
    void (*noted)(void *context, uint64_t tag, const char *fault); /* Of a note. NULL: no need. */
};

struct sink_record { /* Borrowed. */
    const struct sink_topic *topic;
    const void *key; /* NULL: none. */
    size_t key_size;
    struct envelope_text spread; /* What names the partition of a record without key. */
    const void *value;
    size_t value_size;
    int64_t time_ms;
    const char *source; /* The header of provenance.h, source_size bytes. */
    size_t source_size;
    struct envelope_text ordering_key;
    const struct envelope_attribute *attributes;
    size_t attribute_count;
    const char *reason; /* Dead letters. NULL: none. */
    const char *replay; /* What came from the dead letters. NULL: none. */
    uint64_t tag;       /* Not 0; comes back with the report. */
};

enum sink_result {
    SINK_SENT,      /* A report will come. */
    SINK_FULL,      /* Later: stop pulling. */
    SINK_TOO_LARGE, /* Kafka would refuse it. */
    SINK_FAILED,    /* See err. */
};

/* With a transactional id, records are sent between sink_begin and sink_commit; NULL: without. */
struct sink *sink_open(const struct pipeline *pipeline, const char *transactional_id,
                       const struct sink_listener *listener, struct error *err);
/* What has no report yet is given up; an open transaction is never committed. */
void sink_close(struct sink *sink);

bool sink_begin(struct sink *sink, struct error *err);
/* Every record since sink_begin at once, or none. Reports come before it returns. */
bool sink_commit(struct sink *sink, struct error *err);
/* So that readers need not wait until Kafka takes the producer for dead. */
void sink_abort(struct sink *sink);

/* Makes the topic unless it exists, and refuses it if it has other partitions. Owned by the sink. NULL
 * on error. */
const struct sink_topic *sink_topic(struct sink *sink, const struct pipeline_topic *topic,
                                    struct error *err);
int32_t sink_topic_partitions(const struct sink_topic *topic);
/* By partition the offset behind the last record, into as many as it has partitions. */
bool sink_topic_ends(const struct sink *sink, const struct sink_topic *topic, int64_t *ends,
                     struct error *err);
/* The topic for what does not fit: takes a message of any size that Pub/Sub can bring. */
const struct sink_topic *sink_dead_letters(struct sink *sink, const char *name,
                                           const struct pipeline_topic *like, struct error *err);
/* The ledger topic, which keeps the newest record of a key. */
const struct sink_topic *sink_ledger(struct sink *sink, const char *name, int32_t replication,
                                     struct error *err);

enum sink_result sink_send(struct sink *sink, const struct sink_record *record, struct error *err);
/* A record of the bridge itself: no headers, and a report only if tag is not 0 (below 2^62). False: it was not
 * taken, as the queue is full. An empty value deletes the key. */
bool sink_note(struct sink *sink, const struct sink_topic *topic, const struct buffer *key,
               const struct buffer *value, uint64_t tag);

int sink_wake_fd(const struct sink *sink);
/* Hands on the reports that have come. False on a fault that no retry mends. */
bool sink_settle(struct sink *sink, struct error *err);
/* Sends without waiting for batches to fill. False if not all was answered in time. */
bool sink_flush(struct sink *sink, int64_t timeout_ms);
/* Records without report. */
int64_t sink_pending(const struct sink *sink);

#endif
