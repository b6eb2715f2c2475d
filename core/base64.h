/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: RFC 4648, as Pub/Sub writes data and as offset metadata is kept. Strict: no blanks, no
 * missing padding, no stray bits behind the last byte, so that a text and its bytes are one to one.
 */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#define BASE64_TEXT_SIZE(bytes) (((size_t)(bytes) + 2) / 3 * 4)
/* Room that base64_read needs at most. */
#define BASE64_DATA_SIZE(text_size) ((size_t)(text_size) / 4 * 3)

/* Writes BASE64_TEXT_SIZE(size) characters, no NUL. */
void base64_write(const void *data, size_t size, char *text);
/* The alphabet that is safe in URLs, without padding, as JSON web tokens want it. Returns the size. */
size_t base64_write_url(const void *data, size_t size, char *text);
/* data may be text itself: reading in place is allowed. False if the text is not Base64. */
bool base64_read(const char *text, size_t text_size, void *data, size_t *data_size);

#endif
