/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emitter: everything that the join writes, in transactions.
 *
 * Labels, late records, dead letters and the input offsets become visible together or not at all.
 * One producer for a process, under a transactional id that stays the same over restarts: opening it
 * fences whoever had it. After any failed call of a transaction the producer is worth nothing: its
 * owner closes it, opens a new one and reads what was committed, instead of guessing.
 *
 * Without a transactional id (guarantee: at_least_once) records are visible at once; a commit waits for
 * all of them and then commits the offsets, so that a crash repeats records and loses none.
 */
#ifndef JOINER_EMITTER_H
#define JOINER_EMITTER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"

struct emitter;

struct emitter_record { /* Borrowed; copied by the call. */
    int32_t partition;  /* RD_KAFKA_PARTITION_UA: by the key. */
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
    int64_t timestamp_ms;
    const char *header; /* Name. */
    const void *header_value;
    size_t header_size;
    rd_kafka_headers_t *headers; /* Copied into the record before header; may be NULL. */
};

struct emitter *emitter_open(const struct pipeline_kafka *kafka, const char *transactional_id,
                             struct error *err);
void emitter_close(struct emitter *emitter);

bool emitter_send(struct emitter *emitter, const char *topic, const struct emitter_record *record,
                  struct error *err);
/* Serves delivery reports. */
void emitter_poll(struct emitter *emitter);

/* offsets: of every partition of every task, with metadata. The group's generation is checked. */
bool emitter_commit(struct emitter *emitter, rd_kafka_t *consumer,
                    const rd_kafka_topic_partition_list_t *offsets, struct error *err);
/* Forgets what was sent since the last commit. */
bool emitter_abort(struct emitter *emitter, struct error *err);
/* The producer, for administrative calls. */
rd_kafka_t *emitter_client(struct emitter *emitter);

#endif
