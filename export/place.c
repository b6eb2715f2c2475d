/* SPDX-License-Identifier: Apache-2.0 */
#include "export/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/yaml.h"

/* One step of a path: "name" or "[3]", and an optional dot behind it. */
static const struct yaml_node *step(const struct yaml_node *node, const char **path)
{
    const struct yaml_node *next = NULL;

    if (**path == '[') {
        char *end;
        size_t index = strtoul(*path + 1, &end, 10);
        if (node->kind == YAML_LIST && index < node->child_count)
            next = &node->children[index];
        *path = *end == ']' ? end + 1 : end;
    } else {
        size_t size = strcspn(*path, ".[");
        char *name = memory_text_n(*path, size);
        if (node->kind == YAML_MAPPING)
            next = yaml_child(node, name);
        free(name);
        *path += size;
    }
    *path += **path == '.';
    return next;
}

static const struct yaml_node *find(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = root;

    while (*path != '\0') {
        const struct yaml_node *next = step(node, &path);
        if (next == NULL)
            break;
        node = next;
    }
    return node;
}

bool place_refuse(const struct pipeline *pipeline, const struct pipeline_join *join,
                  const char *path, struct error *err, const char *hint, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE / 2];
    struct error unread;
    struct yaml_node *root = yaml_load(pipeline->file, &unread);
    const struct yaml_node *joins = yaml_child(root, "join");
    bool many = joins != NULL && joins->kind == YAML_LIST;
    bool rooted = strncmp(path, "streams.", strlen("streams.")) == 0;
    char *whole = rooted ? memory_text(path)
                  : many ? memory_textf("join[%zu].%s", (size_t)(join - pipeline->joins), path)
                         : memory_textf("join.%s", path);
    const struct yaml_node *node = root != NULL ? find(root, whole) : NULL;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (node != NULL) /* Else the file went away since it was read. */
        error_set(err, EXIT_CODE_CONFIG, "%s:%d:%d: %s: %s", pipeline->file, node->line,
                  node->column, whole, text);
    else
        error_set(err, EXIT_CODE_CONFIG, "%s: %s: %s", pipeline->file, whole, text);
    error_hint(err, "%s", hint);
    yaml_node_free(root);
    free(whole);
    return false;
}
