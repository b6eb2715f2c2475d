/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate: a query in a dialect: a chain of named tables, from what lies in the topics to the rows.
 *
 *   source, read, rows     of each input: the topic; with key, time and id; what the join takes, once
 *   matched                a secondary record beside each primary record that it counts for
 *   values, totals         what each field takes of it; the aggregates, one line a primary record
 */
#ifndef EXPORT_GENERATE_H
#define EXPORT_GENERATE_H

#include "export/dialect.h"

/* Appends the script to `out`; false if the dialect cannot say a part of the query exactly. */
bool generate_query(const struct query *query, const struct dialect *dialect, struct buffer *out,
                    struct error *err);

#endif
