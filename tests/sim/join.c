/* SPDX-License-Identifier: Apache-2.0 */
/* Random cases, each in many interleavings, on the store in memory and on RocksDB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "harness.h"
#include "sim_case.h"
#include "store_memory.h"

enum {
    CASES_MEMORY = 2000,
    CASES_ROCKSDB = 60,
    CASES_DISK = 8,
    CASES_DAMAGE = 20,
    INTERLEAVINGS = 4,
};

static void check_labels(const struct model_label *got, size_t got_count,
                         const struct model_label *want, size_t want_count)
{
    assert_int_equal(got_count, want_count);
    for (size_t i = 0; i < got_count; i++)
        assert_true(model_label_equal(&got[i], &want[i]));
}

static void check_against_model(const struct harness *harness, const struct model *model)
{
    check_labels(harness->out, harness->out_count, model->out, model->out_count);
    assert_int_equal(harness->late_count, model->late_count);
    for (size_t i = 0; i < model->late_count; i++) {
        assert_int_equal(harness->late[i].dropped, model->late[i].dropped);
        assert_int_equal(harness->late[i].row.offset, model->late[i].row.offset);
        assert_int_equal(harness->late[i].row.input, model->late[i].row.input);
    }
    assert_int_equal(task_row_count(harness->task), model->live_count);
}

/* Without late records the output is the batch join; with some, each difference has a witness. */
static void check_against_batch(const struct harness *harness, const struct sim_case *sim,
                                const struct model_row *rows, size_t count)
{
    static struct model_label truth[MODEL_ROWS_MAX];
    size_t truth_count = model_batch(&sim->join, rows, count, truth);

    for (size_t i = 0; i < truth_count; i++) {
        size_t found = 0;
        bool equal = false, witness = false;

        if (truth[i].time == SIM_END_TIME)
            continue;
        for (size_t j = 0; j < harness->out_count; j++)
            if (harness->out[j].key == truth[i].key && harness->out[j].id == truth[i].id
                && harness->out[j].time == truth[i].time) {
                found++;
                equal = model_label_equal(&harness->out[j], &truth[i]);
            }
        assert_true(found <= 1);
        for (size_t j = 0; j < harness->late_count; j++)
            witness = witness || model_touches(&sim->join, &harness->late[j].row, &truth[i]);
        assert_true((found == 1 && equal) || witness);
    }
}

/* --- Purity: what is live depends on offsets and watermark alone --- */

struct sight {
    int64_t offsets[MODEL_INPUTS_MAX];
    int64_t watermark;
    uint64_t row_count, row_hash;
};

static int order_sights(const void *a, const void *b)
{
    return memcmp(a, b, offsetof(struct sight, row_count));
}

static void look(const struct harness *harness, struct sight *sight)
{
    struct task_commit commit;

    memset(sight, 0, sizeof *sight);
    task_describe(harness->task, &commit);
    for (uint32_t i = 0; i < commit.input_count; i++)
        sight->offsets[i] = commit.inputs[i].offset;
    sight->watermark = commit.watermark_ms;
    sight->row_count = commit.row_count;
    sight->row_hash = commit.row_hash;
}

static void check_sights(struct sight *sights, size_t count)
{
    qsort(sights, count, sizeof *sights, order_sights);
    for (size_t i = 1; i < count; i++)
        if (order_sights(&sights[i - 1], &sights[i]) == 0) {
            assert_int_equal(sights[i - 1].row_count, sights[i].row_count);
            assert_true(sights[i - 1].row_hash == sights[i].row_hash);
        }
}

static void try_interleavings(struct sim_case *sim, struct random *random, struct store *store)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct sight sights[INTERLEAVINGS * MODEL_ROWS_MAX];
    static struct model model;
    static struct harness harness;
    size_t sight_count = 0;

    for (int n = 0; n < INTERLEAVINGS; n++) {
        size_t count = sim_interleave(sim, random, rows);
        int close_percent = n == 0 ? 0 : sim_between(random, 0, 100);

        model_start(&model, &sim->join);
        harness_start(&harness, &sim->join, store);
        for (size_t i = 0; i < count; i++) {
            model_feed(&model, &rows[i]);
            harness_feed(&harness, &rows[i]);
            if (sim_chance(random, close_percent)) {
                harness_close(&harness);
                look(&harness, &sights[sight_count++]);
                assert_int_equal(task_row_count(harness.task), model.live_count);
            }
        }
        harness_close(&harness);
        check_against_model(&harness, &model);
        check_against_batch(&harness, sim, rows, count);
        harness_stop(&harness);
    }
    check_sights(sights, sight_count);
}

