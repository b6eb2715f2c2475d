/* SPDX-License-Identifier: Apache-2.0 */
#include "core/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/buffer.h"

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* The current one; deleted when the next is read. */
    bool has_event;
    const char *name;
    size_t node_count;
    struct error *err;
};

static bool fail(struct reader *reader, const yaml_mark_t *mark, const char *what, const char *hint)
{
    error_set(reader->err, EXIT_CODE_CONFIG, "%s:%zu:%zu: %s", reader->name, mark->line + 1,
              mark->column + 1, what);
    return error_hint(reader->err, "%s", hint);
}

static bool fail_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "it cannot be read";
    const yaml_mark_t *mark = &parser->problem_mark;

    if (parser->error == YAML_READER_ERROR)
        error_set(reader->err, EXIT_CODE_CONFIG, "%s: no YAML: byte %zu: %s", reader->name,
                  parser->problem_offset + 1, problem);
    else if (parser->context != NULL)
        error_set(reader->err, EXIT_CODE_CONFIG, "%s:%zu:%zu: no YAML: %s, %s", reader->name,
                  mark->line + 1, mark->column + 1, parser->context, problem);
    else
        error_set(reader->err, EXIT_CODE_CONFIG, "%s:%zu:%zu: no YAML: %s", reader->name,
                  mark->line + 1, mark->column + 1, problem);
    return error_hint(reader->err, "check quotes, brackets and indentation; YAML takes no tabs");
}

/* Reads the next event. Refuses those that no dualrun file needs. */
static bool next(struct reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = yaml_parser_parse(&reader->parser, &reader->event) != 0;
    return reader->has_event || fail_syntax(reader);
}

static bool check_node_start(struct reader *reader, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    const yaml_mark_t *mark = &reader->event.start_mark;

    if (anchor != NULL)
        return fail(reader, mark, "anchors (&name) are not allowed", "write the value out");
    if (tag != NULL)
        return fail(reader, mark, "tags (!name) are not allowed",
                    "write the value without its tag");
    if (++reader->node_count > YAML_NODES_MAX)
        return fail(reader, mark, "more than 10000 values", "split the file");
    return true;
}

static struct yaml_node *add_child(struct yaml_node *node)
{
    size_t count = node->child_count;

    if (count == 0 || (count >= 4 && (count & (count - 1)) == 0)) /* Room for 4, 8, 16, ... */
        node->children =
            memory_resize(node->children, (count == 0 ? 4 : 2 * count) * sizeof *node->children);
    node->child_count++;
    node->children[count] = (struct yaml_node){0};
    return &node->children[count];
}

static bool take_text(struct reader *reader, char **text)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    size_t size = reader->event.data.scalar.length;

    if (memchr(value, '\0', size) != NULL)
        return fail(reader, &reader->event.start_mark, "a NUL byte inside a value", "remove it");
    *text = memory_text_n(value, size);
    return true;
}

static bool read_value(struct reader *reader, struct yaml_node *node, int depth);

static bool read_list(struct reader *reader, struct yaml_node *node, int depth)
{
    for (;;) {
        if (!next(reader))
            return false;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (!read_value(reader, add_child(node), depth))
            return false;
    }
}

static bool read_key(struct reader *reader, struct yaml_node *mapping, char **key)
{
    const yaml_mark_t *mark = &reader->event.start_mark;
    char text[160];

    if (reader->event.type != YAML_SCALAR_EVENT)
        return fail(reader, mark, "a key must be text", "write KEY: VALUE");
    if (!check_node_start(reader, reader->event.data.scalar.anchor, reader->event.data.scalar.tag)
        || !take_text(reader, key))
        return false;
    const struct yaml_node *first = yaml_child(mapping, *key);
    if (first == NULL)
        return true;
    snprintf(text, sizeof text, "%.80s: the key stands here twice, first in line %d", *key,
             first->key_line);
    free(*key);
    *key = NULL;
    return fail(reader, mark, text, "keep one of the two");
}

static bool read_mapping(struct reader *reader, struct yaml_node *node, int depth)
{
    for (;;) {
        char *key = NULL;
        if (!next(reader))
            return false;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return true;
        if (!read_key(reader, node, &key))
            return false;
        struct yaml_node *child = add_child(node);
        child->key = key;
        child->key_line = (int)reader->event.start_mark.line + 1;
        child->key_column = (int)reader->event.start_mark.column + 1;
        if (!next(reader) || !read_value(reader, child, depth))
            return false;
    }
}

