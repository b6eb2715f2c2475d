/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_memory: the row store as a sorted array, for simulations.
 */
#ifndef SIM_STORE_MEMORY_H
#define SIM_STORE_MEMORY_H

#include "joiner/store.h"

struct store *store_memory_new(void);
/* Another one with the same rows. */
struct store *store_memory_copy(const struct store *store);
/* Takes the nth row out, or changes a byte of its value. */
size_t store_memory_count(const struct store *store);
void store_memory_lose(struct store *store, size_t nth);
void store_memory_spoil(struct store *store, size_t nth);

#endif
