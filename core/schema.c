/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: text -> Jansson -> Avro C's verdict -> our tree.
 *
 * The tree is built from the same JSON that Avro C has accepted, so build_* only guard what Avro C
 * leaves open: sizes, depth, defaults and aliases. Types are owned by schema->types in the order of
 * their making; everything else borrows, which is what lets a named type refer to itself. One file above
 * 600 lines, because the builders call each other.
 */
#include "core/schema.h"

#include <assert.h>
#include <avro.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

enum {
    DEPTH_MAX = 64,
    TYPES_MAX = 8192,
    FIELDS_MAX = 4096, /* Of a record; also symbols of an enum and branches of a union. */
    NAME_SIZE = 1024,
    PRECISION_MAX = 1024,
    TEXT_SIZE_MAX = 4 << 20,
    LISTED_MAX = 40, /* Names that a message tells. */
};

struct builder {
    struct schema *schema;
    size_t capacity;
    unsigned depth;
    struct error *err;
};

static const char *const kind_names[] = {
    [SCHEMA_NULL] = "null",   [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT] = "int",
    [SCHEMA_LONG] = "long",   [SCHEMA_FLOAT] = "float",     [SCHEMA_DOUBLE] = "double",
    [SCHEMA_BYTES] = "bytes", [SCHEMA_STRING] = "string",   [SCHEMA_RECORD] = "record",
    [SCHEMA_ENUM] = "enum",   [SCHEMA_ARRAY] = "array",     [SCHEMA_MAP] = "map",
    [SCHEMA_UNION] = "union", [SCHEMA_FIXED] = "fixed",
};

const char *schema_kind_name(enum schema_kind kind)
{
    assert((size_t)kind < sizeof kind_names / sizeof *kind_names);
    return kind_names[kind];
}

static bool refuse(struct builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(struct builder *builder, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(builder->err, EXIT_CODE_CONFIG, "%s", text);
}

/* SCHEMA_RECORD and up are never found by name alone; -1 if `name` is no kind. */
static int kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++)
        if (strcmp(kind_names[i], name) == 0)
            return (int)i;
    return strcmp(name, "error") == 0 ? (int)SCHEMA_RECORD : -1;
}

static struct schema_type *add_type(struct builder *builder, enum schema_kind kind)
{
    struct schema *schema = builder->schema;

    if (schema->type_count == TYPES_MAX) {
        refuse(builder, "more than %d types", TYPES_MAX);
        return NULL;
    }
    if (schema->type_count == builder->capacity) {
        builder->capacity = builder->capacity == 0 ? 16 : 2 * builder->capacity;
        schema->types =
            memory_resize(schema->types, builder->capacity * sizeof(struct schema_type *));
    }
    struct schema_type *type = memory_new(sizeof *type);

    type->kind = kind;
    schema->types[schema->type_count++] = type;
    return type;
}

/* The full name: `name` itself if it has a dot, else in the name space. */
static void full_name(const char *name, const char *space, char out[static NAME_SIZE])
{
    if (strchr(name, '.') != NULL || space == NULL || space[0] == '\0')
        snprintf(out, NAME_SIZE, "%s", name);
    else
        snprintf(out, NAME_SIZE, "%s.%s", space, name);
}

static const struct schema_type *find_named(const struct builder *builder, const char *name,
                                            const char *space)
{
    const struct schema *schema = builder->schema;
    char whole[NAME_SIZE];

    full_name(name, space, whole);
    for (size_t i = 0; i < schema->type_count; i++)
        if (schema->types[i]->name != NULL && strcmp(schema->types[i]->name, whole) == 0)
            return schema->types[i];
    return NULL;
}

static const struct schema_type *build(struct builder *builder, const json_t *json,
                                       const char *space);

