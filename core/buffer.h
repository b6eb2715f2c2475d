/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer: bytes that grow. `struct buffer b = {0}` is a valid empty one.
 *
 * A failed allocation ends the process with a message: every buffer in dualrun is bounded by a
 * configured limit, so running out means that the limits are wrong, and no caller could go on.
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    uint8_t *data; /* Owned. NULL while capacity is 0. */
    size_t size;
    size_t capacity;
};

void buffer_fini(struct buffer *buffer);
/* Makes room for size more bytes behind buffer->size. */
void buffer_grow(struct buffer *buffer, size_t size);
void buffer_appendf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for size more bytes; returns where they go. The caller raises buffer->size. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->size < size)
        buffer_grow(buffer, size);
    return buffer->data + buffer->size;
}

/* Copies. */
static inline void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(buffer, size), data, size);
    buffer->size += size;
}

static inline void buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    *buffer_reserve(buffer, 1) = byte;
    buffer->size++;
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

/* The bytes as a C string: a NUL is put behind them and not counted. */
static inline const char *buffer_text(struct buffer *buffer)
{
    *buffer_reserve(buffer, 1) = '\0';
    return (const char *)buffer->data;
}

/* Allocation that ends the process when memory is gone. */
void *memory_new(size_t size); /* Zeroed; returns (caller frees). */
void *memory_array(size_t count, size_t size);
void *memory_resize(void *memory, size_t size);
char *memory_text(const char *text);                /* A copy; NULL stays NULL. */
char *memory_text_n(const char *text, size_t size); /* A copy of size bytes and a NUL. */
char *memory_textf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