/* The value whose first event is the current one. */
static bool read_value(struct reader *reader, struct yaml_node *node, int depth)
{
    const yaml_event_t *event = &reader->event;

    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    if (depth == YAML_DEPTH_MAX)
        return fail(reader, &event->start_mark, "more than 32 levels deep", "flatten the file");
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node->kind = YAML_TEXT;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return check_node_start(reader, event->data.scalar.anchor, event->data.scalar.tag)
               && take_text(reader, &node->text);
    case YAML_SEQUENCE_START_EVENT:
        node->kind = YAML_LIST;
        return check_node_start(reader, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag)
               && read_list(reader, node, depth + 1);
    case YAML_MAPPING_START_EVENT:
        node->kind = YAML_MAPPING;
        return check_node_start(reader, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag)
               && read_mapping(reader, node, depth + 1);
    case YAML_ALIAS_EVENT:
        return fail(reader, &event->start_mark, "aliases (*name) are not allowed",
                    "write the value out");
    default:
        return fail(reader, &event->start_mark, "no value", "write a value");
    }
}

static bool read_document(struct reader *reader, struct yaml_node *root)
{
    if (!next(reader)) /* The stream's start. */
        return false;
    if (!next(reader)) /* The document's. */
        return false;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return fail(reader, &reader->event.start_mark, "the file is empty",
                    "start with the keys of the file, such as version: 1");
    if (!next(reader) || !read_value(reader, root, 0))
        return false;
    if (!next(reader)) /* The document's end. */
        return false;
    if (!next(reader)) /* The stream's, or there is more. */
        return false;
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return fail(reader, &reader->event.start_mark, "a second document starts here",
                    "keep one document a file: remove the line ---");
    return true;
}

struct yaml_node *yaml_parse(const void *text, size_t size, const char *name, struct error *err)
{
    struct reader reader = {.name = name, .err = err};

    if (size > YAML_BYTES_MAX) {
        error_set(err, EXIT_CODE_CONFIG, "%s: the file has %zu bytes, the limit is 1 MiB", name,
                  size);
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        error_set(err, EXIT_CODE_STATE, "%s: libyaml: out of memory", name);
        return NULL;
    }
    yaml_parser_set_input_string(&reader.parser, text, size);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);

    struct yaml_node *root = memory_new(sizeof *root);

    if (!read_document(&reader, root)) {
        yaml_node_free(root);
        root = NULL;
    }
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return root;
}

struct yaml_node *yaml_load(const char *file, struct error *err)
{
    struct buffer text = {0};
    struct yaml_node *root = NULL;
    FILE *stream = fopen(file, "re");

    if (stream == NULL) {
        error_set(err, EXIT_CODE_CONFIG, "%s: %s", file, strerror(errno));
        if (errno == ENOENT)
            error_hint(err,
                       "name an existing pipeline file; config/minimal.yaml is one to start from");
        return NULL;
    }
    while (text.size <= YAML_BYTES_MAX) {
        size_t size = fread(buffer_reserve(&text, 65536), 1, 65536, stream);
        if (size == 0)
            break;
        text.size += size;
    }
    if (ferror(stream))
        error_set(err, EXIT_CODE_CONFIG, "%s: %s", file, strerror(errno));
    else
        root = yaml_parse(buffer_text(&text), text.size, file, err);
    fclose(stream);
    buffer_fini(&text);
    return root;
}

static void release(struct yaml_node *node)
{
    for (size_t i = 0; i < node->child_count; i++)
        release(&node->children[i]);
    free(node->children);
    free(node->key);
    free(node->text);
}

void yaml_node_free(struct yaml_node *node)
{
    if (node == NULL)
        return;
    release(node);
    free(node);
}

const struct yaml_node *yaml_child(const struct yaml_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->child_count; i++) {
        if (mapping->children[i].key != NULL && strcmp(mapping->children[i].key, key) == 0)
            return &mapping->children[i];
    }
    return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && !node->quoted
           && (node->text[0] == '\0' || strcmp(node->text, "~") == 0
               || strcmp(node->text, "null") == 0);
}
