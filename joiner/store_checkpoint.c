/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/store_checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/buffer.h"
#include "core/process.h"
#include "core/units.h"
#include "joiner/store_files.h"

/* "dualrun-checkpoint 1 HASH\n", then one JSON object that HASH is of. */
#define MAGIC "dualrun-checkpoint 1 "

enum { HASH_DIGITS = 16, HEAD_SIZE = sizeof MAGIC - 1 + HASH_DIGITS + 1 };

static const char MANIFEST[] = "manifest";
static const char HALF[] = "half"; /* Folders that are being made begin so. */

void checkpoint_fini(struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < TASK_COMMIT_INPUTS_MAX; i++)
        floor_fini(&checkpoint->cut.floors[i]);
    for (size_t i = 0; i < checkpoint->file_count; i++)
        free(checkpoint->files[i].name);
    free(checkpoint->files);
    free(checkpoint->join);
    free(checkpoint->group);
    free(checkpoint->cluster);
    *checkpoint = (struct checkpoint){0};
}

/* --- Writing --- */

static void name_of(const struct checkpoint_owner *owner, const struct task_commit *commit,
                    char name[static CHECKPOINT_NAME_SIZE])
{
    char text[TASK_COMMIT_TEXT_SIZE];
    uint64_t sum = 0;

    task_commit_format(commit, text);
    for (uint32_t i = 0; i < commit->input_count; i++)
        sum += (uint64_t)commit->inputs[i].offset;
    snprintf(name, CHECKPOINT_NAME_SIZE, "%016" PRIx64 "-%016" PRIx64, sum,
             XXH3_64bits_withSeed(text, strlen(text),
                                  XXH3_64bits(owner->cluster, strlen(owner->cluster))));
}

static json_t *hash_json(uint64_t hash)
{
    char text[HASH_DIGITS + 1];

    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_string(text);
}

static json_t *inputs_json(const struct task_cut *cut, const struct checkpoint_witness *witnesses)
{
    json_t *inputs = json_array();

    for (uint32_t i = 0; i < cut->commit.input_count; i++) {
        const struct floor_stairs *stairs = &cut->floors[i];
        json_t *steps = json_array();

        for (size_t s = stairs->first; s < stairs->first + stairs->count; s++)
            json_array_append_new(steps, json_pack("[I, I]", (json_int_t)stairs->steps[s].until_ms,
                                                   (json_int_t)stairs->steps[s].offset));
        json_array_append_new(inputs,
                              json_pack("{s:I, s:I, s:o}", "last_offset",
                                        (json_int_t)witnesses[i].offset, "last_timestamp",
                                        (json_int_t)witnesses[i].timestamp_ms, "floor", steps));
    }
    return inputs;
}

/* Every file of the folder, with size and hash. */
static json_t *files_json(const char *path, struct error *err)
{
    json_t *files = json_array();
    char **names;
    size_t count;
    bool ok = files_list(path, &names, &count, err);

    for (size_t i = 0; ok && i < count; i++) {
        char *file = memory_textf("%s/%s", path, names[i]);
        int64_t size;
        uint64_t hash;

        ok = files_hash(file, &size, &hash, err);
        if (ok)
            json_array_append_new(files, json_pack("{s:s, s:I, s:o}", "name", names[i], "size",
                                                   (json_int_t)size, "hash", hash_json(hash)));
        free(file);
    }
    files_free_names(names, count);
    if (ok)
        return files;
    json_decref(files);
    return NULL;
}

static bool write_manifest(const char *path, json_t *manifest, struct error *err)
{
    struct buffer bytes = {0};
    char *text = json_dumps(manifest, JSON_COMPACT);
    char *file = memory_textf("%s/%s", path, MANIFEST);

    buffer_appendf(&bytes, MAGIC "%016" PRIx64 "\n%s", XXH3_64bits(text, strlen(text)), text);
    bool ok = files_write(file, &bytes, err);
    buffer_fini(&bytes);
    free(text);
    free(file);
    return ok;
}