/* --- Crashes: commit now and then, lose everything since, replay --- */

struct world {
    struct harness harness;
    struct task_commit commit;
    bool committed;
    size_t position, out_count, late_count; /* As of the commit. */
};

static void world_commit(struct world *world, size_t position)
{
    harness_close(&world->harness);
    task_describe(world->harness.task, &world->commit);
    world->committed = true;
    world->position = position;
    world->out_count = world->harness.out_count;
    world->late_count = world->harness.late_count;
}

/* A new process: only what was committed is left, and the source topics. */
static size_t world_crash(struct world *world, const struct model_row *rows)
{
    struct harness *harness = &world->harness;
    struct error err;
    static struct harness before;

    before = *harness;
    harness_stop(harness);
    harness_start(harness, before.model_join, before.store);
    if (!world->committed)
        return 0;
    memcpy(harness->out, before.out, sizeof before.out);
    memcpy(harness->late, before.late, sizeof before.late);
    harness->out_count = world->out_count;
    harness->late_count = world->late_count;
    task_restore(harness->task, &world->commit);
    for (size_t i = 0; i < world->position; i++)
        if (rows[i].offset >= world->commit.inputs[rows[i].input].replay_offset)
            harness_replay(harness, &rows[i]);
    if (!task_settle(harness->task, &world->commit, &err))
        fail_msg("%s", err.text);
    return world->position;
}

static void try_crashes(struct sim_case *sim, struct random *random, struct store *store)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct model model;
    static struct world world;
    size_t count = sim_interleave(sim, random, rows);
    int crashes = sim_between(random, 1, 6);

    model_start(&model, &sim->join);
    for (size_t i = 0; i < count; i++)
        model_feed(&model, &rows[i]);
    memset(&world, 0, sizeof world);
    harness_start(&world.harness, &sim->join, store);
    for (size_t i = 0; i < count; i++) {
        harness_feed(&world.harness, &rows[i]);
        if (sim_chance(random, 10))
            world_commit(&world, i + 1);
        if (sim_chance(random, 20))
            harness_close(&world.harness);
        if (crashes > 0 && sim_chance(random, 5)) {
            crashes--;
            i = world_crash(&world, rows) - 1;
        }
    }
    harness_close(&world.harness);
    check_against_model(&world.harness, &model);
    harness_stop(&world.harness);
}

/* --- Checkpoints: some cut before the commit, then what came after it --- */

enum { CHECKPOINTS_MAX = 4 };

/* Of a store: another one with the same rows, by way of the disk for RocksDB. */
typedef struct store *copy_store(struct store *store);

struct checkpoints {
    copy_store *copy;
    struct task_cut cuts[CHECKPOINTS_MAX]; /* Stairs are owned. */
    struct store *stores[CHECKPOINTS_MAX];
    size_t count;
};

static void checkpoint_forget(struct checkpoints *list, size_t i)
{
    for (int input = 0; input < MODEL_INPUTS_MAX; input++)
        floor_fini(&list->cuts[i].floors[input]);
    list->stores[i]->ops->close(list->stores[i]);
}

static void checkpoint_make(struct checkpoints *list, const struct world *world)
{
    struct task_cut seen, *cut;
    size_t i = list->count < CHECKPOINTS_MAX ? list->count++ : CHECKPOINTS_MAX - 1;

    if (list->stores[i] != NULL)
        checkpoint_forget(list, i);
    task_cut(world->harness.task, &seen);
    cut = &list->cuts[i];
    *cut = (struct task_cut){.commit = seen.commit};
    for (uint32_t input = 0; input < seen.commit.input_count; input++) {
        const struct floor_stairs *stairs = &seen.floors[input];

        floor_init(&cut->floors[input], 1);
        for (size_t s = stairs->first; s < stairs->first + stairs->count; s++)
            floor_push(&cut->floors[input], stairs->steps[s]);
    }
    list->stores[i] = list->copy(world->harness.store);
}

