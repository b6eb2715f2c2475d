/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/json_scan.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/codec.h"

bool json_scan_fail(struct json_scan *scan, const uint8_t *at, const char *fault)
{
    scan->fault_at = at;
    scan->fault = fault;
    return false;
}

/* The first byte that is a quote, a backslash or a control character; `high` gathers bytes >= 0x80. */
static const uint8_t *plain_text_end(const uint8_t *at, const uint8_t *end, unsigned *high)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');

    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(block, space), block); /* 0xff: no control */
        __m128i special =
            _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
        unsigned stop =
            (unsigned)_mm_movemask_epi8(special) | ((unsigned)_mm_movemask_epi8(control) ^ 0xffffU);
        unsigned above = (unsigned)_mm_movemask_epi8(block);

        if (stop != 0) {
            unsigned first = (unsigned)__builtin_ctz(stop);

            *high |= above & ((1U << first) - 1);
            return at + first;
        }
        *high |= above;
    }
#endif
    for (; at < end && *at != '"' && *at != '\\' && *at >= ' '; at++)
        *high |= *at & 0x80U;
    return at;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex_unit(const uint8_t *at, const uint8_t *end)
{
    int32_t unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

/* at the backslash: checks the escape and goes behind it. */
static bool scan_escape(struct json_scan *scan)
{
    const uint8_t *at = scan->at;

    if (scan->end - at < 2)
        return json_scan_fail(scan, scan->end, "the text ends inside a string");
    if (at[1] != 'u') {
        if (at[1] == 0 || strchr("\"\\/bfnrt", at[1]) == NULL)
            return json_scan_fail(scan, at, "unknown escape in a string");
        scan->at += 2;
        return true;
    }
    int32_t unit = hex_unit(at + 2, scan->end);

    if (unit < 0)
        return json_scan_fail(scan, at, "\\u needs four hexadecimal digits");
    if (is_low_surrogate(unit))
        return json_scan_fail(scan, at, "a low surrogate without its high one");
    scan->at += 6;
    if (!is_high_surrogate(unit))
        return true;
    if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u'
        || !is_low_surrogate(hex_unit(scan->at + 2, scan->end)))
        return json_scan_fail(scan, at, "a high surrogate without its low one");
    scan->at += 6;
    return true;
}

bool json_scan_string(struct json_scan *scan, struct json_text *text)
{
    const uint8_t *open = scan->at;
    unsigned high = 0;

    assert(*open == '"');
    text->escaped = false;
    for (scan->at++;;) {
        scan->at = plain_text_end(scan->at, scan->end, &high);
        if (scan->at == scan->end)
            return json_scan_fail(scan, scan->end, "the text ends inside a string");
        if (*scan->at == '"')
            break;
        if (*scan->at != '\\')
            return json_scan_fail(scan, scan->at, "control character in a string");
        text->escaped = true;
        if (!scan_escape(scan))
            return false;
    }
    text->data = open + 1;
    text->size = (size_t)(scan->at - text->data);
    text->ascii = high == 0;
    scan->at++;
    if (!text->ascii && !codec_is_utf8(text->data, text->size))
        return json_scan_fail(scan, open, "string is not UTF-8");
    return true;
}

static void put_utf8(struct buffer *out, uint32_t point)
{
    uint8_t *to = buffer_reserve(out, 4);

    if (point < 0x80) {
        to[0] = (uint8_t)point;
        out->size += 1;
    } else if (point < 0x800) {
        to[0] = (uint8_t)(0xc0 | point >> 6);
        to[1] = (uint8_t)(0x80 | (point & 0x3f));
        out->size += 2;
    } else if (point < 0x10000) {
        to[0] = (uint8_t)(0xe0 | point >> 12);
        to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (point & 0x3f));
        out->size += 3;
    } else {
        to[0] = (uint8_t)(0xf0 | point >> 18);
        to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        to[3] = (uint8_t)(0x80 | (point & 0x3f));
        out->size += 4;
    }
}

/* The escape at `at`, which was checked before; returns the byte behind it. */
static const uint8_t *decode_escape(const uint8_t *at, const uint8_t *end, struct buffer *out)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *name = strchr(names, at[1]);

    if (name != NULL) {
        buffer_append_byte(out, (uint8_t)values[name - names]);
        return at + 2;
    }
    if (at[1] != 'u') {
        buffer_append_byte(out, at[1]);
        return at + 2;
    }
    uint32_t point = (uint32_t)hex_unit(at + 2, end);

    if (!is_high_surrogate((int32_t)point)) {
        put_utf8(out, point);
        return at + 6;
    }
    uint32_t low = (uint32_t)hex_unit(at + 8, end);

    put_utf8(out, 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00));
    return at + 12;
}

void json_text_decode(const struct json_text *text, struct buffer *out)
{
    const uint8_t *at = text->data, *end = text->data + text->size;

    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape != NULL ? escape : end) - at);

        buffer_append(out, at, plain);
        at += plain;
        if (at < end)
            at = decode_escape(at, end, out);
    }
}

