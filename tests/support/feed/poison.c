/* SPDX-License-Identifier: Apache-2.0 */
#include "poison.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NESTING = 200 };

/* Replaces the first `old` in body, which must be there. */
static void replace(struct buffer *body, const char *old, const char *new_text, size_t new_size)
{
    size_t old_size = strlen(old);
    uint8_t *at = memmem(body->data, body->size, old, old_size);
    struct buffer copy = {0};

    assert(at != NULL);
    buffer_append(&copy, body->data, (size_t)(at - body->data));
    buffer_append(&copy, new_text, new_size);
    buffer_append(&copy, at + old_size, body->size - (size_t)(at - body->data) - old_size);
    buffer_fini(body);
    *body = copy;
}

/* Puts members in front of the first one. */
static void put_first(struct buffer *body, const char *members)
{
    char text[512];
    int size = snprintf(text, sizeof text, "{%s,", members);

    assert(size > 0 && (size_t)size < sizeof text);
    replace(body, "{", text, (size_t)size);
}

static void spoil_cut(struct buffer *body)
{
    body->size = body->size * 2 / 3;
}

static void spoil_no_object(struct buffer *body)
{
    buffer_clear(body);
    buffer_append_text(body, "[\"view_id\",\"ts\"]");
}

static void spoil_type(struct buffer *body)
{
    replace(body, "\"ts\":", "\"ts\":{\"ms\":1},\"time\":", strlen("\"ts\":{\"ms\":1},\"time\":"));
}

static void spoil_key(struct buffer *body)
{
    replace(body, "\"view_id\"", "\"view\"", strlen("\"view\""));
}

static void spoil_null_key(struct buffer *body)
{
    replace(body,
            "\"view_id\":", "\"view_id\":null,\"view\":", strlen("\"view_id\":null,\"view\":"));
}

static void spoil_uuid(struct buffer *body)
{
    replace(body, "\"view_id\":\"", "\"view_id\":\"not-a-uuid-",
            strlen("\"view_id\":\"not-a-uuid-"));
}

static void spoil_utf8(struct buffer *body)
{
    put_first(body, "\"note\":\"caf\xc3\x28\"");
}

static void spoil_surrogate(struct buffer *body)
{
    put_first(body, "\"note\":\"\\ud83d alone\"");
}

static void spoil_control(struct buffer *body)
{
    replace(body, "{", "{\"note\":\"a\0b\",", sizeof "{\"note\":\"a\0b\"," - 1);
}

static void spoil_depth(struct buffer *body)
{
    struct buffer text = {0};

    buffer_append_text(&text, "{\"note\":");
    for (int i = 0; i < NESTING; i++)
        buffer_append_byte(&text, '[');
    for (int i = 0; i < NESTING; i++)
        buffer_append_byte(&text, ']');
    buffer_append_byte(&text, ',');
    replace(body, "{", (const char *)text.data, text.size);
    buffer_fini(&text);
}

static void spoil_empty(struct buffer *body)
{
    buffer_clear(body);
}

static void spoil_number(struct buffer *body)
{
    static const char text[] = "\"user_id\":99999999999999999999,\"user\":";

    replace(body, "\"user_id\":", text, sizeof text - 1);
}

static void spoil_exponent(struct buffer *body)
{
    static const char text[] = "\"ts\":1e400,\"time\":";

    replace(body, "\"ts\":", text, sizeof text - 1);
}

static void spoil_symbol(struct buffer *body)
{
    replace(body, "\"surface\":\"", "\"surface\":\"billboard_", strlen("\"surface\":\"billboard_"));
}

static void spoil_twice(struct buffer *body)
{
    put_first(body, "\"user_id\":1");
}

static void spoil_tail(struct buffer *body)
{
    buffer_append_text(body, " {}");
}

static const struct poison_kind {
    const char *reason;
    void (*spoil)(struct buffer *body);
} kinds[] = {
    {"malformed", spoil_cut},
    {"wrong_type", spoil_type},
    {"missing_field", spoil_key},
    {"invalid_utf8", spoil_utf8},
    {"too_deep", spoil_depth},
    {"empty", spoil_empty},
    {"number_too_big", spoil_number},
    {"null_key", spoil_null_key},
    {"bad_uuid", spoil_uuid},
    {"lone_surrogate", spoil_surrogate},
    {"control_character", spoil_control},
    {"number_out_of_range", spoil_exponent},
    {"unknown_symbol", spoil_symbol},
    {"duplicate_member", spoil_twice},
    {"trailing_bytes", spoil_tail},
    {"no_object", spoil_no_object},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

uint32_t poison_kind_count(void)
{
    return KIND_COUNT;
}

const char *poison_reason(uint32_t index)
{
    return kinds[index % KIND_COUNT].reason;
}

/* Every other time round, the kinds change streams. */
bool poison_is_view(uint32_t index)
{
    return (index + index / KIND_COUNT) % 2 == 0;
}

void poison_body(uint32_t index, struct buffer *body)
{
    kinds[index % KIND_COUNT].spoil(body);
}
