/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: SQL expressions of single values: fields, keys, event times, conditions.
 */
#ifndef EXPORT_VALUE_H
#define EXPORT_VALUE_H

#include "export/dialect.h"

/* A field as what it is; `alias` is the table's. */
void value_put(const struct dialect *dialect, const char *alias, const struct query_value *value,
               struct buffer *out);
/* The same as text, as keys and event ids are compared. */
void value_put_text(const struct dialect *dialect, const char *alias,
                    const struct query_value *value, struct buffer *out);
/* The event time in ms, NULL if there is none; the event id. */
void value_put_time(const struct dialect *dialect, const char *alias,
                    const struct query_input *input, struct buffer *out);
void value_put_id(const struct dialect *dialect, const char *alias, const struct query_input *input,
                  struct buffer *out);
/* What a column aggregates, NULL where it does not count; 1 for whole matches. */
void value_put_counted(const struct dialect *dialect, const char *alias,
                       const struct query_column *column, struct buffer *out);

#endif
