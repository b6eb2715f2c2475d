/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "joiner/store_checkpoint.h"
#include "joiner/store_files.h"

enum { VIEWS = 5000, MEMORY = 4 << 20 };

static const struct task_join join = {
    .config_hash = 7,
    .input_count = 2,
    .windows = {[1] = {.before_ms = 5, .after_ms = 600}},
    .lateness_ms = 10,
};
static const struct checkpoint_owner owner = {"labels", "group", "cluster", 3};
static const struct checkpoint_witness witnesses[TASK_COMMIT_INPUTS_MAX] = {{9, 1000}, {-1, 0}};

struct world {
    char top[64];
    char folder[96];
    struct store *store;
    struct task *task;
};

static bool emitted(void *context, const struct row *primary, const struct row *matches,
                    size_t match_count, int64_t watermark_ms, bool final, struct error *err)
{
    (void)context, (void)primary, (void)matches, (void)match_count, (void)watermark_ms,
        (void) final, (void)err;
    return true;
}

static const struct task_output output = {NULL, emitted};

static void add(struct task *task, uint32_t input, int64_t time_ms, int64_t offset)
{
    char key[16], id[16], value[80];
    struct task_verdict verdict;
    struct error err;

    snprintf(key, sizeof key, "v%d", (int)(time_ms % 97));
    snprintf(id, sizeof id, "%d-%d", (int)input, (int)offset);
    snprintf(value, sizeof value, "value %d %d of a row that is long enough to fill a file",
             (int)input, (int)(offset * 7919 % 1000003));
    struct row row = {
        .input = input,
        .time_ms = time_ms,
        .offset = offset,
        .key = (const uint8_t *)key,
        .key_size = strlen(key),
        .id = (const uint8_t *)id,
        .id_size = strlen(id),
        .value = (const uint8_t *)value,
        .value_size = strlen(value),
    };

    assert_true(task_add(task, &row, &verdict, &err));
}

static void feed(struct world *world, int from, int to)
{
    struct error err;

    for (int i = from; i < to; i++) {
        add(world->task, 0, i, i);
        if (i % 3 == 0)
            add(world->task, 1, i + 1, i / 3);
    }
    assert_true(task_close(world->task, &err));
}

