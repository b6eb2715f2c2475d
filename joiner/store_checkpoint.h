/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_checkpoint: a task's state as a folder that a later process can trust.
 *
 *     STATE/checkpoints/task-P/NAME/      the store's files, as hard links
 *                                  manifest   whose it is, the cut, each file's size and hash
 *
 * A folder appears under its name by one rename, when all of it is on disk. NAME begins with the sum
 * of the cut's offsets, so names sort by age, and ends with a hash of the cut: one name has one
 * content. Since state is a function of offsets and watermark, any checkpoint that lies before the
 * committed cut leads to it, whoever made it and whatever became of its transaction.
 */
#ifndef JOINER_STORE_CHECKPOINT_H
#define JOINER_STORE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "joiner/floor.h"
#include "joiner/store.h"
#include "joiner/task.h"

enum { CHECKPOINT_NAME_SIZE = 34 };

struct checkpoint_owner { /* Borrowed. */
    const char *join, *group;
    const char *cluster; /* Kafka's id of it. */
    int32_t partition;
};

/* The last record of an input that the state knows: met again, it proves that the topic is the same. */
struct checkpoint_witness {
    int64_t offset; /* Below 0: there is none. */
    int64_t timestamp_ms;
};

struct checkpoint_file {
    char *name;
    int64_t size;
    uint64_t hash;
};

struct checkpoint {
    char *join, *group, *cluster;
    int32_t partition;
    int64_t made_ms;
    struct task_cut cut; /* Its stairs are owned. */
    struct checkpoint_witness witnesses[TASK_COMMIT_INPUTS_MAX];
    struct checkpoint_file *files;
    size_t file_count;
    int64_t size_bytes; /* Of all files. */
};

void checkpoint_fini(struct checkpoint *checkpoint);

/*
 * Makes a checkpoint below the folder and gives its name. The store must be as the cut says. Any
 * failure leaves what was there before. `name` says what is there already: the same cut is not
 * written again.
 */
bool checkpoint_write(const char *folder, const struct checkpoint_owner *owner, struct store *store,
                      const struct task_cut *cut, const struct checkpoint_witness *witnesses,
                      int64_t now_ms, char name[static CHECKPOINT_NAME_SIZE], struct error *err);
/* Removes everything but these; empty names are none. */
bool checkpoint_keep(const char *folder, const char *const names[], size_t count,
                     struct error *err);

/* Reads the manifest, and only that. Fails if any byte of it is not what was written. */
bool checkpoint_read(const char *path, struct checkpoint *checkpoint, struct error *err);
/* True if each file is there, has its size and its hash, and there is none besides. */
bool checkpoint_verify(const char *path, const struct checkpoint *checkpoint, struct error *err);

/* Names, oldest first; see files_list. Half-made ones are left out. */
bool checkpoint_list(const char *folder, char ***names, size_t *count, struct error *err);

#endif
