/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_rows: what the parts of the legacy comparison share.
 *
 * legacy_compare.c takes rows in, legacy_judge.c compares those of one key.
 */
#ifndef VALIDATOR_LEGACY_ROWS_H
#define VALIDATOR_LEGACY_ROWS_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/schema.h"
#include "validator/legacy_compare.h"
#include "validator/legacy_value.h"
#include "validator/sort_key.h"
#include "validator/sorter.h"

enum {
    LEGACY_KEY_SIZE = SORT_KEY_HASH_SIZE + 1 + 8, /* Hash of the row's key, what it is, number. */
    LEGACY_ARENA_BLOCK = 256 * 1024,
    LEGACY_ARENA_KEEP = 4 * 1024 * 1024,
    LEGACY_FIELDS_MAX = 2000,
};

enum legacy_tag { TAG_OLD, TAG_NEW, TAG_LATE, TAG_DEAD };

struct legacy_head { /* Payload of a row: this, the key, then index and cell of each field. */
    int64_t time_ms;
    int64_t offset;    /* New: of the record. Old: line, or row of the file. */
    int32_t partition; /* New. Old: that its key belongs to, or -1. */
    uint32_t file;     /* Old. */
    uint32_t key_size;
    uint32_t field_count;
    uint8_t untyped;
    uint8_t cause; /* Of a row that has no partner: enum cause, and the rule. */
    uint32_t rule;
};

struct legacy_late { /* Payload of TAG_LATE. */
    int64_t time_ms, watermark_ms;
    uint32_t input;
    uint8_t dropped;
};

struct legacy_side { /* One row of a group. */
    struct legacy_head head;
    const uint8_t *key;
    const uint8_t *payload; /* Of the sorter's row, kept in the arena. */
    size_t size;
    struct cell *cells; /* One per field; `present` beside it. */
    bool *present;
    bool taken;
};

struct legacy_schema { /* Of our records, by id. */
    int32_t id;
    const struct schema *schema;
    size_t *fields; /* Of each field of the record: ours. */
    size_t key;     /* Index of the field of the record. */
    size_t time;    /* SIZE_MAX: none. */
};

struct legacy_compare {
    struct legacy_compare_options options;
    const struct pipeline_legacy *legacy;
    struct legacy_field *fields;
    size_t field_count;
    struct legacy_schema *schemas;
    size_t schema_count;
    struct codec_value *values;
    struct legacy_paths paths;
    const char **path_items; /* The key, the time if there is one, the fields. */
    char **files;
    size_t file_count;
    json_t *old_names;
    struct sorter *rows, *forms;
    struct arena arena;
    struct buffer scratch, key;
    int64_t *rule_counts;
    int64_t sequence, unattributed, unreadable_told;
    uint64_t seed;
    bool key_is_join_key;
};

/* The field of this name of ours, made if it is new. */
size_t legacy_compare_field(struct legacy_compare *compare, const char *name);
/* Our name of a path of the old rows. */
const char *legacy_our_name(const struct pipeline_legacy *legacy, const char *theirs);
/* The bytes under which rows meet; false if the cell is no text and no whole number. */
bool legacy_key_text(const struct cell *cell, struct buffer *key);
/* Adds a row with its payload. */
bool legacy_add(struct legacy_compare *compare, struct sorter *sorter, const void *key,
                size_t key_size, enum legacy_tag tag, const void *payload, size_t size,
                struct error *err);
/* What was compared, borne and not: for the report. */
void legacy_notes(struct legacy_compare *compare);

#endif
