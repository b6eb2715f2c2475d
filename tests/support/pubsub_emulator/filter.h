/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: the subset of messages a subscription asks for, by their attributes.
 *
 *     attributes:k      attributes.k = "v"      attributes.k != "v"      hasPrefix(attributes.k, "v")
 *
 * joined by AND, OR (not both without parentheses), NOT or "-". Pure.
 */
#ifndef EMULATOR_FILTER_H
#define EMULATOR_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"

struct filter;

/* NULL on error, with the column in its text. */
struct filter *filter_new(const char *text, struct error *err);
void filter_free(struct filter *filter);
/* attributes: an object of strings, or NULL. A NULL filter matches everything. */
bool filter_matches(const struct filter *filter, const json_t *attributes);

#endif
