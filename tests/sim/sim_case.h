/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_case: random joins and inputs, made from a seed. SIM_SEED and SIM_CASES change what is tried;
 * SIM_VERBOSE names the seed of each case, so that a failure can be run alone.
 */
#ifndef SIM_SIM_CASE_H
#define SIM_SIM_CASE_H

#include "joiner/store.h"
#include "model.h"

enum { SIM_END_TIME = 10000 }; /* Of each input's last row, which closes all others. */

struct random {
    uint64_t state;
};

int sim_between(struct random *random, int low, int high);
bool sim_chance(struct random *random, int percent);

struct sim_case {
    struct model_join join;
    struct model_row rows[MODEL_INPUTS_MAX][MODEL_ROWS_MAX];
    size_t counts[MODEL_INPUTS_MAX];
};

/* Every row of every input, each input in its order. Returns their number. */
size_t sim_interleave(const struct sim_case *sim, struct random *random, struct model_row *rows);

/* How many cases the environment asks for. */
int sim_case_count(int usual);
void sim_run(struct store *store, int count,
             void (*try)(struct sim_case *, struct random *, struct store *));

#endif