static int32_t small_integer(const json_t *json, const char *key, int32_t fallback)
{
    const json_t *value = json_object_get(json, key);

    if (value == NULL)
        return fallback;
    if (!json_is_integer(value) || json_integer_value(value) < 0
        || json_integer_value(value) > INT32_MAX)
        return -1;
    return (int32_t)json_integer_value(value);
}

/* Digits that two's complement of this many bytes can always hold. */
static int32_t digits_of(size_t size)
{
    return size > PRECISION_MAX ? PRECISION_MAX : (int32_t)(((double)size * 8.0 - 1.0) * 0.30103);
}

static bool set_decimal(struct builder *builder, struct schema_type *type, const json_t *json)
{
    int32_t precision = small_integer(json, "precision", -1);
    int32_t scale = small_integer(json, "scale", 0);

    if (type->kind != SCHEMA_BYTES && type->kind != SCHEMA_FIXED)
        return true;
    if (precision < 1 || scale < 0 || scale > precision)
        return true;
    if (type->kind == SCHEMA_FIXED && precision > digits_of(type->fixed_size))
        return true;
    if (precision > PRECISION_MAX)
        return refuse(builder, "decimal of precision %" PRId32 ": the limit is %d", precision,
                      PRECISION_MAX);
    type->logical = LOGICAL_DECIMAL;
    type->precision = precision;
    type->scale = scale;
    return true;
}

/* A logical type that is unknown or does not go with its kind is ignored, as Avro's specification asks. */
static bool set_logical(struct builder *builder, struct schema_type *type, const json_t *json)
{
    static const struct {
        const char *name;
        enum schema_logical logical;
        enum schema_kind kind;
    } known[] = {
        {"date", LOGICAL_DATE, SCHEMA_INT},
        {"time-millis", LOGICAL_TIME_MILLIS, SCHEMA_INT},
        {"time-micros", LOGICAL_TIME_MICROS, SCHEMA_LONG},
        {"timestamp-millis", LOGICAL_TIMESTAMP_MILLIS, SCHEMA_LONG},
        {"timestamp-micros", LOGICAL_TIMESTAMP_MICROS, SCHEMA_LONG},
        {"uuid", LOGICAL_UUID, SCHEMA_STRING},
    };
    const char *name = json_string_value(json_object_get(json, "logicalType"));

    if (name == NULL)
        return true;
    if (strcmp(name, "decimal") == 0)
        return set_decimal(builder, type, json);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0 && known[i].kind == type->kind)
            type->logical = known[i].logical;
    if (strcmp(name, "uuid") == 0 && type->kind == SCHEMA_FIXED && type->fixed_size == 16)
        type->logical = LOGICAL_UUID;
    return true;
}

/* Copies an array of names. A missing one is empty. */
static bool copy_names(struct builder *builder, const json_t *json, const char *what, char ***names,
                       size_t *count)
{
    *names = NULL;
    *count = 0;
    if (json == NULL)
        return true;
    if (!json_is_array(json))
        return refuse(builder, "%s: expected a list of names", what);
    if (json_array_size(json) > FIELDS_MAX)
        return refuse(builder, "%s: more than %d", what, FIELDS_MAX);
    *names = memory_array(json_array_size(json), sizeof **names);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *name = json_string_value(json_array_get(json, i));

        if (name == NULL)
            return refuse(builder, "%s: expected a list of names", what);
        (*names)[(*count)++] = memory_text(name);
    }
    return true;
}

static bool default_fits(const struct schema_type *type, json_t *json, unsigned depth);

static bool default_fits_record(const struct schema_type *type, json_t *json, unsigned depth)
{
    if (!json_is_object(json))
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[i];
        json_t *value = json_object_get(json, field->name);

        if (value == NULL ? field->default_value == NULL
                          : !default_fits(field->type, value, depth + 1))
            return false;
    }
    return true;
}

