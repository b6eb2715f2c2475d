/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/buffer.h"
#include "joiner/store_files.h"

enum { ID_DIGITS = 16 };

/* 1: taken, 0: another process has it, -1: error. */
static int try_slot(struct slot *slot, const char *directory, int number, struct error *err)
{
    slot->directory = memory_textf("%s/slot-%d", directory, number);
    if (!files_make_directories(slot->directory, err))
        return -1;

    char *file = memory_textf("%s/lock", slot->directory);

    slot->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (slot->lock >= 0 && flock(slot->lock, LOCK_EX | LOCK_NB) == 0) {
        free(file);
        return 1;
    }

    int result = slot->lock >= 0 && errno == EWOULDBLOCK ? 0 : -1;

    if (result < 0)
        error_set(err, EXIT_CODE_STATE, "%s: %s", file, strerror(errno));
    free(file);
    return result;
}

static void forget(struct slot *slot)
{
    if (slot->lock >= 0)
        close(slot->lock);
    free(slot->directory);
    slot->directory = NULL;
    slot->lock = -1;
}

/* Text of the file, made with random digits by whoever is first. Returns (caller frees). */
static char *read_id(const char *file, const char *fresh, struct error *err)
{
    struct buffer bytes = {0}, id = {0};
    char *result = NULL;
    uint64_t random;
    bool ok = getrandom(&random, sizeof random, 0) == sizeof random;

    buffer_appendf(&id, "%016" PRIx64, random);
    unlink(fresh);
    ok = ok && files_write(fresh, &id, err);
    if (ok && link(fresh, file) != 0 && errno != EEXIST)
        ok = files_fail(err, file, "make");
    unlink(fresh);
    if (ok && files_read(file, &bytes, err)) {
        if (bytes.size == ID_DIGITS && strspn(buffer_text(&bytes), "0123456789abcdef") == ID_DIGITS)
            result = memory_text(buffer_text(&bytes));
        else {
            error_set(err, EXIT_CODE_STATE, "%s: is not the id of a state directory", file);
            error_hint(err, "remove the file: another is made");
        }
    }
    buffer_fini(&bytes);
    buffer_fini(&id);
    return result;
}

/* What names this state directory wherever it is mounted. */
static char *directory_id(const char *directory, struct error *err)
{
    char *file = memory_textf("%s/id", directory);
    char *fresh = memory_textf("%s/id-%ld", directory, (long)getpid());
    char *id = files_make_directories(directory, err) ? read_id(file, fresh, err) : NULL;

    free(file);
    free(fresh);
    return id;
}

bool slot_take(struct slot *slot, const struct pipeline_join *join, struct error *err)
{
    char *id;

    *slot = (struct slot){.lock = -1};
    id = directory_id(join->state_directory, err);
    if (id == NULL)
        return false;
    for (int i = 0; i < SLOT_MAX; i++) {
        int result = try_slot(slot, join->state_directory, i, err);

        if (result > 0) {
            slot->name = memory_textf("%s-%s-%d", join->group, id, i);
            free(id);
            return true;
        }
        forget(slot);
        if (result < 0) {
            free(id);
            return false;
        }
    }
    free(id);
    error_set(err, EXIT_CODE_STATE, "state directory %s: all %d slots are in use",
              join->state_directory, SLOT_MAX);
    return error_hint(err, "give this process another state directory");
}

void slot_release(struct slot *slot)
{
    forget(slot);
    free(slot->name);
    slot->name = NULL;
}
