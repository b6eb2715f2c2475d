/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline file described: as a JSON Schema for editors and as a chapter of the reference. Both
 * are core/pipeline.def in another form; neither knows a key by name.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/buffer.h"
#include "core/pipeline.h"
#include "core/pipeline_table.h"
#include "core/pipeline_value.h"

enum { WORDS_MAX = 64, SECTION_NAME_SIZE = 32 };

static const char *section_name(enum pipeline_section section, char name[static SECTION_NAME_SIZE])
{
    const char *id = pipeline_section(section)->id;
    size_t i = 0;

    for (; id[i] != '\0' && i + 1 < SECTION_NAME_SIZE; i++)
        name[i] = (char)tolower((unsigned char)id[i]);
    name[i] = '\0';
    return name;
}

/* JSON Schema. */

static json_t *type_schema(enum pipeline_type type, int list)
{
    const char *words[WORDS_MAX];
    json_t *schema = json_loads(pipeline_type_schema(type), 0, NULL);

    assert(schema != NULL); /* The table's own text. */
    if (type == TYPE_ENUM || type == TYPE_WORD) {
        size_t count = pipeline_list_words(list, words, WORDS_MAX);
        json_t *allowed = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(allowed, json_string(words[i]));
        json_object_set_new(schema, "enum", allowed);
    }
    return schema;
}

static json_t *reference_to(enum pipeline_section section)
{
    char name[SECTION_NAME_SIZE];

    return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", section_name(section, name)));
}

static json_t *list_of(json_t *items)
{
    return json_pack("{s:s, s:i, s:o}", "type", "array", "minItems", 1, "items", items);
}

static json_t *map_of(json_t *values)
{
    return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", values);
}

static json_t *value_schema(const struct pipeline_key *key)
{
    json_t *schema = type_schema(key->type, key->detail);

    if (key->least != 0 || key->most != 0) {
        bool number = key->type == TYPE_INTEGER || key->type == TYPE_REAL;
        if (number) {
            json_object_set_new(schema, "minimum", json_integer(key->least));
            json_object_set_new(schema, "maximum", json_integer(key->most));
        }
    }
    if ((key->flags & FLAG_SECRET) == 0)
        return schema;
    return json_pack("{s:[o,{s:s,s:s}]}", "anyOf", schema, "type", "string", "pattern",
                     "\\$\\{(env|file):[^}]+\\}");
}

static json_t *shape_schema(const struct pipeline_key *key)
{
    json_t *single;

    switch (key->shape) {
    case SHAPE_MAPPING:
        return reference_to(key->inner);
    case SHAPE_NAMED:
        return map_of(reference_to(key->inner));
    case SHAPE_ONE_OR_MANY:
        return json_pack("{s:[o,o]}", "oneOf", reference_to(key->inner),
                         list_of(reference_to(key->inner)));
    case SHAPE_LIST:
        if (key->inner != SECTION_NONE)
            return list_of(reference_to(key->inner));
        return json_pack("{s:[o,o]}", "oneOf", value_schema(key), list_of(value_schema(key)));
    case SHAPE_MAP:
        return map_of(value_schema(key));
    case SHAPE_VALUES:
        single = value_schema(key);
        return map_of(json_pack("{s:[O,o]}", "oneOf", single, list_of(single)));
    case SHAPE_VALUE:
        break;
    }
    return value_schema(key);
}

static json_t *default_json(const struct pipeline_key *key)
{
    bool number = key->type == TYPE_INTEGER || key->type == TYPE_REAL;

    return number ? json_loads(key->default_text, JSON_DECODE_ANY, NULL)
                  : json_string(key->default_text);
}

static json_t *key_schema(const struct pipeline_key *key)
{
    json_t *schema = shape_schema(key);
    char range[PIPELINE_RANGE_SIZE];

    pipeline_value_range(key, range);
    json_object_set_new(
        schema, "description",
        json_sprintf("%s%s%s", key->help, range[0] != '\0' ? " Range: " : "", range));
    if (key->default_text != NULL)
        json_object_set_new(schema, "default", default_json(key));
    return schema;
}

static json_t *section_schema(enum pipeline_section section)
{
    const struct pipeline_section_row *row = pipeline_section(section);
    json_t *properties = json_object();
    json_t *required = json_array();

    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section != section || key->status != STATUS_LIVE)
            continue;
        json_object_set_new(properties, key->name, key_schema(key));
        if ((key->flags & FLAG_REQUIRED) != 0)
            json_array_append_new(required, json_string(key->name));
    }
    json_t *schema =
        json_pack("{s:s, s:s, s:o, s:o, s:b}", "description", row->help, "type", "object",
                  "properties", properties, "required", required, "additionalProperties", 0);
    if (row->short_type == TYPE_NONE)
        return schema;
    return json_pack("{s:[o,o]}", "oneOf", type_schema(row->short_type, row->short_list), schema);
}

