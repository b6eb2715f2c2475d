/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append: bytes to a buffer in Base64, as Pub/Sub's bodies carry them.
 */
#ifndef FEED_APPEND_H
#define FEED_APPEND_H

#include "core/base64.h"
#include "core/buffer.h"

static inline void append_base64(struct buffer *out, const void *data, size_t size)
{
    base64_write(data, size, (char *)buffer_reserve(out, BASE64_TEXT_SIZE(size)));
    out->size += BASE64_TEXT_SIZE(size);
}

#endif
