/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buffer.h"
#include "core/registry_backend.h"

struct registry {
    struct registry_backend *backend;
    struct registry_entry {
        int32_t id;
        struct schema *schema;
    } * entries; /* What was fetched: a handful, so a list will do. */
    size_t count;
};

struct registry *registry_open(const struct pipeline_kafka *kafka, struct error *err)
{
    assert(kafka->registry_url != NULL || kafka->registry_directory != NULL);

    struct registry_backend *backend =
        kafka->registry_url != NULL ? registry_url_open(kafka->registry_url, err)
                                    : registry_directory_open(kafka->registry_directory, err);

    if (backend == NULL)
        return NULL;

    struct registry *registry = memory_new(sizeof *registry);

    registry->backend = backend;
    return registry;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = 0; i < registry->count; i++)
        schema_free(registry->entries[i].schema);
    free(registry->entries);
    registry->backend->ops->close(registry->backend);
    free(registry);
}

bool registry_register(struct registry *registry, const char *subject, const char *text,
                       int32_t *id, struct error *err)
{
    struct schema *schema = schema_parse(text, subject, err);

    if (schema == NULL)
        return false;
    schema_free(schema);
    return registry->backend->ops->register_text(registry->backend, subject, text, id, err);
}

const struct schema *registry_schema(struct registry *registry, int32_t id, struct error *err)
{
    char name[32];

    for (size_t i = 0; i < registry->count; i++)
        if (registry->entries[i].id == id)
            return registry->entries[i].schema;

    char *text = registry->backend->ops->fetch(registry->backend, id, err);

    if (text == NULL)
        return NULL;
    snprintf(name, sizeof name, "id %" PRId32, id);

    struct schema *schema = schema_parse(text, name, err);

    free(text);
    if (schema == NULL)
        return NULL;
    registry->entries =
        memory_resize(registry->entries, (registry->count + 1) * sizeof *registry->entries);
    registry->entries[registry->count++] = (struct registry_entry){.id = id, .schema = schema};
    return schema;
}

const struct schema *registry_latest(struct registry *registry, const char *subject, int32_t *id,
                                     struct error *err)
{
    err->text[0] = '\0';
    if (!registry->backend->ops->latest(registry->backend, subject, id, err) || *id == 0)
        return NULL;
    return registry_schema(registry, *id, err);
}