static bool default_fits_items(const struct schema_type *type, json_t *json, unsigned depth)
{
    json_t *value;
    const char *key;
    size_t index;

    if (type->kind == SCHEMA_ARRAY) {
        json_array_foreach(json, index, value)
        {
            if (!default_fits(type->items, value, depth + 1))
                return false;
        }
        return json_is_array(json);
    }
    json_object_foreach(json, key, value)
    {
        if (!default_fits(type->items, value, depth + 1))
            return false;
    }
    return json_is_object(json);
}

static bool default_fits_enum(const struct schema_type *type, json_t *json)
{
    for (size_t i = 0; json_is_string(json) && i < type->symbol_count; i++)
        if (strcmp(type->symbols[i], json_string_value(json)) == 0)
            return true;
    return false;
}

static bool default_fits(const struct schema_type *type, json_t *json, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return false;
    switch (type->kind) {
    case SCHEMA_NULL:
        return json_is_null(json);
    case SCHEMA_BOOLEAN:
        return json_is_boolean(json);
    case SCHEMA_INT:
        return json_is_integer(json) && json_integer_value(json) >= INT32_MIN
               && json_integer_value(json) <= INT32_MAX;
    case SCHEMA_LONG:
        return json_is_integer(json);
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        return json_is_number(json);
    case SCHEMA_BYTES:
    case SCHEMA_STRING:
    case SCHEMA_FIXED:
        return json_is_string(json);
    case SCHEMA_ENUM:
        return default_fits_enum(type, json);
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
        return default_fits_items(type, json, depth);
    case SCHEMA_RECORD:
        return default_fits_record(type, json, depth);
    case SCHEMA_UNION:
        break;
    }
    for (size_t i = 0; i < type->branch_count; i++)
        if (default_fits(type->branches[i], json, depth + 1))
            return true;
    return false;
}

/* Defaults may need types that come later in the text, so they are judged when all are there. */
static bool check_defaults(struct builder *builder)
{
    const struct schema *schema = builder->schema;

    for (size_t t = 0; t < schema->type_count; t++) {
        const struct schema_type *type = schema->types[t];

        for (size_t i = 0; i < type->field_count; i++) {
            const struct schema_field *field = &type->fields[i];

            if (field->default_value != NULL && !default_fits(field->type, field->default_value, 0))
                return refuse(builder, "record %s: field %s: the default does not fit the type %s",
                              type->name, field->name, schema_kind_name(field->type->kind));
        }
    }
    return true;
}

/* A mark that is misspelt would lose what it was meant to keep. */
static bool read_mark(struct builder *builder, const struct schema_type *record,
                      struct schema_field *field, const json_t *json)
{
    const json_t *mark = json_object_get(json, "dualrun");

    if (mark == NULL)
        return true;
    field->takes_unknown = json_is_string(mark) && strcmp(json_string_value(mark), "unknown") == 0;
    return field->takes_unknown
           || refuse(builder, "record %s: field %s: the only mark is \"dualrun\": \"unknown\"",
                     record->name, field->name);
}

static bool build_field(struct builder *builder, struct schema_type *record, const json_t *json,
                        const char *space)
{
    const char *name = json_string_value(json_object_get(json, "name"));

    if (name == NULL)
        return refuse(builder, "record %s: a field has no name", record->name);
    if (schema_field(record, name) != NULL)
        return refuse(builder, "record %s: field %s is there twice", record->name, name);

    struct schema_field *field = &record->fields[record->field_count++];

    field->name = memory_text(name);
    field->default_value = json_object_get(json, "default");
    if (!read_mark(builder, record, field, json))
        return false;
    if (!copy_names(builder, json_object_get(json, "aliases"), "aliases", &field->aliases,
                    &field->alias_count))
        return error_wrap(builder->err, "record %s: field %s", record->name, name);
    field->type = build(builder, json_object_get(json, "type"), space);
    if (field->type == NULL)
        return error_wrap(builder->err, "field %s", name);
    return true;
}

