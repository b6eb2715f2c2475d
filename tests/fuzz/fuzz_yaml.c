/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as YAML: a tree that keeps its promises, or an error that names the file.
 */
#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"
#include "fuzz.h"

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void check(const struct yaml_node *node, int depth)
{
    require(depth < YAML_DEPTH_MAX && node->line > 0 && node->column > 0);
    require((node->kind == YAML_TEXT) == (node->text != NULL));
    require(node->kind != YAML_TEXT || node->child_count == 0);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *child = &node->children[i];
        require((node->kind == YAML_MAPPING) == (child->key != NULL));
        if (child->key != NULL)
            require(yaml_child(node, child->key) == child && child->key_line > 0);
        check(child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct yaml_node *root = yaml_parse(data, size, "fuzz.yaml", &err);

    if (root != NULL)
        check(root, 0);
    else
        require(strncmp(err.text, "fuzz.yaml:", 10) == 0 && err.code == EXIT_CODE_CONFIG);
    yaml_node_free(root);
    return 0;
}
