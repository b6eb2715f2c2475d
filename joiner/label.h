/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label: the output row of a closed primary row, encoded, and the schema that it has.
 *
 * The output schema is made from the join's fields and the schemas of its inputs, and registered
 * under the output topic's name; a primary with another schema gives an output with another one.
 * "views.*" copies the primary's encoded fields as they are: Avro records are their fields in a row.
 *
 *   any      boolean                     count   long
 *   first, last, min, max   nullable, of the field's type; an enum becomes a string, a fixed bytes
 *                           or, if it is a uuid, a string
 *   sum      nullable long, or double for real fields; null if an integer overflows
 *   list     array of the field's type
 */
#ifndef JOINER_LABEL_H
#define JOINER_LABEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/metrics.h"
#include "core/pipeline.h"
#include "core/registry.h"
#include "joiner/row.h"

struct label;

/* Checks every field against the schemas of the inputs. Borrows. */
struct label *label_new(const struct pipeline_join *join, struct registry *registry,
                        struct metrics *metrics, struct error *err);
void label_free(struct label *label);

/* In how many rows a record counted for field i of the join, or -1: it is the primary's own. */
int64_t label_field_rows(const struct label *label, size_t i);

/* Appends the framed value and the output key. The rows passed record_read. A row that is final counts
 * for label_field_rows. */
bool label_encode(struct label *label, const struct row *primary, const struct row *matches,
                  size_t match_count, bool final, struct buffer *key, struct buffer *value,
                  struct error *err);

#endif
