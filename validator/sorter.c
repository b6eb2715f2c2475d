/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/sorter.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "validator/run_file.h"

enum {
    FAN_IN = 32,    /* Runs merged at once; about 300 KiB of buffers each. */
    INSERTION = 24, /* Ranges this short are sorted by insertion. */
    ROW_HEAD = sizeof(uint32_t),
};

struct entry {
    uint64_t prefix; /* The key's first eight bytes, as a number that compares as they do. */
    uint64_t at;     /* Of the row, in the block. */
};

struct cursor {
    struct run_file *run;
    struct sorter_row row;
    uint64_t prefix;
};

struct sorter {
    char *directory;
    size_t key_size;
    uint8_t *block; /* Rows grow up from its start, the index grows down from its end. */
    size_t block_bytes;
    size_t used;
    size_t entry_count;
    size_t next_entry; /* While everything is in memory. */
    struct run_file **runs;
    size_t run_count;
    struct cursor heap[FAN_IN];
    size_t heap_count;
    bool sorted;
    struct sorter_stats stats;
};

static uint64_t key_prefix(const uint8_t *key)
{
    uint64_t prefix;

    memcpy(&prefix, key, sizeof prefix);
    return be64toh(prefix);
}

static struct entry *entries(const struct sorter *sorter)
{
    return (struct entry *)(void *)(sorter->block + sorter->block_bytes) - sorter->entry_count;
}

static const uint8_t *entry_key(const struct sorter *sorter, const struct entry *entry)
{
    return sorter->block + entry->at + ROW_HEAD;
}

struct sorter *sorter_new(const struct sorter_options *options)
{
    struct sorter *sorter = memory_new(sizeof *sorter);

    assert(options->key_size >= SORTER_KEY_SIZE_MIN && options->key_size <= SORTER_KEY_SIZE_MAX);
    sorter->directory = memory_text(options->directory);
    sorter->key_size = options->key_size;
    sorter->block_bytes = options->memory_bytes / sizeof(struct entry) * sizeof(struct entry);
    /* Not memory_new: pages that are never used should never be touched. */
    sorter->block = aligned_alloc(sizeof(struct entry), sorter->block_bytes);
    assert(sorter->block != NULL);
    return sorter;
}

void sorter_free(struct sorter *sorter)
{
    if (sorter == NULL)
        return;
    for (size_t i = 0; i < sorter->run_count; i++)
        run_file_free(sorter->runs[i]);
    for (size_t i = 0; i < sorter->heap_count; i++)
        run_file_free(sorter->heap[i].run);
    free(sorter->runs);
    free(sorter->block);
    free(sorter->directory);
    free(sorter);
}

/* -- Sorting a block: radix by the prefix's bytes, then by the key's, short ranges by insertion. -- */

static bool is_before(const struct sorter *sorter, const struct entry *a, const struct entry *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return memcmp(entry_key(sorter, a) + sizeof a->prefix, entry_key(sorter, b) + sizeof a->prefix,
                  sorter->key_size - sizeof a->prefix)
           < 0;
}

static void sort_short(const struct sorter *sorter, struct entry *first, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct entry moving = first[i];
        size_t to = i;
        for (; to > 0 && is_before(sorter, &moving, &first[to - 1]); to--)
            first[to] = first[to - 1];
        first[to] = moving;
    }
}

static uint8_t key_byte(const struct sorter *sorter, const struct entry *entry, size_t depth)
{
    if (depth < sizeof entry->prefix)
        return (uint8_t)(entry->prefix >> (8 * (sizeof entry->prefix - 1 - depth)));
    return entry_key(sorter, entry)[depth];
}

/* Moves every entry into its byte's bucket, in place. */
static void distribute(const struct sorter *sorter, struct entry *first, const size_t starts[256],
                       const size_t ends[256], size_t depth)
{
    size_t next[256];

    memcpy(next, starts, sizeof next);
    for (size_t bucket = 0; bucket < 256; bucket++) {
        while (next[bucket] < ends[bucket]) {
            struct entry moving = first[next[bucket]];
            uint8_t home = key_byte(sorter, &moving, depth);
            while (home != bucket) {
                struct entry displaced = first[next[home]];
                first[next[home]++] = moving;
                moving = displaced;
                home = key_byte(sorter, &moving, depth);
            }
            first[next[bucket]++] = moving;
        }
    }
}

