/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/html.h"

#include <inttypes.h>

static void escape(FILE *out, char character)
{
    switch (character) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        fputc(character, out);
    }
}

void html_escaped(FILE *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        escape(out, *text);
}

const char *html_text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

int64_t html_count(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

double html_real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

bool html_is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* 1234567 as 1,234,567. */
void html_number(FILE *out, int64_t value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" PRId64, value);

    for (int i = 0; i < size; i++) {
        if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0)
            fputc(',', out);
        fputc(digits[i], out);
    }
}

void html_name_words(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        escape(out, (char)(*name == '_' ? ' ' : *name));
}

void html_counts(FILE *out, const json_t *counts)
{
    const json_t *count;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)counts, name, count)
    {
        html_number(out, json_integer_value(count));
        fputc(' ', out);
        html_name_words(out, name);
        fputs(" &nbsp;", out);
    }
}

void html_list_items(FILE *out, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        fputs("<li>", out);
        html_escaped(out, json_is_string(item) ? json_string_value(item) : "");
        fputs("</li>", out);
    }
}
