/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row: a record of one input as the join keeps it, and where it lies in the store.
 *
 * A row lies at a place: a time and its key. Places sort as the sweep reads: by time, key, input,
 * event time, event id, all of them as bytes, so that one scan meets primary rows in the order in
 * which they close, each followed by the secondary rows that were put beside it.
 */
#ifndef JOINER_ROW_H
#define JOINER_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

/* Event times further from 1970 than this are no times: two million years leave room for sums. */
#define ROW_TIME_MAX ((int64_t)1 << 54)

enum { ROW_PRIMARY = 0 }; /* The input of primary rows; secondaries follow in the file's order. */

struct row { /* Bytes are borrowed. */
    uint32_t input;
    int64_t time_ms;
    int64_t offset;
    const uint8_t *key;
    size_t key_size;
    const uint8_t *id;
    size_t id_size;
    const uint8_t *value;
    size_t value_size;
};

/* Appends the store's key of the row at a place, and its content. */
void row_put_place(struct buffer *out, int64_t place_ms, const struct row *row);
void row_put_content(struct buffer *out, const struct row *row);
/* The smallest place at a time. */
void row_put_time(struct buffer *out, int64_t place_ms);

/* Where the parts of a stored key lie. */
struct row_place {
    int64_t place_ms;
    const uint8_t *group; /* Time and key: the same for all that lie together. */
    size_t group_size;
    const uint8_t *tail; /* Input, event time, event id: who it is among those of its key. */
    size_t tail_size;
};

/* Of the time and key at the front of a stored key; 0 if they are not whole. */
size_t row_group_size(const uint8_t *data, size_t size);

/* False if these are no bytes that row_put_place made. */
bool row_parse_place(const uint8_t *data, size_t size, struct row_place *place);
/* The whole row but its key, which is escaped in the place; see row_unescape_key. */
bool row_parse(const struct row_place *place, const uint8_t *content, size_t size, struct row *row);
void row_unescape_key(struct buffer *out, const struct row_place *place);

/* Identity of a row in memory: of its key, and of itself among those of its key. */
uint64_t row_key_hash(const struct row_place *place);
uint64_t row_tail_hash(const struct row_place *place);
/* Over everything: input, key, id, time, offset and value. */
uint64_t row_content_hash(const struct row_place *place, const uint8_t *content, size_t size);

#endif
