/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness: the joiner's task fed with the model's rows, and what came out as the model's labels.
 */
#ifndef SIM_HARNESS_H
#define SIM_HARNESS_H

#include "joiner/task.h"
#include "model.h"

struct harness {
    const struct model_join *model_join;
    struct task_join join;
    struct task_output output;
    struct store *store; /* Borrowed. */
    struct task *task;
    struct model_label out[MODEL_ROWS_MAX];
    size_t out_count;
    struct model_label early[MODEL_ROWS_MAX]; /* Since the caller last emptied it. */
    size_t early_count;
    struct model_late late[MODEL_ROWS_MAX];
    size_t late_count;
};

/* Empties the store. */
void harness_start(struct harness *harness, const struct model_join *join, struct store *store);
/* With what the store holds. */
void harness_resume(struct harness *harness, const struct model_join *join, struct store *store);
void harness_stop(struct harness *harness);
void harness_feed(struct harness *harness, const struct model_row *row);
void harness_replay(struct harness *harness, const struct model_row *row);
void harness_close(struct harness *harness);
void harness_emit_early(struct harness *harness);

#endif
