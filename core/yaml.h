/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: one YAML document as a tree in which every key and value knows its line and column.
 *
 * A strict part of YAML: text, lists and mappings with text keys. Duplicate keys, anchors, aliases,
 * tags and further documents are refused with their place, because each has surprised someone. Size,
 * depth and number of nodes are bounded.
 */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum {
    YAML_BYTES_MAX = 1024 * 1024,
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 10000,
};

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    int line, column; /* Of the value, from 1. */
    char *key;        /* In a mapping. NULL elsewhere. */
    int key_line, key_column;
    char *text;  /* YAML_TEXT */
    bool quoted; /* YAML_TEXT: in quotes or as a block, so that an empty one is meant. */
    struct yaml_node *children; /* YAML_LIST, YAML_MAPPING; in the order of the file. */
    size_t child_count;
};

/* `name` is the file's, for messages. NULL on error: "NAME:LINE:COLUMN: what". */
struct yaml_node *yaml_parse(const void *text, size_t size, const char *name, struct error *err);
struct yaml_node *yaml_load(const char *file, struct error *err);
/* Not yaml_free: libyaml exports that name, and would call ours. */
void yaml_node_free(struct yaml_node *node);

/* The value of a key, or NULL. `mapping` may be NULL. */
const struct yaml_node *yaml_child(const struct yaml_node *mapping, const char *key);
/* An unquoted nothing: "", "~" or "null". */
bool yaml_is_null(const struct yaml_node *node);

#endif
