/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_value: single values of the pipeline file, from text and back. Pure.
 *
 * Messages begin with the value and do not name the key: the reader puts place and key in front.
 */
#ifndef CORE_PIPELINE_VALUE_H
#define CORE_PIPELINE_VALUE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline_table.h"

/* Is `text` of the type, and within the key's range? Stores it in the slot unless that is NULL: text
 * as a copy, in place of what is there. */
bool pipeline_value_read(const struct pipeline_key *key, const char *text, void *slot,
                         struct error *err);
/* The same for a value that only has a type, and no range. */
bool pipeline_value_check(enum pipeline_type type, const char *text, struct error *err);
/* The value of a slot as `config show` prints it. Returns (caller decrefs). */
json_t *pipeline_value_json(const struct pipeline_key *key, const void *slot);

/* The range of a key in its own unit, "10ms to 1m", or "" if it has none. */
enum { PIPELINE_RANGE_SIZE = 128 };
const char *pipeline_value_range(const struct pipeline_key *key,
                                 char text[static PIPELINE_RANGE_SIZE]);

/* Text for a message: short, printable, in quotes where it would be misread. */
enum { PIPELINE_QUOTE_SIZE = 96 };
const char *pipeline_quote(const char *value, char text[static PIPELINE_QUOTE_SIZE]);

/* "did you mean X?", or what is allowed: "use one of: a, b, c". Fills err->hint. */
void pipeline_hint_names(struct error *err, const char *given, const char *const *names,
                         size_t count);

#endif
