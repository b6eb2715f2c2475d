/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_compare: rows of the old system against those of a join's output, by key, with multiplicity.
 *
 * Give all our rows first (they say which fields there are), then the old ones, late records and dead
 * letters, then finish. Rows go through the external sorter, so memory is that of the settings
 * whatever their number; only the rows of one key are held at once.
 */
#ifndef VALIDATOR_LEGACY_COMPARE_H
#define VALIDATOR_LEGACY_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/legacy_file.h"
#include "validator/record.h"
#include "validator/result.h"

struct legacy_compare;

struct legacy_compare_options {
    const struct pipeline_join *join;
    const struct pipeline_validate *validate;
    struct registry *registry;
    const char *work_directory;
    /* Per partition of the output: rows from this time on are not final. Not needed without a time. */
    const int64_t *final_before_ms;
    size_t partition_count;
    struct result *result;
};

struct legacy_compare *legacy_compare_new(const struct legacy_compare_options *options);
void legacy_compare_free(struct legacy_compare *compare);

/* A record of the output topic. Fails if its schema lacks the key or the time. */
bool legacy_compare_new_row(struct legacy_compare *compare, const struct record *record,
                            struct error *err);
/* The fields to ask of the old files, in the order that legacy_compare_old_row wants. */
const struct legacy_paths *legacy_compare_paths(struct legacy_compare *compare);
bool legacy_compare_old_row(struct legacy_compare *compare, size_t file, bool untyped,
                            struct legacy_row *row, struct error *err);
/* The name under which a file's rows are told. Returns the number for legacy_compare_old_row. */
size_t legacy_compare_file(struct legacy_compare *compare, const char *name);
/* A name at the top of old rows. `compare` is a struct legacy_compare. */
void legacy_compare_old_name(void *compare, const char *name);
/* Rows that cannot be read, with their place and why. */
void legacy_compare_unreadable(struct legacy_compare *compare, size_t file,
                               const struct legacy_row *row);

bool legacy_compare_late(struct legacy_compare *compare, const struct record *record,
                         struct error *err);
bool legacy_compare_dead(struct legacy_compare *compare, const struct record *record,
                         struct error *err);

bool legacy_compare_finish(struct legacy_compare *compare, struct error *err);

#endif
