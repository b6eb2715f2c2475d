/* SPDX-License-Identifier: Apache-2.0 */
/* Early rows of random cases: which primary rows have one, when, and what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "harness.h"
#include "sim_case.h"
#include "store_memory.h"

enum { CASES = 2000 };

static const struct model_label *find(const struct model_label *labels, size_t count,
                                      const struct model_label *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (labels[i].key == wanted->key && labels[i].id == wanted->id
            && labels[i].time == wanted->time)
            return &labels[i];
    return NULL;
}

struct sight { /* What the live primary rows come to, by the model. */
    struct model_label labels[MODEL_ROWS_MAX];
    size_t count;
};

static void look(const struct model *model, struct sight *sight)
{
    sight->count = model_batch(model->join, model->live, model->live_count, sight->labels);
}

/* Another primary row of the same key and time has come. */
static bool has_new_twin(const struct sight *before, const struct sight *now,
                         const struct model_label *label)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct model_label *other = &now->labels[i];

        if (other->key == label->key && other->time == label->time && other->id != label->id
            && find(before->labels, before->count, other) == NULL)
            return true;
    }
    return false;
}

/* Every primary row that has got its first match since `before` came out as it is now, and no closed one. */
static void check_early(const struct harness *harness, const struct sight *before,
                        const struct sight *now, bool latest)
{
    for (size_t i = 0; i < harness->early_count; i++) {
        const struct model_label *early = &harness->early[i];
        const struct model_label *live = find(now->labels, now->count, early);
        const struct model_label *then = find(before->labels, before->count, early);

        assert_non_null(live);
        assert_true(early->matches > 0 && model_label_equal(early, live));
        assert_null(find(harness->early, i, early));
        assert_true(latest || then == NULL || then->matches == 0
                    || has_new_twin(before, now, early)); /* Once. */
    }
    for (size_t i = 0; i < now->count; i++) {
        const struct model_label *live = &now->labels[i];
        const struct model_label *then = find(before->labels, before->count, live);

        if (live->matches > 0 && (then == NULL || then->matches == 0))
            assert_non_null(find(harness->early, harness->early_count, live));
    }
}

static void commit(struct harness *harness, const struct model *model, struct sight *before)
{
    static struct sight now;

    harness_close(harness);
    harness_emit_early(harness);
    look(model, &now);
    check_early(harness, before, &now, harness->join.latest);
    *before = now;
    harness->early_count = 0;
}

static void try_early(struct sim_case *sim, struct random *random, struct store *store)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct model model;
    static struct harness harness;
    static struct sight before;
    size_t count = sim_interleave(sim, random, rows);
    int percent = sim_between(random, 1, 60);

    memset(&before, 0, sizeof before);
    sim->join.early = true;
    model_start(&model, &sim->join);
    harness_start(&harness, &sim->join, store);
    for (size_t i = 0; i < count; i++) {
        model_feed(&model, &rows[i]);
        harness_feed(&harness, &rows[i]);
        if (sim_chance(random, percent))
            commit(&harness, &model, &before);
    }
    commit(&harness, &model, &before);
    assert_int_equal(harness.out_count, model.out_count); /* The final rows are what they were. */
    for (size_t i = 0; i < model.out_count; i++)
        assert_true(model_label_equal(&harness.out[i], &model.out[i]));
    harness_stop(&harness);
}

/* A process that ends without a commit leaves no mark: the next one meets the matches again. */
static void try_early_crash(struct sim_case *sim, struct random *random, struct store *store)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct model model;
    static struct harness harness;
    static struct sight before;
    struct task_commit commit_made;
    struct error err;
    size_t count = sim_interleave(sim, random, rows), cut = count / 2;
    size_t lost = (size_t)sim_between(random, 0, (int)(count - cut));

    memset(&before, 0, sizeof before);
    sim->join.early = true;
    model_start(&model, &sim->join);
    harness_start(&harness, &sim->join, store);
    for (size_t i = 0; i < cut; i++) {
        model_feed(&model, &rows[i]);
        harness_feed(&harness, &rows[i]);
    }
    commit(&harness, &model, &before);
    task_describe(harness.task, &commit_made);
    for (size_t i = cut; i < cut + lost; i++)
        harness_feed(&harness, &rows[i]);
    harness_stop(&harness);
    harness_start(&harness, &sim->join, store);
    task_restore(harness.task, &commit_made);
    for (size_t i = 0; i < cut; i++)
        if (rows[i].offset >= commit_made.inputs[rows[i].input].replay_offset)
            harness_replay(&harness, &rows[i]);
    if (!task_settle(harness.task, &commit_made, &err))
        fail_msg("%s", err.text);
    assert_int_equal(harness.early_count, 0);
    for (size_t i = cut; i < count; i++) {
        model_feed(&model, &rows[i]);
        harness_feed(&harness, &rows[i]);
        if (sim_chance(random, 10))
            commit(&harness, &model, &before);
    }
    commit(&harness, &model, &before);
    harness_stop(&harness);
}

static void a_first_match_brings_the_row_out_at_the_next_commit_as_it_is_then_and_once(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, sim_case_count(CASES), try_early);
    store->ops->close(store);
}

static void after_a_crash_the_early_rows_are_those_that_were_not_committed(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, sim_case_count(CASES), try_early_crash);
    store->ops->close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_first_match_brings_the_row_out_at_the_next_commit_as_it_is_then_and_once),
        cmocka_unit_test(after_a_crash_the_early_rows_are_those_that_were_not_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