static bool build_record(struct builder *builder, struct schema_type *type, const json_t *json,
                         const char *space)
{
    const json_t *fields = json_object_get(json, "fields");

    if (!json_is_array(fields))
        return refuse(builder, "record %s: expected a list of fields", type->name);
    if (json_array_size(fields) > FIELDS_MAX)
        return refuse(builder, "record %s: more than %d fields", type->name, FIELDS_MAX);
    type->fields = memory_array(json_array_size(fields), sizeof *type->fields);
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (!build_field(builder, type, json_array_get(fields, i), space))
            return false;
    return true;
}

/* Sets the full name and tells the name space that holds for what is inside. */
static bool name_type(struct builder *builder, struct schema_type *type, const json_t *json,
                      const char *space, char inner[static NAME_SIZE])
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *own = json_string_value(json_object_get(json, "namespace"));
    char whole[NAME_SIZE];

    if (name == NULL)
        return refuse(builder, "a %s has no name", schema_kind_name(type->kind));
    full_name(name, own != NULL ? own : space, whole);
    if (find_named(builder, whole, NULL) != NULL)
        return refuse(builder, "%s is defined twice", whole);
    type->name = memory_text(whole);

    char *dot = strrchr(whole, '.');

    if (dot != NULL)
        *dot = '\0';
    snprintf(inner, NAME_SIZE, "%s", dot != NULL ? whole : "");
    return true;
}

static bool build_named(struct builder *builder, struct schema_type *type, const json_t *json,
                        const char *space)
{
    char inner[NAME_SIZE];

    if (!name_type(builder, type, json, space, inner))
        return false;
    if (type->kind == SCHEMA_RECORD)
        return build_record(builder, type, json, inner);
    if (type->kind == SCHEMA_ENUM) {
        if (!copy_names(builder, json_object_get(json, "symbols"), "symbols", &type->symbols,
                        &type->symbol_count))
            return error_wrap(builder->err, "enum %s", type->name);
        return type->symbol_count > 0 || refuse(builder, "enum %s has no symbols", type->name);
    }
    int32_t size = small_integer(json, "size", -1);

    if (size < 0)
        return refuse(builder, "fixed %s: expected a size from 0 to %d", type->name, INT32_MAX);
    type->fixed_size = (size_t)size;
    return true;
}

static const struct schema_type *build_union(struct builder *builder, const json_t *json,
                                             const char *space)
{
    struct schema_type *type = add_type(builder, SCHEMA_UNION);

    if (type == NULL)
        return NULL;
    if (json_array_size(json) == 0 || json_array_size(json) > FIELDS_MAX) {
        refuse(builder, "a union needs 1 to %d branches", FIELDS_MAX);
        return NULL;
    }
    type->branches = memory_array(json_array_size(json), sizeof(struct schema_type *));
    for (size_t i = 0; i < json_array_size(json); i++) {
        const struct schema_type *branch = build(builder, json_array_get(json, i), space);

        if (branch == NULL)
            return NULL;
        if (branch->kind == SCHEMA_UNION) {
            refuse(builder, "a union may not hold a union");
            return NULL;
        }
        for (size_t b = 0; b < type->branch_count; b++) {
            const struct schema_type *other = type->branches[b];

            if (branch == other || (branch->kind == other->kind && branch->name == NULL)) {
                refuse(builder, "a union has %s twice", schema_kind_name(branch->kind));
                return NULL;
            }
        }
        type->branches[type->branch_count++] = branch;
    }
    return type;
}

static const struct schema_type *build_by_name(struct builder *builder, const char *name,
                                               const char *space)
{
    int kind = kind_of(name);

    if (kind >= 0 && kind <= SCHEMA_STRING)
        return add_type(builder, (enum schema_kind)kind);

    const struct schema_type *type = find_named(builder, name, space);

    if (type == NULL)
        refuse(builder, "type %s is not known here", name);
    return type;
}

