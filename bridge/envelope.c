/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over a body that ends with a NUL, which no rule but the end accepts: so
 * single characters need no bounds check. Strings are unescaped where they lie.
 */
#include "bridge/envelope.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "bridge/base64_wide.h"
#include "core/rfc3339.h"

enum {
    SLACK = 64, /* Readable bytes behind the body, so that wide loads may run over its end. */
    DEPTH_MAX = 64,
};

struct parser {
    uint8_t *at;
    uint8_t *end;
    const char *fault; /* NULL while all is well. */
    struct envelope *envelope;
};

static bool refuse(struct parser *parser, const char *fault)
{
    if (parser->fault == NULL)
        parser->fault = fault;
    return false;
}

static inline void skip_space(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\r' || *parser->at == '\t')
        parser->at++;
}

/* Skips space, then `character` if it is there. */
static inline bool accept(struct parser *parser, uint8_t character)
{
    skip_space(parser);
    if (*parser->at != character)
        return false;
    parser->at++;
    return true;
}

/* The first byte from `at` on that ends or complicates a string: quote, backslash, control or
 * not ASCII. The NUL behind the body is one. */
static inline uint8_t *scan_plain(uint8_t *at)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');

    for (;; at += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* Signed: bytes from 0x80 on are below space, as controls are. */
        __m128i special = _mm_or_si128(
            _mm_cmplt_epi8(text, space),
            _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash)));
        int found = _mm_movemask_epi8(special);
        if (found != 0)
            return at + __builtin_ctz((unsigned)found);
    }
#else
    while (*at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
#endif
}

/* The size of the UTF-8 sequence at `at`, or 0 if it is none. Sees the NUL at the end in time. */
static size_t utf8_size(const uint8_t *at)
{
    if (at[0] < 0xc2)
        return 0;
    if ((at[1] & 0xc0) != 0x80)
        return 0;
    if (at[0] < 0xe0)
        return 2;
    if ((at[2] & 0xc0) != 0x80)
        return 0;
    if (at[0] < 0xf0) {
        if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0))
            return 0;
        return 3;
    }
    if ((at[3] & 0xc0) != 0x80 || at[0] > 0xf4)
        return 0;
    if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90))
        return 0;
    return 4;
}

static bool hex4(const uint8_t *at, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? c - '0' + 0u
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16;
        if (digit == 16)
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (uint8_t)code;
    } else if (code < 0x800) {
        *out++ = (uint8_t)(0xc0 | code >> 6);
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (uint8_t)(0xe0 | code >> 12);
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | code >> 18);
        *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return out;
}

/* \uXXXX, and the second half of a surrogate pair. `at` is behind the u. */
static bool unescape_unicode(struct parser *parser, uint8_t **at, uint8_t **out)
{
    uint32_t code, low;

    if (!hex4(*at, &code))
        return refuse(parser, "bad \\u escape");
    *at += 4;
    if (code >= 0xdc00 && code < 0xe000)
        return refuse(parser, "half a surrogate pair");
    if (code >= 0xd800 && code < 0xdc00) {
        if ((*at)[0] != '\\' || (*at)[1] != 'u' || !hex4(*at + 2, &low) || low < 0xdc00
            || low >= 0xe000)
            return refuse(parser, "half a surrogate pair");
        *at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, code);
    return true;
}

static bool unescape(struct parser *parser, uint8_t **at, uint8_t **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t escape = (*at)[1];

    if (escape == 'u') {
        *at += 2;
        return unescape_unicode(parser, at, out);
    }
    const char *found = escape != '\0' ? strchr(from, escape) : NULL;
    if (found == NULL)
        return refuse(parser, "bad escape");
    *(*out)++ = (uint8_t)to[found - from];
    *at += 2;
    return true;
}

/* The rest of a string that holds escapes or UTF-8. `at` is the first special byte, parser->at the
 * string's beginning. */
