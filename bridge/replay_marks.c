/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/replay_marks.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BEGIN "{\"done\":\""
#define VALUE_END   "\"}"

enum { BITS_SIZE = REPLAY_PIECE_OFFSETS / 8 };

void replay_marks_init(struct replay_marks *marks, const char *stream, const char *topic)
{
    *marks = (struct replay_marks){.stream = stream, .topic = topic};
}

void replay_marks_fini(struct replay_marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        free(marks->pieces[i]);
    free(marks->pieces);
    *marks = (struct replay_marks){0};
}

/* Letters are read in the order of their offsets: the piece asked for last is the likely one. */
static struct replay_piece *find(const struct replay_marks *marks, int32_t partition,
                                 int64_t number)
{
    for (size_t i = marks->count; i > 0; i--) {
        struct replay_piece *piece = marks->pieces[i - 1];
        if (piece->partition == partition && piece->number == number)
            return piece;
    }
    return NULL;
}

static struct replay_piece *take(struct replay_marks *marks, int32_t partition, int64_t number)
{
    struct replay_piece *piece = find(marks, partition, number);

    if (piece != NULL)
        return piece;
    piece = memory_new(sizeof *piece);
    piece->partition = partition;
    piece->number = number;
    marks->pieces =
        memory_resize(marks->pieces, (marks->count + 1) * sizeof(struct replay_piece *));
    marks->pieces[marks->count++] = piece;
    return piece;
}

bool replay_marks_has(const struct replay_marks *marks, int32_t partition, int64_t offset)
{
    const struct replay_piece *piece = find(marks, partition, offset / REPLAY_PIECE_OFFSETS);
    size_t bit = (size_t)(offset % REPLAY_PIECE_OFFSETS);

    return piece != NULL && (piece->bits[bit / 8] >> bit % 8 & 1) != 0;
}

void replay_marks_add(struct replay_marks *marks, int32_t partition, int64_t offset)
{
    struct replay_piece *piece = take(marks, partition, offset / REPLAY_PIECE_OFFSETS);
    size_t bit = (size_t)(offset % REPLAY_PIECE_OFFSETS);

    piece->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
    piece->changed = true;
}

bool replay_marks_write(struct replay_marks *marks, struct buffer *key, struct buffer *value)
{
    for (size_t i = marks->count; i > 0; i--) {
        struct replay_piece *piece = marks->pieces[i - 1];
        if (!piece->changed)
            continue;
        piece->changed = false;
        buffer_clear(key);
        buffer_appendf(key, "replay/%s/%s/%" PRId32 "/%" PRId64, marks->stream, marks->topic,
                       piece->partition, piece->number);
        buffer_clear(value);
        buffer_append_text(value, VALUE_BEGIN);
        for (size_t k = 0; k < BITS_SIZE; k++)
            buffer_appendf(value, "%02x", piece->bits[k]);
        buffer_append_text(value, VALUE_END);
        return true;
    }
    return false;
}

static int nibble(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bits(const uint8_t *value, size_t size, uint8_t bits[static BITS_SIZE])
{
    static const size_t begin = sizeof VALUE_BEGIN - 1, end = sizeof VALUE_END - 1;

    if (size != begin + (size_t)2 * BITS_SIZE + end || memcmp(value, VALUE_BEGIN, begin) != 0
        || memcmp(value + size - end, VALUE_END, end) != 0)
        return false;
    for (size_t i = 0; i < BITS_SIZE; i++) {
        int high = nibble(value[begin + 2 * i]), low = nibble(value[begin + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bits[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* "PARTITION/NUMBER" */
static bool read_place(const char *text, int32_t *partition, int64_t *number)
{
    char *end;
    long long first = strtoll(text, &end, 10);

    if (end == text || *end != '/' || first < 0 || first > INT32_MAX)
        return false;
    text = end + 1;
    *partition = (int32_t)first;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *number >= 0;
}

bool replay_marks_read(struct replay_marks *marks, const void *key, size_t key_size,
                       const void *value, size_t value_size)
{
    char prefix[512], name[600];
    uint8_t bits[BITS_SIZE];
    int32_t partition;
    int64_t number;
    int size = snprintf(prefix, sizeof prefix, "replay/%s/%s/", marks->stream, marks->topic);

    assert(size > 0 && (size_t)size < sizeof prefix); /* Names have limits. */
    if (key_size <= (size_t)size || key_size >= sizeof name
        || memcmp(key, prefix, (size_t)size) != 0)
        return false;
    memcpy(name, key, key_size);
    name[key_size] = '\0';
    if (!read_place(name + size, &partition, &number) || !read_bits(value, value_size, bits))
        return false;
    memcpy(take(marks, partition, number)->bits, bits, sizeof bits);
    return true;
}
