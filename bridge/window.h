/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window: the message ids seen lately, each with a number of the caller's.
 *
 * Two generations of `size` ids each: when the younger one is full, the older one is forgotten. So
 * it remembers at least the last `size` ids and at most twice as many, in memory that is fixed at the
 * start (and touched only as it fills). Ids are kept as 128-bit hashes. Pure.
 */
#ifndef BRIDGE_WINDOW_H
#define BRIDGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window;

struct window_id {
    uint64_t low;
    uint64_t high;
};

struct window *window_new(uint32_t size);
void window_free(struct window *window);

struct window_id window_hash(const void *id, size_t size);
/* The number of an id, or NULL if it is not remembered. Valid until the next window_put. */
uint32_t *window_find(struct window *window, struct window_id id);
/* Remembers an id that window_find did not find. */
void window_put(struct window *window, struct window_id id, uint32_t number);
/* Says that the id will be asked for soon, so that its place is brought near. */
void window_prefetch(const struct window *window, struct window_id id);
/* Makes the id unknown again. */
void window_forget(struct window *window, struct window_id id);

#endif