static bool parse_string_rest(struct parser *parser, uint8_t *at, struct envelope_text *text)
{
    uint8_t *out = at;

    for (;;) {
        if (*at == '"')
            break;
        if (*at == '\\') {
            if (!unescape(parser, &at, &out))
                return false;
        } else if (*at >= 0x80) {
            size_t size = utf8_size(at);
            if (size == 0)
                return refuse(parser, "not UTF-8");
            memmove(out, at, size);
            at += size;
            out += size;
        } else if (*at < ' ') {
            return refuse(parser, at >= parser->end ? "ends inside a string" : "control character");
        } else {
            *out++ = *at++;
        }
    }
    text->data = (char *)parser->at;
    text->size = (size_t)(out - parser->at);
    parser->at = at + 1;
    return true;
}

/* A string with its opening quote. `plain` (may be NULL): it held no escape. */
static bool parse_string(struct parser *parser, struct envelope_text *text, bool *plain)
{
    if (!accept(parser, '"'))
        return refuse(parser, "expected a string");

    uint8_t *stop = scan_plain(parser->at);

    if (*stop == '"') {
        text->data = (char *)parser->at;
        text->size = (size_t)(stop - parser->at);
        parser->at = stop + 1;
        if (plain != NULL)
            *plain = true;
        return true;
    }
    if (plain != NULL)
        *plain = false;
    return parse_string_rest(parser, stop, text);
}

static bool parse_word(struct parser *parser, const char *word)
{
    size_t size = strlen(word);

    if (strncmp((const char *)parser->at, word, size) != 0)
        return refuse(parser, "expected a value");
    parser->at += size;
    return true;
}

/* True, and consumed, if the next value is null, which stands for an absent field. */
static bool accept_null(struct parser *parser)
{
    skip_space(parser);
    return *parser->at == 'n' && parse_word(parser, "null");
}

static bool digits(struct parser *parser)
{
    if (*parser->at < '0' || *parser->at > '9')
        return refuse(parser, "bad number");
    while (*parser->at >= '0' && *parser->at <= '9')
        parser->at++;
    return true;
}

static bool skip_number(struct parser *parser)
{
    if (*parser->at == '-')
        parser->at++;
    if (*parser->at == '0')
        parser->at++;
    else if (!digits(parser))
        return false;
    if (*parser->at == '.') {
        parser->at++;
        if (!digits(parser))
            return false;
    }
    if (*parser->at == 'e' || *parser->at == 'E') {
        parser->at++;
        if (*parser->at == '+' || *parser->at == '-')
            parser->at++;
        return digits(parser);
    }
    return true;
}

static bool skip_value(struct parser *parser, int depth);

static bool skip_members(struct parser *parser, bool object, int depth)
{
    struct envelope_text name;
    uint8_t close = object ? '}' : ']';

    if (depth >= DEPTH_MAX)
        return refuse(parser, "nested too deep");
    parser->at++;
    if (accept(parser, close))
        return true;
    do {
        if (object && !parse_string(parser, &name, NULL))
            return false;
        if (object && !accept(parser, ':'))
            return refuse(parser, "expected a colon");
        if (!skip_value(parser, depth + 1))
            return false;
    } while (accept(parser, ','));
    return accept(parser, close) || refuse(parser, "expected a comma or the end");
}

static bool skip_value(struct parser *parser, int depth)
{
    struct envelope_text text;

    skip_space(parser);
    switch (*parser->at) {
    case '"':
        return parse_string(parser, &text, NULL);
    case '{':
        return skip_members(parser, true, depth);
    case '[':
        return skip_members(parser, false, depth);
    case 't':
        return parse_word(parser, "true");
    case 'f':
        return parse_word(parser, "false");
    case 'n':
        return parse_word(parser, "null");
    default:
        return skip_number(parser);
    }
}

static bool text_is(const struct envelope_text *text, const char *word)
{
    size_t size = strlen(word);

    return text->size == size && memcmp(text->data, word, size) == 0;
}

