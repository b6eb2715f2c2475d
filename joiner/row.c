/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/row.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

enum { TIME_SIZE = 8, END_SIZE = 2, TAIL_SIZE = 1 + TIME_SIZE, OFFSET_SIZE = 8 };

/* Big endian with the sign flipped: sorts as bytes the way times do. */
static void put_time(uint8_t *out, int64_t time_ms)
{
    uint64_t bits = __builtin_bswap64((uint64_t)time_ms ^ (UINT64_C(1) << 63));

    memcpy(out, &bits, TIME_SIZE);
}

static int64_t get_time(const uint8_t *data)
{
    uint64_t bits;

    memcpy(&bits, data, TIME_SIZE);
    return (int64_t)(__builtin_bswap64(bits) ^ (UINT64_C(1) << 63));
}

void row_put_time(struct buffer *out, int64_t place_ms)
{
    put_time(buffer_reserve(out, TIME_SIZE), place_ms);
    out->size += TIME_SIZE;
}

/* A zero byte becomes 00 FF and 00 00 ends the key: sorts as the key's own bytes do. */
static void put_key(struct buffer *out, const uint8_t *key, size_t size)
{
    const uint8_t *zero;

    while (size > 0 && (zero = memchr(key, 0, size)) != NULL) {
        size_t before = (size_t)(zero - key) + 1;

        buffer_append(out, key, before);
        buffer_append_byte(out, 0xff);
        key += before;
        size -= before;
    }
    buffer_append(out, key, size);
    buffer_append(out, "\0", END_SIZE);
}

void row_put_place(struct buffer *out, int64_t place_ms, const struct row *row)
{
    assert(row->input <= UINT8_MAX);

    row_put_time(out, place_ms);
    put_key(out, row->key, row->key_size);
    buffer_append_byte(out, (uint8_t)row->input);
    row_put_time(out, row->time_ms);
    buffer_append(out, row->id, row->id_size);
}

void row_put_content(struct buffer *out, const struct row *row)
{
    buffer_append(out, &row->offset, OFFSET_SIZE);
    buffer_append(out, row->value, row->value_size);
}

size_t row_group_size(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size, *at = data + TIME_SIZE;

    if (size < TIME_SIZE + END_SIZE)
        return 0;
    for (;;) {
        at = memchr(at, 0, (size_t)(end - at));
        if (at == NULL || end - at < END_SIZE)
            return 0;
        at += END_SIZE;
        if (at[-1] == 0)
            return (size_t)(at - data);
    }
}

bool row_parse_place(const uint8_t *data, size_t size, struct row_place *place)
{
    size_t group_size = row_group_size(data, size);

    if (group_size == 0 || size - group_size < TAIL_SIZE)
        return false;
    *place = (struct row_place){
        .place_ms = get_time(data),
        .group = data,
        .group_size = group_size,
        .tail = data + group_size,
        .tail_size = size - group_size,
    };
    return true;
}

bool row_parse(const struct row_place *place, const uint8_t *content, size_t size, struct row *row)
{
    if (size < OFFSET_SIZE)
        return false;
    *row = (struct row){
        .input = place->tail[0],
        .time_ms = get_time(place->tail + 1),
        .id = place->tail + TAIL_SIZE,
        .id_size = place->tail_size - TAIL_SIZE,
        .value = content + OFFSET_SIZE,
        .value_size = size - OFFSET_SIZE,
    };
    memcpy(&row->offset, content, OFFSET_SIZE);
    return true;
}

void row_unescape_key(struct buffer *out, const struct row_place *place)
{
    const uint8_t *at = place->group + TIME_SIZE;
    const uint8_t *end = place->group + place->group_size - END_SIZE;
    const uint8_t *zero;

    while (at < end && (zero = memchr(at, 0, (size_t)(end - at))) != NULL) {
        buffer_append(out, at, (size_t)(zero - at) + 1);
        at = zero + END_SIZE;
    }
    buffer_append(out, at, (size_t)(end - at));
}

uint64_t row_key_hash(const struct row_place *place)
{
    return XXH3_64bits(place->group + TIME_SIZE, place->group_size - TIME_SIZE);
}

uint64_t row_tail_hash(const struct row_place *place)
{
    return XXH3_64bits(place->tail, place->tail_size);
}

/* The place is left out, so that a copy beside another row hashes as the row itself. */
uint64_t row_content_hash(const struct row_place *place, const uint8_t *content, size_t size)
{
    size_t identity = place->group_size - TIME_SIZE + place->tail_size;

    return XXH3_64bits_withSeed(content, size, XXH3_64bits(place->group + TIME_SIZE, identity));
}
