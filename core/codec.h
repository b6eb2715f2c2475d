/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec: Avro's binary encoding, and Confluent's frame around it (a zero byte, the schema id in four
 * bytes big endian, then the data).
 *
 * Readers never read past `end` and refuse what no Avro writer makes; a refusal is NULL or false,
 * with no message: the caller knows the position and the topic, and says so.
 */
#ifndef CORE_CODEC_H
#define CORE_CODEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/schema.h"

enum {
    CODEC_FRAME_SIZE = 5,
    CODEC_LONG_SIZE_MAX = 10,
    CODEC_DEPTH_MAX = 64,         /* Records, arrays and maps inside each other. */
    CODEC_EMPTY_ITEMS_MAX = 65536 /* Array items that take no bytes (null), in one value. */
};

/* Frame. */
void codec_put_frame(struct buffer *out, int32_t schema_id);
/* Returns the first byte behind the frame, or NULL if this is no frame. */
const uint8_t *codec_frame(const uint8_t *data, size_t size, int32_t *schema_id);

/* Primitives. */
void codec_put_long(struct buffer *out, int64_t value); /* Also int, lengths and union branches. */
void codec_put_boolean(struct buffer *out, bool value);
void codec_put_float(struct buffer *out, float value);
void codec_put_double(struct buffer *out, double value);
void codec_put_bytes(struct buffer *out, const void *data, size_t size); /* Also string. */
const uint8_t *codec_get_long(const uint8_t *data, const uint8_t *end, int64_t *value);
const uint8_t *codec_get_bytes(const uint8_t *data, const uint8_t *end, const uint8_t **bytes,
                               size_t *size);

/* Unicode's well-formed UTF-8: no overlong form, no surrogate. */
bool codec_is_utf8(const uint8_t *text, size_t size);

/* A value as it lies in the encoded record. Bytes are borrowed from there. */
struct codec_value {
    enum schema_kind kind; /* Of the value itself, never UNION: SCHEMA_NULL if it is null. */
    const struct schema_type *type;
    union {
        bool boolean;
        int64_t integer; /* INT, LONG; ENUM: the symbol's index. */
        double real;     /* FLOAT, DOUBLE */
    };
    const uint8_t *bytes; /* STRING, BYTES, FIXED: content. Others: the encoded value. */
    size_t size;
};

/* Reads one value of `type`. Returns the byte behind it, or NULL if the data is not of that type. */
const uint8_t *codec_get(const struct schema_type *type, const uint8_t *data, const uint8_t *end,
                         struct codec_value *value);
const uint8_t *codec_skip(const struct schema_type *type, const uint8_t *data, const uint8_t *end);
/* The value at a path of one record without frame. False if the data does not fit the schema. */
bool codec_find(const struct schema_path *path, const uint8_t *data, const uint8_t *end,
                struct codec_value *value);
/* As codec_find, from the value of `type` that path->fields[step] is to be looked up in. */
bool codec_find_from(const struct schema_path *path, size_t step, const struct schema_type *type,
                     const uint8_t *data, const uint8_t *end, struct codec_value *value);
/* True if data..end is exactly one value of `type`; looks also at what codec_skip jumps over. */
bool codec_check(const struct schema_type *type, const uint8_t *data, const uint8_t *end);

/*
 * As JSON for people and reports: unions without a type tag, bytes and fixed as hexadecimal,
 * decimals and uuids as text, timestamps as numbers. Returns NULL if the data does not fit.
 */
json_t *codec_to_json(const struct schema_type *type, const uint8_t *data, const uint8_t *end);

/* The value as an event time in ms; false if it is null, of another type or too far away. `unit`: TIME_*
 * of pipeline.h; a logical type (date, timestamp) knows better and wins. Finer times round down. */
bool codec_time_ms(const struct codec_value *value, int unit, int64_t *ms);
/* Key bytes: strings, bytes and fixed as they are, uuids of 16 bytes as 36 characters, numbers in
 * decimal text. Appends to out. False if the value is null, a record, an array or a map. */
bool codec_key(const struct codec_value *value, struct buffer *out);

#endif
