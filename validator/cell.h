/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell: one value of a row, free of the schema that it came from.
 *
 * Two schemas may say the same in different types (int and long, enum and string), so values are
 * compared as cells: integers exactly, reals bit for bit but for zeroes and NaNs, text by its bytes,
 * everything that nests as canonical JSON.
 */
#ifndef VALIDATOR_CELL_H
#define VALIDATOR_CELL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "core/codec.h"

enum cell_kind {
    CELL_NULL,
    CELL_BOOLEAN,
    CELL_INTEGER,
    CELL_REAL,
    CELL_TEXT,
    CELL_DECIMAL, /* Text, as "-12.50", but in the order of its value. */
    CELL_BYTES,
    CELL_JSON,
};

struct cell {
    enum cell_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
    };
    const uint8_t *bytes; /* TEXT, DECIMAL, BYTES, JSON. Borrowed. */
    size_t size;
};

/* Borrows text and bytes from the encoded record; what has to be made goes to the arena. */
bool cell_from_value(const struct codec_value *value, struct arena *arena, struct cell *cell);
void cell_from_json(const json_t *json, struct arena *arena, struct cell *cell);

/* Text, or a decimal, which is its text. */
bool cell_has_text(const struct cell *cell);

bool cell_equal(const struct cell *a, const struct cell *b);
/* Equal, or both numbers and at most `absolute` apart. */
bool cell_near(const struct cell *a, const struct cell *b, double absolute);
/* The order that min and max use; cells of different kinds in the order of their kinds. */
int cell_compare(const struct cell *a, const struct cell *b);
/* As conditions of the pipeline file compare it: integers in decimal, reals as the same double or float,
 * booleans true and false. */
bool cell_is_text(const struct cell *cell, const char *text);

/* Returns (caller decrefs). */
json_t *cell_to_json(const struct cell *cell);

void cell_put(struct buffer *out, const struct cell *cell);
/* Returns the byte behind it. Borrows from data, which cell_put wrote. */
const uint8_t *cell_get(const uint8_t *data, struct cell *cell);

#endif
