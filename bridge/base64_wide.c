/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base64_wide.h"

#include <assert.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { KNOWN = 0x80 }; /* Above the six bits that a digit has. */

static const uint8_t digits[256] = {
    ['A'] = KNOWN | 0,  ['B'] = KNOWN | 1,  ['C'] = KNOWN | 2,  ['D'] = KNOWN | 3,
    ['E'] = KNOWN | 4,  ['F'] = KNOWN | 5,  ['G'] = KNOWN | 6,  ['H'] = KNOWN | 7,
    ['I'] = KNOWN | 8,  ['J'] = KNOWN | 9,  ['K'] = KNOWN | 10, ['L'] = KNOWN | 11,
    ['M'] = KNOWN | 12, ['N'] = KNOWN | 13, ['O'] = KNOWN | 14, ['P'] = KNOWN | 15,
    ['Q'] = KNOWN | 16, ['R'] = KNOWN | 17, ['S'] = KNOWN | 18, ['T'] = KNOWN | 19,
    ['U'] = KNOWN | 20, ['V'] = KNOWN | 21, ['W'] = KNOWN | 22, ['X'] = KNOWN | 23,
    ['Y'] = KNOWN | 24, ['Z'] = KNOWN | 25, ['a'] = KNOWN | 26, ['b'] = KNOWN | 27,
    ['c'] = KNOWN | 28, ['d'] = KNOWN | 29, ['e'] = KNOWN | 30, ['f'] = KNOWN | 31,
    ['g'] = KNOWN | 32, ['h'] = KNOWN | 33, ['i'] = KNOWN | 34, ['j'] = KNOWN | 35,
    ['k'] = KNOWN | 36, ['l'] = KNOWN | 37, ['m'] = KNOWN | 38, ['n'] = KNOWN | 39,
    ['o'] = KNOWN | 40, ['p'] = KNOWN | 41, ['q'] = KNOWN | 42, ['r'] = KNOWN | 43,
    ['s'] = KNOWN | 44, ['t'] = KNOWN | 45, ['u'] = KNOWN | 46, ['v'] = KNOWN | 47,
    ['w'] = KNOWN | 48, ['x'] = KNOWN | 49, ['y'] = KNOWN | 50, ['z'] = KNOWN | 51,
    ['0'] = KNOWN | 52, ['1'] = KNOWN | 53, ['2'] = KNOWN | 54, ['3'] = KNOWN | 55,
    ['4'] = KNOWN | 56, ['5'] = KNOWN | 57, ['6'] = KNOWN | 58, ['7'] = KNOWN | 59,
    ['8'] = KNOWN | 60, ['9'] = KNOWN | 61, ['+'] = KNOWN | 62, ['/'] = KNOWN | 63};

#if defined(__x86_64__)
/* Adds `offset` to the sum where low <= character <= high, and marks those places as known. */
__attribute__((target("avx2"))) static inline void
digit_range(__m256i text, char low, char high, char offset, __m256i *sum, __m256i *known)
{
    __m256i above = _mm256_cmpgt_epi8(text, _mm256_set1_epi8((char)(low - 1)));
    __m256i below = _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(high + 1)), text);
    __m256i inside = _mm256_and_si256(above, below);

    *sum = _mm256_or_si256(*sum, _mm256_and_si256(inside, _mm256_set1_epi8(offset)));
    *known = _mm256_or_si256(*known, inside);
}

/*
 * 32 digits become 24 bytes a step. A step stores 32 bytes at or before the place it read, so it
 * never touches a digit that is still to be read. Stops before the first 32 that hold anything
 * else. Returns how many digits are done.
 */
__attribute__((target("avx2"))) static size_t decode_wide(uint8_t *text, size_t size)
{
    const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
                                           2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    size_t done = 0;

    for (; size - done >= 32; done += 32) {
        __m256i in = _mm256_loadu_si256((const __m256i *)(const void *)(text + done));
        __m256i offset = _mm256_setzero_si256(), known = _mm256_setzero_si256();

        digit_range(in, 'A', 'Z', -'A', &offset, &known);
        digit_range(in, 'a', 'z', 26 - 'a', &offset, &known);
        digit_range(in, '0', '9', 52 - '0', &offset, &known);
        digit_range(in, '+', '+', 62 - '+', &offset, &known);
        digit_range(in, '/', '/', 63 - '/', &offset, &known);
        if (_mm256_movemask_epi8(known) != -1)
            break;
        __m256i values = _mm256_add_epi8(in, offset);
        /* Four digits abcd to 24 bits: (a << 6 | b) and (c << 6 | d), then both together. */
        __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
        __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(quads, order), lanes);
        _mm256_storeu_si256((__m256i *)(void *)(text + done / 4 * 3), bytes);
    }
    return done;
}
#endif

static size_t decode_quads(uint8_t *text, size_t size, size_t done)
{
    for (; done < size; done += 4) {
        const uint8_t *in = text + done;
        uint8_t *out = text + done / 4 * 3;
        uint32_t a = digits[in[0]], b = digits[in[1]], c = digits[in[2]], d = digits[in[3]];

        if (!(a & b & c & d & KNOWN))
            break;
        out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
        out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
        out[2] = (uint8_t)(c << 6 | (d & 63));
    }
    return done;
}

/* The last four characters, which may be padded. Returns the bytes that they stand for, or -1. */
static int decode_last(const uint8_t *in, uint8_t *out)
{
    uint32_t a = digits[in[0]], b = digits[in[1]], c = digits[in[2]];

    if (!(a & b & KNOWN) || in[3] != '=')
        return -1;
    if (in[2] == '=') {
        if (b & 0x0f)
            return -1;
        out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
        return 1;
    }
    if (!(c & KNOWN) || c & 0x03)
        return -1;
    out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
    out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
    return 2;
}

/* Turns the first digit_count / 4 * 3 bytes back into the digits they came from. */
static void undo(uint8_t *text, size_t digit_count)
{
    for (size_t i = digit_count; i > 0; i -= 4) {
        const uint8_t *in = text + (i - 4) / 4 * 3;
        uint8_t *out = text + i - 4;
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

        out[3] = (uint8_t)alphabet[bits & 63];
        out[2] = (uint8_t)alphabet[bits >> 6 & 63];
        out[1] = (uint8_t)alphabet[bits >> 12 & 63];
        out[0] = (uint8_t)alphabet[bits >> 18];
    }
}

bool base64_wide_decode(uint8_t *text, size_t size, size_t *content_size)
{
    size_t done = 0;

    *content_size = size / 4 * 3;
    if (size == 0)
        return true;
    if (size % 4 != 0)
        return false;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        done = decode_wide(text, size);
#endif
    done = decode_quads(text, size, done);
    if (done == size)
        return true;
    if (done + 4 == size) {
        int rest = decode_last(text + done, text + done / 4 * 3);
        if (rest > 0) {
            *content_size = done / 4 * 3 + (size_t)rest;
            return true;
        }
    }
    assert(done < size);
    undo(text, done);
    return false;
}