/* A new process on a new disk: the checkpoint, the commit and the source topics are left. */
static size_t checkpoint_crash(struct world *world, const struct checkpoints *list, size_t i,
                               const struct model_row *rows)
{
    struct harness *harness = &world->harness;
    const struct task_cut *cut = &list->cuts[i];
    static struct harness before;
    struct error err;

    before = *harness;
    harness_stop(harness);
    before.store->ops->close(before.store);
    harness_resume(harness, before.model_join, list->copy(list->stores[i]));
    memcpy(harness->out, before.out, sizeof before.out);
    memcpy(harness->late, before.late, sizeof before.late);
    harness->out_count = world->out_count;
    harness->late_count = world->late_count;
    if (!task_load(harness->task, cut, &err))
        fail_msg("%s", err.text);
    task_restore(harness->task, &world->commit);
    for (size_t n = 0; n < world->position; n++)
        if (rows[n].offset >= cut->commit.inputs[rows[n].input].offset)
            harness_replay(harness, &rows[n]);
    if (!task_settle(harness->task, &world->commit, &err))
        fail_msg("%s", err.text);
    assert_int_equal(harness->out_count, world->out_count); /* Nothing comes out twice. */

    struct task_commit now;

    task_describe(harness->task, &now);
    for (uint32_t input = 0; input < now.input_count; input++) /* A replay finds all the same. */
        assert_true(now.inputs[input].replay_offset <= world->commit.inputs[input].replay_offset);
    return world->position;
}

static void try_checkpoints_on(struct sim_case *sim, struct random *random, struct store *store,
                               copy_store *copy)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct model model;
    static struct world world;
    struct checkpoints list = {.copy = copy};
    size_t count = sim_interleave(sim, random, rows);
    int crashes = sim_between(random, 1, 6);

    model_start(&model, &sim->join);
    for (size_t i = 0; i < count; i++)
        model_feed(&model, &rows[i]);
    memset(&world, 0, sizeof world);
    harness_start(&world.harness, &sim->join, copy(store));
    for (size_t i = 0; i < count; i++) {
        harness_feed(&world.harness, &rows[i]);
        if (sim_chance(random, 10)) {
            world_commit(&world, i + 1);
            if (sim_chance(random, 40))
                checkpoint_make(&list, &world);
        }
        if (sim_chance(random, 20))
            harness_close(&world.harness);
        if (crashes > 0 && list.count > 0 && sim_chance(random, 8)) {
            crashes--;
            i = checkpoint_crash(&world, &list, (size_t)sim_between(random, 0, (int)list.count - 1),
                                 rows)
                - 1;
        }
    }
    harness_close(&world.harness);
    check_against_model(&world.harness, &model);
    harness_stop(&world.harness);
    world.harness.store->ops->close(world.harness.store);
    for (size_t i = 0; i < list.count; i++)
        checkpoint_forget(&list, i);
}

static struct store *copy_memory(struct store *store)
{
    return store_memory_copy(store);
}

static void try_checkpoints_in_memory(struct sim_case *sim, struct random *random,
                                      struct store *store)
{
    try_checkpoints_on(sim, random, store, copy_memory);
}

