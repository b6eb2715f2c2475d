/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping: a Pub/Sub message as a Kafka record: its key, its value, or the reason why it has none.
 *
 * The same message always gives the same bytes. What does not fit is a reason, not an error: the
 * caller sends the original to the dead letters. No I/O after mapping_new.
 */
#ifndef BRIDGE_MAPPING_H
#define BRIDGE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/envelope.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "core/registry.h"

struct mapping;

enum { MAPPING_REASON_SIZE = 640 };

struct mapped { /* Borrowed from the mapping and the message, until the next mapping_apply. */
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
};

/* Loads the stream's schema and registers it as "TOPIC-value". registry NULL: raw, or a trial that registers
 * nothing; frames then carry the id 0. */
struct mapping *mapping_new(const struct pipeline_stream *stream, struct registry *registry,
                            struct error *err);
void mapping_free(struct mapping *mapping);

/*
 * False if the message does not fit; reason is then "CODE: text" with the codes of dead letters:
 * BASE64, DECODE, KEY. The text names positions and fields, never content.
 */
bool mapping_apply(struct mapping *mapping, const struct envelope *envelope,
                   const struct envelope_message *message, struct mapped *mapped,
                   char reason[static MAPPING_REASON_SIZE]);

#endif
