/* SPDX-License-Identifier: Apache-2.0 */
/*
 * joiner: the streaming join, one labelled sample per primary record, exactly once.
 */
#ifndef JOINER_JOINER_H
#define JOINER_JOINER_H

#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline.h"

struct joiner_options {
    const char *join;        /* One join of the file. NULL: all of them. */
    const char *http_listen; /* HOST:PORT of the status server. NULL: none. */
    bool json;               /* The status line as JSON, one object a line, on stdout. */
    bool until_end; /* Read to the ends that the inputs have at the start, close every row, end. */
};

/* Runs until process_stopping() or the end. False on an error that no retry mends. */
bool joiner_run(const struct pipeline *pipeline, const struct joiner_options *options,
                struct error *err);

#endif
