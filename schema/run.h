/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: what dualrun schema infer, check and show do. Results go to stdout, what they mean to stderr.
 */
#ifndef SCHEMA_RUN_H
#define SCHEMA_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "schema/infer.h"

struct schema_infer_options {
    const char
        *file; /* Events, one JSON object a line ("-": stdin); with stream a pipeline file. */
    const char *stream; /* Its subscription is looked at; messages are given back. NULL: file. */
    int64_t sample;     /* At most so many events. */
    struct infer_options infer;
    bool json; /* Schema and decisions as one document, instead of the schema alone. */
};

bool schema_infer(const struct schema_infer_options *options, struct error *err);

enum schema_mode { MODE_BACKWARD, MODE_FORWARD, MODE_FULL };

struct schema_check_options {
    const char *stream; /* NULL: every one that has a schema. */
    enum schema_mode mode;
    bool json;
};

/* The file's schema against the newest of the registry. Sets *fits. */
bool schema_check(const struct pipeline *pipeline, const struct schema_check_options *options,
                  bool *fits, struct error *err);

/* What the file says and what the registry holds, of each stream; of one stream with the texts. */
bool schema_show(const struct pipeline *pipeline, const char *stream, bool json, struct error *err);

#endif
