/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro: JSON text -> one Avro record, in one pass, by a program compiled once from the schema.
 *
 * Strict: every byte of the text is checked, also in members that the schema does not know. What
 * cannot be said exactly in the schema's type is a fault, never rounded or cut (float and double
 * round correctly). The same text gives the same bytes, in whatever order its members come.
 * One per stream and thread.
 *
 *   record      object; members in any order, found by the field's name or alias; unknown ones are
 *               ignored, kept in a map, or a fault. A missing field takes its default, or null if its type allows it.
 *   union       the first branch, in the schema's order, that takes the value
 *   int, long   number with a whole value, also written 1e3 or 1.0
 *   float, double   number
 *   string      string                      bytes, fixed   string of U+0000 to U+00FF, a byte each
 *   enum        string, one of the symbols  uuid           string of 8-4-4-4-12 hexadecimal digits
 *   date        "YYYY-MM-DD", or number of days
 *   timestamp   RFC 3339 string, or number  decimal        number, or the same in a string
 *   array       array                       map            object, no name twice
 */
#ifndef BRIDGE_JSON_AVRO_H
#define BRIDGE_JSON_AVRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/schema.h"

struct json_avro;

/* Borrows the schema. NULL on error: a default that no JSON value can stand for. */
struct json_avro *json_avro_new(const struct schema *schema, struct error *err);
void json_avro_free(struct json_avro *program);

/* From now on a member that the schema does not have is a fault, at any depth. */
void json_avro_refuse_unknown(struct json_avro *program);
/*
 * From now on such members go into the field of their record that the schema marks "dualrun": "unknown",
 * a map of string: the name, and the value's JSON text as it stands. In a record without such a field
 * they are a fault. The field is never read from the JSON: a member with its name is one more
 * unknown member. Once, before the first record. Fails if nothing is marked, or what cannot be.
 */
bool json_avro_keep_unknown(struct json_avro *program, struct error *err);
/* Asks for the value at this path of each encoded record; returns its index. */
unsigned json_avro_capture(struct json_avro *program, const struct schema_path *path);

/* What is wrong with the JSON. Content of strings is never repeated; numbers are. */
struct json_avro_fault {
    size_t offset;    /* Of the byte in the text. */
    char path[256];   /* "user.tags[2]"; "" is the whole. A long one keeps its end. */
    char reason[256]; /* "3.5 is no int" */
};

/* Appends one encoded record (no frame) to out. False: out is as before, fault says why. */
bool json_avro_encode(struct json_avro *program, const uint8_t *json, size_t size,
                      struct buffer *out, struct json_avro_fault *fault);
/* Appends "at byte 17, user.age: 3.5 is no int". */
void json_avro_fault_format(const struct json_avro_fault *fault, struct buffer *out);

/*
 * What a capture finds in the record encoded last; false if a null lies on its way or is there
 * (value->kind is then SCHEMA_NULL). Bytes point into out's data, valid until it changes.
 */
bool json_avro_captured(const struct json_avro *program, unsigned index, struct codec_value *value);

#endif
