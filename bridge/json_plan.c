/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/json_plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/codec.h"

/* Names are a few and short: both ends and the length tell most of them apart. */
static size_t name_hash(const void *text, size_t size)
{
    const uint8_t *bytes = text;
    uint64_t first = 0, last = 0;

    if (size >= 8) {
        memcpy(&first, bytes, 8);
        memcpy(&last, bytes + size - 8, 8);
    } else if (size >= 4) {
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + size - 4, 4);
    } else if (size > 0) {
        first = bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    first = (first ^ (last << 23 | last >> 41) ^ size) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(first >> 32);
}

static void names_init(struct json_names *names, size_t count)
{
    size_t capacity = 4;

    while (capacity < 2 * count)
        capacity *= 2;
    names->slots = memory_array(capacity, sizeof *names->slots);
    names->mask = capacity - 1;
}

/* Returns the index that the name has already, or `index` if it is new. */
static uint32_t names_add(struct json_names *names, const char *text, uint32_t index)
{
    size_t size = strlen(text);
    size_t at = name_hash(text, size) & names->mask;

    for (; names->slots[at].text != NULL; at = (at + 1) & names->mask)
        if (names->slots[at].size == size && memcmp(names->slots[at].text, text, size) == 0)
            return names->slots[at].index;
    names->slots[at] = (struct json_name){.text = text, .size = size, .index = index};
    return index;
}

uint32_t json_names_find(const struct json_names *names, const uint8_t *text, size_t size)
{
    size_t at = name_hash(text, size) & names->mask;

    for (; names->slots[at].text != NULL; at = (at + 1) & names->mask)
        if (names->slots[at].size == size && memcmp(names->slots[at].text, text, size) == 0)
            return names->slots[at].index;
    return NAME_NONE;
}

static struct json_node *node_of(struct json_plan *plan, const struct schema *schema,
                                 const struct schema_type *type)
{
    for (size_t i = 0; i < schema->type_count; i++)
        if (schema->types[i] == type)
            return &plan->nodes[i];
    abort(); /* A schema owns all its types. */
}

static enum json_op op_of(const struct schema_type *type)
{
    switch (type->kind) {
    case SCHEMA_NULL:
        return OP_NULL;
    case SCHEMA_BOOLEAN:
        return OP_BOOLEAN;
    case SCHEMA_INT:
        return type->logical == LOGICAL_DATE ? OP_DATE : OP_INT;
    case SCHEMA_LONG:
        return type->logical == LOGICAL_TIMESTAMP_MILLIS
                       || type->logical == LOGICAL_TIMESTAMP_MICROS
                   ? OP_TIMESTAMP
                   : OP_LONG;
    case SCHEMA_FLOAT:
        return OP_FLOAT;
    case SCHEMA_DOUBLE:
        return OP_DOUBLE;
    case SCHEMA_STRING:
        return type->logical == LOGICAL_UUID ? OP_UUID_TEXT : OP_STRING;
    case SCHEMA_BYTES:
        return type->logical == LOGICAL_DECIMAL ? OP_DECIMAL : OP_BYTES;
    case SCHEMA_FIXED:
        return type->logical == LOGICAL_DECIMAL ? OP_DECIMAL
               : type->logical == LOGICAL_UUID  ? OP_UUID_FIXED
                                                : OP_FIXED;
    case SCHEMA_ENUM:
        return OP_ENUM;
    case SCHEMA_ARRAY:
        return OP_ARRAY;
    case SCHEMA_MAP:
        return OP_MAP;
    case SCHEMA_RECORD:
        return OP_RECORD;
    case SCHEMA_UNION:
        break;
    }
    return OP_UNION;
}

