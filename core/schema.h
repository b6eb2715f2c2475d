/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: an Avro schema as a tree that codecs walk.
 *
 * Avro C checks the schema's text; the tree is ours, because Avro C's own has no logical types
 * and no defaults. Immutable after schema_parse, so it may be shared between threads.
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum schema_kind {
    SCHEMA_NULL,
    SCHEMA_BOOLEAN,
    SCHEMA_INT,
    SCHEMA_LONG,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_STRING,
    SCHEMA_RECORD,
    SCHEMA_ENUM,
    SCHEMA_ARRAY,
    SCHEMA_MAP,
    SCHEMA_UNION,
    SCHEMA_FIXED,
};

enum schema_logical {
    LOGICAL_NONE,
    LOGICAL_DATE,
    LOGICAL_TIME_MILLIS,
    LOGICAL_TIME_MICROS,
    LOGICAL_TIMESTAMP_MILLIS,
    LOGICAL_TIMESTAMP_MICROS,
    LOGICAL_DECIMAL,
    LOGICAL_UUID,
};

struct schema_field {
    char *name;
    char **aliases;
    size_t alias_count;
    const struct schema_type *type;
    json_t *default_value; /* NULL: none. Borrowed from the schema. */
    bool takes_unknown;    /* Marked "dualrun": "unknown". */
};

struct schema_type {
    enum schema_kind kind;
    enum schema_logical logical;
    int32_t precision, scale;    /* LOGICAL_DECIMAL */
    char *name;                  /* RECORD, ENUM, FIXED: the full name. Else NULL. */
    struct schema_field *fields; /* RECORD */
    size_t field_count;
    char **symbols; /* ENUM */
    size_t symbol_count;
    const struct schema_type *items;     /* ARRAY: of the items; MAP: of the values. */
    const struct schema_type **branches; /* UNION */
    size_t branch_count;
    size_t fixed_size; /* FIXED, bytes */
};

struct schema {
    const struct schema_type *root;
    char *text; /* As given. */
    /* The owner of every node follows; see schema.c. */
    struct schema_type **types;
    size_t type_count;
    json_t *json;
};

/* The text of a .avsc file. `name` (a file or subject) is for messages. NULL on error. */
struct schema *schema_parse(const char *text, const char *name, struct error *err);
struct schema *schema_load(const char *file, struct error *err);
void schema_free(struct schema *schema);

const char *schema_kind_name(enum schema_kind kind);
/* The field of a record type, or NULL. Names only, not aliases. */
const struct schema_field *schema_field(const struct schema_type *record, const char *name);

/*
 * A path such as "user.id" through records, and through unions of null and one other type.
 * Resolved once, followed for each record by codec_find.
 */
enum { SCHEMA_PATH_DEPTH = 16 };
struct schema_path {
    size_t depth;
    uint32_t fields[SCHEMA_PATH_DEPTH]; /* Index of the field at each record on the way. */
    const struct schema *schema;
    const struct schema_type *type; /* What is found there; a nullable union's other branch. */
    bool nullable;                  /* Some step may be null. */
};
/* Fails with the names there are at the step that does not exist. */
bool schema_path_resolve(struct schema_path *path, const struct schema *schema, const char *text,
                         struct error *err);

#endif
