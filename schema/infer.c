/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/infer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buffer.h"
#include "schema/infer_node.h"

enum {
    ENUM_WORDS_MAX = 24,
    ENUM_EACH_LEAST =
        20,              /* Values for each word, before it is believed that there are no others. */
    MAP_KEYS_LEAST = 30, /* Members whose names are data: so many, */
    MAP_PRESENCE = 5,    /* and on average in every fifth object at most. */
    TIMES_LEAST = 20,    /* Numbers without a telling name. */
    FIXED_LEAST = 100,
    UNIQUE_LEAST = 20,
    FEW_EVENTS = 100,
    PATH_SIZE = 512,
};

struct infer {
    struct node *root;
    int64_t refused;
};

struct infer *infer_new(void)
{
    struct infer *infer = memory_new(sizeof *infer);

    infer->root = node_new("", 0);
    return infer;
}

void infer_free(struct infer *infer)
{
    if (infer == NULL)
        return;
    node_free(infer->root);
    free(infer);
}

bool infer_add(struct infer *infer, const void *text, size_t size)
{
    json_t *event = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    bool object = json_is_object(event);

    if (object)
        node_add(infer->root, event);
    else
        infer->refused++;
    json_decref(event);
    return object;
}

/* --- Deciding --- */

struct decide {
    const struct infer_options *options;
    json_t *names; /* Object: type names that are taken. */
    json_t *decisions, *keys, *times;
};

struct choice {
    json_t *type;
    char name[64]; /* For people: "timestamp-millis". */
    char why[256];
    const char *advice; /* NULL: none. Static. */
};

static json_t *type_of(struct decide *decide, struct node *node, const char *path, int64_t asked);

static bool is_legal(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++)
        if (!(isalpha((unsigned char)name[i]) || name[i] == '_'
              || (i > 0 && isdigit((unsigned char)name[i]))))
            return false;
    return name[0] != '\0';
}

/* "user.home_geo" -> "UserHomeGeo", numbered if it is taken. */
static json_t *new_name(struct decide *decide, const char *path, const char *otherwise)
{
    char name[PATH_SIZE + 16];
    size_t size = 0;
    bool up = true;

    for (const char *at = path; *at != '\0' && size < PATH_SIZE; at++) {
        if (!isalnum((unsigned char)*at)) {
            up = true;
            continue;
        }
        if (size == 0 && isdigit((unsigned char)*at))
            continue;
        int letter = up ? toupper((unsigned char)*at) : *at;
        name[size++] = (char)letter;
        up = false;
    }
    name[size] = '\0';
    if (size == 0)
        size = (size_t)snprintf(name, PATH_SIZE, "%s", otherwise);
    for (int n = 2; json_object_get(decide->names, name) != NULL; n++)
        snprintf(name + size, sizeof name - size, "%d", n);
    json_object_set_new(decide->names, name, json_true());
    return json_string(name);
}

static bool name_tells_time(const char *path)
{
    static const char *const ends[] = {"ts", "time", "_at", "timestamp", "date", "_ms", "_us"};
    size_t size = strlen(path);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (size >= end && strcasecmp(path + size - end, ends[i]) == 0)
            return true;
    }
    return false;
}