static void start(struct world *world)
{
    const char *base = getenv("TMPDIR");
    struct error err;

    snprintf(world->top, sizeof world->top, "%s/dualrun-unit-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(world->top));
    snprintf(world->folder, sizeof world->folder, "%s/checkpoints", world->top);
    char *directory = memory_textf("%s/live", world->top);
    world->store = store_rocksdb_open(directory, NULL, MEMORY, &err);
    free(directory);
    assert_non_null(world->store);
    world->task = task_new(&join, world->store, &output, NULL);
    feed(world, 0, VIEWS);
}

static void stop(struct world *world)
{
    char *command = memory_textf("rm -r '%s'", world->top);

    task_free(world->task);
    world->store->ops->close(world->store);
    assert_int_equal(system(command), 0);
    free(command);
}

static char *make(struct world *world, char name[static CHECKPOINT_NAME_SIZE])
{
    struct task_cut cut;
    struct error err;

    task_cut(world->task, &cut);
    if (!checkpoint_write(world->folder, &owner, world->store, &cut, witnesses, 1234, name, &err))
        fail_msg("%s", err.text);
    return memory_textf("%s/%s", world->folder, name);
}

/* A new process: what the checkpoint gives, as a cut. */
static bool reopen(struct world *world, const char *path, const struct checkpoint *checkpoint,
                   struct task_cut *cut, struct error *err)
{
    char *directory = memory_textf("%s/again", world->top);
    struct store *store = store_rocksdb_open(directory, path, MEMORY, err);
    bool ok = store != NULL;

    free(directory);
    if (!ok)
        return false;

    struct task *task = task_new(&join, store, &output, NULL);

    ok = task_load(task, &checkpoint->cut, err);
    if (ok)
        task_describe(task, &cut->commit);
    task_free(task);
    store->ops->close(store);
    return ok;
}

static void what_was_written_is_read_and_gives_the_same_state(void **state)
{
    struct world world;
    char name[CHECKPOINT_NAME_SIZE] = "", again[CHECKPOINT_NAME_SIZE];
    struct checkpoint checkpoint;
    struct task_cut before, after = {0};
    struct error err;

    (void)state;
    start(&world);
    task_cut(world.task, &before);
    assert_true(before.commit.row_count > 500);
    char *path = make(&world, name);
    feed(&world, VIEWS, 2 * VIEWS); /* The live store goes on and drops files. */

    assert_true(checkpoint_read(path, &checkpoint, &err));
    assert_string_equal(checkpoint.join, "labels");
    assert_string_equal(checkpoint.group, "group");
    assert_string_equal(checkpoint.cluster, "cluster");
    assert_int_equal(checkpoint.partition, 3);
    assert_int_equal(checkpoint.made_ms, 1234);
    assert_memory_equal(&checkpoint.cut.commit, &before.commit, sizeof before.commit);
    assert_int_equal(checkpoint.witnesses[0].offset, 9);
    assert_int_equal(checkpoint.witnesses[0].timestamp_ms, 1000);
    assert_int_equal(checkpoint.witnesses[1].offset, -1);
    assert_true(checkpoint_verify(path, &checkpoint, &err));
    if (!reopen(&world, path, &checkpoint, &after, &err))
        fail_msg("%s", err.text);
    assert_int_equal(after.commit.row_count, before.commit.row_count);
    assert_true(after.commit.row_hash == before.commit.row_hash);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(after.commit.inputs[i].offset, 0); /* The committed cut brings those. */
        assert_int_equal(floor_offset(&checkpoint.cut.floors[i], before.commit.inputs[i].offset),
                         before.commit.inputs[i].replay_offset);
    }
    assert_true(checkpoint_verify(path, &checkpoint, &err)); /* Opening it changed nothing. */

    memcpy(again, name, sizeof again);
    free(make(&world, again));
    assert_true(strcmp(again, name) > 0); /* Names sort by age. */
    checkpoint_fini(&checkpoint);
    free(path);
    stop(&world);
}

static void truncate_file(const char *file, off_t size)
{
    assert_int_equal(truncate(file, size), 0);
}

static off_t size_of(const char *file)
{
    struct stat stat_of;

    assert_int_equal(stat(file, &stat_of), 0);
    return stat_of.st_size;
}

static void flip(const char *file, off_t at)
{
    int descriptor = open(file, O_RDWR);
    uint8_t byte;

    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(descriptor, &byte, 1, at), 1);
    close(descriptor);
}

static bool good(const char *path, struct error *err)
{
    struct checkpoint checkpoint;

    if (!checkpoint_read(path, &checkpoint, err))
        return false;
    bool ok = checkpoint_verify(path, &checkpoint, err);
    checkpoint_fini(&checkpoint);
    return ok;
}

static void refused(const char *path, const char *expected)
{
    struct error err;

    assert_false(good(path, &err));
    if (strstr(err.text, expected) == NULL)
        fail_msg("%s: not told: %s", err.text, expected);
}

/* The file as it was: a copy, since the live store shares the bytes of linked files. */
static void put_back(const char *file, const struct buffer *bytes)
{
    struct error err;

    unlink(file);
    assert_true(files_write(file, bytes, &err));
}

static void damage_each_way(const char *path, const char *file)
{
    struct buffer bytes = {0};
    struct error err;

    assert_true(files_read(file, &bytes, &err));
    put_back(file, &bytes);
    off_t size = size_of(file);
    bool manifest = strcmp(strrchr(file, '/'), "/manifest") == 0;

    if (size > 0) {
        off_t places[] = {0, size / 2, size - 1};

        for (int i = 0; i < 3; i++) {
            flip(file, places[i]);
            refused(path, manifest ? "manifest" : "its hash is not that of what was written");
            put_back(file, &bytes);
            truncate_file(file, places[i]);
            refused(path, manifest ? "manifest" : " were written");
            put_back(file, &bytes);
        }
    }
    unlink(file);
    refused(path, "open: No such file or directory");
    put_back(file, &bytes);
    assert_true(good(path, &err));
    buffer_fini(&bytes);
}

