/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline_reader.h"
#include "core/pipeline_value.h"

enum { NAMES_MAX = 64, MORE_SIZE = 64 };

static int by_place(const void *a, const void *b)
{
    const struct pipeline_problem *left = a, *right = b;

    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    return (left->column > right->column) - (left->column < right->column);
}

/*
 * Every problem, as long as there is room: one a line, each but the last followed by its own hint on
 * a line "hint: ...". The last one's hint is the error's.
 */
static void report(const struct pipeline_reader *reader, struct error *err)
{
    struct buffer text = {0}, next = {0};
    const char *hint = NULL;
    size_t told = 0;

    for (; told < reader->problem_count; told++) {
        const struct pipeline_problem *problem = &reader->problems[told];
        buffer_clear(&next);
        if (told > 0 && hint != NULL)
            buffer_appendf(&next, "\nhint: %s", hint);
        buffer_appendf(&next, "%s%s:%d:%d: %s", told > 0 ? "\n" : "", reader->file, problem->line,
                       problem->column, problem->text);
        if (told > 0 && text.size + next.size + MORE_SIZE > ERROR_TEXT_SIZE)
            break;
        buffer_append(&text, next.data, next.size);
        hint = problem->hint;
    }
    error_set(err, EXIT_CODE_CONFIG, "%s", buffer_text(&text));
    error_hint(err, "%s", hint != NULL ? hint : "");
    if (told < reader->problem_count) {
        if (hint != NULL)
            buffer_appendf(&text, "\nhint: %s", hint);
        buffer_appendf(&text, "\n%s: and %zu more", reader->file, reader->problem_count - told);
        error_set(err, EXIT_CODE_CONFIG, "%s", buffer_text(&text));
    }
    buffer_fini(&text);
    buffer_fini(&next);
}

static void sort_problems(struct pipeline_reader *reader)
{
    /* Few and nearly in order; a stable sort keeps the order of noting within one place. */
    for (size_t i = 1; i < reader->problem_count; i++) {
        for (size_t j = i; j > 0 && by_place(&reader->problems[j - 1], &reader->problems[j]) > 0;
             j--) {
            struct pipeline_problem problem = reader->problems[j];
            reader->problems[j] = reader->problems[j - 1];
            reader->problems[j - 1] = problem;
        }
    }
}

static void reader_fini(struct pipeline_reader *reader)
{
    for (size_t i = 0; i < reader->problem_count; i++) {
        free(reader->problems[i].text);
        free(reader->problems[i].hint);
    }
    free(reader->problems);
    free(reader->folder);
    buffer_fini(&reader->path);
}

static char *folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash != NULL ? memory_text_n(file, (size_t)(slash - file) + 1) : memory_text("");
}

static struct pipeline *read_tree(const struct yaml_node *root, const char *file, json_t *show,
                                  struct error *err)
{
    struct pipeline *pipeline = memory_new(sizeof *pipeline);
    struct pipeline_reader reader = {
        .file = file, .folder = folder_of(file), .root = root, .pipeline = pipeline};

    pipeline->file = memory_text(file);
    pipeline_read_section(&reader, SECTION_ROOT, root, pipeline, show);
    if (root->kind == YAML_MAPPING)
        pipeline_check(&reader);
    if (reader.problem_count > 0) {
        sort_problems(&reader);
        report(&reader, err);
        pipeline_free(pipeline);
        pipeline = NULL;
    }
    reader_fini(&reader);
    return pipeline;
}

static struct pipeline *load(const char *file, json_t *show, struct error *err)
{
    struct yaml_node *root = yaml_load(file, err);

    if (root == NULL)
        return NULL;
    struct pipeline *pipeline = read_tree(root, file, show, err);
    yaml_node_free(root);
    return pipeline;
}

struct pipeline *pipeline_load(const char *file, struct error *err)
{
    json_t *show = json_object();
    struct pipeline *pipeline = load(file, show, err);

    if (pipeline != NULL)
        pipeline->shown = show;
    else
        json_decref(show);
    return pipeline;
}

struct pipeline *pipeline_parse(const void *text, size_t size, const char *name, struct error *err)
{
    struct yaml_node *root = yaml_parse(text, size, name, err);
    struct pipeline *pipeline = NULL;

    if (root != NULL) {
        json_t *show = json_object();
        pipeline = read_tree(root, name, show, err);
        json_decref(show);
    }
    yaml_node_free(root);
    return pipeline;
}

/* Freeing. */

static void free_streams(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        struct pipeline_stream *stream = &pipeline->streams[i];
        free(stream->name);
        free(stream->subscription);
        free(stream->audit_subscription);
        free(stream->topic.name);
        free(stream->schema_file);
        free(stream->key);
        free(stream->event_time_field);
        free(stream->event_id_field);
        free(stream->dead_letter);
    }
    free(pipeline->streams);
}

static void free_field(struct pipeline_output_field *field)
{
    for (size_t i = 0; i < field->condition_count; i++) {
        struct pipeline_condition *condition = &field->conditions[i];
        for (size_t k = 0; k < condition->value_count; k++)
            free(condition->values[k]);
        free(condition->values);
        free(condition->field);
    }
    free(field->conditions);
    free(field->name);
    free(field->field);
}

