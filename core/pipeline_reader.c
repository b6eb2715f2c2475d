/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part of the pipeline module's reading needs: places, problems, streams by name, secrets.
 */
#include "core/pipeline_reader.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/pipeline_value.h"

enum { NAMES_MAX = 64, SECRET_BYTES_MAX = 65536 };

/* Places and problems. */

size_t pipeline_enter(struct pipeline_reader *reader, const char *name)
{
    size_t mark = reader->path.size;

    buffer_appendf(&reader->path, "%s%s", mark > 0 ? "." : "", name);
    return mark;
}

size_t pipeline_enter_item(struct pipeline_reader *reader, size_t index)
{
    size_t mark = reader->path.size;

    buffer_appendf(&reader->path, "[%zu]", index);
    return mark;
}

void pipeline_leave(struct pipeline_reader *reader, size_t mark)
{
    assert(mark <= reader->path.size);
    reader->path.size = mark;
}

__attribute__((format(printf, 6, 0))) static void note(struct pipeline_reader *reader, int line,
                                                       int column, const char *path,
                                                       const char *hint, const char *format,
                                                       va_list arguments)
{
    char *what = NULL;
    int size = vasprintf(&what, format, arguments);

    assert(size >= 0 && what != NULL);
    reader->problems =
        memory_resize(reader->problems, (reader->problem_count + 1) * sizeof *reader->problems);
    reader->problems[reader->problem_count++] = (struct pipeline_problem){
        .line = line,
        .column = column,
        .text = path[0] != '\0' ? memory_textf("%s: %s", path, what) : memory_text(what),
        .hint = memory_text(hint),
    };
    free(what);
}

void pipeline_problem(struct pipeline_reader *reader, const struct yaml_node *value,
                      const char *hint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    note(reader, value->line, value->column, buffer_text(&reader->path), hint, format, arguments);
    va_end(arguments);
}

void pipeline_problem_key(struct pipeline_reader *reader, const struct yaml_node *key,
                          const char *hint, const char *format, ...)
{
    bool named = key->key != NULL;
    va_list arguments;

    va_start(arguments, format);
    note(reader, named ? key->key_line : key->line, named ? key->key_column : key->column,
         buffer_text(&reader->path), hint, format, arguments);
    va_end(arguments);
}

void pipeline_problem_error(struct pipeline_reader *reader, const struct yaml_node *value,
                            const struct error *err)
{
    pipeline_problem(reader, value, err->hint[0] != '\0' ? err->hint : NULL, "%s", err->text);
}

/* One step of a path: ".name" or "[index]". Returns what follows, and the child or NULL. */
static const char *step(const char *path, const struct yaml_node *node,
                        const struct yaml_node **child)
{
    char name[256];

    *child = NULL;
    if (path[0] == '[') {
        char *end;
        size_t index = strtoul(path + 1, &end, 10);
        if (node->kind == YAML_LIST && index < node->child_count)
            *child = &node->children[index];
        return end + 1;
    }
    path += path[0] == '.';
    size_t size = strcspn(path, ".[");
    if (size < sizeof name) {
        memcpy(name, path, size);
        name[size] = '\0';
        *child = yaml_child(node, name);
    }
    return path + size;
}

void pipeline_problem_at(struct pipeline_reader *reader, const char *path, const char *hint,
                         const char *format, ...)
{
    const struct yaml_node *node = reader->root;
    const struct yaml_node *child;
    va_list arguments;

    for (const char *rest = path; *rest != '\0'; node = child) {
        rest = step(rest, node, &child);
        if (child == NULL)
            break;
    }
    va_start(arguments, format);
    if (node->kind == YAML_TEXT || node->key == NULL)
        note(reader, node->line, node->column, path, hint, format, arguments);
    else
        note(reader, node->key_line, node->key_column, path, hint, format, arguments);
    va_end(arguments);
}

bool pipeline_expect(struct pipeline_reader *reader, const struct yaml_node *node,
                     enum yaml_kind kind)
{
    static const char *const wanted[] = {"a single value", "a list", "a mapping"};
    static const char *const hints[] = {"write KEY: VALUE", "write KEY: [VALUE, VALUE]",
                                        "write KEY: {NAME: VALUE}, or NAME: VALUE on lines below"};
    static const char *const found[] = {"a single value", "a list", "a mapping"};

    if (yaml_is_null(node)) {
        pipeline_problem(reader, node, "write a value, or remove the key", "it has no value");
        return false;
    }
    if (node->kind == kind)
        return true;
    pipeline_problem(reader, node, hints[kind], "%s stands where %s belongs", found[node->kind],
                     wanted[kind]);
    return false;
}

/* What `config show` prints. */

json_t *pipeline_shown(json_t *value, const char *origin)
{
    json_t *shown = json_object();

    json_object_set_new(shown, "value", value);
    json_object_set_new(shown, "origin", json_string(origin));
    return shown;
}

