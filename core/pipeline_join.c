/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joins of the pipeline file: which streams, which windows, which fields; and the three times
 * that follow from them.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline_reader.h"
#include "core/pipeline_value.h"

enum { NAMES_MAX = 64 };

/* Times. */

int64_t pipeline_join_hi_ms(const struct pipeline_join *join)
{
    int64_t hi_ms = 0;

    for (size_t i = 0; i < join->secondary_count; i++) {
        if (join->secondaries[i].after_ms > hi_ms)
            hi_ms = join->secondaries[i].after_ms;
    }
    return hi_ms;
}

int64_t pipeline_join_lo_ms(const struct pipeline_join *join)
{
    int64_t lo_ms = 0;

    for (size_t i = 0; i < join->secondary_count; i++) {
        if (join->secondaries[i].before_ms > lo_ms)
            lo_ms = join->secondaries[i].before_ms;
    }
    return lo_ms;
}

int64_t pipeline_join_cutoff_ms(const struct pipeline_join *join, int64_t watermark_ms)
{
    int64_t back_ms = pipeline_join_hi_ms(join) + join->lateness_ms;

    if (join->attribution == ATTRIBUTE_LATEST)
        back_ms += pipeline_join_lo_ms(join);
    /* A watermark that is not defined yet (the least number) stays far below every time. */
    return watermark_ms < INT64_MIN + back_ms ? INT64_MIN : watermark_ms - back_ms;
}

/* Streams of a join. */

void pipeline_read_primary(struct pipeline_reader *reader, const struct pipeline_key *key,
                           const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_join *join = base;

    if (node == NULL || !pipeline_expect(reader, node, YAML_TEXT))
        return;
    join->primary = pipeline_known_stream(reader, node, node->text);
    json_object_set_new(show, key->name, pipeline_shown_line(json_string(node->text), node));
}

static void read_secondary(struct pipeline_reader *reader, const struct pipeline_key *key,
                           const struct yaml_node *node, struct pipeline_join *join, json_t *shown)
{
    struct pipeline_secondary *secondary = &join->secondaries[join->secondary_count];
    json_t *inner = json_object();
    struct yaml_node at_key = *node;
    size_t problem_count = reader->problem_count;

    pipeline_read_section(reader, key->inner, node, secondary, inner);
    json_object_set_new(shown, node->key, inner);
    at_key.line = node->key_line;
    at_key.column = node->key_column;
    secondary->stream = pipeline_known_stream(reader, &at_key, node->key);
    if (secondary->stream == NULL)
        return;
    join->secondary_count++;
    if (secondary->stream == join->primary)
        pipeline_problem_key(reader, node, "name another stream",
                             "a stream cannot be joined with itself");
    else if (problem_count == reader->problem_count && secondary->before_ms == 0
             && secondary->after_ms == 0)
        pipeline_problem_key(reader, node, "write {before: 5s, after: 10m}",
                             "the window is empty: before and after are both 0");
}

void pipeline_read_within(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_join *join = base;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    if (node->child_count == 0)
        pipeline_problem(reader, node, "write STREAM: {before: 5s, after: 10m}",
                         "there is no secondary stream");
    json_t *shown = json_object();
    join->secondaries = memory_array(node->child_count, sizeof *join->secondaries);
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        read_secondary(reader, key, &node->children[i], join, shown);
        pipeline_leave(reader, mark);
    }
    reader->join_known = join->primary != NULL && join->secondary_count == node->child_count;
    json_object_set_new(show, key->name, shown);
}

static char **key_slot(struct pipeline_join *join, const struct pipeline_stream *stream)
{
    if (stream == join->primary)
        return &join->primary_key;
    for (size_t i = 0; i < join->secondary_count; i++) {
        if (join->secondaries[i].stream == stream)
            return &join->secondaries[i].key;
    }
    return NULL;
}

static void read_join_key(struct pipeline_reader *reader, const struct yaml_node *node,
                          struct pipeline_join *join, json_t *shown)
{
    struct error err;
    struct yaml_node at_key = *node;

    at_key.line = node->key_line;
    at_key.column = node->key_column;
    const struct pipeline_stream *stream = pipeline_known_stream(reader, &at_key, node->key);
    if (stream == NULL || !pipeline_expect(reader, node, YAML_TEXT))
        return;
    char **slot = key_slot(join, stream);
    if (slot == NULL && reader->join_known) {
        pipeline_problem_key(reader, node, "remove it, or give the stream a window under within",
                             "this stream is no part of the join");
    } else if (!pipeline_value_check(TYPE_FIELD, node->text, &err)) {
        pipeline_problem_error(reader, node, &err);
    } else if (slot != NULL) {
        *slot = memory_text(node->text);
        json_object_set_new(shown, node->key, pipeline_shown_line(json_string(node->text), node));
    }
}

