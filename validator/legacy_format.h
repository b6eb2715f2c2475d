/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_format: what the formats of legacy_file bring.
 */
#ifndef VALIDATOR_LEGACY_FORMAT_H
#define VALIDATOR_LEGACY_FORMAT_H

#include "validator/legacy_bytes.h"
#include "validator/legacy_file.h"

struct legacy_format {
    /* Reads what stands before the rows. NULL on error. Borrows both. */
    void *(*open)(struct legacy_bytes *bytes, const struct legacy_paths *paths, struct error *err);
    void (*close)(void *state);
    enum legacy_status (*next)(void *state, struct arena *arena, struct legacy_row *row);
    void (*names)(const void *state, void (*take)(void *context, const char *name), void *context);
    bool untyped;
};

extern const struct legacy_format legacy_avro, legacy_json, legacy_csv;

/* The row's time from its cell, by the unit; for formats that know no times. */
void legacy_take_time(const struct legacy_paths *paths, struct legacy_row *row);
/* Puts a reason into the row and returns the status. */
enum legacy_status legacy_refuse(struct legacy_row *row, enum legacy_status status,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
