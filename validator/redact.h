/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact: what a report shows of values that differ. Reports are mailed; payloads are not for everyone.
 *
 * A value becomes its type and a keyed hash (HMAC-SHA-256, 48 bits): equal values have equal hashes, in every run that
 * works in one folder, and nobody without the folder's key can try values out. null stays null: it says that nothing is
 * there.
 */
#ifndef VALIDATOR_REDACT_H
#define VALIDATOR_REDACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"

enum { REDACT_KEY_SIZE = 32 };

struct redact {
    const struct pipeline_validate *validate; /* Borrowed: what may be shown. */
    uint8_t key[REDACT_KEY_SIZE];
};

/* The key is DIRECTORY/report.key, made if it is not there, readable by its owner alone. */
bool redact_open(struct redact *redact, const struct pipeline_validate *validate,
                 const char *directory, struct error *err);

/* What is shown of the value of a field ("user.name"). Takes the value; returns (caller decrefs). */
json_t *redact_value(const struct redact *redact, const char *field, json_t *value);

#endif