static void require_key(struct pipeline_reader *reader, const struct yaml_node *node,
                        const struct pipeline_stream *stream)
{
    char hint[192];

    if (stream == NULL || yaml_child(node, stream->name) != NULL)
        return;
    snprintf(hint, sizeof hint, "add %s: FIELD", stream->name);
    pipeline_problem_key(reader, node, hint, "the stream %s has no key here", stream->name);
}

void pipeline_read_join_keys(struct pipeline_reader *reader, const struct pipeline_key *key,
                             const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_join *join = base;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        read_join_key(reader, &node->children[i], join, shown);
        pipeline_leave(reader, mark);
    }
    require_key(reader, node, join->primary);
    for (size_t i = 0; i < join->secondary_count; i++)
        require_key(reader, node, join->secondaries[i].stream);
    json_object_set_new(show, key->name, shown);
}

/* Fields of a row. */

/* "STREAM" or "STREAM.PATH" apart. The path is NULL if there is none. Returns (caller frees) the name. */
static char *split_source(const char *text, const char **path)
{
    size_t size = strcspn(text, ".");

    *path = text[size] == '.' ? text + size + 1 : NULL;
    return memory_text_n(text, size);
}

/* views.* and views.user_id: fields of the primary, copied. */
static void read_copy(struct pipeline_reader *reader, const struct yaml_node *node,
                      struct pipeline_output_field *field)
{
    const struct pipeline_join *join = reader->join;
    const char *path;
    char *name = split_source(node->text, &path);
    const struct pipeline_stream *stream = pipeline_known_stream(reader, node, name);
    struct error err;

    free(name);
    if (stream == NULL)
        return;
    if (path == NULL) {
        pipeline_problem(reader, node, "write STREAM.* or STREAM.FIELD", "it names no field");
    } else if (stream != join->primary && join->primary == NULL) {
        return; /* Noted where the primary is missing. */
    } else if (stream != join->primary) {
        pipeline_problem(
            reader, node,
            "only the primary's fields are copied; write {name: NAME, first: STREAM.FIELD}",
            "%s is not the primary of this join", stream->name);
    } else if (strcmp(path, "*") == 0) {
        *field = (struct pipeline_output_field){.aggregate = AGGREGATE_ALL, .stream = stream};
    } else if (!pipeline_value_check(TYPE_FIELD, path, &err)) {
        pipeline_problem_error(reader, node, &err);
    } else {
        const char *dot = strrchr(path, '.');
        *field = (struct pipeline_output_field){.aggregate = AGGREGATE_FIELD,
                                                .stream = stream,
                                                .field = memory_text(path),
                                                .name = memory_text(dot != NULL ? dot + 1 : path)};
    }
}

static bool is_secondary(const struct pipeline_join *join, const struct pipeline_stream *stream)
{
    for (size_t i = 0; i < join->secondary_count; i++) {
        if (join->secondaries[i].stream == stream)
            return true;
    }
    return false;
}

static bool check_aggregate(struct pipeline_reader *reader, const struct pipeline_key *key,
                            const struct yaml_node *node, const struct pipeline_stream *stream,
                            const char *path)
{
    bool whole = key->detail == AGGREGATE_ANY || key->detail == AGGREGATE_COUNT;
    char hint[192];
    struct error err;

    if (stream == NULL)
        return false;
    snprintf(hint, sizeof hint, whole ? "write %s: %s" : "write %s: %s.FIELD", key->name,
             stream->name);
    if (!is_secondary(reader->join, stream) && reader->join_known)
        pipeline_problem(reader, node, "name a stream that has a window under within",
                         "%s is no secondary stream of this join", stream->name);
    else if (whole && path != NULL)
        pipeline_problem(reader, node, hint, "%s takes a stream, not a field", key->name);
    else if (!whole && path == NULL)
        pipeline_problem(reader, node, hint, "%s takes a field", key->name);
    else if (path != NULL && !pipeline_value_check(TYPE_FIELD, path, &err))
        pipeline_problem_error(reader, node, &err);
    else
        return true;
    return false;
}

void pipeline_read_aggregate(struct pipeline_reader *reader, const struct pipeline_key *key,
                             const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_output_field *field = base;
    const char *path;

    if (node == NULL || !pipeline_expect(reader, node, YAML_TEXT))
        return;
    char *name = split_source(node->text, &path);
    const struct pipeline_stream *stream = pipeline_known_stream(reader, node, name);
    free(name);
    if (!check_aggregate(reader, key, node, stream, path))
        return;
    free(field->field);
    field->aggregate = (enum pipeline_aggregate)key->detail;
    field->stream = stream;
    field->field = memory_text(path);
    json_object_set_new(show, key->name, pipeline_shown_line(json_string(node->text), node));
}

