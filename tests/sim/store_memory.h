/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_memory: the row store as a sorted array, for simulations.
 */
#ifndef SIM_STORE_MEMORY_H
#define SIM_STORE_MEMORY_H

#include "joiner/store.h"

struct store *store_memory_new(void);

#endif
