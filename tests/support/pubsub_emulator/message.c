/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timestamp.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void message_base64_encode(const void *data, size_t size, struct buffer *out)
{
    const uint8_t *in = data;
    uint8_t *to = buffer_reserve(out, (size + 2) / 3 * 4);
    size_t i = 0;

    for (; i + 3 <= size; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *to++ = (uint8_t)alphabet[bits >> 18];
        *to++ = (uint8_t)alphabet[bits >> 12 & 63];
        *to++ = (uint8_t)alphabet[bits >> 6 & 63];
        *to++ = (uint8_t)alphabet[bits & 63];
    }
    if (i < size) {
        uint32_t bits = (uint32_t)in[i] << 16 | (i + 1 < size ? (uint32_t)in[i + 1] << 8 : 0);
        *to++ = (uint8_t)alphabet[bits >> 18];
        *to++ = (uint8_t)alphabet[bits >> 12 & 63];
        *to++ = i + 1 < size ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->size = (size_t)(to - out->data);
}

/* The standard alphabet's letter for either alphabet's, or 0. */
static uint8_t base64_letter(char letter)
{
    if ((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z')
        || (letter >= '0' && letter <= '9') || letter == '+' || letter == '/')
        return (uint8_t)letter;
    if (letter == '-')
        return '+';
    return letter == '_' ? '/' : 0;
}

bool message_base64(const char *text, size_t size, struct buffer *out, uint32_t *bytes)
{
    size_t padding = 0;

    while (padding < 2 && size > 0 && text[size - 1] == '=') {
        size--;
        padding++;
    }
    if (size % 4 == 1 || (padding > 0 && (size + padding) % 4 != 0))
        return false;
    uint8_t *to = buffer_reserve(out, size + 3);
    for (size_t i = 0; i < size; i++) {
        to[i] = base64_letter(text[i]);
        if (to[i] == 0)
            return false;
    }
    size_t total = size;
    while (total % 4 != 0)
        to[total++] = '=';
    out->size += total;
    *bytes = (uint32_t)(size / 4 * 3 + (size % 4 == 0 ? 0 : size % 4 - 1));
    return true;
}

void message_append_json_text(struct buffer *out, const char *text, size_t size)
{
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\') {
            buffer_append_byte(out, '\\');
            buffer_append_byte(out, c);
        } else if (c < 0x20) {
            buffer_appendf(out, "\\u%04x", c);
        } else {
            buffer_append_byte(out, c);
        }
    }
    buffer_append_byte(out, '"');
}

static void render_attributes(struct buffer *out, json_t *attributes)
{
    const char *name;
    json_t *value;
    const char *separator = "\"attributes\":{";

    if (json_object_size(attributes) == 0)
        return;
    json_object_foreach(attributes, name, value)
    {
        buffer_append_text(out, separator);
        message_append_json_text(out, name, strlen(name));
        buffer_append_byte(out, ':');
        message_append_json_text(out, json_string_value(value), json_string_length(value));
        separator = ",";
    }
    buffer_append_text(out, "},");
}

static void render(struct buffer *out, const struct message_draft *draft, uint64_t id,
                   int64_t publish_time_us)
{
    char time[TIMESTAMP_TEXT_SIZE];

    buffer_append_byte(out, '{');
    if (draft->data_size > 0) {
        buffer_append_text(out, "\"data\":\"");
        buffer_append(out, draft->data, draft->data_size);
        buffer_append_text(out, "\",");
    }
    render_attributes(out, draft->attributes);
    buffer_appendf(out, "\"messageId\":\"%" PRIu64 "\",\"publishTime\":\"%s\"", id,
                   timestamp_format(publish_time_us, time));
    if (draft->ordering_key != NULL && draft->ordering_key[0] != '\0') {
        buffer_append_text(out, ",\"orderingKey\":");
        message_append_json_text(out, draft->ordering_key, strlen(draft->ordering_key));
    }
    buffer_append_byte(out, '}');
}

struct message *message_new(const struct message_draft *draft, uint64_t id, int64_t publish_time_us)
{
    const char *key = draft->ordering_key != NULL ? draft->ordering_key : "";
    size_t key_size = strlen(key);
    struct buffer out = {0};

    render(&out, draft, id, publish_time_us);
    assert(out.size < UINT32_MAX && key_size < UINT32_MAX);

    struct message *message = memory_new(sizeof *message + out.size + key_size + 1);

    message->references = 1;
    message->fragment_size = (uint32_t)out.size;
    message->key_size = (uint32_t)key_size;
    message->data_bytes = draft->data_bytes;
    message->id = id;
    message->publish_time_us = publish_time_us;
    memcpy(message->text, out.data, out.size);
    memcpy(message->text + out.size, key, key_size + 1);
    buffer_fini(&out);
    return message;
}

struct message *message_retain(struct message *message)
{
    message->references++;
    return message;
}

void message_release(struct message *message)
{
    if (message == NULL)
        return;
    assert(message->references > 0);
    if (--message->references == 0)
        free(message);
}

json_t *message_json(const struct message *message)
{
    json_t *json =
        json_loadb(message_fragment(message), message->fragment_size, JSON_ALLOW_NUL, NULL);

    assert(json != NULL); /* We rendered it. */
    return json;
}
