/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_number: numbers from their decimal text, exact or correctly rounded, never in between.
 */
#include <assert.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_scan.h"

/* Powers of ten that a double holds exactly; the first eleven a float, too. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c_locale != (locale_t)0);
}

void json_number_digits(const struct json_number *number, struct buffer *out, int64_t *exponent)
{
    const uint8_t *at = number->text, *end = number->text + number->size;
    int64_t written = 0;
    bool fraction = false;

    buffer_clear(out);
    for (; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.')
            fraction = true;
        if (*at < '0' || *at > '9')
            continue;
        written -= fraction;
        if (*at != '0' || out->size > 0)
            buffer_append_byte(out, *at);
    }
    *exponent = written;
    if (at < end) { /* At most 1000000000000000 either way, as in the scan. */
        bool negative = at[1] == '-';
        int64_t value = 0;

        for (at += at[1] == '-' || at[1] == '+' ? 2 : 1; at < end; at++)
            value = value >= INT64_C(1000000000000000) ? value : value * 10 + (*at - '0');
        *exponent += negative ? -value : value;
    }
    for (; out->size > 0 && out->data[out->size - 1] == '0'; out->size--)
        ++*exponent;
}

static enum json_verdict signed_long(bool negative, uint64_t magnitude, int64_t *value)
{
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return JSON_OUT_OF_RANGE;
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return JSON_EXACT;
}

enum json_verdict json_number_long(const struct json_number *number, int64_t *value)
{
    struct buffer digits = {0};
    enum json_verdict verdict;
    uint64_t magnitude = 0;
    int64_t exponent;
    bool fits = true;

    if (number->all_digits && number->exponent == 0)
        return signed_long(number->negative, number->mantissa, value);
    json_number_digits(number, &digits, &exponent);
    if (digits.size == 0)
        exponent = 0;
    if (exponent < 0) {
        verdict = JSON_NOT_WHOLE;
    } else if (digits.size + (uint64_t)exponent > 20) {
        verdict = JSON_OUT_OF_RANGE;
    } else {
        for (size_t i = 0; i < digits.size + (size_t)exponent; i++) {
            unsigned digit = i < digits.size ? (unsigned)(digits.data[i] - '0') : 0;

            fits = fits && !__builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude)
                   && !__builtin_add_overflow(magnitude, (uint64_t)digit, &magnitude);
        }
        verdict = fits ? signed_long(number->negative, magnitude, value) : JSON_OUT_OF_RANGE;
    }
    buffer_fini(&digits);
    return verdict;
}

/* A copy that ends with NUL, as strtod needs it: in `small` if it fits, else on the heap. */
static char *terminated(const struct json_number *number, char *small, size_t small_size)
{
    char *text = number->size < small_size ? small : memory_new(number->size + 1);

    memcpy(text, number->text, number->size);
    text[number->size] = '\0';
    pthread_once(&c_locale_once, make_c_locale);
    return text;
}

enum json_verdict json_number_double(const struct json_number *number, double *value)
{
    char small[64];

    if (number->all_digits && number->mantissa <= UINT64_C(1) << 53 && number->exponent >= -22
        && number->exponent <= 22) {
        /* Both operands are exact, so the one rounding is the correct one. */
        double whole = (double)number->mantissa;
        double magnitude = number->exponent < 0 ? whole / powers[-number->exponent]
                                                : whole * powers[number->exponent];

        *value = number->negative ? -magnitude : magnitude;
        return JSON_EXACT;
    }
    char *text = terminated(number, small, sizeof small);

    *value = strtod_l(text, NULL, c_locale);
    if (text != small)
        free(text);
    return isinf(*value) ? JSON_OUT_OF_RANGE : JSON_EXACT;
}

enum json_verdict json_number_float(const struct json_number *number, float *value)
{
    char small[64];

    if (number->all_digits && number->mantissa <= 1U << 24 && number->exponent >= -10
        && number->exponent <= 10) {
        float whole = (float)number->mantissa;
        float magnitude = number->exponent < 0 ? whole / (float)powers[-number->exponent]
                                               : whole * (float)powers[number->exponent];

        *value = number->negative ? -magnitude : magnitude;
        return JSON_EXACT;
    }
    char *text = terminated(number, small, sizeof small);

    *value = strtof_l(text, NULL, c_locale);
    if (text != small)
        free(text);
    return isinf(*value) ? JSON_OUT_OF_RANGE : JSON_EXACT;
}
