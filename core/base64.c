/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base64.h"

#include <stdint.h>
#include <string.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of each character plus one, so that what is not named is zero: no Base64 character. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Returns the characters written, without padding. */
static size_t encode(const uint8_t *data, size_t size, const char *alphabet, char *text)
{
    char *out = text;

    for (; size >= 3; data += 3, size -= 3) {
        uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (size > 0) {
        uint32_t bits = (uint32_t)data[0] << 16 | (size == 2 ? (uint32_t)data[1] << 8 : 0);
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        if (size == 2)
            *out++ = alphabet[bits >> 6 & 63];
    }
    return (size_t)(out - text);
}

void base64_write(const void *data, size_t size, char *text)
{
    size_t written = encode(data, size, standard, text);

    while (written % 4 != 0)
        text[written++] = '=';
}

size_t base64_write_url(const void *data, size_t size, char *text)
{
    return encode(data, size, url_safe, text);
}

/* The two or three characters before the padding. */
static bool decode_tail(const uint8_t *text, uint8_t **out)
{
    uint32_t a = values[text[0]], b = values[text[1]], c = values[text[2]];

    if (a == 0 || b == 0)
        return false;
    a--, b--;
    if (text[2] == '=') {
        if ((b & 15) != 0)
            return false;
        *(*out)++ = (uint8_t)(a << 2 | b >> 4);
        return true;
    }
    if (c == 0 || ((c - 1) & 3) != 0)
        return false;
    c--;
    *(*out)++ = (uint8_t)(a << 2 | b >> 4);
    *(*out)++ = (uint8_t)(b << 4 | c >> 2);
    return true;
}

bool base64_read(const char *text, size_t text_size, void *data, size_t *data_size)
{
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *out = data;

    *data_size = 0;
    if (text_size % 4 != 0)
        return false;
    size_t padded = text_size != 0 && in[text_size - 1] == '=' ? 4 : 0;
    for (const uint8_t *end = in + text_size - padded; in < end; in += 4) {
        uint32_t a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0)
            return false;
        uint32_t bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        *out++ = (uint8_t)(bits >> 16);
        *out++ = (uint8_t)(bits >> 8);
        *out++ = (uint8_t)bits;
    }
    if (padded != 0 && !decode_tail(in, &out))
        return false;
    *data_size = (size_t)(out - (uint8_t *)data);
    return true;
}
