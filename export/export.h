/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export: the join of a pipeline file as a query for an engine that is there already.
 *
 * The query is the batch join of the contract: what the joiner writes when no record is late. What an
 * engine cannot say exactly is refused with the key and its line. Nothing is connected to.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include <stdbool.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "export/dialect.h"

/* Appends the script to `out`. `join` is one of the pipeline's. */
bool export_sql(const struct pipeline *pipeline, const struct pipeline_join *join,
                const struct dialect *dialect, struct buffer *out, struct error *err);
/* The same into the file `path`, which is replaced only by a whole one; NULL: stdout. */
bool export_write(const struct pipeline *pipeline, const struct pipeline_join *join,
                  const struct dialect *dialect, const char *path, struct error *err);

#endif