/* Reads an object, giving each member to `member`. `seen` keeps the known keys that came, so
 * that one that comes twice is refused. */
struct member_rule {
    const char *name;
    bool (*parse)(struct parser *parser, struct envelope_message *message);
};

static bool parse_member(struct parser *parser, const struct member_rule *rules,
                         struct envelope_message *message, unsigned *seen)
{
    struct envelope_text name = {"", 0};

    if (!parse_string(parser, &name, NULL))
        return false;
    if (!accept(parser, ':'))
        return refuse(parser, "expected a colon");
    for (unsigned i = 0; rules[i].name != NULL; i++) {
        if (!text_is(&name, rules[i].name))
            continue;
        if (*seen & 1u << i)
            return refuse(parser, "a key comes twice");
        *seen |= 1u << i;
        return accept_null(parser) || (parser->fault == NULL && rules[i].parse(parser, message));
    }
    return skip_value(parser, 0);
}

static bool parse_object(struct parser *parser, const struct member_rule *rules,
                         struct envelope_message *message)
{
    unsigned seen = 0;

    if (!accept(parser, '{'))
        return refuse(parser, "expected an object");
    if (accept(parser, '}'))
        return true;
    do {
        if (!parse_member(parser, rules, message, &seen))
            return false;
    } while (accept(parser, ','));
    return accept(parser, '}') || refuse(parser, "expected a comma or the end");
}

static bool parse_ack_id(struct parser *parser, struct envelope_message *message)
{
    return parse_string(parser, &message->ack_id, &message->ack_id_plain);
}

static bool parse_message_id(struct parser *parser, struct envelope_message *message)
{
    return parse_string(parser, &message->message_id, NULL);
}

static bool parse_ordering_key(struct parser *parser, struct envelope_message *message)
{
    return parse_string(parser, &message->ordering_key, NULL);
}

static bool parse_data(struct parser *parser, struct envelope_message *message)
{
    struct envelope_text text;

    if (!parse_string(parser, &text, NULL))
        return false;
    uint8_t *data = (uint8_t *)text.data; /* The body is ours to change. */
    message->data = data;
    message->data_bad = !base64_wide_decode(data, text.size, &message->data_size);
    if (message->data_bad)
        message->data_size = text.size;
    return true;
}

static bool parse_publish_time(struct parser *parser, struct envelope_message *message)
{
    struct envelope_text text;

    if (!parse_string(parser, &text, NULL))
        return false;
    return rfc3339_parse_us(text.data, text.size, &message->publish_time_us)
           || refuse(parser, "publishTime is no time");
}

static bool parse_attempt(struct parser *parser, struct envelope_message *message)
{
    const uint8_t *start = parser->at;
    int64_t value = 0;

    if (!digits(parser) || (*start == '0' && parser->at - start > 1))
        return refuse(parser, "deliveryAttempt is no number");
    for (; start < parser->at && value <= INT32_MAX; start++)
        value = value * 10 + (*start - '0');
    if (value > INT32_MAX || *parser->at == '.' || (*parser->at | 0x20) == 'e')
        return refuse(parser, "deliveryAttempt is no number");
    message->attempt = (int32_t)value;
    return true;
}

static struct envelope_attribute *attribute_add(struct envelope *envelope)
{
    if (envelope->attribute_count == envelope->attribute_capacity) {
        envelope->attribute_capacity = 2 * envelope->attribute_capacity + 64;
        envelope->attributes = memory_resize(
            envelope->attributes, envelope->attribute_capacity * sizeof *envelope->attributes);
    }
    return &envelope->attributes[envelope->attribute_count++];
}

static bool attribute_is_new(const struct envelope *envelope,
                             const struct envelope_message *message,
                             const struct envelope_text *name)
{
    for (size_t i = 0; i < message->attribute_count; i++) {
        const struct envelope_text *other =
            &envelope->attributes[message->attribute_first + i].name;
        if (other->size == name->size && memcmp(other->data, name->data, name->size) == 0)
            return false;
    }
    return true;
}

