/* SPDX-License-Identifier: Apache-2.0 */
#include "export/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/sql.h"

void value_put(const struct dialect *dialect, const char *alias, const struct query_value *value,
               struct buffer *out)
{
    struct buffer path = {0};

    if (dialect->quoted_paths)
        sql_put_path(&path, dialect->quote, value->path);
    else
        buffer_append_text(&path, value->path);
    SQL_PUT(out, dialect->values[value->kind], alias, buffer_text(&path));
    buffer_fini(&path);
}

void value_put_text(const struct dialect *dialect, const char *alias,
                    const struct query_value *value, struct buffer *out)
{
    struct buffer plain = {0};

    value_put(dialect, alias, value, &plain);
    if (value->kind == QUERY_BOOLEAN)
        SQL_PUT(out, "CASE WHEN $0 THEN 'true' WHEN NOT $0 THEN 'false' END", buffer_text(&plain));
    else if (value->kind == QUERY_INTEGER)
        SQL_PUT(out, "CAST($0 AS $1)", buffer_text(&plain), dialect->text_type);
    else
        buffer_append(out, plain.data, plain.size);
    buffer_fini(&plain);
}

/* --- Event time --- */

static enum pipeline_time_unit unit_of(const struct query_input *input)
{
    switch (input->time.type->logical) {
    case LOGICAL_TIMESTAMP_MILLIS:
        return TIME_MS;
    case LOGICAL_TIMESTAMP_MICROS:
        return TIME_US;
    default:
        return input->stream->event_time_unit;
    }
}

static void put_integer_time(const struct dialect *dialect, const struct query_input *input,
                             const char *plain, struct buffer *out)
{
    if (input->time.type->logical == LOGICAL_DATE)
        SQL_PUT(out, "$0 * 86400000", plain);
    else if (unit_of(input) == TIME_US)
        SQL_PUT(out, dialect->time_us, plain);
    else if (unit_of(input) == TIME_S) /* Beyond, the product could overflow; it is no time then. */
        SQL_PUT(out, "CASE WHEN $0 BETWEEN -18014398509481 AND 18014398509481 THEN $0 * 1000 END",
                plain);
    else
        buffer_append_text(out, plain);
}

/* Half away from zero, as the join rounds. */
static void put_real_time(const struct dialect *dialect, const struct query_input *input,
                          const char *plain, struct buffer *out)
{
    enum pipeline_time_unit unit = unit_of(input);
    struct buffer scaled = {0};

    SQL_PUT(&scaled,
            unit == TIME_US  ? "($0 / 1000.0)"
            : unit == TIME_S ? "($0 * 1000.0)"
                             : "$0",
            plain);
    SQL_PUT(out, "CASE WHEN ABS($0) < 9.0e15 THEN CAST(ROUND($0) AS $1) END", buffer_text(&scaled),
            dialect->integer_type);
    buffer_fini(&scaled);
}

void value_put_time(const struct dialect *dialect, const char *alias,
                    const struct query_input *input, struct buffer *out)
{
    struct buffer plain = {0};

    if (input->time.path == NULL) {
        buffer_appendf(out, "%s.dr_stamp", alias);
        return;
    }
    value_put(dialect, alias, &input->time, &plain);
    if (input->time.kind == QUERY_INTEGER)
        put_integer_time(dialect, input, buffer_text(&plain), out);
    else if (input->time.kind == QUERY_REAL)
        put_real_time(dialect, input, buffer_text(&plain), out);
    else
        SQL_PUT(out, dialect->time_rfc3339, buffer_text(&plain));
    buffer_fini(&plain);
}

void value_put_id(const struct dialect *dialect, const char *alias, const struct query_input *input,
                  struct buffer *out)
{
    if (input->id.path != NULL)
        value_put_text(dialect, alias, &input->id, out);
    else
        SQL_PUT(out, dialect->message_id, alias, input->stream->topic.name);
}

/* --- Conditions --- */

/* The whole number that has exactly this text, as the join compares. */
static bool is_integer_text(const char *text)
{
    char again[32], *end;

    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    snprintf(again, sizeof again, "%" PRId64, number);
    return errno == 0 && strcmp(again, text) == 0;
}

/* A literal that the field can be equal to; false if no value of it has that text. */
static bool put_constant(const struct dialect *dialect, enum query_kind kind, const char *text,
                         struct buffer *out)
{
    if (kind == QUERY_BOOLEAN && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return false;
    if (kind == QUERY_INTEGER && !is_integer_text(text))
        return false;
    if (out->size > 0)
        buffer_append_text(out, ", ");
    if (kind == QUERY_TEXT)
        sql_put_literal(out, dialect->backslash, text);
    else if (kind == QUERY_INTEGER)
        /* The least number has no literal of its own: a sign is an operator. */
        SQL_PUT(out, "CAST('$0' AS $1)", text, dialect->integer_type);
    else
        buffer_append_text(out, text);
    return true;
}

static void put_condition(const struct dialect *dialect, const char *alias,
                          const struct query_condition *condition, struct buffer *out)
{
    struct buffer constants = {0};

    for (size_t i = 0; i < condition->condition->value_count; i++)
        put_constant(dialect, condition->value.kind, condition->condition->values[i], &constants);
    if (constants.size == 0) {
        buffer_append_text(out, "FALSE"); /* No value of the field has such a text. */
    } else {
        value_put(dialect, alias, &condition->value, out);
        SQL_PUT(out, " IN ($0)", buffer_text(&constants));
    }
    buffer_fini(&constants);
}

void value_put_counted(const struct dialect *dialect, const char *alias,
                       const struct query_column *column, struct buffer *out)
{
    if (column->condition_count > 0)
        buffer_append_text(out, "CASE WHEN ");
    for (size_t i = 0; i < column->condition_count; i++) {
        if (i > 0)
            buffer_append_text(out, " AND ");
        put_condition(dialect, alias, &column->conditions[i], out);
    }
    if (column->condition_count > 0)
        buffer_append_text(out, " THEN ");
    if (column->value.path != NULL)
        value_put(dialect, alias, &column->value, out);
    else
        buffer_append_byte(out, '1');
    if (column->condition_count > 0)
        buffer_append_text(out, " END");
}