static bool describe(const char *path, const struct checkpoint_owner *owner,
                     const struct task_cut *cut, const struct checkpoint_witness *witnesses,
                     int64_t now_ms, struct error *err)
{
    char text[TASK_COMMIT_TEXT_SIZE];
    json_t *files = files_json(path, err);

    if (files == NULL)
        return false;
    task_commit_format(&cut->commit, text);
    json_t *manifest = json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:o, s:o}", "join", owner->join,
                                 "group", owner->group, "cluster", owner->cluster, "partition",
                                 (int)owner->partition, "made_ms", (json_int_t)now_ms, "commit",
                                 text, "inputs", inputs_json(cut, witnesses), "files", files);
    bool ok = write_manifest(path, manifest, err) && files_sync_directory(path, err);

    json_decref(manifest);
    return ok;
}

static bool put_in_place(const char *folder, const char *half, const char *name, struct error *err)
{
    char *path = memory_textf("%s/%s", folder, name);
    /* One of this name that this process does not know could not be used. */
    bool ok = files_remove_directory(path, err)
              && (rename(half, path) == 0 || files_fail(err, path, "rename"));

    process_crash_point("join.checkpoint_renamed");
    ok = ok && files_sync_directory(folder, err);
    free(path);
    return ok;
}

bool checkpoint_write(const char *folder, const struct checkpoint_owner *owner, struct store *store,
                      const struct task_cut *cut, const struct checkpoint_witness *witnesses,
                      int64_t now_ms, char name[static CHECKPOINT_NAME_SIZE], struct error *err)
{
    char wanted[CHECKPOINT_NAME_SIZE];
    struct error ignored;

    name_of(owner, &cut->commit, wanted);
    if (strcmp(name, wanted) == 0)
        return true;

    char *half = memory_textf("%s/%s-%ld", folder, HALF, (long)getpid());
    bool ok = files_make_directories(folder, err) && files_remove_directory(half, err)
              && store_rocksdb_save(store, half, err);

    if (ok)
        process_crash_point("join.checkpoint_saved");
    ok = ok && describe(half, owner, cut, witnesses, now_ms, err);
    if (ok)
        process_crash_point("join.checkpoint_described");
    ok = ok && put_in_place(folder, half, wanted, err);
    if (ok)
        memcpy(name, wanted, sizeof wanted);
    else
        files_remove_directory(half, &ignored);
    free(half);
    return ok;
}

bool checkpoint_keep(const char *folder, const char *const names[], size_t count, struct error *err)
{
    char **found;
    size_t found_count;
    bool ok = files_list(folder, &found, &found_count, err);

    for (size_t i = 0; ok && i < found_count; i++) {
        bool keep = false;

        for (size_t k = 0; k < count; k++)
            keep = keep || strcmp(found[i], names[k]) == 0;
        if (keep)
            continue;
        char *path = memory_textf("%s/%s", folder, found[i]);
        ok = files_remove_directory(path, err);
        free(path);
    }
    files_free_names(found, found_count);
    return ok;
}

/* --- Reading --- */

bool checkpoint_list(const char *folder, char ***names, size_t *count, struct error *err)
{
    if (!files_list(folder, names, count, err))
        return false;

    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (strncmp((*names)[i], HALF, sizeof HALF - 1) == 0)
            free((*names)[i]);
        else
            (*names)[kept++] = (*names)[i];
    }
    *count = kept;
    return true;
}

static bool damaged(struct error *err, const char *path, const char *what)
{
    return error_set(err, EXIT_CODE_STATE, "%s: %s", path, what);
}

static bool read_stairs(const json_t *steps, struct floor_stairs *stairs)
{
    size_t i;
    json_t *step;

    floor_init(stairs, 1); /* The task brings the width. */
    json_array_foreach(steps, i, step)
    {
        json_int_t until_ms, offset;

        if (json_unpack(step, "[I, I!]", &until_ms, &offset) != 0
            || (stairs->count > 0 && offset <= stairs->steps[stairs->count - 1].offset))
            return false;
        floor_push(stairs, (struct floor_step){until_ms, offset});
    }
    return true;
}

static bool read_inputs(const json_t *inputs, struct checkpoint *checkpoint)
{
    size_t i;
    json_t *input;

    if (json_array_size(inputs) != checkpoint->cut.commit.input_count)
        return false;
    json_array_foreach(inputs, i, input)
    {
        json_int_t offset, timestamp_ms;
        json_t *steps;

        if (json_unpack(input, "{s:I, s:I, s:o}", "last_offset", &offset, "last_timestamp",
                        &timestamp_ms, "floor", &steps)
                != 0
            || !read_stairs(steps, &checkpoint->cut.floors[i]))
            return false;
        checkpoint->witnesses[i] = (struct checkpoint_witness){offset, timestamp_ms};
    }
    return true;
}