static uint8_t classes_of(enum json_op op)
{
    switch (op) {
    case OP_NULL:
        return JSON_CLASS_NULL;
    case OP_BOOLEAN:
        return JSON_CLASS_BOOLEAN;
    case OP_INT:
    case OP_LONG:
    case OP_FLOAT:
    case OP_DOUBLE:
        return JSON_CLASS_NUMBER;
    case OP_DATE:
    case OP_TIMESTAMP:
    case OP_DECIMAL:
        return JSON_CLASS_NUMBER | JSON_CLASS_STRING;
    case OP_ARRAY:
        return JSON_CLASS_ARRAY;
    case OP_MAP:
    case OP_RECORD:
        return JSON_CLASS_OBJECT;
    default:
        return JSON_CLASS_STRING;
    }
}

/* A field that may be missing because its type takes null; encoded as that branch's index. */
static void set_missing(struct json_field *field)
{
    const struct schema_type *type = field->schema->type;
    struct buffer data = {0};

    field->missing = field->schema->default_value != NULL ? MISSING_UNKNOWN : MISSING_FAULT;
    if (field->missing != MISSING_FAULT)
        return;
    if (type->kind == SCHEMA_NULL)
        field->missing = MISSING_READY;
    for (size_t i = 0; type->kind == SCHEMA_UNION && i < type->branch_count; i++) {
        if (type->branches[i]->kind != SCHEMA_NULL)
            continue;
        codec_put_long(&data, (int64_t)i);
        field->missing = MISSING_READY;
    }
    field->missing_data = data.data;
    field->missing_size = data.size;
}

/* Of all fields but the one for unknown members. */
static bool compile_names(struct json_node *node, struct error *err)
{
    const struct schema_type *type = node->type;
    size_t count = type->field_count;

    for (size_t i = 0; i < type->field_count; i++)
        count += type->fields[i].alias_count;
    names_init(&node->names, count);
    for (size_t i = 0; i < type->field_count; i++)
        if (i != node->unknown_field)
            names_add(&node->names, type->fields[i].name, (uint32_t)i);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[i];

        if (i == node->unknown_field)
            continue;
        for (size_t a = 0; a < field->alias_count; a++) {
            uint32_t owner = names_add(&node->names, field->aliases[a], (uint32_t)i);

            if (owner != i)
                return error_set(err, EXIT_CODE_CONFIG,
                                 "record %s: %s is an alias of field %s and a name of field %s",
                                 type->name, field->aliases[a], field->name,
                                 type->fields[owner].name);
        }
    }
    return true;
}

static bool compile_record(struct json_plan *plan, const struct schema *schema,
                           struct json_node *node, struct error *err)
{
    const struct schema_type *type = node->type;

    node->field_count = type->field_count;
    node->fields = memory_array(type->field_count, sizeof *node->fields);
    for (size_t i = 0; i < type->field_count; i++) {
        struct json_field *field = &node->fields[i];

        field->schema = &type->fields[i];
        field->name = field->schema->name;
        field->node = node_of(plan, schema, field->schema->type);
        field->quoted = memory_textf("\"%s\"", field->name);
        field->quoted_size = strlen(field->quoted);
        set_missing(field);
    }
    return compile_names(node, err);
}

static void compile_union(struct json_plan *plan, const struct schema *schema,
                          struct json_node *node)
{
    const struct schema_type *type = node->type;

    node->branch_count = type->branch_count;
    node->branches = memory_array(type->branch_count, sizeof(struct json_node *));
    for (size_t i = 0; i < type->branch_count; i++) {
        node->branches[i] = node_of(plan, schema, type->branches[i]);
        node->classes |= classes_of(op_of(type->branches[i]));
    }
    for (int64_t i = 0; type->branch_count == 2 && i < 2; i++)
        if (type->branches[i]->kind == SCHEMA_NULL) {
            node->op = OP_NULLABLE;
            node->null_branch = i;
            node->items = node->branches[1 - i];
        }
}

static bool compile_node(struct json_plan *plan, const struct schema *schema,
                         struct json_node *node, struct error *err)
{
    const struct schema_type *type = node->type;

