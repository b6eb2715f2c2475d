/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bigquery: the join over tables that hold the lines of dualrun cat.
 */
#ifndef EXPORT_BIGQUERY_H
#define EXPORT_BIGQUERY_H

#include "core/buffer.h"
#include "export/query.h"

bool bigquery_put_head(const struct query *query, struct buffer *out, struct error *err);
void bigquery_put_source(const struct query *query, size_t input, struct buffer *out);
void bigquery_put_tail(const struct query *query, struct buffer *out);

#endif
