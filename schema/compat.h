/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compat: can data of one Avro schema be read with another? By the rules of the Avro specification for
 * schema resolution, and stricter in one point: a logical type that changes is a problem, because
 * readers would take milliseconds for microseconds. Pure.
 */
#ifndef SCHEMA_COMPAT_H
#define SCHEMA_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/schema.h"

struct compat_problem {
    char path[256]; /* "device.os"; "" is the whole. */
    char fact[512]; /* "the symbol tv is not known to the reader" */
    char next[512]; /* The way out. */
};

enum { COMPAT_PROBLEMS_MAX = 32 };

struct compat {
    struct compat_problem problems[COMPAT_PROBLEMS_MAX];
    size_t count; /* Of those kept; further ones are dropped. */
};

/* True if the reader can read everything that the writer may write. Appends what stands in the way. */
bool compat_reads(struct compat *compat, const struct schema *reader, const struct schema *writer);

#endif
