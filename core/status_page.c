/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status_page.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
    "<meta http-equiv=\"refresh\" content=\"5\"><title>dualrun</title><style>"
    ":root{color-scheme:light dark;--line:#8886;--card:#8881}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:70rem}"
    "h1{font-size:1.3rem}h2{font-size:1.1rem;margin:0 0 .5rem}"
    "main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))"
    "}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;"
    "overflow-x:auto}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:0 1rem;margin:0}"
    "dt{opacity:.75}dd{margin:0;text-align:right;overflow-wrap:anywhere;"
    "font-variant-numeric:tabular-nums}"
    "table{border-collapse:collapse;width:100%}td,th{border-top:1px solid var(--line);"
    "padding:.1rem .4rem;text-align:right}"
    ".running{color:#0a7d33}.waiting,.starting{color:#b35c00}.stopped{color:#c62828}"
    "@media(prefers-color-scheme:dark){.running{color:#5fd38a}.waiting,.starting{color:#ffb454}"
    ".stopped{color:#ff7b72}}"
    "</style></head><body><h1>dualrun " DUALRUN_VERSION "</h1>";

static void append_escaped(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buffer_append_text(out, "&amp;");
            break;
        case '<':
            buffer_append_text(out, "&lt;");
            break;
        case '>':
            buffer_append_text(out, "&gt;");
            break;
        case '"':
            buffer_append_text(out, "&quot;");
            break;
        default:
            buffer_append_byte(out, (uint8_t)*text);
        }
    }
}

/* "in_flight_bytes" -> "in flight bytes" */
static void append_name(struct buffer *out, const char *name)
{
    size_t begin = out->size;

    append_escaped(out, name);
    for (size_t i = begin; i < out->size; i++)
        if (out->data[i] == '_')
            out->data[i] = ' ';
}

/* 1234567 -> 1,234,567 */
static void append_integer(struct buffer *out, json_int_t value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, value);

    for (int i = 0; i < size; i++) {
        buffer_append_byte(out, (uint8_t)digits[i]);
        if (isdigit((unsigned char)digits[i]) && i + 1 < size && (size - i - 1) % 3 == 0)
            buffer_append_byte(out, ',');
    }
}

static void append_value(struct buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        append_escaped(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        append_integer(out, json_integer_value(value));
    } else if (json_is_real(value)) {
        buffer_appendf(out, "%.6g", json_real_value(value));
    } else if (json_is_null(value)) {
        buffer_append_text(out, "–");
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        append_escaped(out, text);
        free(text);
    }
}

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void append_table(struct buffer *out, const json_t *rows)
{
    const char *name;
    json_t *cell;

    buffer_append_text(out, "<table><tr>");
    json_object_foreach(json_array_get(rows, 0), name, cell)
    {
        buffer_append_text(out, "<th>");
        append_name(out, name);
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        buffer_append_text(out, "<tr>");
        json_object_foreach(json_array_get(rows, i), name, cell)
        {
            buffer_append_text(out, "<td>");
            append_value(out, cell);
        }
    }
    buffer_append_text(out, "</table>");
}

/* The single values of an object; what stands in the heading is left out. */
static void append_values(struct buffer *out, json_t *object, const char *heading)
{
    const char *name;
    json_t *value;

    buffer_append_text(out, "<dl>");
    json_object_foreach(object, name, value)
    {
        if (is_table(value) || (heading != NULL && strcmp(name, heading) == 0))
            continue;
        buffer_append_text(out, "<dt>");
        append_name(out, name);
        buffer_append_text(out, "</dt><dd");
        if (strcmp(name, "state") == 0 && json_is_string(value)) {
            buffer_append_text(out, " class=\"");
            append_escaped(out, json_string_value(value));
            buffer_append_byte(out, '"');
        }
        buffer_append_byte(out, '>');
        append_value(out, value);
        buffer_append_text(out, "</dd>");
    }
    buffer_append_text(out, "</dl>");
}

static void append_card(struct buffer *out, json_t *card)
{
    const char *first = json_object_iter_key(json_object_iter(card)), *name;
    json_t *value;

    buffer_append_text(out, "<section><h2>");
    if (first != NULL) {
        append_name(out, first);
        buffer_append_byte(out, ' ');
        append_value(out, json_object_get(card, first));
    }
    buffer_append_text(out, "</h2>");
    append_values(out, card, first);
    json_object_foreach(card, name, value)
    {
        if (is_table(value))
            append_table(out, value);
    }
    buffer_append_text(out, "</section>");
}

void status_page(const char *json, size_t size, struct buffer *out)
{
    json_t *root = json_loadb(json, size, 0, NULL), *list, *card;
    const char *name;
    size_t i;

    buffer_append_text(out, head);
    if (json_is_object(root)) {
        append_values(out, root, NULL);
        buffer_append_text(out, "<main>");
        json_object_foreach(root, name, list)
        {
            if (is_table(list))
                json_array_foreach(list, i, card) append_card(out, card);
        }
        buffer_append_text(out, "</main>");
    } else {
        char *text = memory_text_n(json, size);
        buffer_append_text(out, "<pre>");
        append_escaped(out, text);
        buffer_append_text(out, "</pre>");
        free(text);
    }
    buffer_append_text(out, "<p><a href=\"/metrics\">metrics</a></body></html>\n");
    json_decref(root);
}
