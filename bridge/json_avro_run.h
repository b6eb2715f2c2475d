/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro_run: what json_avro.c (objects, arrays, unions) and json_avro_scalar.c share.
 */
#ifndef BRIDGE_JSON_AVRO_RUN_H
#define BRIDGE_JSON_AVRO_RUN_H

#include "bridge/json_avro.h"
#include "bridge/json_plan.h"
#include "bridge/json_scan.h"

struct json_stack {
    size_t *items; /* Owned. */
    size_t used, capacity;
};

/* One text on its way. */
struct json_run {
    struct json_scan scan;
    struct json_avro *program;
    struct buffer *scratch; /* Two, for texts without escapes. */
    struct buffer *out;
    size_t begin;         /* out->size when the record began. */
    size_t *offsets;      /* Of the root's fields, behind begin; NULL: nobody wants them. */
    uint64_t retry_bytes; /* What unions may still read again. */
    uint32_t empty_items; /* Array items that took no bytes. */
    unsigned depth_seen;  /* The deepest nesting. */
    struct json_avro_fault *fault;
};

/* Each returns false. */
bool json_run_fail(struct json_run *run, const uint8_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool json_run_fail_scan(struct json_run *run); /* With the scan's fault. */
bool json_run_mismatch(struct json_run *run, const struct json_node *node);

static inline bool json_run_enter(struct json_run *run)
{
    if (!json_scan_enter(&run->scan))
        return json_run_fail_scan(run);
    if (run->scan.depth > run->depth_seen)
        run->depth_seen = run->scan.depth;
    return true;
}

/* enum json_class of what comes next; 0 if no value begins so. */
uint8_t json_run_class(const struct json_run *run);
/* A string, which comes next, as Avro string; tells its size in bytes. */
bool json_run_put_text(struct json_run *run, size_t *size);
/* Every op but STRING and those that hold others. */
bool json_run_put_scalar(struct json_run *run, const struct json_node *node);

#endif
