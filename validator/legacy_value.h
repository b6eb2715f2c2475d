/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_value: one field of an old row against ours: equal, borne by the pipeline file, or different.
 *
 * Pure. What is not equal is borne only where the file says so; what a difference merely looks like
 * is a cause for people, and bears nothing.
 */
#ifndef VALIDATOR_LEGACY_VALUE_H
#define VALIDATOR_LEGACY_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"
#include "validator/cell.h"
#include "validator/result.h"

struct legacy_field {
    char *ours, *theirs;
    bool named; /* In validate.legacy.fields. */
    bool is_time;
    bool null_is_default;
    bool seen_in_old, seen_in_new;
    const struct pipeline_allowance *allowance; /* NULL: none. */
    const struct pipeline_pairs *words;         /* NULL: none. */
    int64_t tolerated, defaulted;               /* Values that were borne. */
};

enum legacy_match { LEGACY_EQUAL, LEGACY_TOLERATED, LEGACY_DEFAULTED, LEGACY_DIFFERENT };

/* `untyped`: the old value is text whatever it means, as in CSV. */
enum legacy_match legacy_match(const struct legacy_field *field, const struct cell *theirs,
                               bool untyped, const struct cell *ours);
/* What a difference looks like: ROUNDING, NULL, ENUM, TIME or UNEXPLAINED. */
enum cause legacy_looks_like(const struct legacy_field *field, const struct cell *theirs,
                             bool untyped, const struct cell *ours);
/* Does the rule, which is about a value, name this difference? The time is that of the row. */
bool legacy_rule_names(const struct pipeline_rule *rule, const struct legacy_field *field,
                       const struct cell *theirs, const struct cell *ours);
/* Is the row's time within since and until of the rule? */
bool legacy_rule_holds(const struct pipeline_rule *rule, int64_t time_ms);

/* Steps of a double between the two; UINT64_MAX if one is NaN. */
uint64_t legacy_ulps(double a, double b);

#endif