/* The first `depth` bytes of all these keys are equal. */
static void sort_range(const struct sorter *sorter, struct entry *first, size_t count, size_t depth)
{
    size_t starts[256], ends[256] = {0};
    size_t sum = 0, filled = 0;

    if (count <= INSERTION || depth == sorter->key_size) {
        if (depth < sorter->key_size)
            sort_short(sorter, first, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        ends[key_byte(sorter, &first[i], depth)]++;
    for (size_t i = 0; i < 256; i++) {
        filled += ends[i] > 0;
        starts[i] = sum;
        sum += ends[i];
        ends[i] = sum;
    }
    if (filled > 1)
        distribute(sorter, first, starts, ends, depth);
    for (size_t i = 0; i < 256; i++)
        if (ends[i] > starts[i])
            sort_range(sorter, first + starts[i], ends[i] - starts[i], depth + 1);
}

/* -- Runs -- */

static struct sorter_row entry_row(const struct sorter *sorter, const struct entry *entry)
{
    uint32_t size;

    memcpy(&size, sorter->block + entry->at, sizeof size);
    return (struct sorter_row){.key = entry_key(sorter, entry),
                               .payload = entry_key(sorter, entry) + sorter->key_size,
                               .size = size};
}

static void keep_run(struct sorter *sorter, struct run_file *run)
{
    sorter->runs = memory_resize(sorter->runs, (sorter->run_count + 1) * sizeof(struct run_file *));
    sorter->runs[sorter->run_count++] = run;
    sorter->stats.run_count++;
}

static bool spill(struct sorter *sorter, struct error *err)
{
    struct run_file *run = run_file_create(sorter->directory, sorter->key_size, err);

    if (run == NULL)
        return false;
    keep_run(sorter, run);
    sort_range(sorter, entries(sorter), sorter->entry_count, 0);
    for (size_t i = 0; i < sorter->entry_count; i++) {
        struct sorter_row row = entry_row(sorter, &entries(sorter)[i]);
        if (!run_file_put(run, &row, err))
            return false;
    }
    sorter->entry_count = 0;
    sorter->used = 0;
    return run_file_rewind(run, &sorter->stats.spilled_bytes, err);
}

uint8_t *sorter_add(struct sorter *sorter, const void *key, size_t payload_size, struct error *err)
{
    size_t size = ROW_HEAD + sorter->key_size + payload_size;

    assert(!sorter->sorted);
    if (size + sizeof(struct entry) > sorter->block_bytes || payload_size > UINT32_MAX) {
        error_set(err, EXIT_CODE_STATE, "sort: a row of %zu bytes does not fit in %zu bytes",
                  payload_size, sorter->block_bytes);
        error_hint(err, "raise validate.memory");
        return NULL;
    }
    if (sorter->used + size + (sorter->entry_count + 1) * sizeof(struct entry) > sorter->block_bytes
        && !spill(sorter, err))
        return NULL;
    uint8_t *row = sorter->block + sorter->used;
    uint32_t stored = (uint32_t)payload_size;
    memcpy(row, &stored, sizeof stored);
    memcpy(row + ROW_HEAD, key, sorter->key_size);
    sorter->entry_count++;
    entries(sorter)[0] = (struct entry){.prefix = key_prefix(key), .at = sorter->used};
    sorter->used += size;
    sorter->stats.row_count++;
    sorter->stats.row_bytes += sorter->key_size + payload_size;
    return row + ROW_HEAD + sorter->key_size;
}

/* -- Merging: a heap of runs, the one with the smallest key on top. -- */

static bool cursor_before(const struct sorter *sorter, const struct cursor *a,
                          const struct cursor *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return memcmp(a->row.key, b->row.key, sorter->key_size) < 0;
}

static void sift_down(struct sorter *sorter, size_t at)
{
    struct cursor moving = sorter->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < sorter->heap_count
            && cursor_before(sorter, &sorter->heap[child + 1], &sorter->heap[child]))
            child++;
        if (child >= sorter->heap_count || !cursor_before(sorter, &sorter->heap[child], &moving))
            break;
        sorter->heap[at] = sorter->heap[child];
        at = child;
    }
    sorter->heap[at] = moving;
}

