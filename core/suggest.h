/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest: what somebody meant who mistyped a name.
 */
#ifndef CORE_SUGGEST_H
#define CORE_SUGGEST_H

#include <stddef.h>

/* The name that is nearest by edit distance, if it is near enough to be meant. Else NULL. */
const char *suggest_nearest(const char *given, const char *const *names, size_t count);

#endif
