/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t draw(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int sim_between(struct random *random, int low, int high)
{
    return low + (int)(draw(random) % (uint64_t)(high - low + 1));
}

bool sim_chance(struct random *random, int percent)
{
    return sim_between(random, 1, 100) <= percent;
}

static void add_row(struct sim_case *sim, int input, struct model_row row)
{
    row.input = input;
    row.offset = (int64_t)sim->counts[input];
    sim->rows[input][sim->counts[input]++] = row;
}

static void make_input(struct sim_case *sim, struct random *random, int input, int disorder)
{
    int count = sim_between(random, 5, 40);

    sim->counts[input] = 0;
    for (int n = 0; n < count; n++) {
        struct model_row row = {.key = sim_between(random, 0, 2),
                                .time = n * 2 + sim_between(random, -disorder, disorder),
                                .id = n};

        row.kind[0] = "lsc"[sim_between(random, 0, 2)];
        add_row(sim, input, row);
        if (sim_chance(random, 10)) /* The record again, at once or after others. */
            add_row(sim, input,
                    sim->rows[input][sim_between(random, 0, (int)sim->counts[input] - 1)]);
    }
    add_row(sim, input,
            (struct model_row){.key = -1, .time = SIM_END_TIME, .id = -1, .kind = "end"});
}

static void make_case(struct sim_case *sim, struct random *random)
{
    static const int disorders[] = {0, 3, 6, 20};
    int disorder = disorders[sim_between(random, 0, 3)];

    memset(sim, 0, sizeof *sim);
    sim->join.inputs = 1 + sim_between(random, 1, 4);
    sim->join.lateness = sim_between(random, 0, 6);
    sim->join.latest = sim_chance(random, 50);
    sim->join.inner = sim_chance(random, 30);
    for (int i = 1; i < sim->join.inputs; i++) {
        sim->join.before[i] = sim_between(random, 0, 5);
        sim->join.after[i] = sim_between(random, 0, 12);
    }
    for (int i = 0; i < sim->join.inputs; i++)
        make_input(sim, random, i, disorder);
}

size_t sim_interleave(const struct sim_case *sim, struct random *random, struct model_row *rows)
{
    size_t next[MODEL_INPUTS_MAX] = {0}, count = 0, total = 0;

    for (int i = 0; i < sim->join.inputs; i++)
        total += sim->counts[i];
    while (count < total) {
        int input = sim_between(random, 0, sim->join.inputs - 1);

        if (next[input] < sim->counts[input])
            rows[count++] = sim->rows[input][next[input]++];
    }
    return count;
}

static uint64_t first_seed(void)
{
    const char *text = getenv("SIM_SEED");

    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

int sim_case_count(int usual)
{
    const char *text = getenv("SIM_CASES");

    return text != NULL ? (int)strtol(text, NULL, 10) : usual;
}

void sim_run(struct store *store, int count,
             void (*try)(struct sim_case *, struct random *, struct store *))
{
    static struct sim_case sim;

    for (int i = 0; i < count; i++) {
        struct random random = {first_seed() + (uint64_t)i};

        if (getenv("SIM_VERBOSE") != NULL)
            fprintf(stderr, "seed %" PRIu64 "\n", first_seed() + (uint64_t)i);
        make_case(&sim, &random);
        try(&sim, &random, store);
    }
}
