/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect: what a join has committed and what lies in its state directory, looked at from outside.
 *
 * Takes no part in the group, changes nothing, and may run beside the join.
 */
#ifndef JOINER_INSPECT_H
#define JOINER_INSPECT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/error.h"
#include "core/pipeline.h"

/* Of one join, as words or as one JSON object on a line. */
bool inspect_join(const struct pipeline *pipeline, const struct pipeline_join *join, bool json,
                  FILE *out, struct error *err);

#endif
