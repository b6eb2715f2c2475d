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
    bool log_level_given;    /* Goes before the pipeline file's. */
    bool json;               /* The status line as JSON, one object a line, on stdout. */
};

/* Runs until process_stopping(); SIGHUP applies what may change in the pipeline file meanwhile. False on
 * an error that no retry mends, and if a stream has stopped for one. */
bool bridge_run(struct pipeline *pipeline, const struct bridge_options *options, struct error *err);

#endif
