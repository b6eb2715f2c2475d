/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64_wide: standard Base64 with padding (RFC 4648 section 4), decoded in place.
 *
 * For the pull path only: 32 digits a step where the machine has AVX2. Strict: no line breaks, no
 * missing padding, no set bits behind the last byte. Pure.
 */
#ifndef BRIDGE_BASE64_WIDE_H
#define BRIDGE_BASE64_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Replaces text by its content, which is never longer. False if text is not Base64: it then holds
 * what it held before.
 */
bool base64_wide_decode(uint8_t *text, size_t size, size_t *content_size);

#endif