static void free_joins(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->join_count; i++) {
        struct pipeline_join *join = &pipeline->joins[i];
        for (size_t k = 0; k < join->secondary_count; k++)
            free(join->secondaries[k].key);
        for (size_t k = 0; k < join->field_count; k++)
            free_field(&join->fields[k]);
        free(join->secondaries);
        free(join->fields);
        free(join->name);
        free(join->group);
        free(join->output.name);
        free(join->output_key);
        free(join->late_topic);
        free(join->primary_key);
        free(join->state_directory);
    }
    free(pipeline->joins);
}

static void free_kafka(struct pipeline_kafka *kafka)
{
    for (size_t i = 0; i < kafka->property_count; i++) {
        free(kafka->properties[i].name);
        free(kafka->properties[i].value);
    }
    free(kafka->properties);
    free(kafka->brokers);
    free(kafka->registry_url);
    free(kafka->registry_directory);
    free(kafka->compression);
}

static void free_validate(struct pipeline_validate *validate)
{
    for (size_t i = 0; i < validate->tolerance_count; i++)
        free(validate->tolerances[i].field);
    free(validate->tolerances);
    for (size_t i = 0; i < validate->show_field_count; i++)
        free(validate->show_fields[i]);
    free(validate->show_fields);
    pipeline_free_legacy(&validate->legacy);
    free(validate->work_directory);
    free(validate->report_directory);
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    free_kafka(&pipeline->kafka);
    free_streams(pipeline);
    free_joins(pipeline);
    free_validate(&pipeline->validate);
    free(pipeline->cutover.hooks);
    free(pipeline->cutover.postpone_file);
    free(pipeline->pubsub.project);
    free(pipeline->pubsub.endpoint);
    free(pipeline->pubsub.credentials_file);
    json_decref(pipeline->shown);
    free(pipeline->file);
    free(pipeline->name);
    free(pipeline->ledger_topic);
    free(pipeline);
}

const struct pipeline_stream *pipeline_stream(const struct pipeline *pipeline, const char *name,
                                              struct error *err)
{
    const char *names[NAMES_MAX];
    size_t count = pipeline->stream_count < NAMES_MAX ? pipeline->stream_count : NAMES_MAX;
    char quoted[PIPELINE_QUOTE_SIZE];

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        if (strcmp(pipeline->streams[i].name, name) == 0)
            return &pipeline->streams[i];
    }
    for (size_t i = 0; i < count; i++)
        names[i] = pipeline->streams[i].name;
    error_set(err, EXIT_CODE_USAGE, "%s: no stream has the name %s", pipeline->file,
              pipeline_quote(name, quoted));
    pipeline_hint_names(err, name, names, count);
    return NULL;
}

/* Showing. */

static bool is_leaf(const json_t *node)
{
    return json_is_string(json_object_get(node, "origin"));
}

static void print_scalar(const json_t *value, FILE *out)
{
    if (json_is_array(value)) {
        fputc('[', out);
        for (size_t i = 0; i < json_array_size(value); i++) {
            fputs(i > 0 ? ", " : "", out);
            print_scalar(json_array_get(value, i), out);
        }
        fputc(']', out);
    } else if (json_is_string(value)) {
        fputs(json_string_value(value), out);
    } else {
        json_dumpf(value, out, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    }
}

static void print_leaf(const json_t *leaf, FILE *out)
{
    print_scalar(json_object_get(leaf, "value"), out);
    fprintf(out, "  # %s\n", json_string_value(json_object_get(leaf, "origin")));
}

static void print_node(json_t *node, int depth, bool after_dash, FILE *out);

static void print_list(const json_t *list, int depth, FILE *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        fprintf(out, "%*s- ", 2 * depth, "");
        if (is_leaf(item))
            print_leaf(item, out);
        else
            print_node(item, depth + 1, true, out);
    }
}

static void print_node(json_t *node, int depth, bool after_dash, FILE *out)
{
    const char *key;
    json_t *child;

    json_object_foreach(node, key, child)
    {
        bool unset = is_leaf(child) && json_is_null(json_object_get(child, "value"));
        fprintf(out, "%*s", after_dash ? 0 : 2 * depth, "");
        after_dash = false;
        if (unset) {
            fprintf(out, "# %s: not set\n", key);
        } else if (is_leaf(child)) {
            fprintf(out, "%s: ", key);
            print_leaf(child, out);
        } else if (json_is_array(child)) {
            fprintf(out, "%s:\n", key);
            print_list(child, depth + 1, out);
        } else {
            fprintf(out, "%s:%s\n", key, json_object_size(child) == 0 ? " {}" : "");
            print_node(child, depth + 1, false, out);
        }
    }
}

bool pipeline_show(const char *file, bool json, FILE *out, struct error *err)
{
    json_t *show = json_object();
    struct pipeline *pipeline = load(file, show, err);
    bool loaded = pipeline != NULL;

    if (loaded && json) {
        json_dumpf(show, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        fputc('\n', out);
    } else if (loaded) {
        print_node(show, 0, false, out);
    }
    pipeline_free(pipeline);
    json_decref(show);
    return loaded;
}