/* Can a file of this version reach the section? */
static bool is_live(enum pipeline_section section)
{
    for (size_t i = 0; i < pipeline_key_count; i++) {
        if (pipeline_keys[i].inner == section)
            return pipeline_keys[i].status == STATUS_LIVE;
    }
    return section == SECTION_ROOT;
}

void pipeline_schema(FILE *out)
{
    json_t *schema =
        json_pack("{s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  "dualrun pipeline file");
    json_t *sections = json_object();
    char name[SECTION_NAME_SIZE];

    json_object_update_new(schema, section_schema(SECTION_ROOT));
    for (int section = SECTION_ROOT + 1; section < SECTION_COUNT; section++) {
        if (is_live((enum pipeline_section)section))
            json_object_set_new(sections, section_name((enum pipeline_section)section, name),
                                section_schema((enum pipeline_section)section));
    }
    json_object_set_new(schema, "$defs", sections);
    json_dumpf(schema, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    fputc('\n', out);
    json_decref(schema);
}

/* Reference. */

static void print_words(int list, FILE *out)
{
    const char *words[WORDS_MAX];
    size_t count = pipeline_list_words(list, words, WORDS_MAX);

    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s`%s`", i > 0 ? ", " : "", words[i]);
}

static void print_type(const struct pipeline_key *key, FILE *out)
{
    static const char *const before[] = {[SHAPE_VALUE] = "",
                                         [SHAPE_VALUES] = "field paths, each to one or more of: ",
                                         [SHAPE_LIST] = "list of ",
                                         [SHAPE_MAP] = "names, each to a ",
                                         [SHAPE_NAMED] = "names, each to a ",
                                         [SHAPE_MAPPING] = "",
                                         [SHAPE_ONE_OR_MANY] = "one or a list of "};
    char name[SECTION_NAME_SIZE];

    fputs(before[key->shape], out);
    if (key->inner != SECTION_NONE)
        fprintf(out, "[%s](#pipeline-file-%s)", section_name(key->inner, name), name);
    else if (key->type == TYPE_ENUM || key->type == TYPE_WORD)
        print_words(key->detail, out);
    else
        fputs(pipeline_type_words(key->type), out);
}

static void print_key(const struct pipeline_key *key, FILE *out)
{
    char range[PIPELINE_RANGE_SIZE];

    fprintf(out, "| `%s` | ", key->name);
    print_type(key, out);
    fputs(" | ", out);
    if ((key->flags & FLAG_REQUIRED) != 0)
        fputs("required", out);
    else if (key->default_text != NULL)
        fprintf(out, "`%s`", key->default_text);
    fprintf(out, " | %s", key->help);
    if (pipeline_value_range(key, range)[0] != '\0' && key->least != key->most)
        fprintf(out, " From %s.", range);
    if ((key->flags & FLAG_RELOAD) != 0)
        fputs(" *SIGHUP applies it.*", out);
    if (key->status == STATUS_SOON)
        fputs(" **Has no effect yet; refused.**", out);
    fputs(" |\n", out);
}

/* What the words mean, under the table of the section that takes them. */
static void print_word_help(int list, const char *key, FILE *out)
{
    for (size_t i = 0; i < pipeline_word_count; i++) {
        const struct pipeline_word *word = &pipeline_words[i];
        if ((int)word->list == list && word->help[0] != '\0')
            fprintf(out, "- `%s%s%s`: %s%s\n", key, key[0] != '\0' ? ": " : "", word->word,
                    word->help,
                    word->status == STATUS_SOON ? " **Has no effect yet; refused.**" : "");
    }
}

static void print_section(enum pipeline_section section, FILE *out)
{
    const struct pipeline_section_row *row = pipeline_section(section);
    char name[SECTION_NAME_SIZE];

    fprintf(out, "\n### <a id=\"pipeline-file-%s\"></a>%s\n\n%s\n\n", section_name(section, name),
            section == SECTION_ROOT ? "the file" : name, row->help);
    fputs("| Key | Value | Default | |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < pipeline_key_count; i++) {
        if (pipeline_keys[i].section == section)
            print_key(&pipeline_keys[i], out);
    }
    fputc('\n', out);
    if (row->short_type == TYPE_ENUM)
        print_word_help(row->short_list, "", out);
    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section == section && key->type == TYPE_ENUM && key->shape == SHAPE_VALUE)
            print_word_help(key->detail, key->name, out);
    }
}

void pipeline_reference(FILE *out)
{
    fputs(
        "YAML. Paths are taken from the file's own folder. Every quantity carries a unit: "
        "durations "
        "`ms`, `s`, `m`, `h`, `d`; sizes\n`B`, `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB`, `TB`. "
        "Secrets may come from outside: `${env:NAME}` or `${file:PATH}`\nin `kafka.properties`, "
        "`kafka.schema_registry.url` and `pubsub.credentials`; they are never shown.\n",
        out);
    for (int section = SECTION_ROOT; section < SECTION_COUNT; section++)
        print_section((enum pipeline_section)section, out);
}
