/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/label_schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

bool label_type_of(enum pipeline_aggregate aggregate, const struct schema_type *type,
                   struct label_type *result)
{
    *result = (struct label_type){.kind = type->kind,
                                  .logical = type->logical,
                                  .precision = type->precision,
                                  .scale = type->scale};
    switch (type->kind) {
    case SCHEMA_INT:
    case SCHEMA_LONG:
        if (aggregate == AGGREGATE_SUM)
            *result = (struct label_type){.kind = SCHEMA_LONG};
        return true;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        if (aggregate == AGGREGATE_SUM)
            result->kind = SCHEMA_DOUBLE;
        return true;
    case SCHEMA_ENUM:
        *result = (struct label_type){.kind = SCHEMA_STRING};
        return aggregate != AGGREGATE_SUM;
    case SCHEMA_FIXED:
        result->kind = type->logical == LOGICAL_UUID ? SCHEMA_STRING : SCHEMA_BYTES;
        return aggregate != AGGREGATE_SUM;
    case SCHEMA_BOOLEAN:
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
        return aggregate != AGGREGATE_SUM;
    default:
        return false;
    }
}

static const char *logical_name(enum schema_logical logical)
{
    switch (logical) {
    case LOGICAL_DATE:
        return "date";
    case LOGICAL_TIME_MILLIS:
        return "time-millis";
    case LOGICAL_TIME_MICROS:
        return "time-micros";
    case LOGICAL_TIMESTAMP_MILLIS:
        return "timestamp-millis";
    case LOGICAL_TIMESTAMP_MICROS:
        return "timestamp-micros";
    case LOGICAL_DECIMAL:
        return "decimal";
    case LOGICAL_UUID:
        return "uuid";
    case LOGICAL_NONE:
        break;
    }
    return NULL;
}

static json_t *with_logical(json_t *json, enum schema_logical logical, int32_t precision,
                            int32_t scale)
{
    const char *name = logical_name(logical);

    if (name == NULL)
        return json;
    if (!json_is_object(json)) {
        json_t *object = json_object();
        json_object_set_new(object, "type", json);
        json = object;
    }
    json_object_set_new(json, "logicalType", json_string(name));
    if (logical == LOGICAL_DECIMAL) {
        json_object_set_new(json, "precision", json_integer(precision));
        json_object_set_new(json, "scale", json_integer(scale));
    }
    return json;
}

/* A named type is written out where it comes first and by its name after that. */
static json_t *type_json(const struct schema_type *type, json_t *defined);

static json_t *fields_json(const struct schema_type *record, json_t *defined)
{
    json_t *fields = json_array();

    for (size_t i = 0; i < record->field_count; i++) {
        const struct schema_field *field = &record->fields[i];
        json_t *json = json_object();

        json_object_set_new(json, "name", json_string(field->name));
        json_object_set_new(json, "type", type_json(field->type, defined));
        if (field->default_value != NULL)
            json_object_set(json, "default", field->default_value);
        json_array_append_new(fields, json);
    }
    return fields;
}

static json_t *named_json(const struct schema_type *type, json_t *defined)
{
    if (json_object_get(defined, type->name) != NULL)
        return json_string(type->name);

    json_t *json = json_object();

    json_object_set_new(defined, type->name, json_true());
    json_object_set_new(json, "type", json_string(schema_kind_name(type->kind)));
    json_object_set_new(json, "name", json_string(type->name));
    if (type->kind == SCHEMA_RECORD)
        json_object_set_new(json, "fields", fields_json(type, defined));
    if (type->kind == SCHEMA_FIXED)
        json_object_set_new(json, "size", json_integer((json_int_t)type->fixed_size));
    if (type->kind == SCHEMA_ENUM) {
        json_t *symbols = json_array();
        for (size_t i = 0; i < type->symbol_count; i++)
            json_array_append_new(symbols, json_string(type->symbols[i]));
        json_object_set_new(json, "symbols", symbols);
    }
    return with_logical(json, type->logical, type->precision, type->scale);
}

static json_t *type_json(const struct schema_type *type, json_t *defined)
{
    json_t *json;

    switch (type->kind) {
    case SCHEMA_RECORD:
    case SCHEMA_ENUM:
    case SCHEMA_FIXED:
        return named_json(type, defined);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        json = json_object();
        json_object_set_new(json, "type", json_string(schema_kind_name(type->kind)));
        json_object_set_new(json, type->kind == SCHEMA_ARRAY ? "items" : "values",
                            type_json(type->items, defined));
        return json;
    case SCHEMA_UNION:
        json = json_array();
        for (size_t i = 0; i < type->branch_count; i++)
            json_array_append_new(json, type_json(type->branches[i], defined));
        return json;
    default:
        json = json_string(schema_kind_name(type->kind));
        return with_logical(json, type->logical, type->precision, type->scale);
    }
}

static json_t *nullable(json_t *json)
{
    json_t *list = json_array();

    json_array_append_new(list, json_string("null"));
    json_array_append_new(list, json);
    return list;
}

static json_t *aggregate_json(enum pipeline_aggregate aggregate, const struct label_type *type)
{
    json_t *json;

    if (aggregate == AGGREGATE_ANY)
        return json_string("boolean");
    if (aggregate == AGGREGATE_COUNT)
        return json_string("long");
    json = with_logical(json_string(schema_kind_name(type->kind)), type->logical, type->precision,
                        type->scale);
    if (aggregate != AGGREGATE_LIST)
        return nullable(json);

    json_t *list = json_object();

    json_object_set_new(list, "type", json_string("array"));
    json_object_set_new(list, "items", json);
    return list;
}

static void add_field(json_t *fields, const char *name, json_t *type)
{
    json_t *field = json_object();

    json_object_set_new(field, "name", json_string(name));
    json_object_set_new(field, "type", type);
    json_array_append_new(fields, field);
}

/* The join's name as an Avro name: letters, digits and underscores, no digit first. */
static char *record_name(const char *join)
{
    char *name = memory_textf("%s%s", join[0] >= '0' && join[0] <= '9' ? "_" : "", join);

    for (char *at = name; *at != '\0'; at++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *at) == NULL)
            *at = '_';
    return name;
}

char *label_schema_text(const struct pipeline_join *join, const struct schema *primary,
                        const struct label_type *types, const struct schema_path *paths)
{
    json_t *record = json_object(), *fields = json_array(), *defined = json_object();
    char *name = record_name(join->name);

    assert(primary->root->kind == SCHEMA_RECORD);
    for (size_t i = 0; i < join->field_count; i++) {
        const struct pipeline_output_field *field = &join->fields[i];

        if (field->aggregate == AGGREGATE_ALL) {
            json_t *all = fields_json(primary->root, defined);
            json_array_extend(fields, all);
            json_decref(all);
        } else if (field->aggregate == AGGREGATE_FIELD) {
            json_t *type = type_json(paths[i].type, defined);
            add_field(fields, field->name, paths[i].nullable ? nullable(type) : type);
        } else {
            add_field(fields, field->name, aggregate_json(field->aggregate, &types[i]));
        }
    }
    json_object_set_new(record, "type", json_string("record"));
    json_object_set_new(record, "name", json_string(name));
    json_object_set_new(record, "namespace", json_string("dualrun"));
    json_object_set_new(record, "fields", fields);
    char *dumped = json_dumps(record, JSON_COMPACT);
    char *text = memory_text(dumped);
    free(dumped);
    free(name);
    json_decref(record);
    json_decref(defined);
    return text;
}
