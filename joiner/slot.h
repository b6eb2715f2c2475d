/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot: which of the processes of a join this one is.
 *
 * A slot has a folder of its own below the join's state directory, held by a lock, and a name that
 * is the same after a restart: transactions and group membership go by it, so that a successor
 * fences its predecessor and takes over its partitions without waiting. The name has the id of the
 * state directory in it, so processes with different ones never fence each other, on whatever host.
 */
#ifndef JOINER_SLOT_H
#define JOINER_SLOT_H

#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline.h"

enum { SLOT_MAX = 64 };

struct slot {
    char *name;      /* "GROUP-ID-N" */
    char *directory; /* Exists. */
    int lock;
};

bool slot_take(struct slot *slot, const struct pipeline_join *join, struct error *err);
void slot_release(struct slot *slot);

#endif
