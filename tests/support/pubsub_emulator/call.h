/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: one request, taken apart.
 *
 * The path is decoded segment by segment, so that an escaped slash stays inside its name; a ":verb"
 * counts only on the last segment and only unescaped.
 */
#ifndef EMULATOR_CALL_H
#define EMULATOR_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CALL_SEGMENTS_MAX = 8 };

struct call {
    const char *method; /* Borrowed. */
    char *segments[CALL_SEGMENTS_MAX];
    size_t segment_count;
    char *verb;    /* NULL without one. */
    json_t *query; /* Object of strings. */
    const char *body;
    size_t body_size;
    json_t *json; /* The body, once call_json has read it; keys in camel case. */
    int64_t now_us;
    bool enums_as_numbers;
};

/* url: path and query as they came. False if it is not a legal path. */
bool call_init(struct call *call, const char *method, const char *url);
void call_fini(struct call *call);

/* "a%2Fb" -> "a/b". NULL if an escape is bad or a NUL is inside. Returns (caller frees). */
char *call_unescape(const char *text, size_t size, bool plus_is_space);
/* Renames "ack_deadline_seconds" to "ackDeadlineSeconds", deep, but not inside maps of the user. */
json_t *call_camel_keys(json_t *json);
/* Returns (caller frees). */
char *call_camel(const char *text);

#endif
