/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_schema: the Avro schema of the joiner's output, as text.
 */
#ifndef JOINER_LABEL_SCHEMA_H
#define JOINER_LABEL_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#include "core/pipeline.h"
#include "core/schema.h"

/* What an aggregate over a secondary's field yields. */
struct label_type {
    enum schema_kind kind; /* BOOLEAN, INT, LONG, FLOAT, DOUBLE, BYTES, STRING. */
    enum schema_logical logical;
    int32_t precision, scale;
};

/* False if such a field cannot be aggregated so: it nests, or is to be summed and is no number. */
bool label_type_of(enum pipeline_aggregate aggregate, const struct schema_type *type,
                   struct label_type *result);

/*
 * types: one for each of the join's fields, unused for ALL and FIELD. paths: of the FIELDs, in the
 * primary's schema. Returns (caller frees).
 */
char *label_schema_text(const struct pipeline_join *join, const struct schema *primary,
                        const struct label_type *types, const struct schema_path *paths);

#endif