static void choose(struct choice *choice, json_t *type, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void choose(struct choice *choice, json_t *type, const char *name, const char *format, ...)
{
    va_list arguments;

    choice->type = type;
    snprintf(choice->name, sizeof choice->name, "%s", name);
    va_start(arguments, format);
    vsnprintf(choice->why, sizeof choice->why, format, arguments);
    va_end(arguments);
}

static json_t *logical(const char *type, const char *name)
{
    return json_pack("{s:s, s:s}", "type", type, "logicalType", name);
}

static void choose_integer(struct decide *decide, const struct node *node, const char *path,
                           struct choice *choice)
{
    static const struct {
        int64_t least, most;
        const char *type, *unit;
    } times[] = {{1000000000000, 4102444800000, "timestamp-millis", "ms"},
                 {1000000000000000, 4102444800000000, "timestamp-micros", "us"}};
    bool believed = name_tells_time(path) || node->integers >= TIMES_LEAST;

    for (size_t i = 0; i < 2 && believed; i++)
        if (node->least >= times[i].least && node->most < times[i].most) {
            choose(choice, logical("long", times[i].type), times[i].type,
                   "every number is a time between 2001 and 2100 in %s", times[i].unit);
            json_array_append_new(decide->times,
                                  json_pack("{s:s, s:s}", "field", path, "unit", times[i].unit));
            return;
        }
    choose(choice, json_string("long"), "long",
           "whole numbers from %" PRId64 " to %" PRId64 "; long costs no more than int",
           node->least, node->most);
    if (name_tells_time(path) && node->least >= 1000000000 && node->most < 4102444800) {
        choice->advice = "looks like seconds since 1970: say unit: s if it is the event time";
        json_array_append_new(decide->times, json_pack("{s:s, s:s}", "field", path, "unit", "s"));
    }
}

static bool is_enum(const struct decide *decide, const struct node *node)
{
    return decide->options->enums && !node->many_words && node->words_legal == node->strings
           && node->word_count <= ENUM_WORDS_MAX && node->word_count > 0
           && node->strings >= ENUM_EACH_LEAST * (int64_t)node->word_count;
}

static json_t *symbols_of(const struct node *node)
{
    json_t *symbols = json_array();

    for (size_t i = 0; i < node->word_count; i++)
        json_array_append_new(symbols, json_string(node->words[i].text));
    return symbols;
}

static void choose_string(struct decide *decide, const struct node *node, const char *path,
                          struct choice *choice)
{
    if (node->uuids == node->strings) {
        choose(choice,
               json_pack("{s:s, s:o, s:i, s:s}", "type", "fixed", "name",
                         new_name(decide, path, "Id"), "size", 16, "logicalType", "uuid"),
               "uuid", "every text is a uuid in lower case: 16 bytes instead of 37");
        choice->advice = "as the record key rather a string: key and field are then stored once";
    } else if (node->times == node->strings) {
        choose(choice, logical("long", "timestamp-micros"), "timestamp-micros",
               "every text is an RFC 3339 time");
        choice->advice = "offset and spelling are not kept; make it a string if they matter";
        json_array_append_new(decide->times, json_pack("{s:s, s:s}", "field", path, "unit", "us"));
    } else if (node->dates == node->strings) {
        choose(choice, logical("int", "date"), "date", "every text is a date");
    } else if (is_enum(decide, node)) {
        choose(choice,
               json_pack("{s:s, s:o, s:o}", "type", "enum", "name", new_name(decide, path, "Word"),
                         "symbols", symbols_of(node)),
               "enum", "%zu words in %" PRId64 " values: a byte each", node->word_count,
               node->strings);
        choice->advice = "a new word would be a dead letter; --no-enums makes it a string";
    } else {
        if (node->size_least == node->size_most)
            choose(choice, json_string("string"), "string", "texts of %zu bytes", node->size_most);
        else
            choose(choice, json_string("string"), "string", "texts of %zu to %zu bytes",
                   node->size_least, node->size_most);
        if (node->size_least == node->size_most && node->ascii && node->size_most > 8
            && node->strings >= FIXED_LEAST)
            choice->advice = "always of one length: fixed would save a byte, and refuse any other";
    }
}

static bool is_map(const struct node *node)
{
    int64_t present = 0;

    for (size_t i = 0; i < node->member_count; i++)
        present += node->members[i]->seen;
    return node->member_count >= MAP_KEYS_LEAST
           && present * MAP_PRESENCE <= (int64_t)node->member_count * node->objects;
}

static void choose_map(struct decide *decide, const struct node *node, const char *path,
                       struct choice *choice)
{
    struct node *values = node_new("", 0);
    char inner[PATH_SIZE];

    for (size_t i = 0; i < node->member_count; i++)
        node_merge(values, node->members[i]);
    snprintf(inner, sizeof inner, "%s{}", path);
    choose(choice,
           json_pack("{s:s, s:o}", "type", "map", "values",
                     type_of(decide, values, inner, values->seen)),
           "map", "%zu names in %" PRId64 " objects: they are data", node->member_count,
           node->objects);
    node_free(values);
}

static bool may_be_null(const json_t *type)
{
    return json_is_array(type)
           && strcmp(json_string_value(json_array_get(type, 0)) != NULL
                         ? json_string_value(json_array_get(type, 0))
                         : "",
                     "null")
                  == 0;
}

static json_t *fields_of(struct decide *decide, const struct node *node, const char *path)
{
    json_t *fields = json_array();

    for (size_t i = 0; i < node->member_count; i++) {
        struct node *member = node->members[i];
        char inner[PATH_SIZE];

        snprintf(inner, sizeof inner, "%s%s%s", path, *path != '\0' ? "." : "", member->name);
        if (!is_legal(member->name)) {
            json_array_append_new(
                decide->decisions,
                json_pack("{s:s, s:s, s:s, s:I, s:s}", "path", inner, "type", "none", "why",
                          "no legal Avro name", "seen", (json_int_t)member->seen, "advice",
                          "left out: it is an unknown field; have the publisher rename it"));
            continue;
        }
        json_t *type = type_of(decide, member, inner, node->objects);
        json_t *field = json_pack("{s:s, s:o}", "name", member->name, "type", type);
        if (may_be_null(type))
            json_object_set_new(field, "default", json_null());
        json_array_append_new(fields, field);
    }
    return fields;
}

static void choose_object(struct decide *decide, const struct node *node, const char *path,
                          struct choice *choice)
{
    if (is_map(node)) {
        choose_map(decide, node, path, choice);
        return;
    }
    json_t *name = new_name(decide, path, decide->options->name);
    choose(choice,
           json_pack("{s:s, s:o, s:o}", "type", "record", "name", name, "fields",
                     fields_of(decide, node, path)),
           "record", "%zu members", node->member_count);
}

static void choose_array(struct decide *decide, const struct node *node, const char *path,
                         struct choice *choice)
{
    char inner[PATH_SIZE];

    snprintf(inner, sizeof inner, "%s[]", path);
    if (node->items->seen == 0) {
        choose(choice, json_pack("{s:s, s:s}", "type", "array", "items", "string"), "array",
               "only empty ones were seen");
        choice->advice = "what its items are is a guess";
        return;
    }
    json_t *items = type_of(decide, node->items, inner, node->items->seen);
    choose(choice, json_pack("{s:s, s:o}", "type", "array", "items", items), "array",
           "%" PRId64 " items in %" PRId64 " arrays", node->items->seen, node->arrays);
}

static int kinds_of(const struct node *node)
{
    return (node->booleans > 0) + (node->integers + node->reals > 0) + (node->strings > 0)
           + (node->arrays > 0) + (node->objects > 0);
}

static void choose_number(struct decide *decide, const struct node *node, const char *path,
                          struct choice *choice)
{
    const int64_t exact = INT64_C(1) << 53;

    if (node->reals == 0) {
        choose_integer(decide, node, path, choice);
        return;
    }
    choose(choice, json_string("double"), "double", "%" PRId64 " of %" PRId64 " have decimals",
           node->reals, node->reals + node->integers);
    if (node->integers > 0 && (node->most > exact || node->least < -exact))
        choice->advice = "some whole numbers are beyond 2^53: a double cannot hold them exactly";
}

/* Several kinds: a union of what each alone would be, texts as plain strings. */
static json_t *mixed(struct decide *decide, const struct node *node, const char *path)
{
    json_t *branches = json_array();
    struct choice choice = {0};

    if (node->booleans > 0)
        json_array_append_new(branches, json_string("boolean"));
    if (node->integers + node->reals > 0)
        json_array_append_new(branches, json_string(node->reals > 0 ? "double" : "long"));
    if (node->strings > 0)
        json_array_append_new(branches, json_string("string"));
    if (node->arrays > 0) {
        choose_array(decide, node, path, &choice);
        json_array_append_new(branches, choice.type);
    }
    if (node->objects > 0) {
        choose_object(decide, node, path, &choice);
        json_array_append_new(branches, choice.type);
    }
    return branches;
}

static void choose_one(struct decide *decide, const struct node *node, const char *path,
                       struct choice *choice)
{
    if (kinds_of(node) > 1) {
        choose(choice, mixed(decide, node, path), "union", "%d kinds of values", kinds_of(node));
        choice->advice = "a publisher writes one member in several ways: is that meant?";
    } else if (node->booleans > 0) {
        choose(choice, json_string("boolean"), "boolean", "true or false");
    } else if (node->integers + node->reals > 0) {
        choose_number(decide, node, path, choice);
    } else if (node->strings > 0) {
        choose_string(decide, node, path, choice);
    } else if (node->arrays > 0) {
        choose_array(decide, node, path, choice);
    } else if (node->objects > 0) {
        choose_object(decide, node, path, choice);
    } else {
        choose(choice, json_string("string"), "string", "only null was seen");
        choice->advice = "what it is otherwise is a guess";
    }
}

/* `asked`: how often it could have been there. */
static json_t *type_of(struct decide *decide, struct node *node, const char *path, int64_t asked)
{
    struct choice choice = {0};
    size_t place = json_array_size(decide->decisions);
    bool null = node->nulls > 0 || node->seen < asked;

    choose_one(decide, node, path, &choice);
    if (*path != '\0') {
        json_t *decision =
            json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:O}", "path", path, "type", choice.name,
                      "nullable", (int)null, "why", choice.why, "seen", (json_int_t)node->seen,
                      "null", (json_int_t)node->nulls, "absent", (json_int_t)(asked - node->seen),
                      "examples", node->examples);
        if (choice.advice != NULL)
            json_object_set_new(decision, "advice", json_string(choice.advice));
        json_array_insert_new(decide->decisions, place, decision);
    }
    if (!null && *path != '\0' && strpbrk(path, "[{") == NULL && node->seen >= UNIQUE_LEAST
        && node->arrays + node->objects + node->reals + node->booleans == 0 && node_is_unique(node))
        json_array_append_new(decide->keys, json_string(path));
    if (!null)
        return choice.type;
    if (json_is_array(choice.type)) {
        json_array_insert_new(choice.type, 0, json_string("null"));
        return choice.type;
    }
    return json_pack("[s, o]", "null", choice.type);
}

json_t *infer_result(const struct infer *infer, const struct infer_options *options)
{
    struct decide decide = {options, json_object(), json_array(), json_array(), json_array()};
    json_t *schema;

    json_object_set_new(decide.names, options->name, json_true());
    schema =
        json_pack("{s:s, s:s, s:s*, s:o}", "type", "record", "name", options->name, "namespace",
                  options->name_space, "fields", fields_of(&decide, infer->root, ""));
    json_decref(decide.names);
    return json_pack("{s:o, s:I, s:I, s:b, s:o, s:{s:o, s:o}}", "schema", schema, "events",
                     (json_int_t)infer->root->objects, "refused", (json_int_t)infer->refused, "few",
                     (int)(infer->root->objects < FEW_EVENTS), "decisions", decide.decisions,
                     "suggestions", "key", decide.keys, "event_time", decide.times);
}