static bool read_files(const json_t *files, struct checkpoint *checkpoint)
{
    size_t i;
    json_t *file;

    checkpoint->files = memory_array(json_array_size(files) + 1, sizeof *checkpoint->files);
    json_array_foreach(files, i, file)
    {
        const char *name, *hash;
        json_int_t size;

        if (json_unpack(file, "{s:s, s:I, s:s}", "name", &name, "size", &size, "hash", &hash) != 0
            || strchr(name, '/') != NULL)
            return false;
        checkpoint->files[checkpoint->file_count++] = (struct checkpoint_file){
            .name = memory_text(name), .size = size, .hash = strtoull(hash, NULL, 16)};
        checkpoint->size_bytes += size;
    }
    return true;
}

static bool read_manifest(const char *text, size_t size, struct checkpoint *checkpoint,
                          struct error *err)
{
    const char *join, *group, *cluster, *commit;
    json_t *inputs, *files, *manifest = json_loadb(text, size, 0, NULL);
    json_int_t made_ms;
    int partition;
    bool ok =
        manifest != NULL
        && json_unpack(manifest, "{s:s, s:s, s:s, s:i, s:I, s:s, s:o, s:o}", "join", &join, "group",
                       &group, "cluster", &cluster, "partition", &partition, "made_ms", &made_ms,
                       "commit", &commit, "inputs", &inputs, "files", &files)
               == 0;

    if (ok) {
        checkpoint->join = memory_text(join);
        checkpoint->group = memory_text(group);
        checkpoint->cluster = memory_text(cluster);
        checkpoint->partition = partition;
        checkpoint->made_ms = made_ms;
        ok = task_commit_parse(commit, strlen(commit), &checkpoint->cut.commit, err)
             && read_inputs(inputs, checkpoint) && read_files(files, checkpoint);
    }
    json_decref(manifest);
    return ok;
}

bool checkpoint_read(const char *path, struct checkpoint *checkpoint, struct error *err)
{
    struct buffer bytes = {0};
    char *file = memory_textf("%s/%s", path, MANIFEST);
    char head[HEAD_SIZE + 1];
    bool ok = files_read(file, &bytes, err);

    *checkpoint = (struct checkpoint){0};
    if (ok && bytes.size < HEAD_SIZE)
        ok = damaged(err, file, "is cut short");
    if (ok) {
        const char *text = (const char *)bytes.data + HEAD_SIZE;
        size_t size = bytes.size - HEAD_SIZE;

        snprintf(head, sizeof head, MAGIC "%016" PRIx64 "\n", XXH3_64bits(text, size));
        if (memcmp(bytes.data, head, HEAD_SIZE) != 0)
            ok = damaged(err, file, "its hash is not that of its content");
        else if (!read_manifest(text, size, checkpoint, err))
            ok = damaged(err, file, "is no manifest that this dualrun can read");
    }
    if (!ok)
        checkpoint_fini(checkpoint);
    buffer_fini(&bytes);
    free(file);
    return ok;
}

static bool verify_file(const char *path, const struct checkpoint_file *expected, struct error *err)
{
    char *file = memory_textf("%s/%s", path, expected->name);
    int64_t size;
    uint64_t hash;
    bool ok = files_hash(file, &size, &hash, err);

    if (ok && size != expected->size)
        ok = error_set(err, EXIT_CODE_STATE, "%s: has %" PRId64 " bytes, %" PRId64 " were written",
                       file, size, expected->size);
    else if (ok && hash != expected->hash)
        ok = damaged(err, file, "its hash is not that of what was written");
    free(file);
    return ok;
}

bool checkpoint_verify(const char *path, const struct checkpoint *checkpoint, struct error *err)
{
    char **names;
    size_t count;

    for (size_t i = 0; i < checkpoint->file_count; i++)
        if (!verify_file(path, &checkpoint->files[i], err))
            return false;
    if (!files_list(path, &names, &count, err))
        return false;
    files_free_names(names, count);
    return count == checkpoint->file_count + 1
           || damaged(err, path, "holds a file that its manifest does not name");
}
