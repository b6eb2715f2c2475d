/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/row_run.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"

enum {
    WRITE_ENTRIES = 64 * ROW_RUN_PAGE,
    BLOCK_BITS = 512, /* Of the filter: a line of the processor's cache. */
    BLOCK_WORDS = BLOCK_BITS / 64,
    FILTER_BITS = 12, /* An entry: of 1,000 keys that are not there, 5 are looked for. */
    PROBES = 8,
    PATH_SIZE = 4096
};

struct row_run {
    int file;
    size_t count, count_most;
    uint64_t *firsts; /* The key of each page's first entry. */
    uint64_t *filter;
    size_t block_count;
    struct row_index_entry *waiting; /* Not written yet. */
    size_t waiting_count;
};

static bool fail(struct error *err, const char *what)
{
    error_set(err, EXIT_CODE_STATE,
              "%s what does not fit into memory of the index of live rows: %s", what,
              strerror(errno));
    return error_hint(err, "make space where the join's state lies, or raise its memory");
}

struct row_run *row_run_new(const char *directory, size_t count_most, struct error *err)
{
    char path[PATH_SIZE];
    struct row_run *run = memory_new(sizeof *run);

    run->count_most = count_most;
    run->block_count = count_most * FILTER_BITS / BLOCK_BITS + 1;
    run->filter = memory_array(run->block_count * BLOCK_WORDS, sizeof *run->filter);
    run->firsts = memory_array(count_most / ROW_RUN_PAGE + 1, sizeof *run->firsts);
    run->waiting = memory_array(WRITE_ENTRIES, sizeof *run->waiting);
    snprintf(path, sizeof path, "%s/index-XXXXXX", directory);
    run->file = mkstemp(path);
    if (run->file >= 0) {
        unlink(path); /* It is gone when the process is. */
        return run;
    }
    fail(err, "write");
    row_run_free(run);
    return NULL;
}

void row_run_free(struct row_run *run)
{
    if (run == NULL)
        return;
    if (run->file >= 0)
        close(run->file);
    free(run->firsts);
    free(run->filter);
    free(run->waiting);
    free(run);
}

/* --- The filter --- */

static uint64_t *block_of(const struct row_run *run, uint64_t key_hash, uint64_t *probes)
{
    uint64_t mixed = (key_hash ^ key_hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);

    *probes = (mixed ^ mixed >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return &run->filter[((mixed >> 32) * run->block_count >> 32) * BLOCK_WORDS];
}

static unsigned bit_of(uint64_t probes, int i)
{
    return (unsigned)(probes >> (7 * i)) % BLOCK_BITS;
}

static void filter_add(struct row_run *run, uint64_t key_hash)
{
    uint64_t probes, *block = block_of(run, key_hash, &probes);

    for (int i = 0; i < PROBES; i++)
        block[bit_of(probes, i) / 64] |= UINT64_C(1) << bit_of(probes, i) % 64;
}

bool row_run_may_have(const struct row_run *run, uint64_t key_hash)
{
    uint64_t probes;
    const uint64_t *block = block_of(run, key_hash, &probes);

    for (int i = 0; i < PROBES; i++)
        if ((block[bit_of(probes, i) / 64] >> bit_of(probes, i) % 64 & 1) == 0)
            return false;
    return true;
}

/* --- Writing --- */

static bool write_waiting(struct row_run *run, struct error *err)
{
    const uint8_t *data = (const uint8_t *)run->waiting;
    size_t left = run->waiting_count * sizeof *run->waiting;

    while (left > 0) {
        ssize_t size = write(run->file, data, left);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fail(err, "write");
        data += size;
        left -= (size_t)size;
    }
    run->waiting_count = 0;
    return true;
}

bool row_run_add(struct row_run *run, const struct row_index_entry *entry, struct error *err)
{
    assert(run->count < run->count_most);

    if (run->count % ROW_RUN_PAGE == 0)
        run->firsts[run->count / ROW_RUN_PAGE] = entry->key_hash;
    filter_add(run, entry->key_hash);
    run->waiting[run->waiting_count++] = *entry;
    run->count++;
    return run->waiting_count < WRITE_ENTRIES || write_waiting(run, err);
}

bool row_run_end(struct row_run *run, struct error *err)
{
    bool ok = write_waiting(run, err);

    free(run->waiting);
    run->waiting = NULL;
    return ok;
}

/* --- Reading --- */

void row_run_walk_begin(struct row_run_walk *walk, const struct row_run *run, uint64_t key_hash)
{
    size_t low = 0, high = (run->count + ROW_RUN_PAGE - 1) / ROW_RUN_PAGE;

    while (low < high) { /* The first page that begins with this key or behind it... */
        size_t middle = low + (high - low) / 2;

        if (run->firsts[middle] < key_hash)
            low = middle + 1;
        else
            high = middle;
    }
    walk->key_hash = key_hash;
    walk->next_page = low > 0 ? low - 1 : 0; /* ...and the one before it may end with it. */
    walk->at = walk->count = 0;
}

static bool read_page(struct row_run_walk *walk, const struct row_run *run, struct error *err)
{
    size_t first = walk->next_page++ * ROW_RUN_PAGE, size, done = 0;

    walk->at = 0;
    walk->count = run->count - first < ROW_RUN_PAGE ? run->count - first : ROW_RUN_PAGE;
    size = walk->count * sizeof walk->page[0];
    while (done < size) {
        ssize_t got = pread(run->file, (uint8_t *)walk->page + done, size - done,
                            (off_t)(first * sizeof walk->page[0] + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return fail(err, "read");
        }
        done += (size_t)got;
    }
    return true;
}

bool row_run_walk_next(struct row_run_walk *walk, const struct row_run *run,
                       const struct row_index_entry **entry, struct error *err)
{
    *entry = NULL;
    for (;;) {
        while (walk->at < walk->count && walk->page[walk->at].key_hash < walk->key_hash)
            walk->at++;
        if (walk->at < walk->count) {
            if (walk->page[walk->at].key_hash == walk->key_hash)
                *entry = &walk->page[walk->at++];
            return true;
        }
        if (walk->next_page * ROW_RUN_PAGE >= run->count)
            return true;
        if (!read_page(walk, run, err))
            return false;
    }
}

size_t row_run_memory_bytes(const struct row_run *run)
{
    return run->block_count * BLOCK_BITS / 8 + run->count_most / ROW_RUN_PAGE * sizeof *run->firsts;
}

size_t row_run_disk_bytes(const struct row_run *run)
{
    return run->count * sizeof(struct row_index_entry);
}
