/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_letter: a dead letter read back into the message that it was.
 */
#ifndef BRIDGE_REPLAY_LETTER_H
#define BRIDGE_REPLAY_LETTER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "bridge/envelope.h"
#include "core/provenance.h"

struct replay_letter {
    struct envelope envelope; /* One message; borrows from the record. */
    struct provenance_source source;
    const char *reason; /* "CODE: text", not terminated. */
    size_t reason_size;
    int32_t attempt; /* How often it was replayed before: 0 for one that a live message made. */
};

/* False if the record is no dead letter of the bridge. Kept in `letter`, freed by envelope_fini. */
bool replay_letter_read(struct replay_letter *letter, const rd_kafka_message_t *record);

#endif
