/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_table: core/pipeline.def as data, for the parts of the pipeline module only.
 */
#ifndef CORE_PIPELINE_TABLE_H
#define CORE_PIPELINE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pipeline_type {
#define TYPE(id, words, schema) TYPE_##id,
#include "core/pipeline.def"
    TYPE_COUNT
};

enum pipeline_section {
    SECTION_NONE,
#define SECTION(id, ...) SECTION_##id,
#include "core/pipeline.def"
    SECTION_COUNT
};

/* Lists of words. Their order here is of no meaning. */
enum pipeline_list {
    LIST_NONE,
    LIST_CREDENTIAL,
    LIST_COMPRESSION,
    LIST_LOG_LEVEL,
    LIST_DECODE,
    LIST_UNKNOWN,
    LIST_SHOW_VALUES,
    LIST_EVENT_TIME,
    LIST_TIME_UNIT,
    LIST_LEGACY_FORMAT,
    LIST_RULE_KIND,
    LIST_JOIN_KIND,
    LIST_IDLE_EVIDENCE,
    LIST_WHEN_IDLE,
    LIST_EMIT,
    LIST_GUARANTEE,
    LIST_ATTRIBUTION,
};

enum pipeline_shape {
    SHAPE_VALUE,       /* A single value. */
    SHAPE_VALUES,      /* A mapping of field paths, each to a value or a list of values. */
    SHAPE_MAPPING,     /* One inner section. */
    SHAPE_NAMED,       /* A mapping of names to inner sections. */
    SHAPE_ONE_OR_MANY, /* An inner section, or a list of them. */
    SHAPE_LIST,        /* A list of inner sections, or of values. */
    SHAPE_MAP,         /* A mapping of names to values. */
};

enum { FLAG_REQUIRED = 1, FLAG_DEFAULTED = 2, FLAG_SECRET = 4, FLAG_RELOAD = 8 };
enum pipeline_status { STATUS_LIVE, STATUS_SOON };

struct pipeline_word {
    enum pipeline_list list;
    const char *word;
    int value;
    enum pipeline_status status;
    const char *help;
};

struct pipeline_section_row {
    const char *id; /* As in the table, "PUBSUB". */
    enum pipeline_type short_type;
    int short_list; /* The list of words, if short_type is ENUM. */
    const char *help;
};

struct pipeline_key {
    const char *name;
    const char *help;
    const char *default_text;
    int64_t least, most;
    size_t offset; /* Into the section's struct. */
    size_t size;   /* 0: not stored by the table. */
    enum pipeline_section section;
    enum pipeline_shape shape;
    enum pipeline_type type;
    enum pipeline_section inner;
    int detail;
    unsigned flags;
    enum pipeline_status status;
};

extern const struct pipeline_key pipeline_keys[];
extern const size_t pipeline_key_count;
extern const struct pipeline_word pipeline_words[];
extern const size_t pipeline_word_count;

const struct pipeline_section_row *pipeline_section(enum pipeline_section section);
/* The key of a section, or NULL. */
const struct pipeline_key *pipeline_key(enum pipeline_section section, const char *name);
/* The word of a list, or NULL. */
const struct pipeline_word *pipeline_word(int list, const char *word);
/* The first word of a list: what an absent short form means. */
const struct pipeline_word *pipeline_first_word(int list);

const char *pipeline_type_words(enum pipeline_type type);
const char *pipeline_type_schema(enum pipeline_type type); /* JSON text. */

/* The names of a section's keys that have an effect; writes at most `room`. */
size_t pipeline_key_names(enum pipeline_section section, const char **names, size_t room);
size_t pipeline_list_words(int list, const char **words, size_t room);

#endif