static void read_condition(struct pipeline_reader *reader, const struct yaml_node *node,
                           struct pipeline_condition *condition, json_t *shown)
{
    bool many = node->kind == YAML_LIST;
    const struct yaml_node *items = many ? node->children : node;
    size_t count = many ? node->child_count : 1;
    json_t *values = json_array();
    struct error err;

    if (!pipeline_value_check(TYPE_FIELD, node->key, &err))
        pipeline_problem_key(reader, node, err.hint, "%s", err.text);
    if (count == 0)
        pipeline_problem(reader, node, "write [VALUE, VALUE]", "the list is empty");
    condition->field = memory_text(node->key);
    condition->values = memory_array(count, sizeof *condition->values);
    for (size_t i = 0; i < count; i++) {
        if (!pipeline_expect(reader, &items[i], YAML_TEXT))
            continue;
        condition->values[condition->value_count++] = memory_text(items[i].text);
        json_array_append_new(values, json_string(items[i].text));
    }
    json_object_set_new(shown, node->key, pipeline_shown_line(values, node));
}

void pipeline_read_where(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_output_field *field = base;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    field->conditions = memory_array(node->child_count, sizeof *field->conditions);
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        read_condition(reader, &node->children[i], &field->conditions[i], shown);
        field->condition_count++;
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

/* The aggregate keys that stand in a field's mapping. */
static size_t aggregates_in(const struct yaml_node *node)
{
    size_t count = 0;

    for (size_t i = 0; i < node->child_count; i++) {
        const struct pipeline_key *key = pipeline_key(SECTION_FIELD, node->children[i].key);
        count += key != NULL && key->type == TYPE_SOURCE;
    }
    return count;
}

/* Without what the field has no use for. */
static void drop_unused(const struct pipeline_output_field *field, const struct yaml_node *node,
                        json_t *shown)
{
    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section == SECTION_FIELD && yaml_child(node, key->name) == NULL
            && !(strcmp(key->name, "limit") == 0 && field->aggregate == AGGREGATE_LIST))
            json_object_del(shown, key->name);
    }
}

static void read_computed(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, struct pipeline_output_field *field,
                          json_t *list)
{
    json_t *shown = json_object();
    size_t count = aggregates_in(node);
    const struct yaml_node *limit = yaml_child(node, "limit");

    pipeline_read_section(reader, key->inner, node, field, shown);
    if (count != 1)
        pipeline_problem(reader, node, "write one of any, count, first, last, min, max, sum, list",
                         count == 0 ? "the field has no aggregate" : "the field has %zu aggregates",
                         count);
    else if (limit != NULL && yaml_child(node, "list") == NULL)
        pipeline_problem_key(reader, limit, "remove it", "limit has a meaning only with list");
    if (field->aggregate != AGGREGATE_LIST)
        field->limit = 0;
    drop_unused(field, node, shown);
    json_array_append_new(list, shown);
}

void pipeline_read_fields(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_join *join = base;

    if (!pipeline_expect(reader, node, YAML_LIST))
        return;
    if (node->child_count == 0)
        pipeline_problem(reader, node, "begin with - PRIMARY.*", "the list is empty");
    json_t *shown = json_array();
    join->fields = memory_array(node->child_count, sizeof *join->fields);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *item = &node->children[i];
        size_t mark = pipeline_enter_item(reader, i);
        join->field_count++;
        if (item->kind == YAML_TEXT && !yaml_is_null(item)) {
            read_copy(reader, item, &join->fields[i]);
            json_array_append_new(shown, pipeline_shown_line(json_string(item->text), item));
        } else if (pipeline_expect(reader, item, YAML_MAPPING)) {
            read_computed(reader, key, item, &join->fields[i], shown);
        }
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

/* Joins. */

void pipeline_read_joins(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline *pipeline = base;
    bool many = node->kind == YAML_LIST;
    const struct yaml_node *items = many ? node->children : node;
    size_t count = many ? node->child_count : 1;
    json_t *list = json_array();

    if (count == 0)
        pipeline_problem(reader, node, "describe a join, or remove the key", "the list is empty");
    pipeline->joins = memory_array(count, sizeof *pipeline->joins);
    for (size_t i = 0; i < count; i++) {
        size_t mark = many ? pipeline_enter_item(reader, i) : reader->path.size;
        json_t *inner = json_object();
        reader->join = &pipeline->joins[pipeline->join_count++];
        reader->join_known = false;
        pipeline_read_section(reader, key->inner, &items[i], reader->join, inner);
        json_array_append_new(list, inner);
        pipeline_leave(reader, mark);
    }
    reader->join = NULL;
    json_object_set(show, key->name, many ? list : json_array_get(list, 0));
    json_decref(list);
}
