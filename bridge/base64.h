/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: the standard alphabet with padding (RFC 4648 section 4), decoded in place.
 *
 * Strict: no line breaks, no missing padding, no set bits behind the last byte. Pure.
 */
#ifndef BRIDGE_BASE64_H
#define BRIDGE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Replaces text by its content, which is never longer. False if text is not Base64: it then holds
 * what it held before.
 */
bool base64_decode(uint8_t *text, size_t size, size_t *content_size);

#endif
