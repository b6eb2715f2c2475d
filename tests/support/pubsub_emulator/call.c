/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

static int hex(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter = (char)tolower((unsigned char)letter);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

char *call_unescape(const char *text, size_t size, bool plus_is_space)
{
    char *out = memory_new(size + 1);
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        char letter = text[i];
        if (letter == '%') {
            int value = i + 2 < size ? hex(text[i + 1]) * 16 + hex(text[i + 2]) : -1;
            if (i + 2 >= size || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0 || value == 0) {
                free(out);
                return NULL;
            }
            letter = (char)value;
            i += 2;
        } else if (letter == '+' && plus_is_space) {
            letter = ' ';
        }
        out[used++] = letter;
    }
    return out;
}

static void parse_query(struct call *call, const char *query)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        size_t name_size = strcspn(query, "=&");
        char *name = call_unescape(query, name_size, true);
        char *value = name_size < size
                          ? call_unescape(query + name_size + 1, size - name_size - 1, true)
                          : memory_text("");
        if (name != NULL && value != NULL)
            json_object_set_new(call->query, name, json_string(value));
        free(name);
        free(value);
        query += size + (query[size] == '&');
    }
}

/* enum-encoding=int rides on alt: "json;enum-encoding=int". */
static bool wants_numbers(const json_t *query)
{
    const char *alt = json_string_value(json_object_get(query, "$alt"));

    if (alt == NULL)
        alt = json_string_value(json_object_get(query, "alt"));
    return alt != NULL && strstr(alt, "enum-encoding=int") != NULL;
}

static bool parse_path(struct call *call, const char *path, size_t size)
{
    while (size > 0 && *path == '/') {
        path++;
        size--;
        size_t length = 0;
        while (length < size && path[length] != '/')
            length++;
        const char *colon = length == size ? memrchr(path, ':', length) : NULL;
        if (colon != NULL)
            call->verb = call_unescape(colon + 1, length - (size_t)(colon + 1 - path), false);
        char *segment = call_unescape(path, colon != NULL ? (size_t)(colon - path) : length, false);
        if (segment == NULL || call->segment_count == CALL_SEGMENTS_MAX) {
            free(segment);
            return false;
        }
        call->segments[call->segment_count++] = segment;
        path += length;
        size -= length;
    }
    return size == 0;
}

bool call_init(struct call *call, const char *method, const char *url)
{
    size_t path_size = strcspn(url, "?");

    *call = (struct call){.method = method, .query = json_object()};
    if (url[path_size] == '?')
        parse_query(call, url + path_size + 1);
    call->enums_as_numbers = wants_numbers(call->query);
    return parse_path(call, url, path_size);
}

void call_fini(struct call *call)
{
    for (size_t i = 0; i < call->segment_count; i++)
        free(call->segments[i]);
    free(call->verb);
    json_decref(call->query);
    json_decref(call->json);
    *call = (struct call){0};
}

char *call_camel(const char *text)
{
    char *out = memory_new(strlen(text) + 1);
    size_t used = 0;

    for (; *text != '\0'; text++) {
        if (*text == '_' && islower((unsigned char)text[1])) {
            text++;
            out[used++] = (char)toupper((unsigned char)*text);
        } else {
            out[used++] = *text;
        }
    }
    return out;
}

static bool is_user_map(const char *key)
{
    return strcmp(key, "labels") == 0 || strcmp(key, "tags") == 0 || strcmp(key, "attributes") == 0;
}

json_t *call_camel_keys(json_t *json)
{
    if (json_is_array(json)) {
        json_t *array = json_array();
        size_t i;
        json_t *item;
        json_array_foreach(json, i, item)
        {
            json_array_append_new(array, call_camel_keys(item));
        }
        return array;
    }
    if (!json_is_object(json))
        return json_incref(json);
    json_t *object = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        char *name = call_camel(key);
        json_object_set_new(object, name,
                            is_user_map(name) ? json_incref(value) : call_camel_keys(value));
        free(name);
    }
    return object;
}
