/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_reader: one reading of a pipeline file, shared by the parts of the pipeline module.
 *
 * The reader walks the table and the YAML tree side by side, fills the structs, notes every problem
 * with its place, and builds what `config show` prints. Handlers named in the table read the parts
 * that are more than a single value.
 */
#ifndef CORE_PIPELINE_READER_H
#define CORE_PIPELINE_READER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "core/pipeline_table.h"
#include "core/yaml.h"

struct pipeline_problem {
    int line, column;
    char *text; /* "KEY: what is wrong" */
    char *hint;
};

struct pipeline_reader {
    const char *file;
    char *folder; /* Of the file, with a slash at the end; "" for the current one. */
    const struct yaml_node *root;
    struct pipeline *pipeline;
    struct pipeline_join *join; /* The one being read, or NULL. */
    bool join_known;            /* Its primary and secondaries are all streams of the file. */
    struct buffer path;         /* Of the key being read, "join.within.clicks". */
    struct pipeline_problem *problems;
    size_t problem_count;
};

/* Reads `node`, or nothing if it is NULL, as the value of `key` into the struct at `base`, and adds
 * to the JSON object `show` what was read. */
typedef void pipeline_handler(struct pipeline_reader *reader, const struct pipeline_key *key,
                              const struct yaml_node *node, void *base, json_t *show);

/* Handlers of pipeline_join.c. */
pipeline_handler pipeline_read_joins;
pipeline_handler pipeline_read_primary;
pipeline_handler pipeline_read_within;
pipeline_handler pipeline_read_join_keys;
pipeline_handler pipeline_read_fields;
pipeline_handler pipeline_read_aggregate;
pipeline_handler pipeline_read_where;

/* Handlers of pipeline_legacy.c. */
pipeline_handler pipeline_read_legacy;
pipeline_handler pipeline_read_moment;
pipeline_handler pipeline_read_pairs;
pipeline_handler pipeline_read_allowances;
pipeline_handler pipeline_read_null_fields;
pipeline_handler pipeline_read_enums;
pipeline_handler pipeline_read_rules;
void pipeline_free_legacy(struct pipeline_legacy *legacy);

/* Every key of a section, in the table's order. `node` NULL: every default. */
void pipeline_read_section(struct pipeline_reader *reader, enum pipeline_section section,
                           const struct yaml_node *node, void *base, json_t *show);

/* The path of the key being read grows and shrinks. */
size_t pipeline_enter(struct pipeline_reader *reader, const char *name);
size_t pipeline_enter_item(struct pipeline_reader *reader, size_t index);
void pipeline_leave(struct pipeline_reader *reader, size_t mark);

/* Notes a problem of the key being read, at a value or at a key. `hint` may be NULL. */
void pipeline_problem(struct pipeline_reader *reader, const struct yaml_node *value,
                      const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void pipeline_problem_key(struct pipeline_reader *reader, const struct yaml_node *key,
                          const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with an error's text and hint. */
void pipeline_problem_error(struct pipeline_reader *reader, const struct yaml_node *value,
                            const struct error *err);
/* The same for a path from the root, "streams.views.topic": its value's place, or that of the
 * nearest key above which the file has. */
void pipeline_problem_at(struct pipeline_reader *reader, const char *path, const char *hint,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Is the node of this kind? If not, that is a problem. */
bool pipeline_expect(struct pipeline_reader *reader, const struct yaml_node *node,
                     enum yaml_kind kind);
/* The text of a single value with its secrets filled in; false after a problem. `origin` is "line 12"
 * or the first secret's reference. */
bool pipeline_take_text(struct pipeline_reader *reader, const struct yaml_node *node, bool secrets,
                        struct buffer *text, struct buffer *origin, bool *secret);

/* What `config show` prints. Both take `value`. */
json_t *pipeline_shown(json_t *value, const char *origin);
json_t *pipeline_shown_line(json_t *value, const struct yaml_node *node);

/* The stream of a name, or NULL after a problem. */
struct pipeline_stream *pipeline_known_stream(struct pipeline_reader *reader,
                                              const struct yaml_node *node, const char *name);
/* A path as the file means it. Returns (caller frees). */
char *pipeline_resolve(const struct pipeline_reader *reader, const char *path);

/* What no single key can tell: pipeline_check.c. */
void pipeline_check(struct pipeline_reader *reader);

#endif
