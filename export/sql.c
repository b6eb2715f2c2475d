/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sql.h"

#include <assert.h>
#include <string.h>

void sql_put(struct buffer *out, const char *form, const char *const arguments[SQL_ARGUMENTS_MAX])
{
    for (const char *at = form; *at != '\0'; at++) {
        if (at[0] != '$' || at[1] < '0' || at[1] >= '0' + SQL_ARGUMENTS_MAX) {
            buffer_append_byte(out, (uint8_t)*at);
            continue;
        }
        const char *argument = arguments[*++at - '0'];
        assert(argument != NULL);
        buffer_append_text(out, argument);
    }
}

void sql_put_name(struct buffer *out, char quote, const char *name)
{
    assert(strchr(name, quote) == NULL);
    buffer_appendf(out, "%c%s%c", quote, name, quote);
}

void sql_put_path(struct buffer *out, char quote, const char *path)
{
    for (;;) {
        size_t size = strcspn(path, ".");

        buffer_appendf(out, "%c%.*s%c", quote, (int)size, path, quote);
        if (path[size] == '\0')
            return;
        buffer_append_byte(out, '.');
        path += size + 1;
    }
}

void sql_put_literal(struct buffer *out, bool backslash, const char *text)
{
    buffer_append_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (backslash && (*text == '\'' || *text == '\\'))
            buffer_append_byte(out, '\\');
        else if (*text == '\'')
            buffer_append_byte(out, '\'');
        if (backslash && *text == '\n')
            buffer_append_text(out, "\\n");
        else
            buffer_append_byte(out, (uint8_t)*text);
    }
    buffer_append_byte(out, '\'');
}

void sql_put_comment(struct buffer *out, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");

        buffer_appendf(out, size > 0 ? "-- %.*s\n" : "--%.*s\n", (int)size, text);
        text += size + (text[size] == '\n');
    }
}