static void any_file_that_is_cut_changed_or_gone_is_told_by_name(void **state)
{
    struct world world;
    char name[CHECKPOINT_NAME_SIZE] = "";
    char **names;
    size_t count, tables = 0;
    struct error err;

    (void)state;
    start(&world);
    char *path = make(&world, name);

    assert_true(files_list(path, &names, &count, &err));
    for (size_t i = 0; i < count; i++) {
        char *file = memory_textf("%s/%s", path, names[i]);

        tables += strstr(names[i], ".sst") != NULL;
        damage_each_way(path, file);
        free(file);
    }
    assert_true(tables > 0);
    files_free_names(names, count);

    char *strange = memory_textf("%s/000999.sst", path);
    const struct buffer nothing = {0};

    assert_true(files_write(strange, &nothing, &err));
    refused(path, "holds a file that its manifest does not name");
    free(strange);
    free(path);
    stop(&world);
}

static void a_manifest_cut_anywhere_is_refused(void **state)
{
    struct world world;
    char name[CHECKPOINT_NAME_SIZE] = "";
    struct buffer bytes = {0};
    struct error err;

    (void)state;
    start(&world);
    char *path = make(&world, name);
    char *file = memory_textf("%s/manifest", path);

    assert_true(files_read(file, &bytes, &err));
    for (size_t size = bytes.size; size-- > 0;) {
        truncate_file(file, (off_t)size);
        refused(path, "manifest");
    }
    buffer_fini(&bytes);
    free(file);
    free(path);
    stop(&world);
}

/* Whoever would get past the hashes of the files still meets that of the rows. */
static void a_table_of_other_rows_gives_no_state(void **state)
{
    struct world world;
    char name[CHECKPOINT_NAME_SIZE] = "", other_name[CHECKPOINT_NAME_SIZE] = "";
    struct checkpoint checkpoint;
    struct task_cut cut;
    struct error err;

    (void)state;
    start(&world);
    char *path = make(&world, name);
    feed(&world, VIEWS, VIEWS + 300);
    char *other = make(&world, other_name);

    assert_true(checkpoint_read(path, &checkpoint, &err));
    assert_false(reopen(&world, other, &checkpoint, &cut, &err));
    assert_non_null(strstr(err.text, "the checkpoint's rows are not the committed ones: "));
    checkpoint_fini(&checkpoint);
    free(path);
    free(other);
    stop(&world);
}

static void only_what_is_named_is_kept_and_half_made_ones_are_not_listed(void **state)
{
    struct world world;
    char name[CHECKPOINT_NAME_SIZE] = "";
    char **names;
    size_t count;
    struct error err;

    (void)state;
    start(&world);
    for (int i = 0; i < 3; i++) {
        free(make(&world, name));
        feed(&world, VIEWS + i * 100, VIEWS + (i + 1) * 100);
    }
    char *half = memory_textf("%s/half-1", world.folder);

    assert_true(files_make_directories(half, &err));
    free(half);
    assert_true(checkpoint_list(world.folder, &names, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(names[2], name);

    const char *const kept[] = {names[2], names[1], ""};

    assert_true(checkpoint_keep(world.folder, kept, 3, &err));
    files_free_names(names, count);
    assert_true(files_list(world.folder, &names, &count, &err));
    assert_int_equal(count, 2);
    files_free_names(names, count);
    stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_and_gives_the_same_state),
        cmocka_unit_test(any_file_that_is_cut_changed_or_gone_is_told_by_name),
        cmocka_unit_test(a_manifest_cut_anywhere_is_refused),
        cmocka_unit_test(a_table_of_other_rows_gives_no_state),
        cmocka_unit_test(only_what_is_named_is_kept_and_half_made_ones_are_not_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
