/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: refusals that name a key of the pipeline file and its line.
 */
#ifndef EXPORT_PLACE_H
#define EXPORT_PLACE_H

#include "core/error.h"
#include "core/pipeline.h"

/*
 * Sets the error "FILE:LINE:COLUMN: PATH: what" and returns false. `path` goes from the join on,
 * "fields[3]" or "key.views", or from the root if it begins with "streams."; a part that the file does not have is told at the last one that it has.
 */
bool place_refuse(const struct pipeline *pipeline, const struct pipeline_join *join,
                  const char *path, struct error *err, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
