/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan: a strict reader of JSON text (RFC 8259), token by token, without building anything.
 *
 * Texts are checked as they are read: well-formed UTF-8, no control characters, no lone surrogates.
 * A scan owns nothing; tokens point into the text. Never reads past end.
 */
#ifndef BRIDGE_JSON_SCAN_H
#define BRIDGE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

enum { JSON_DEPTH_MAX = 64 }; /* Objects and arrays inside each other. */

struct json_scan {
    const uint8_t *begin, *at, *end;
    unsigned depth;
    const uint8_t *fault_at; /* Where and why a json_scan_* call failed. */
    const char *fault;
};

/* What is between the quotes, as written. */
struct json_text {
    const uint8_t *data;
    size_t size;
    bool escaped; /* Has \ escapes: json_text_decode gives the real text. */
    bool ascii;   /* As written, has no byte above 0x7f. */
};

/* Value = mantissa * 10^exponent, if all_digits; else read the text. */
struct json_number {
    const uint8_t *text;
    size_t size;
    uint64_t mantissa; /* The first 19 significant digits. */
    int64_t exponent;
    bool negative;
    bool all_digits; /* The mantissa has them all. */
    bool plain;      /* Neither fraction nor exponent was written. */
};

static inline void json_scan_space(struct json_scan *scan)
{
    while (scan->at < scan->end && *scan->at <= ' '
           && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* The next byte, or 0 at the end. */
static inline uint8_t json_scan_peek(const struct json_scan *scan)
{
    return scan->at < scan->end ? *scan->at : 0;
}

/* Each begins at the first byte of its token and ends behind it. */
bool json_scan_string(struct json_scan *scan, struct json_text *text);
bool json_scan_number(struct json_scan *scan, struct json_number *number);
bool json_scan_word(struct json_scan *scan, const char *word); /* true, false, null */
/* Any value, checked to its end. */
bool json_scan_skip(struct json_scan *scan);
/* Enters an object or array; fails if they are nested too deeply. */
bool json_scan_enter(struct json_scan *scan);
/*
 * Behind a member or item: true if `close` ended the list (and was read), or a comma says that more
 * comes (`more`). False: neither.
 */
bool json_scan_next(struct json_scan *scan, uint8_t close, bool *more);
bool json_scan_colon(struct json_scan *scan);
bool json_scan_fail(struct json_scan *scan, const uint8_t *at, const char *fault);

/* Appends the text without escapes. */
void json_text_decode(const struct json_text *text, struct buffer *out);

enum json_verdict { JSON_EXACT, JSON_NOT_WHOLE, JSON_OUT_OF_RANGE };
enum json_verdict json_number_long(const struct json_number *number, int64_t *value);
/* Correctly rounded. */
enum json_verdict json_number_double(const struct json_number *number, double *value);
enum json_verdict json_number_float(const struct json_number *number, float *value);
/* Significant digits without leading and trailing zeros, '0' to '9'; value = digits * 10^exponent.
 * Zero has no digits. Clears out first. */
void json_number_digits(const struct json_number *number, struct buffer *out, int64_t *exponent);

#endif
