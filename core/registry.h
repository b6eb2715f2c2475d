/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: schemas by id and by subject, in a directory or behind a Confluent-compatible URL.
 *
 * A directory holds `<id>.avsc`, one file a schema, and `subjects/<subject>`, one line "VERSION ID"
 * each. It needs no server, may be in version control, and two processes may register at once.
 * Not thread safe: each pipeline has its own.
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "core/schema.h"

struct registry;

struct registry *registry_open(const struct pipeline_kafka *kafka, struct error *err);
void registry_close(struct registry *registry);

/* The id of this text under the subject; registered if it is new. The same text gets the same id. */
bool registry_register(struct registry *registry, const char *subject, const char *text,
                       int32_t *id, struct error *err);
/* The schema of an id. Fetched once, owned by the registry, valid until registry_close. */
const struct schema *registry_schema(struct registry *registry, int32_t id, struct error *err);
/* The newest schema of a subject and its id; NULL without an error text if there is none. */
const struct schema *registry_latest(struct registry *registry, const char *subject, int32_t *id,
                                     struct error *err);

#endif
