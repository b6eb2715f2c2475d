/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro_run: what json_avro.c (arrays, maps, unions), json_avro_record.c, json_avro_unknown.c and json_avro_scalar.c
 * share.
 */
#ifndef BRIDGE_JSON_AVRO_RUN_H
#define BRIDGE_JSON_AVRO_RUN_H

#include "bridge/json_avro.h"
#include "bridge/json_plan.h"
#include "bridge/json_scan.h"

enum { JSON_RETRY_BYTES = 65536 }; /* Unions may read so much again, however short the text. */

struct json_stack {
    size_t *items; /* Owned. */
    size_t used, capacity;
};

struct json_avro {
    const struct schema *schema;
    struct json_plan plan;
    struct schema_path *captures;
    unsigned capture_count;
    size_t
        *offsets; /* If the root is a record: where each field lies in the record encoded last. */
    const struct buffer *out; /* Of the last encode. */
    size_t out_begin, out_end;
    uint64_t serial;          /* Of the record. */
    bool strict;              /* A member that the schema does not have is a fault. */
    struct json_stack stack;  /* Positions of members and keys, while their object is open. */
    struct buffer scratch[2]; /* Texts without escapes. */
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
/* On the way out: the step that leads to the fault. */
bool json_run_fail_in(struct json_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "NAME what" at a member's name, which is no content: whoever mends the schema needs it. */
bool json_run_fail_name(struct json_run *run, const uint8_t *name_at, const char *what);

/* Room for so many; moves what is there. */
size_t *json_stack_push(struct json_stack *stack, size_t count);

static inline bool json_run_enter(struct json_run *run)
{
    if (!json_scan_enter(&run->scan))
        return json_run_fail_scan(run);
    if (run->scan.depth > run->depth_seen)
        run->depth_seen = run->scan.depth;
    return true;
}

/* Empty objects and arrays: reads the closing byte. */
static inline bool json_run_closed(struct json_run *run, uint8_t close)
{
    bool closed = json_scan_peek(&run->scan) == close;

    run->scan.at += closed;
    return closed;
}

/* enum json_class of what comes next; 0 if no value begins so. */
uint8_t json_run_class(const struct json_run *run);
/* A string, which comes next, as Avro string; tells its size in bytes. */
bool json_run_put_text(struct json_run *run, size_t *size);
/* Every op but STRING and those that hold others. */
bool json_run_put_scalar(struct json_run *run, const struct json_node *node);
bool json_run_put_record(struct json_run *run, struct json_node *node);
/* Any of them. */
bool json_run_encode(struct json_run *run, struct json_node *node);
/* Encodes the default when the program is made; each is needed at most once, and may need others. */
bool json_run_compile_missing(struct json_run *run, struct json_field *field);

/* A member that the schema does not have, on its way into the map of them; words on the stack. */
struct json_unknown {
    size_t name_at, value_at, value_end; /* In the text. */
    size_t name, name_size;              /* Without escapes, in a scratch buffer. */
};

enum { JSON_UNKNOWN_WORDS = sizeof(struct json_unknown) / sizeof(size_t) };

/*
 * Writes the map: names in the order of their bytes, values as they stand in the text. Fills in and sorts
 * the members. A name that is there twice is a fault.
 */
bool json_run_put_unknown(struct json_run *run, struct json_unknown *members, size_t count);

#endif
