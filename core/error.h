/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: why a call failed, in words for the person who must act.
 *
 * A fallible function returns bool (or a pointer) and takes `struct error *err` last, never NULL.
 * Context is put in front on the way up, so a message reads from the outside in:
 *     send to topic orders: broker kafka-1:9092: message is 1.4 MB, the limit is 1.0 MB
 * Bad data is not an error but a value (a dead letter with a reason); wrong code is an assert.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

#include "core/exit_codes.h"

/* What the caller can do about it. */
enum error_class {
    ERROR_STOP,  /* Nothing but to report it and end. */
    ERROR_RETRY, /* The same call may succeed later. */
    ERROR_SKIP,  /* This record cannot be handled; the next one can. */
};

enum {
    ERROR_TEXT_SIZE = 1024, /* Longer messages keep their beginning. */
    ERROR_HINT_SIZE = 512,
};

struct error {
    enum exit_code code; /* What the process exits with if nobody handles it. */
    enum error_class class;
    char text[ERROR_TEXT_SIZE];
    char hint[ERROR_HINT_SIZE]; /* One sentence: the way out. Empty if there is none. */
};

/* Each of these returns false, so that `return error_set(err, ...)` is the idiom. */
bool error_set(struct error *err, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool error_retry(struct error *err, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " in front. */
bool error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Replaces the hint. */
bool error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
