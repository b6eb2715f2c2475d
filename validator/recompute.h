/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recompute: what the join must yield for the rows of one key, by the contract alone.
 *
 * Pure: rows go in, expected rows come out. Two readings: the complete truth, and what the stream
 * could still know, which leaves out a late row wherever the late topic's watermark proves that the
 * primary was closed when the row came.
 */
#ifndef VALIDATOR_RECOMPUTE_H
#define VALIDATOR_RECOMPUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/pipeline.h"
#include "validator/cell.h"

struct recompute_row {
    uint32_t input; /* 0 is the primary. */
    int32_t partition;
    int64_t offset;
    int64_t time_ms;
    const uint8_t *id; /* Event id. */
    size_t id_size;
    int64_t late_watermark_ms; /* At its arrival, if it is late. */
    const uint8_t *mask; /* Secondary: bit per aggregate of the plan, set if its filter holds. */
    const struct cell *cells; /* Secondary: the fields that the plan asks of its input. */
    const void *origin;       /* The caller's. */
    bool late;                /* The late topic holds it, */
    bool dropped;             /* with this outcome. */
    bool conflict;            /* Set here: another row has its id and another time. */
};

struct recompute_aggregate {
    const struct pipeline_output_field *field;
    uint32_t input;
    uint32_t cell; /* Index into recompute_row.cells; unused if field->field is NULL. */
    uint32_t *condition_cells;
};

struct recompute_input {
    int64_t before_ms, after_ms; /* lo and hi of a secondary. */
    const char **fields;         /* The cells that its rows bring. Borrowed paths. */
    size_t field_count;
};

struct recompute_plan {
    const struct pipeline_join *join;
    struct recompute_input *inputs; /* In the order of the join, the primary first. */
    size_t input_count;
    struct recompute_aggregate *aggregates; /* The output fields that are no primary fields. */
    size_t aggregate_count;
    size_t mask_size;
    int64_t hi_ms, lo_ms;
};

enum { RECOMPUTE_WITNESSES = 4 };

struct recompute_result {
    const struct recompute_row *primary;
    bool in_truth; /* A row is expected, in this reading. */
    bool in_admitted;
    const struct cell *truth; /* One per aggregate. */
    const struct cell *admitted;
    bool differ;   /* The readings are not the same. */
    bool conflict; /* A row with a conflicting double touches this one. */
    const struct recompute_row *witnesses[RECOMPUTE_WITNESSES]; /* Late rows, when they differ. */
    size_t witness_count;
};

void recompute_plan_init(struct recompute_plan *plan, const struct pipeline_join *join);
void recompute_plan_fini(struct recompute_plan *plan);

/* Which aggregates' filters hold for a row of this input: plan->mask_size bytes. */
void recompute_mask(const struct recompute_plan *plan, uint32_t input, const struct cell *cells,
                    uint8_t *mask);
/* C(W) of the contract. */
int64_t recompute_cutoff_ms(const struct recompute_plan *plan, int64_t watermark_ms);

typedef bool recompute_take(void *context, const struct recompute_result *result,
                            struct error *err);
/* Rows of one key and partition in any order; results in time order. Scratch is taken from arena. */
bool recompute_key(const struct recompute_plan *plan, struct recompute_row *rows, size_t count,
                   struct arena *arena, recompute_take *take, void *context, struct error *err);

#endif
