/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: the encoding that Pub/Sub's REST bodies carry (RFC 4648, with padding).
 */
#ifndef FEED_BASE64_H
#define FEED_BASE64_H

#include "core/buffer.h"

void base64_append(struct buffer *out, const void *data, size_t size);

#endif