static bool cursor_read(struct cursor *cursor, struct error *err)
{
    if (!run_file_get(cursor->run, &cursor->row, err))
        return false;
    if (cursor->row.key != NULL)
        cursor->prefix = key_prefix(cursor->row.key);
    return true;
}

/* Takes the first runs, as many as may be merged at once. */
static bool open_heap(struct sorter *sorter, struct error *err)
{
    size_t count = sorter->run_count < FAN_IN ? sorter->run_count : FAN_IN;

    for (size_t i = 0; i < count; i++)
        sorter->heap[i] = (struct cursor){.run = sorter->runs[i]};
    sorter->heap_count = count;
    sorter->run_count -= count;
    memmove(sorter->runs, sorter->runs + count, sorter->run_count * sizeof(struct run_file *));
    for (size_t i = 0; i < count; i++) {
        if (!cursor_read(&sorter->heap[i], err))
            return false;
        assert(sorter->heap[i].row.key != NULL); /* An empty run is never written. */
    }
    for (size_t i = count / 2; i-- > 0;)
        sift_down(sorter, i);
    return true;
}

/* The row that is on top stays borrowed, so its run moves on only when the next one is asked for. */
static bool heap_advance(struct sorter *sorter, struct error *err)
{
    struct cursor *top = &sorter->heap[0];

    if (!cursor_read(top, err))
        return false;
    if (top->row.key == NULL) {
        run_file_free(top->run);
        *top = sorter->heap[--sorter->heap_count];
    }
    if (sorter->heap_count > 1)
        sift_down(sorter, 0);
    return true;
}

static bool merge_some(struct sorter *sorter, struct error *err)
{
    struct run_file *run = run_file_create(sorter->directory, sorter->key_size, err);

    if (run == NULL)
        return false;
    if (!open_heap(sorter, err)) {
        run_file_free(run);
        return false;
    }
    keep_run(sorter, run);
    while (sorter->heap_count > 0)
        if (!run_file_put(run, &sorter->heap[0].row, err) || !heap_advance(sorter, err))
            return false;
    return run_file_rewind(run, &sorter->stats.spilled_bytes, err);
}

bool sorter_sort(struct sorter *sorter, struct error *err)
{
    assert(!sorter->sorted);
    sorter->sorted = true;
    if (sorter->run_count == 0) {
        sort_range(sorter, entries(sorter), sorter->entry_count, 0);
        return true;
    }
    if (sorter->entry_count > 0 && !spill(sorter, err))
        return false;
    free(sorter->block); /* The merge's buffers take its place in the budget. */
    sorter->block = NULL;
    while (sorter->run_count > FAN_IN)
        if (!merge_some(sorter, err))
            return false;
    return open_heap(sorter, err);
}

static bool next_in_memory(struct sorter *sorter, struct sorter_row *row)
{
    *row = sorter->next_entry < sorter->entry_count
               ? entry_row(sorter, &entries(sorter)[sorter->next_entry++])
               : (struct sorter_row){0};
    return true;
}

bool sorter_next(struct sorter *sorter, struct sorter_row *row, struct error *err)
{
    assert(sorter->sorted);
    if (sorter->block != NULL)
        return next_in_memory(sorter, row);
    if (sorter->next_entry > 0 && sorter->heap_count > 0 && !heap_advance(sorter, err))
        return false;
    sorter->next_entry = 1; /* From now on the top was handed out. */
    *row = sorter->heap_count > 0 ? sorter->heap[0].row : (struct sorter_row){0};
    return true;
}

struct sorter_stats sorter_stats(const struct sorter *sorter)
{
    return sorter->stats;
}