static bool is_digit(const struct json_scan *scan)
{
    return scan->at < scan->end && (uint8_t)(*scan->at - '0') < 10;
}

/* Digits of the integer part (step 0) or of the fraction (step -1). */
static void scan_digits(struct json_scan *scan, struct json_number *number, int step)
{
    for (; is_digit(scan); scan->at++) {
        if (number->mantissa < 1000000000000000000U) {
            number->mantissa = number->mantissa * 10 + (uint64_t)(*scan->at - '0');
            number->exponent += step;
        } else {
            number->all_digits = false;
            number->exponent += step + 1;
        }
    }
}

static bool scan_exponent(struct json_scan *scan, struct json_number *number)
{
    const int64_t limit = INT64_C(1000000000000000); /* Far beyond any text's length. */
    int64_t exponent = 0;
    bool negative = false;

    scan->at++;
    if (json_scan_peek(scan) == '+' || json_scan_peek(scan) == '-')
        negative = *scan->at++ == '-';
    if (!is_digit(scan))
        return json_scan_fail(scan, number->text, "a number's exponent has no digits");
    for (; is_digit(scan); scan->at++)
        exponent = exponent >= limit ? limit : exponent * 10 + (*scan->at - '0');
    number->exponent += negative ? -exponent : exponent;
    return true;
}

bool json_scan_number(struct json_scan *scan, struct json_number *number)
{
    *number = (struct json_number){.text = scan->at, .all_digits = true, .plain = true};
    if (*scan->at == '-') {
        number->negative = true;
        scan->at++;
    }
    if (!is_digit(scan))
        return json_scan_fail(scan, number->text, "a number has no digits");
    if (*scan->at == '0') {
        scan->at++;
        if (is_digit(scan))
            return json_scan_fail(scan, number->text, "a number begins with 0");
    }
    scan_digits(scan, number, 0);
    if (json_scan_peek(scan) == '.') {
        scan->at++;
        number->plain = false;
        if (!is_digit(scan))
            return json_scan_fail(scan, number->text, "a number has no digits behind its point");
        scan_digits(scan, number, -1);
    }
    if ((json_scan_peek(scan) | 0x20) == 'e') {
        number->plain = false;
        if (!scan_exponent(scan, number))
            return false;
    }
    number->size = (size_t)(scan->at - number->text);
    return true;
}

bool json_scan_word(struct json_scan *scan, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return json_scan_fail(scan, scan->at, "no JSON value begins like this");
    scan->at += size;
    return true;
}

bool json_scan_enter(struct json_scan *scan)
{
    if (scan->depth == JSON_DEPTH_MAX)
        return json_scan_fail(scan, scan->at, "nested deeper than 64");
    scan->depth++;
    scan->at++;
    json_scan_space(scan);
    return true;
}

bool json_scan_next(struct json_scan *scan, uint8_t close, bool *more)
{
    json_scan_space(scan);
    *more = json_scan_peek(scan) == ',';
    if (*more) {
        scan->at++;
        json_scan_space(scan);
        return true;
    }
    if (scan->at == scan->end)
        return json_scan_fail(scan, scan->at, "the text ends inside an object or array");
    if (*scan->at != close)
        return json_scan_fail(scan, scan->at,
                              close == '}' ? "expected a comma or }" : "expected a comma or ]");
    scan->at++;
    return true;
}

bool json_scan_colon(struct json_scan *scan)
{
    json_scan_space(scan);
    if (json_scan_peek(scan) != ':')
        return json_scan_fail(scan, scan->at, "expected a colon behind a name");
    scan->at++;
    json_scan_space(scan);
    return true;
}

static bool skip_members(struct json_scan *scan)
{
    uint8_t close = *scan->at == '{' ? '}' : ']';
    struct json_text name;
    bool more = true;

    if (!json_scan_enter(scan))
        return false;
    if (json_scan_peek(scan) == close) {
        scan->at++;
        more = false;
    }
    while (more) {
        if (close == '}') {
            if (json_scan_peek(scan) != '"')
                return json_scan_fail(scan, scan->at, "expected a name in quotes");
            if (!json_scan_string(scan, &name) || !json_scan_colon(scan))
                return false;
        }
        if (!json_scan_skip(scan) || !json_scan_next(scan, close, &more))
            return false;
    }
    scan->depth--;
    return true;
}

bool json_scan_skip(struct json_scan *scan)
{
    struct json_number number;
    struct json_text text;

    if (scan->at == scan->end)
        return json_scan_fail(scan, scan->at, "the text ends where a value should be");
    switch (*scan->at) {
    case '{':
    case '[':
        return skip_members(scan);
    case '"':
        return json_scan_string(scan, &text);
    case 't':
        return json_scan_word(scan, "true");
    case 'f':
        return json_scan_word(scan, "false");
    case 'n':
        return json_scan_word(scan, "null");
    default:
        if (*scan->at == '-' || is_digit(scan))
            return json_scan_number(scan, &number);
        return json_scan_fail(scan, scan->at, "no JSON value begins like this");
    }
}
