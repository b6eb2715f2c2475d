/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: one Kafka record, wherever it was read from. Everything is borrowed for one call.
 */
#ifndef VALIDATOR_RECORD_H
#define VALIDATOR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"

struct record_header {
    const char *name;
    const void *value;
    size_t size;
};

struct record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const void *key; /* NULL: none. */
    size_t key_size;
    const void *value;
    size_t value_size;
    const struct record_header *headers;
    size_t header_count;
};

typedef bool record_take(void *context, const struct record *record, struct error *err);

/* The last header of that name, or NULL. */
static inline const struct record_header *record_find(const struct record *record, const char *name)
{
    for (size_t i = record->header_count; i-- > 0;)
        if (strcmp(record->headers[i].name, name) == 0)
            return &record->headers[i];
    return NULL;
}

#endif
