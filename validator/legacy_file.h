/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_file: one file of the old system's output, row by row: Avro, JSON lines or CSV.
 *
 * The caller asks for fields by path; a row gives a cell for each, or says that the field is absent.
 * What cannot be read is told with its place and never skipped unseen. A row's memory is the arena's.
 */
#ifndef VALIDATOR_LEGACY_FILE_H
#define VALIDATOR_LEGACY_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "validator/cell.h"

enum legacy_status {
    LEGACY_ROW,
    LEGACY_BAD,    /* `rows` rows at this place cannot be read; the next may. */
    LEGACY_BROKEN, /* Nothing behind this place can be read, however much it is. */
    LEGACY_END,
};

enum { LEGACY_REASON_SIZE = 256, LEGACY_LINE_MAX = 16 * 1024 * 1024 };

struct legacy_cell {
    struct cell cell;
    bool present;
};

struct legacy_row {
    int64_t place; /* Line from 1, or row from 1 (Avro). */
    int64_t block; /* Avro: block from 1. */
    int64_t rows;  /* LEGACY_BAD: how many are lost. */
    int64_t time_ms;
    bool has_time;             /* The path paths->time leads to a time. */
    struct legacy_cell *cells; /* One per path, in their order. */
    char reason[LEGACY_REASON_SIZE];
};

struct legacy_paths {
    const char *const *items;
    size_t count;
    size_t time;                  /* Which path is the row's time; SIZE_MAX: none. */
    enum pipeline_time_unit unit; /* Of the time; Avro's logical types know better. */
};

struct legacy_file;

/* NULL on error: the file cannot be opened, or is not of the format. Borrows the paths. */
struct legacy_file *legacy_file_open(const char *path, enum pipeline_legacy_format format,
                                     const struct legacy_paths *paths, struct error *err);
void legacy_file_close(struct legacy_file *file);
enum legacy_status legacy_file_next(struct legacy_file *file, struct arena *arena,
                                    struct legacy_row *row);
/* Values are text whatever they mean, as in CSV. */
bool legacy_file_is_untyped(const struct legacy_file *file);
/* Calls `take` with every name at the top of rows, so far as they are known now. */
void legacy_file_names(const struct legacy_file *file,
                       void (*take)(void *context, const char *name), void *context);

/* The member at "a.b.c", or NULL. Borrowed. */
const json_t *legacy_json_at(const json_t *json, const char *path);

/* AUTO by the name; AUTO again if the name says nothing. */
enum pipeline_legacy_format legacy_format(const char *path);

#endif
