/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: the contract of the join as plainly as it can be said, for comparison.
 *
 * Everything is kept in arrays and looked at again for every question. It shares no line with
 * joiner/: a mistake would have to be made twice.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_INPUTS_MAX = 5, MODEL_ROWS_MAX = 512 };

struct model_row {
    int input;
    int key;
    int64_t time;
    int id;
    char kind[4];
    int64_t offset;
};

struct model_join {
    int inputs;
    int64_t before[MODEL_INPUTS_MAX], after[MODEL_INPUTS_MAX]; /* By input, the primary's unused. */
    int64_t lateness;
    bool latest;
    bool inner;
    bool early; /* The model says nothing of early rows but what is live. */
};

/* What a closed primary row comes to: how many matches, and the first and last by (time, id, kind). */
struct model_label {
    int key, id;
    int64_t time;
    size_t matches;
    struct model_row first, last;
};

struct model_late {
    struct model_row row;
    bool dropped;
};

struct model {
    const struct model_join *join;
    bool seen[MODEL_INPUTS_MAX];
    int64_t max_time[MODEL_INPUTS_MAX];
    bool has_watermark;
    int64_t watermark;
    struct model_row live[MODEL_ROWS_MAX];
    size_t live_count;
    struct model_label out[MODEL_ROWS_MAX];
    size_t out_count;
    struct model_late late[MODEL_ROWS_MAX];
    size_t late_count;
};

void model_start(struct model *model, const struct model_join *join);
void model_feed(struct model *model, const struct model_row *row);
void model_advance(struct model *model, int64_t watermark);

/* The batch join of all rows: labels in the order time, key, id. Returns their number. */
size_t model_batch(const struct model_join *join, const struct model_row *rows, size_t count,
                   struct model_label *labels);

/* Could a late row change what becomes of the label's primary row? */
bool model_touches(const struct model_join *join, const struct model_row *late,
                   const struct model_label *label);

int64_t model_cutoff(const struct model_join *join, int64_t watermark);
bool model_label_equal(const struct model_label *a, const struct model_label *b);
/* By time, id, kind. */
int model_order(const void *a, const void *b);

#endif