static const struct schema_type *build_object(struct builder *builder, const json_t *json,
                                              const char *space)
{
    const json_t *inner = json_object_get(json, "type");
    const char *name = json_string_value(inner);
    int kind = name == NULL ? -1 : kind_of(name);
    bool built = true;

    if (kind < 0 || kind == SCHEMA_UNION)
        return build(builder, inner, space); /* {"type": {...}} or {"type": "a.Name"} */

    struct schema_type *type = add_type(builder, (enum schema_kind)kind);

    if (type == NULL)
        return NULL;
    if (kind == SCHEMA_ARRAY || kind == SCHEMA_MAP) {
        type->items =
            build(builder, json_object_get(json, kind == SCHEMA_ARRAY ? "items" : "values"), space);
        built = type->items != NULL;
    } else if (kind >= SCHEMA_RECORD) {
        built = build_named(builder, type, json, space);
    }
    return built && set_logical(builder, type, json) ? type : NULL;
}

/* NULL after refuse(). */
static const struct schema_type *build(struct builder *builder, const json_t *json,
                                       const char *space)
{
    const struct schema_type *type = NULL;

    if (builder->depth == DEPTH_MAX) {
        refuse(builder, "types are nested deeper than %d", DEPTH_MAX);
        return NULL;
    }
    builder->depth++;
    if (json_is_string(json))
        type = build_by_name(builder, json_string_value(json), space);
    else if (json_is_array(json))
        type = build_union(builder, json, space);
    else if (json_is_object(json))
        type = build_object(builder, json, space);
    else
        refuse(builder, "a type is missing");
    builder->depth--;
    return type;
}

/* Avro C walks the text without a limit of its own, so the depth of the JSON is limited before. */
static bool json_is_shallow(json_t *json, unsigned depth)
{
    json_t *value;
    const char *key;
    size_t index;

    if (depth > 4 * DEPTH_MAX)
        return false;
    json_array_foreach(json, index, value)
    {
        if (!json_is_shallow(value, depth + 1))
            return false;
    }
    json_object_foreach(json, key, value)
    {
        if (!json_is_shallow(value, depth + 1))
            return false;
    }
    return true;
}

static bool check_text(struct schema *schema, struct error *err)
{
    size_t size = strlen(schema->text);
    json_error_t json_error;
    avro_schema_t checked;

    if (size > TEXT_SIZE_MAX)
        return error_set(err, EXIT_CODE_CONFIG, "%zu bytes: the limit is %d", size, TEXT_SIZE_MAX);
    schema->json =
        json_loadb(schema->text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &json_error);
    if (schema->json == NULL)
        return error_set(err, EXIT_CODE_CONFIG, "line %d, column %d: %s", json_error.line,
                         json_error.column, json_error.text);
    if (!json_is_shallow(schema->json, 0))
        return error_set(err, EXIT_CODE_CONFIG, "the JSON is nested deeper than %d", 4 * DEPTH_MAX);
    if (avro_schema_from_json_length(schema->text, size, &checked) != 0)
        return error_set(err, EXIT_CODE_CONFIG, "no Avro schema: %s", avro_strerror());
    avro_schema_decref(checked);
    return true;
}

struct schema *schema_parse(const char *text, const char *name, struct error *err)
{
    struct schema *schema = memory_new(sizeof *schema);
    struct builder builder = {.schema = schema, .err = err};

    schema->text = memory_text(text);
    if (check_text(schema, err)) {
        schema->root = build(&builder, schema->json, NULL);
        if (schema->root != NULL && check_defaults(&builder))
            return schema;
    }
    error_wrap(err, "schema %s", name);
    schema_free(schema);
    return NULL;
}

static bool read_file(FILE *stream, struct buffer *text)
{
    size_t size;

    do {
        size = fread(buffer_reserve(text, 65536), 1, 65536, stream);
        text->size += size;
    } while (size > 0 && text->size <= TEXT_SIZE_MAX);
    return !ferror(stream);
}

