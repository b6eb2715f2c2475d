/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer: an Avro schema from sample events.
 *
 * Looks at every value at every path, then decides: what is in every event is required, what is null or
 * absent somewhere may be null. Each decision is told with its counts and examples, because a sample
 * shows what was, not what will be. Pure.
 */
#ifndef SCHEMA_INFER_H
#define SCHEMA_INFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct infer;

struct infer_options {
    const char *name;       /* Of the record. */
    const char *name_space; /* NULL: none. */
    bool enums;             /* Few different words become an enum. */
};

struct infer *infer_new(void);
void infer_free(struct infer *infer);
/* False if the text is no JSON object: it is counted and passed over. */
bool infer_add(struct infer *infer, const void *text, size_t size);

/*
 * {schema, events, refused, decisions: [{path, type, why, seen, null, absent, examples, advice}],
 *  suggestions: {key: [paths], event_time: [{field, unit}]}}. Returns (caller decrefs).
 */
json_t *infer_result(const struct infer *infer, const struct infer_options *options);

#endif
