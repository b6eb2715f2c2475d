/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/buffer.h"
#include "joiner/store_files.h"

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

bool slot_take(struct slot *slot, const struct pipeline_join *join, struct error *err)
{
    char host[256] = "localhost";

    *slot = (struct slot){.lock = -1};
    gethostname(host, sizeof host - 1);
    for (int i = 0; i < SLOT_MAX; i++) {
        int result = try_slot(slot, join->state_directory, i, err);

        if (result > 0) {
            slot->name = memory_textf("%s-%s-%d", join->group, host, i);
            return true;
        }
        forget(slot);
        if (result < 0)
            return false;
    }
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