/* A row that is not the task's own must be noticed, whichever it is: lost or with another value. */
static void try_damage(struct sim_case *sim, struct random *random, struct store *store)
{
    static struct model_row rows[MODEL_ROWS_MAX];
    static struct harness harness, other;
    size_t count = sim_interleave(sim, random, rows) / 2, refused = 0;
    struct task_cut cut;
    struct error err;

    harness_start(&harness, &sim->join, store);
    for (size_t i = 0; i < count; i++)
        harness_feed(&harness, &rows[i]);
    harness_close(&harness);
    task_cut(harness.task, &cut);
    for (size_t i = 0; i < store_memory_count(store); i++)
        for (int spoil = 0; spoil < 2; spoil++) {
            struct store *copy = store_memory_copy(store);

            (spoil ? store_memory_spoil : store_memory_lose)(copy, i);
            harness_resume(&other, &sim->join, copy);
            bool loaded = task_load(other.task, &cut, &err);
            refused += !loaded;
            if (!loaded)
                assert_non_null(strstr(err.text, "the checkpoint's rows are not the committed"));
            harness_stop(&other);
            copy->ops->close(copy);
        }
    /* Copies beside a primary are not counted; the hashes of the files guard those. */
    assert_int_equal(refused, 2 * cut.commit.row_count);
    harness_stop(&harness);
}

/* --- The tests --- */

static struct store *open_rocksdb(char directory[64])
{
    struct error err;
    const char *base = getenv("TMPDIR");

    snprintf(directory, 64, "%s/dualrun-sim-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    struct store *store = store_rocksdb_open(directory, NULL, 4 << 20, &err);
    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static void close_rocksdb(struct store *store, const char *directory)
{
    store->ops->close(store);
    char *command = memory_textf("rm -r '%s'", directory);
    assert_int_equal(system(command), 0);
    free(command);
}

static void the_output_is_the_models_however_the_inputs_interleave(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, sim_case_count(CASES_MEMORY), try_interleavings);
    store->ops->close(store);
}

static void a_crash_at_any_step_changes_no_output(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, sim_case_count(CASES_MEMORY), try_crashes);
    store->ops->close(store);
}

static void any_checkpoint_and_what_came_after_it_give_the_committed_state(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, sim_case_count(CASES_MEMORY), try_checkpoints_in_memory);
    store->ops->close(store);
}

static void a_checkpoint_that_lost_or_changed_a_row_is_refused(void **state)
{
    struct store *store = store_memory_new();

    (void)state;
    sim_run(store, CASES_DAMAGE, try_damage);
    store->ops->close(store);
}

/* RocksDB by way of files: store n lies in scratch/n, what was saved of it in scratch/nsaved. */
static char scratch[64];
static int scratch_count;

static struct store *open_scratch(const char *from)
{
    struct error err;
    char *directory = memory_textf("%s/%d", scratch, scratch_count++);
    struct store *store = store_rocksdb_open(directory, from, 4 << 20, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    free(directory);
    return store;
}

static struct store *copy_rocksdb(struct store *store)
{
    struct error err;
    char *saved = memory_textf("%s/%dsaved", scratch, scratch_count);

    if (!store_rocksdb_save(store, saved, &err))
        fail_msg("%s", err.text);
    struct store *copy = open_scratch(saved);
    free(saved);
    return copy;
}

static void try_checkpoints_on_disk(struct sim_case *sim, struct random *random,
                                    struct store *store)
{
    try_checkpoints_on(sim, random, store, copy_rocksdb);
}

static void a_checkpoint_on_disk_gives_what_one_in_memory_gives(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(scratch, sizeof scratch, "%s/dualrun-sim-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(scratch));

    struct store *store = open_scratch(NULL);

    sim_run(store, CASES_DISK, try_checkpoints_on_disk);
    close_rocksdb(store, scratch);
}

static void rocksdb_gives_what_the_plain_store_gives(void **state)
{
    char directory[64];
    struct store *store = open_rocksdb(directory);

    (void)state;
    sim_run(store, CASES_ROCKSDB, try_interleavings);
    sim_run(store, CASES_ROCKSDB, try_crashes);
    close_rocksdb(store, directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_output_is_the_models_however_the_inputs_interleave),
        cmocka_unit_test(a_crash_at_any_step_changes_no_output),
        cmocka_unit_test(any_checkpoint_and_what_came_after_it_give_the_committed_state),
        cmocka_unit_test(a_checkpoint_that_lost_or_changed_a_row_is_refused),
        cmocka_unit_test(a_checkpoint_on_disk_gives_what_one_in_memory_gives),
        cmocka_unit_test(rocksdb_gives_what_the_plain_store_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