json_t *pipeline_shown_line(json_t *value, const struct yaml_node *node)
{
    char origin[32];

    snprintf(origin, sizeof origin, "line %d", node->line);
    return pipeline_shown(value, origin);
}

/* Names. */

char *pipeline_resolve(const struct pipeline_reader *reader, const char *path)
{
    return path[0] == '/' ? memory_text(path) : memory_textf("%s%s", reader->folder, path);
}

struct pipeline_stream *pipeline_known_stream(struct pipeline_reader *reader,
                                              const struct yaml_node *node, const char *name)
{
    struct pipeline *pipeline = reader->pipeline;
    const char *names[NAMES_MAX];
    char quoted[PIPELINE_QUOTE_SIZE];
    size_t count = pipeline->stream_count < NAMES_MAX ? pipeline->stream_count : NAMES_MAX;
    struct error err;

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        if (strcmp(pipeline->streams[i].name, name) == 0)
            return &pipeline->streams[i];
    }
    if (pipeline->stream_count == 0)
        return NULL; /* Noted where the streams are missing. */
    for (size_t i = 0; i < count; i++)
        names[i] = pipeline->streams[i].name;
    error_set(&err, EXIT_CODE_CONFIG, "no stream has the name %s", pipeline_quote(name, quoted));
    pipeline_hint_names(&err, name, names, count);
    pipeline_problem_error(reader, node, &err);
    return NULL;
}

/* Secrets. */

static bool append_file(struct pipeline_reader *reader, const struct yaml_node *node,
                        const char *name, struct buffer *text)
{
    char *path = pipeline_resolve(reader, name);
    FILE *file = fopen(path, "re");
    size_t start = text->size;

    if (file == NULL) {
        pipeline_problem(reader, node, "make the file readable for dualrun", "%s: %s", path,
                         strerror(errno));
        free(path);
        return false;
    }
    text->size += fread(buffer_reserve(text, SECRET_BYTES_MAX), 1, SECRET_BYTES_MAX, file);
    bool bad = ferror(file) != 0 || text->size - start == SECRET_BYTES_MAX
               || memchr(text->data + start, '\0', text->size - start) != NULL;
    fclose(file);
    while (text->size > start && strchr("\r\n", text->data[text->size - 1]) != NULL)
        text->size--; /* The line's end is no part of a secret. */
    if (bad || text->size == start) {
        pipeline_problem(reader, node, "put the secret alone into the file",
                         "%s: is empty, unreadable or no text of less than 64 KiB", path);
        bad = true;
    }
    free(path);
    return !bad;
}

static bool append_environment(struct pipeline_reader *reader, const struct yaml_node *node,
                               const char *name, struct buffer *text)
{
    const char *value = getenv(name);
    char hint[160];

    if (value != NULL && value[0] != '\0') {
        buffer_append_text(text, value);
        return true;
    }
    snprintf(hint, sizeof hint, "export %.100s before dualrun starts", name);
    pipeline_problem(reader, node, hint, "the environment variable %s is %s", name,
                     value == NULL ? "not set" : "empty");
    return false;
}

/* One "${kind:name}" at `start`. Returns what follows, or NULL after a problem. */
static const char *append_secret(struct pipeline_reader *reader, const struct yaml_node *node,
                                 const char *start, struct buffer *text)
{
    const char *end = strchr(start, '}');
    bool environment = strncmp(start, "${env:", 6) == 0;
    bool file = strncmp(start, "${file:", 7) == 0;
    size_t skip = environment ? 6 : 7;

    if (end == NULL || (!environment && !file) || end == start + skip) {
        pipeline_problem(reader, node, "write ${env:NAME} or ${file:PATH}",
                         "${ begins no secret that dualrun knows");
        return NULL;
    }
    char *name = memory_text_n(start + skip, (size_t)(end - start) - skip);
    size_t before = text->size;
    bool done = environment ? append_environment(reader, node, name, text)
                            : append_file(reader, node, name, text);
    free(name);
    if (!done)
        return NULL;
    log_redact(buffer_text(text) + before);
    return end + 1;
}

bool pipeline_take_text(struct pipeline_reader *reader, const struct yaml_node *node, bool secrets,
                        struct buffer *text, struct buffer *origin, bool *secret)
{
    *secret = false;
    if (!pipeline_expect(reader, node, YAML_TEXT))
        return false;
    buffer_appendf(origin, "line %d", node->line);
    for (const char *c = node->text; *c != '\0';) {
        if (strncmp(c, "${", 2) != 0) {
            buffer_append_byte(text, (uint8_t)*c++);
            continue;
        }
        if (!secrets) {
            pipeline_problem(reader, node, "write the value itself",
                             "${...} is for secrets only: kafka.properties, "
                             "kafka.schema_registry.url and pubsub.credentials");
            return false;
        }
        if (!*secret) {
            buffer_clear(origin);
            buffer_append(origin, c, strcspn(c, "}"));
            buffer_append_byte(origin, '}');
        }
        *secret = true;
        c = append_secret(reader, node, c, text);
        if (c == NULL)
            return false;
    }
    return true;
}