    node->op = op_of(type);
    switch (node->op) {
    case OP_UNION:
        compile_union(plan, schema, node);
        return true;
    case OP_RECORD:
        node->classes = classes_of(node->op);
        return compile_record(plan, schema, node, err);
    case OP_ARRAY:
    case OP_MAP:
        node->items = node_of(plan, schema, type->items);
        break;
    case OP_ENUM:
        names_init(&node->names, type->symbol_count);
        for (size_t i = 0; i < type->symbol_count; i++)
            names_add(&node->names, type->symbols[i], (uint32_t)i);
        break;
    case OP_TIMESTAMP:
        node->unit_ns = type->logical == LOGICAL_TIMESTAMP_MILLIS ? 1000000 : 1000;
        break;
    default:
        break;
    }
    node->classes = classes_of(node->op);
    return true;
}

bool json_plan_init(struct json_plan *plan, const struct schema *schema, struct error *err)
{
    *plan = (struct json_plan){.node_count = schema->type_count};
    plan->nodes = memory_array(schema->type_count, sizeof *plan->nodes);
    for (size_t i = 0; i < schema->type_count; i++) {
        plan->nodes[i].type = schema->types[i];
        plan->nodes[i].unknown_field = NAME_NONE;
        if (!compile_node(plan, schema, &plan->nodes[i], err))
            return false;
    }
    plan->root = node_of(plan, schema, schema->root);
    return true;
}

static bool find_unknown_field(struct json_node *node, struct error *err)
{
    const struct schema_type *type = node->type;

    for (size_t i = 0; i < node->field_count; i++) {
        const struct schema_field *field = &type->fields[i];

        if (!field->takes_unknown)
            continue;
        if (field->type->kind != SCHEMA_MAP || field->type->items->kind != SCHEMA_STRING
            || field->type->items->logical != LOGICAL_NONE)
            return error_set(err, EXIT_CODE_CONFIG,
                             "record %s: field %s takes unknown members and is no map of string",
                             type->name, field->name);
        if (node->unknown_field != NAME_NONE)
            return error_set(err, EXIT_CODE_CONFIG,
                             "record %s: both %s and %s take unknown members", type->name,
                             type->fields[node->unknown_field].name, field->name);
        node->unknown_field = (uint32_t)i;
    }
    return true;
}

/* Without unknown members it is empty, whatever its default: a default was not published. */
static void set_unknown_field(struct json_field *field)
{
    struct buffer empty = {0};

    codec_put_long(&empty, 0);
    free(field->missing_data);
    field->missing = MISSING_READY;
    field->missing_data = empty.data;
    field->missing_size = empty.size;
    field->missing_depth = 1;
    field->quoted_size = SIZE_MAX; /* Never what comes next. */
}

bool json_plan_keep_unknown(struct json_plan *plan, struct error *err)
{
    bool found = false;

    for (size_t i = 0; i < plan->node_count; i++) {
        struct json_node *node = &plan->nodes[i];

        if (!find_unknown_field(node, err))
            return false;
        if (node->unknown_field == NAME_NONE)
            continue;
        found = true;
        set_unknown_field(&node->fields[node->unknown_field]);
        free(node->names.slots);
        if (!compile_names(node, err))
            return false;
    }
    if (found)
        return true;
    error_set(err, EXIT_CODE_CONFIG, "no record has a field for unknown members");
    return error_hint(err, "add a field such as {\"name\": \"unknown\", \"type\": {\"type\": "
                           "\"map\", \"values\": \"string\"}, \"default\": {}, \"dualrun\": "
                           "\"unknown\"}");
}

void json_plan_fini(struct json_plan *plan)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        struct json_node *node = &plan->nodes[i];

        for (size_t f = 0; node->fields != NULL && f < node->field_count; f++) {
            free(node->fields[f].quoted);
            free(node->fields[f].missing_data);
        }
        free(node->fields);
        free((void *)node->branches);
        free(node->names.slots);
    }
    free(plan->nodes);
}
