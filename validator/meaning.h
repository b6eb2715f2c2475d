/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meaning: what a kind of difference says to the one who has to act, and what to do next.
 */
#ifndef VALIDATOR_MEANING_H
#define VALIDATOR_MEANING_H

#include "validator/result.h"

struct meaning {
    const char *text;
    const char *advice;
};

struct meaning meaning_of(enum comparison comparison, enum difference_kind kind, enum cause cause);

#endif
