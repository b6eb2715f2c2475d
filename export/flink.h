/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flink: the join as a continuous query over the topics themselves.
 */
#ifndef EXPORT_FLINK_H
#define EXPORT_FLINK_H

#include "core/buffer.h"
#include "export/query.h"

bool flink_put_head(const struct query *query, struct buffer *out, struct error *err);
void flink_put_source(const struct query *query, size_t input, struct buffer *out);
void flink_put_fits(const struct query *query, size_t input, struct buffer *out);
void flink_put_span(int64_t ms, struct buffer *out);
void flink_put_tail(const struct query *query, struct buffer *out);

/* False, with a refusal, if Flink's SQL cannot say a part of the query. */
bool flink_check(const struct query *query, struct error *err);
/* The type of a column, as Flink's Avro format maps it; false for a union that it cannot read. */
bool flink_put_type(const struct schema_type *type, struct buffer *out);

#endif
