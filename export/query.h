/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query: a join as every dialect must say it: inputs with their schemas, and the columns of a row.
 *
 * Made from the pipeline file and its schema files alone. What no dialect could say exactly is refused
 * here; what one of them cannot, by the generator.
 */
#ifndef EXPORT_QUERY_H
#define EXPORT_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "core/schema.h"

/* What a value is to SQL. */
enum query_kind {
    QUERY_BOOLEAN,
    QUERY_INTEGER,
    QUERY_REAL,
    QUERY_TEXT,   /* Also enums, uuids and decimals: dualrun cat shows them as text. */
    QUERY_BYTES,  /* Hexadecimal text. */
    QUERY_NESTED, /* Records, arrays, maps, wider unions. */
};

/* A field of an input. */
struct query_value {
    const char *path; /* "user.id", borrowed or owned by the query. NULL: none. */
    const struct schema_type *type;
    enum query_kind kind;
};

struct query_condition {
    struct query_value value;
    const struct pipeline_condition *condition;
};

struct query_column {
    const char *name;
    enum pipeline_aggregate aggregate; /* FIELD, or one over matches; ALL is written out. */
    size_t input;                      /* Into the query's. */
    size_t field;                      /* Into the join's fields. */
    struct query_value value;          /* Without a path for ANY and COUNT. */
    struct query_condition *conditions;
    size_t condition_count;
    int32_t limit; /* LIST */
};

struct query_input {
    const struct pipeline_stream *stream;
    int64_t before_ms, after_ms; /* Of a secondary. */
    struct schema *schema;
    struct query_value key;
    struct query_value time; /* Without a path: the record's Kafka timestamp. */
    struct query_value id;   /* Without a path: the Pub/Sub message id, else the record's place. */
};

struct query {
    const struct pipeline *pipeline;
    const struct pipeline_join *join;
    struct query_input *inputs; /* The primary first. */
    size_t input_count;
    struct query_column *columns;
    size_t column_count;
    struct query_value output_key;
};

/* NULL on error. Borrows the pipeline. */
struct query *query_new(const struct pipeline *pipeline, const struct pipeline_join *join,
                        struct error *err);
void query_free(struct query *query);

/* A refusal of one column: "FILE:LINE:COLUMN: join.fields[3]: field NAME: what". */
bool query_refuse(const struct query *query, const struct query_column *column, struct error *err,
                  const char *hint, const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
