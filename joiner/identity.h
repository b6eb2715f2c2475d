/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity: the part of a join's configuration that its state and output depend on, as a hash.
 *
 * A commit made under one identity is never continued under another.
 */
#ifndef JOINER_IDENTITY_H
#define JOINER_IDENTITY_H

#include "core/pipeline.h"
#include "joiner/task.h"

/* The join as its tasks see it. */
void identity_task_join(const struct pipeline_join *join, struct task_join *result);

#endif