static bool parse_attributes(struct parser *parser, struct envelope_message *message)
{
    struct envelope_text name, value;

    message->attribute_first = parser->envelope->attribute_count;
    if (!accept(parser, '{'))
        return refuse(parser, "attributes are no object");
    if (accept(parser, '}'))
        return true;
    do {
        if (!parse_string(parser, &name, NULL))
            return false;
        if (!accept(parser, ':'))
            return refuse(parser, "expected a colon");
        if (!parse_string(parser, &value, NULL))
            return false;
        if (!attribute_is_new(parser->envelope, message, &name))
            return refuse(parser, "an attribute comes twice");
        *attribute_add(parser->envelope) = (struct envelope_attribute){name, value};
        message->attribute_count++;
    } while (accept(parser, ','));
    return accept(parser, '}') || refuse(parser, "expected a comma or the end");
}

static const struct member_rule message_rules[] = {
    {"data", parse_data},
    {"attributes", parse_attributes},
    {"messageId", parse_message_id},
    {"publishTime", parse_publish_time},
    {"orderingKey", parse_ordering_key},
    {NULL, NULL},
};

static bool parse_message(struct parser *parser, struct envelope_message *message)
{
    return parse_object(parser, message_rules, message);
}

static const struct member_rule received_rules[] = {
    {"ackId", parse_ack_id},
    {"message", parse_message},
    {"deliveryAttempt", parse_attempt},
    {NULL, NULL},
};

static bool parse_received(struct parser *parser)
{
    struct envelope *envelope = parser->envelope;
    struct envelope_message message = {.publish_time_us = INT64_MIN};

    if (!parse_object(parser, received_rules, &message))
        return false;
    if (message.ack_id.size == 0 || message.message_id.size == 0)
        return refuse(parser, "a message lacks its ackId or messageId");
    if (message.publish_time_us == INT64_MIN)
        return refuse(parser, "a message lacks its publishTime");
    if (envelope->message_count == envelope->message_capacity) {
        envelope->message_capacity = 2 * envelope->message_capacity + 64;
        envelope->messages = memory_resize(envelope->messages,
                                           envelope->message_capacity * sizeof *envelope->messages);
    }
    envelope->messages[envelope->message_count++] = message;
    return true;
}

static bool parse_received_messages(struct parser *parser, struct envelope_message *unused)
{
    (void)unused;
    if (!accept(parser, '['))
        return refuse(parser, "receivedMessages is no array");
    if (accept(parser, ']'))
        return true;
    do {
        if (!parse_received(parser))
            return false;
    } while (accept(parser, ','));
    return accept(parser, ']') || refuse(parser, "expected a comma or the end");
}

static const struct member_rule answer_rules[] = {
    {"receivedMessages", parse_received_messages},
    {NULL, NULL},
};

bool envelope_parse(struct envelope *envelope, struct buffer *body)
{
    memset(buffer_reserve(body, SLACK), 0, SLACK);

    struct parser parser = {.at = body->data, .end = body->data + body->size, .envelope = envelope};
    struct envelope_message unused = {0};

    envelope->message_count = 0;
    envelope->attribute_count = 0;
    envelope->fault = NULL;
    if (parse_object(&parser, answer_rules, &unused)) {
        skip_space(&parser);
        if (parser.at == parser.end)
            return true;
        refuse(&parser, "something follows the answer");
    }
    assert(parser.at <= parser.end);
    envelope->message_count = 0;
    envelope->fault = parser.at == parser.end ? "ends too early" : parser.fault;
    envelope->fault_offset = (size_t)(parser.at - body->data);
    return false;
}

void envelope_fini(struct envelope *envelope)
{
    free(envelope->messages);
    free(envelope->attributes);
    *envelope = (struct envelope){0};
}
