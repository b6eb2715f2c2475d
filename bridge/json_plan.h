/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_plan: what json_avro executes, compiled from a schema: one node a type, with everything that
 * depends on the schema alone looked up beforehand.
 */
#ifndef BRIDGE_JSON_PLAN_H
#define BRIDGE_JSON_PLAN_H

#include "core/schema.h"

/* How JSON text becomes a value. */
enum json_op {
    OP_NULL,
    OP_BOOLEAN,
    OP_INT,
    OP_LONG,
    OP_FLOAT,
    OP_DOUBLE,
    OP_STRING,
    OP_UUID_TEXT,
    OP_BYTES,
    OP_FIXED,
    OP_UUID_FIXED,
    OP_ENUM,
    OP_DATE,
    OP_TIMESTAMP, /* Millis or micros: node->unit_ns. */
    OP_DECIMAL,
    OP_ARRAY,
    OP_MAP,
    OP_RECORD,
    OP_NULLABLE, /* A union of null and one other type. */
    OP_UNION,
};

/* What a JSON value is, told by its first byte. */
enum json_class {
    JSON_CLASS_NULL = 1,
    JSON_CLASS_BOOLEAN = 2,
    JSON_CLASS_NUMBER = 4,
    JSON_CLASS_STRING = 8,
    JSON_CLASS_ARRAY = 16,
    JSON_CLASS_OBJECT = 32,
};

enum { NAME_NONE = UINT32_MAX };

/* A closed hash from name to index. */
struct json_names {
    struct json_name {
        const char *text; /* Borrowed from the schema; NULL: free. */
        size_t size;
        uint32_t index;
    } * slots;
    size_t mask;
};

struct json_node;

struct json_field {
    struct json_node *node;
    const char *name;
    char *quoted; /* "name" with its quotes: what usually comes next in the text. */
    size_t quoted_size;
    const struct schema_field *schema;
    enum { MISSING_FAULT, MISSING_UNKNOWN, MISSING_BUSY, MISSING_READY } missing;
    uint8_t *missing_data; /* MISSING_READY: what a missing field is encoded as. */
    size_t missing_size;
    unsigned missing_depth; /* Records, arrays and maps inside each other in it. */
};

struct json_node {
    enum json_op op;
    const struct schema_type *type;
    uint8_t classes;           /* Of JSON that this can take, in enum json_class. */
    struct json_node *items;   /* ARRAY, MAP; NULLABLE: the other branch. */
    int64_t null_branch;       /* NULLABLE */
    int64_t unit_ns;           /* TIMESTAMP */
    struct json_field *fields; /* RECORD */
    size_t field_count;
    struct json_node **branches; /* UNION */
    size_t branch_count;
    struct json_names names; /* RECORD, ENUM */
    uint32_t unknown_field;  /* RECORD: the map of members that it does not have, or NAME_NONE. */
    /* Members came out of order lately: up to this record, look before encoding. */
    uint64_t disordered_until;
};

struct json_plan {
    struct json_node *nodes; /* Of schema->types, in that order. */
    size_t node_count;
    struct json_node *root;
};

/* Fails if an alias of a record names two fields. */
bool json_plan_init(struct json_plan *plan, const struct schema *schema, struct error *err);
/* Finds the marked fields. Their names mean nothing in the JSON from now on. */
bool json_plan_keep_unknown(struct json_plan *plan, struct error *err);
void json_plan_fini(struct json_plan *plan);

/* The index of a name, or NAME_NONE. */
uint32_t json_names_find(const struct json_names *names, const uint8_t *text, size_t size);

#endif
