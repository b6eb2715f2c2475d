/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge: Pub/Sub -> Kafka. Nothing is acknowledged to Pub/Sub before Kafka has it.
 */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline.h"

struct bridge_options {
    const char *stream;      /* One stream of the file. NULL: all of them. */
    const char *http_listen; /* HOST:PORT of the status server. NULL: none. */
    bool json;               /* The status line as JSON, one object a line, on stdout. */
};

/* Runs until process_stopping(). False on an error that no retry mends. */
bool bridge_run(const struct pipeline *pipeline, const struct bridge_options *options,
                struct error *err);

#endif
