/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect: what an engine's SQL says differently. One table row an engine; the generator is one for all.
 *
 * Templates take $0, $1, ...; see sql.h. A template that is NULL says that the engine cannot express it,
 * and the generator refuses the column. Names of the generated query that begin with dr_ are its own.
 */
#ifndef EXPORT_DIALECT_H
#define EXPORT_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buffer.h"
#include "core/error.h"
#include "export/query.h"

struct dialect {
    const char *name;  /* "duckdb-sql" */
    const char *title; /* "DuckDB" */
    char quote;        /* Around names. */
    bool backslash;    /* Escapes in text literals. */
    bool quoted_paths; /* A value's $1 is a quoted path, not JSON's. */

    const char *text_type, *integer_type;
    const char *wide_type; /* Holds any sum of 64-bit numbers. */

    /* By kind: $0 the table's alias, $1 the path. */
    const char *values[QUERY_NESTED + 1];
    /* An event time in ms. $0: the value. */
    const char *time_us, *time_rfc3339;

    const char *arrival;    /* Orders copies of one event: the first counts. */
    const char *rank_order; /* (dr_time, dr_id) of the table $0; $1: "" or " DESC". */
    bool ranked;            /* first and last are the best of a ranking, not aggregates. */
    bool running;           /* Sums on the way can be had in the order of (dr_time, dr_id). */

    /* In the order of dr_time, dr_id. $0: the value, NULL where it does not count; $1: limit. */
    const char *first, *last, *list, *sum_real;
    const char *empty_list;

    const char *message_id; /* The record's event id without a field. $0: alias, $1: topic. */
    const char *sample;     /* $0: join's name, $1: key, $2: event id. NULL: no sample id. */

    /* The script's beginning, up to where WITH stands. False passes a refusal on. */
    bool (*put_head)(const struct query *query, struct buffer *out, struct error *err);
    /* A table expression with the columns that values need, and dr_partition, dr_offset, dr_stamp. */
    void (*put_source)(const struct query *query, size_t input, struct buffer *out);
    /* Whether the join takes a record `r` by its times, where the source has dr_time already; NULL:
     * the generator computes dr_time, in ms. */
    void (*put_fits)(const struct query *query, size_t input, struct buffer *out);
    /* A span of event time. */
    void (*put_span)(int64_t ms, struct buffer *out);
    void (*put_tail)(const struct query *query, struct buffer *out);
};

extern const struct dialect dialects[];
extern const size_t dialect_count;

/* By name; the name must be one of the table's. */
const struct dialect *dialect_of(const char *name);

#endif
