/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_backend: where a registry's schemas are. One file an implementation; registry.c keeps what
 * was fetched and chooses.
 */
#ifndef CORE_REGISTRY_BACKEND_H
#define CORE_REGISTRY_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

struct registry_backend {
    const struct registry_ops *ops;
};

struct registry_ops {
    void (*close)(struct registry_backend *backend);
    bool (*register_text)(struct registry_backend *backend, const char *subject, const char *text,
                          int32_t *id, struct error *err);
    /* Returns the text of an id (caller frees). */
    char *(*fetch)(struct registry_backend *backend, int32_t id, struct error *err);
    /* The newest id of a subject; 0 if it has none. */
    bool (*latest)(struct registry_backend *backend, const char *subject, int32_t *id,
                   struct error *err);
};

struct registry_backend *registry_directory_open(const char *directory, struct error *err);
struct registry_backend *registry_url_open(const char *url, struct error *err);

#endif
