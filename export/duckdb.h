/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duckdb: the join over files of JSON lines that dualrun cat wrote.
 */
#ifndef EXPORT_DUCKDB_H
#define EXPORT_DUCKDB_H

#include "core/buffer.h"
#include "export/query.h"

bool duckdb_put_head(const struct query *query, struct buffer *out, struct error *err);
void duckdb_put_source(const struct query *query, size_t input, struct buffer *out);
void duckdb_put_tail(const struct query *query, struct buffer *out);

#endif
