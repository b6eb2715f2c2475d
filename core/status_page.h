/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_page: the status of a process as one HTML page: no script, nothing from elsewhere, light and
 * dark, readable on a phone. Shows whatever JSON object it is given. Pure.
 */
#ifndef CORE_STATUS_PAGE_H
#define CORE_STATUS_PAGE_H

#include <stddef.h>

#include "core/buffer.h"

/* json: one object. Its single values come first, then a card for each object of its lists, named by
 * the first of its values; lists inside become tables. Text that is no JSON is shown as it is. */
void status_page(const char *json, size_t size, struct buffer *out);

#endif
