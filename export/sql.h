/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql: pieces of SQL text.
 */
#ifndef EXPORT_SQL_H
#define EXPORT_SQL_H

#include <stdbool.h>

#include "core/buffer.h"

enum { SQL_ARGUMENTS_MAX = 4 };

/*
 * Appends the template with $0 .. $3 replaced by the arguments. A dollar sign without such a digit
 * behind it stays.
 */
void sql_put(struct buffer *out, const char *form, const char *const arguments[SQL_ARGUMENTS_MAX]);
#define SQL_PUT(out, form, ...)                                                                    \
    sql_put((out), (form), (const char *const[SQL_ARGUMENTS_MAX]){__VA_ARGS__})

/* "views" or `views`; names have letters, digits, underscores, dots and dashes only. */
void sql_put_name(struct buffer *out, char quote, const char *name);
/* A path "user.id" with every part quoted. */
void sql_put_path(struct buffer *out, char quote, const char *path);
/* 'it''s', or 'it\'s' where a backslash escapes. */
void sql_put_literal(struct buffer *out, bool backslash, const char *text);
/* Lines of a comment, each with "-- " in front. */
void sql_put_comment(struct buffer *out, const char *text);

#endif
