/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_reader: what a join needs of a source record: key, time, event id, fields.
 *
 * Schemas are resolved once per schema id, so a topic may hold several versions.
 */
#ifndef VALIDATOR_SOURCE_READER_H
#define VALIDATOR_SOURCE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/cell.h"
#include "validator/recompute.h"
#include "validator/record.h"

struct source_reader;

/* Key path and fields of input `input` of the plan, both borrowed. */
struct source_reader *source_reader_new(const struct recompute_plan *plan, size_t input,
                                        struct registry *registry);
void source_reader_free(struct source_reader *reader);

struct source_row { /* Borrowed from the record, the reader and the arena, until the next read. */
    const uint8_t *key;
    size_t key_size;
    const uint8_t *id;
    size_t id_size;
    int64_t time_ms;
    const uint8_t *value; /* Without the frame. */
    size_t value_size;
    const struct schema *schema;
    size_t schema_index; /* Of the reader, for source_reader_schema. */
    const struct cell *cells;
};

enum source_status {
    SOURCE_ROW,
    SOURCE_BAD, /* No frame, does not fit its schema, or has no key or time: the joiner must refuse it. */
    SOURCE_AHEAD, /* Its time is too far past its own timestamp: the same. */
};

/* False only if the registry fails. */
bool source_reader_read(struct source_reader *reader, const struct record *record,
                        struct arena *arena, enum source_status *status, struct source_row *row,
                        struct error *err);
const struct schema *source_reader_schema(const struct source_reader *reader, size_t index);

#endif
