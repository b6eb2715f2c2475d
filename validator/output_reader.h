/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_reader: an expected row against an output record, field by field.
 *
 * Where the record begins with the primary's own bytes, as `views.*` makes it, those fields are
 * compared in one go; only a difference is looked at closely.
 */
#ifndef VALIDATOR_OUTPUT_READER_H
#define VALIDATOR_OUTPUT_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/cell.h"
#include "validator/recompute.h"

struct output_reader;

struct output_reader *output_reader_new(const struct recompute_plan *plan,
                                        const struct pipeline_validate *validate,
                                        struct registry *registry);
void output_reader_free(struct output_reader *reader);

struct output_expected {
    const struct schema *schema; /* Of the primary's value. */
    const uint8_t *primary;
    size_t primary_size;
    const struct cell *cells; /* One per aggregate of the plan. */
};

struct output_found {
    int32_t schema_id;
    const uint8_t *value; /* Without the frame. NULL: the record had none. */
    size_t size;
};

/* `fields` gets the differences as an array, or NULL if there is none; `decoded` is false if the value
 * does not fit its schema. Fails only if the registry does. */
bool output_reader_compare(struct output_reader *reader, const struct output_expected *expected,
                           const struct output_found *found, struct arena *arena, json_t **fields,
                           bool *decoded, struct error *err);

/* The output fields that the report calls labels: each `any`; without one the first `count`, as "more than 0". */
size_t output_reader_label_count(const struct output_reader *reader);
const char *output_reader_label(const struct output_reader *reader, size_t label);
/* Bit i is what label i should be; only the first 32 have one. */
uint32_t output_reader_labels_expected(const struct output_reader *reader,
                                       const struct cell *cells);
/* The same of the output record that was compared last. */
uint32_t output_reader_labels_found(const struct output_reader *reader);

#endif