struct schema *schema_load(const char *file, struct error *err)
{
    struct buffer text = {0};
    struct schema *schema = NULL;
    FILE *stream = fopen(file, "re");

    if (stream == NULL) {
        error_set(err, EXIT_CODE_CONFIG, "schema %s: %s", file, strerror(errno));
        error_hint(err, "the path is taken from the folder where dualrun was started");
        return NULL;
    }
    if (!read_file(stream, &text))
        error_set(err, EXIT_CODE_CONFIG, "schema %s: %s", file, strerror(errno));
    else
        schema = schema_parse(buffer_text(&text), file, err);
    fclose(stream);
    buffer_fini(&text);
    return schema;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void free_type(struct schema_type *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        free(type->fields[i].name);
        free_names(type->fields[i].aliases, type->fields[i].alias_count);
    }
    free(type->fields);
    free_names(type->symbols, type->symbol_count);
    free((void *)type->branches);
    free(type->name);
    free(type);
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; i < schema->type_count; i++)
        free_type(schema->types[i]);
    free(schema->types);
    json_decref(schema->json);
    free(schema->text);
    free(schema);
}

const struct schema_field *schema_field(const struct schema_type *record, const char *name)
{
    assert(record->kind == SCHEMA_RECORD);
    for (size_t i = 0; i < record->field_count; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

/* The type behind a union of null and one other type; the type itself if it is no union. */
static const struct schema_type *behind_null(const struct schema_type *type, bool *nullable)
{
    if (type->kind != SCHEMA_UNION || type->branch_count != 2)
        return type;
    for (size_t i = 0; i < 2; i++)
        if (type->branches[i]->kind == SCHEMA_NULL) {
            *nullable = true;
            return type->branches[1 - i];
        }
    return type;
}

static bool no_field(struct error *err, const struct schema_type *record, const char *path,
                     const char *name)
{
    struct buffer names = {0};

    for (size_t i = 0; i < record->field_count && i < LISTED_MAX; i++)
        buffer_appendf(&names, "%s%s", i > 0 ? ", " : "", record->fields[i].name);
    if (record->field_count > LISTED_MAX)
        buffer_append_text(&names, ", ...");
    error_set(err, EXIT_CODE_CONFIG, "field %s: record %s has no field %s", path, record->name,
              name);
    error_hint(err, "its fields are: %s", buffer_text(&names));
    buffer_fini(&names);
    return false;
}

/* One name of the path: from the record in path->type to the field's type. */
static bool path_step(struct schema_path *path, const char *text, const char *name,
                      struct error *err)
{
    const struct schema_type *record = path->type;

    if (record->kind != SCHEMA_RECORD)
        return error_set(err, EXIT_CODE_CONFIG, "field %s: %s cannot be looked up in a %s", text,
                         name, schema_kind_name(record->kind));
    if (path->depth == SCHEMA_PATH_DEPTH)
        return error_set(err, EXIT_CODE_CONFIG, "field %s: deeper than %d", text,
                         SCHEMA_PATH_DEPTH);

    const struct schema_field *field = schema_field(record, name);

    if (field == NULL)
        return no_field(err, record, text, name);
    path->fields[path->depth++] = (uint32_t)(field - record->fields);
    path->type = behind_null(field->type, &path->nullable);
    return true;
}

bool schema_path_resolve(struct schema_path *path, const struct schema *schema, const char *text,
                         struct error *err)
{
    const char *rest = text;

    *path = (struct schema_path){.schema = schema};
    path->type = behind_null(schema->root, &path->nullable);
    for (;;) {
        size_t size = strcspn(rest, ".");
        char *name = memory_text_n(rest, size);
        bool found = path_step(path, text, name, err);

        free(name);
        if (!found)
            return false;
        if (rest[size] == '\0')
            return true;
        rest += size + 1;
    }
}
