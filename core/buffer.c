/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/exit_codes.h"

static void *checked(void *memory)
{
    static const char message[] = "dualrun: out of memory\nhint: lower the memory limits of the "
                                  "pipeline file, or give the process more\n";

    if (memory == NULL) {
        ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
        (void)written;
        _exit(EXIT_CODE_STATE);
    }
    return memory;
}

void *memory_new(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1));
}

void *memory_array(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *memory_resize(void *memory, size_t size)
{
    return checked(realloc(memory, size > 0 ? size : 1));
}

char *memory_text(const char *text)
{
    return text == NULL ? NULL : checked(strdup(text));
}

char *memory_text_n(const char *text, size_t size)
{
    char *copy = memory_new(size + 1);

    if (size > 0)
        memcpy(copy, text, size);
    return copy;
}

char *memory_textf(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    return checked(size < 0 ? NULL : text);
}

void buffer_fini(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_grow(struct buffer *buffer, size_t size)
{
    assert(size <= SIZE_MAX / 2 - buffer->size);

    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;

    while (capacity - buffer->size < size)
        capacity *= 2;
    buffer->data = memory_resize(buffer->data, capacity);
    buffer->capacity = capacity;
}

void buffer_appendf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    buffer_reserve(buffer, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)size;
}
