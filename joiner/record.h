/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: what the join needs of a Kafka record: key, event time, event id.
 *
 * A record that gives none of them is a dead letter with a reason, never an error: the same record
 * has the same reason in every run.
 */
#ifndef JOINER_RECORD_H
#define JOINER_RECORD_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "core/registry.h"
#include "joiner/row.h"

enum { RECORD_REASON_SIZE = 256 };

struct record_plan;

struct record_reader {
    const struct pipeline_stream *stream;
    const char *key_path;
    uint32_t input;
    int64_t max_ahead_ms;
    struct registry *registry;
    struct record_plan **plans; /* One a schema id. */
    size_t plan_count;
    struct buffer key, id; /* Of the row read last. */
};

/* Borrows everything. */
void record_reader_init(struct record_reader *reader, const struct pipeline_join *join,
                        uint32_t input, struct registry *registry);
void record_reader_fini(struct record_reader *reader);

/* The stream of an input: 0 is the primary. */
const struct pipeline_stream *record_stream(const struct pipeline_join *join, uint32_t input);
const char *record_key_path(const struct pipeline_join *join, uint32_t input);

enum record_result { RECORD_OK, RECORD_DEAD, RECORD_FAILED };

/* The row borrows from the message and the reader. DEAD sets reason, FAILED err (the registry). */
enum record_result record_read(struct record_reader *reader, const rd_kafka_message_t *message,
                               struct row *row, char reason[static RECORD_REASON_SIZE],
                               struct error *err);

#endif
