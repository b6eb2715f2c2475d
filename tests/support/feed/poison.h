/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poison: message bodies that no schema of the feed accepts. Each must end in the dead letters.
 */
#ifndef FEED_POISON_H
#define FEED_POISON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"

/* Poison number 0, 1, 2, ... takes the kinds in turn, and views and engagements in turn. */
uint32_t poison_kind_count(void);
/* Why it must be refused: "malformed", "wrong_type", ... */
const char *poison_reason(uint32_t index);
bool poison_is_view(uint32_t index);
/* Spoils a good body, which is replaced. */
void poison_body(uint32_t index, struct buffer *body);

#endif
