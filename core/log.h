/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: messages on stderr, one line each, as key=value text or as JSON.
 *
 *     log_info("stream started", LOG_TEXT("stream", name), LOG_INT("pulls", pulls));
 *     2026-11-21T09:30:00.123Z info stream started stream=views pulls=4
 *
 * Only the turn loops and main log; library code returns errors. Payloads are never logged.
 * Secrets that were registered are replaced by <secret> wherever they appear. Safe from any thread.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct error;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_REAL };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    const char *text; /* Borrowed. NULL is written as "-". */
    int64_t number;
    double real;
};

#define LOG_TEXT(name, value)                                                                      \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_TEXT, .text = (value)})
#define LOG_INT(name, value)                                                                       \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_INT, .number = (int64_t)(value)})
#define LOG_REAL(name, value)                                                                      \
    ((struct log_field){.key = (name), .kind = LOG_FIELD_REAL, .real = (double)(value)})

#define LOG_COUNT_(...)     (sizeof((struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field) - 1)
#define LOG_AT_(level, ...) LOG_AT__(level, __VA_ARGS__, ((struct log_field){.key = NULL}))
#define LOG_AT__(level, message, ...)                                                              \
    log_write(level, message, (struct log_field[]){__VA_ARGS__}, LOG_COUNT_(__VA_ARGS__))

#define log_debug(...) LOG_AT_(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT_(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT_(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT_(LOG_ERROR, __VA_ARGS__)

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count);

/* An error with its hint, as two fields. */
void log_failure(const char *message, const struct error *err);

/* A line on the terminal at stderr that the next one replaces, cut to its width; log lines go above it.
 * Draws nothing elsewhere. NULL ends it. */
void log_status_line(const char *text);

void log_set_level(enum log_level level); /* Default LOG_INFO. */
void log_set_json(bool json);             /* Default false. */

/* Copies secret (at least 4 characters, else ignored). Up to 64 secrets, the oldest is forgotten. */
void log_redact(const char *secret);
/* Appends text with <secret> in the place of each registered secret: for words to people that are no
 * log lines. */
void log_hide(const char *text, struct buffer *out);

#endif
