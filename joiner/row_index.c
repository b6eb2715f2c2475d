/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/row_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "joiner/row.h"

enum {
    SLOT_BITS_MIN = 10,
    ROW_BYTES =
        28, /* Of a table that is five sixths full: what the least of limits is counted in. */
};

static const int64_t FREE = INT64_MIN; /* No row has this time: ROW_TIME_MAX keeps far from it. */

static int64_t pack(uint32_t input, int64_t time_ms)
{
    assert(input <= 0xff && time_ms >= -ROW_TIME_MAX && time_ms <= ROW_TIME_MAX);

    return (int64_t)((uint64_t)time_ms << 8 | input);
}

static void allocate(struct row_index *index, size_t slot_bits)
{
    size_t count = (size_t)1 << slot_bits;

    index->slots = memory_array(count, sizeof *index->slots);
    index->slot_bits = slot_bits;
    index->slot_mask = count - 1;
    for (size_t i = 0; i < count; i++)
        index->slots[i].time_input = FREE;
}

void row_index_init(struct row_index *index, const struct row_index_limits *limits,
                    const int64_t *before_ms)
{
    *index = (struct row_index){.before_ms = before_ms, .cutoff_ms = INT64_MIN};
    if (limits != NULL)
        index->limits = *limits;
    allocate(index, SLOT_BITS_MIN);
}

void row_index_fini(struct row_index *index)
{
    for (size_t i = 0; i < index->run_count; i++)
        row_run_free(index->runs[i].run);
    free(index->runs);
    free(index->slots);
    *index = (struct row_index){0};
}

bool row_index_check(const struct row_index *index, struct error *err)
{
    if (index->failed)
        *err = index->error;
    return !index->failed;
}

static size_t table_bytes(const struct row_index *index)
{
    return (index->slot_mask + 1) * sizeof *index->slots;
}

/* The upper bits, so that the order of the slots is that of the hashes. */
static size_t home_of(const struct row_index *index, uint64_t key_hash)
{
    return (size_t)(key_hash >> (64 - index->slot_bits));
}

static void place(struct row_index *index, const struct row_index_entry *entry)
{
    size_t at = home_of(index, entry->key_hash);

    while (index->slots[at].time_input != FREE)
        at = (at + 1) & index->slot_mask;
    index->slots[at] = *entry;
}

static void resize(struct row_index *index, size_t slot_bits)
{
    struct row_index_entry *old = index->slots;
    size_t old_count = index->slot_mask + 1;

    allocate(index, slot_bits);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].time_input != FREE)
            place(index, &old[i]);
    free(old);
}

/* --- Runs on disk --- */

static int64_t home_ms(const struct row_index *index, const struct row_index_entry *entry)
{
    return row_index_time_ms(entry) + index->before_ms[row_index_input(entry)];
}

static int order(const void *a, const void *b)
{
    const struct row_index_entry *x = a, *y = b;

    return (x->key_hash > y->key_hash) - (x->key_hash < y->key_hash);
}

/* Slots without a hole among them, sorted and written. */
static bool write_slots(struct row_index *index, struct row_index_run *run, size_t from, size_t to,
                        struct error *err)
{
    if (to - from > 1)
        qsort(&index->slots[from], to - from, sizeof *index->slots, order);
    for (size_t i = from; i < to; i++) {
        int64_t time_ms = home_ms(index, &index->slots[i]);

        if (time_ms > run->last_home_ms)
            run->last_home_ms = time_ms;
        if (!row_run_add(run->run, &index->slots[i], err))
            return false;
    }
    return true;
}

/*
 * Rows that found no place at the table's end stand at its beginning, out of order: takes them out of
 * the first *to slots, which have no hole, and closes the gaps. Returns how many, in *wrapped (owned).
 */
static size_t take_wrapped(struct row_index *index, size_t *to, struct row_index_entry **wrapped)
{
    size_t count = 0, kept = 0;

    *wrapped = memory_array(*to + 1, sizeof **wrapped);
    for (size_t i = 0; i < *to; i++) {
        struct row_index_entry entry = index->slots[i];

        if (home_of(index, entry.key_hash) > i)
            (*wrapped)[count++] = entry;
        else
            index->slots[kept++] = entry;
    }
    *to = kept;
    return count;
}

static size_t first_free(const struct row_index *index, size_t from)
{
    while (from <= index->slot_mask && index->slots[from].time_input != FREE)
        from++;
    return from;
}

/* As large as it was, if that leaves room for what the runs keep in memory. */
static void empty_table(struct row_index *index)
{
    size_t runs = row_index_memory_bytes(index) - table_bytes(index), bits = index->slot_bits;

    while (bits > SLOT_BITS_MIN
           && runs + (sizeof *index->slots << bits) > index->limits.memory_bytes)
        bits--;
    free(index->slots);
    allocate(index, bits);
}

static bool write_table(struct row_index *index, struct row_index_run *run, struct error *err)
{
    struct row_index_entry *wrapped;
    size_t end = first_free(index, 0), to = end;
    size_t wrapped_count = take_wrapped(index, &to, &wrapped);
    bool ok = write_slots(index, run, 0, to, err);

    for (size_t from = end + 1; ok && from <= index->slot_mask; from = to + 1) {
        to = first_free(index, from);
        ok = write_slots(index, run, from, to, err);
    }
    empty_table(index);
    for (size_t i = 0; i < wrapped_count; i++)
        place(index, &wrapped[i]);
    index->slot_count = wrapped_count;
    free(wrapped);
    return ok && row_run_end(run->run, err);
}

static bool spill(struct row_index *index, struct error *err)
{
    struct row_index_run *run;

    index->runs = memory_resize(index->runs, (index->run_count + 1) * sizeof *index->runs);
    run = &index->runs[index->run_count];
    run->last_home_ms = INT64_MIN;
    run->run = row_run_new(index->limits.directory, index->slot_count, err);
    if (run->run == NULL)
        return false;
    index->run_count++;
    return write_table(index, run, err);
}

void row_index_forget(struct row_index *index, int64_t cutoff_ms)
{
    size_t kept = 0;

    index->cutoff_ms = cutoff_ms;
    for (size_t i = 0; i < index->run_count; i++) {
        if (index->runs[i].last_home_ms < cutoff_ms)
            row_run_free(index->runs[i].run);
        else
            index->runs[kept++] = index->runs[i];
    }
    index->run_count = kept;
}

/* --- Rows --- */

static bool may_grow(const struct row_index *index)
{
    return row_index_memory_bytes(index) + table_bytes(index) <= index->limits.memory_bytes;
}

static void make_room(struct row_index *index)
{
    bool limited = index->limits.memory_bytes != 0 && !index->failed;

    if (index->slot_count < (index->slot_mask + 1) / 6 * 5
        && (!limited || index->slot_count < index->limits.memory_bytes / ROW_BYTES))
        return;
    if (limited && !may_grow(index))
        index->failed = !spill(index, &index->error);
    else
        resize(index, index->slot_bits + 1);
}

void row_index_add(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms)
{
    make_room(index);
    place(index, &(struct row_index_entry){key_hash, tail_hash, pack(input, time_ms)});
    index->slot_count++;
    index->count++;
}

/* SIZE_MAX: not in the table. */
static size_t find(const struct row_index *index, const struct row_index_entry *wanted)
{
    size_t at = home_of(index, wanted->key_hash);

    for (; index->slots[at].time_input != FREE; at = (at + 1) & index->slot_mask)
        if (index->slots[at].time_input == wanted->time_input
            && index->slots[at].key_hash == wanted->key_hash
            && index->slots[at].tail_hash == wanted->tail_hash)
            return at;
    return SIZE_MAX;
}

bool row_index_has(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms)
{
    struct row_index_entry wanted = {key_hash, tail_hash, pack(input, time_ms)};
    const struct row_index_entry *entry;
    struct row_index_walk walk;

    if (find(index, &wanted) != SIZE_MAX)
        return true;
    if (index->run_count == 0)
        return false;
    row_index_walk_begin(&walk, index, key_hash);
    walk.slot = SIZE_MAX;
    while ((entry = row_index_walk_next(&walk)) != NULL)
        if (entry->time_input == wanted.time_input && entry->tail_hash == tail_hash)
            return true;
    return false;
}

/* Moves later rows of the run back, so that no walk ever meets a hole in it. */
static void close_gap(struct row_index *index, size_t gap)
{
    size_t mask = index->slot_mask;

    for (size_t at = (gap + 1) & mask; index->slots[at].time_input != FREE; at = (at + 1) & mask) {
        size_t home = home_of(index, index->slots[at].key_hash);

        if (((at - home) & mask) < ((at - gap) & mask))
            continue; /* It would come to lie before its home. */
        index->slots[gap] = index->slots[at];
        gap = at;
    }
    index->slots[gap].time_input = FREE;
}

static bool may_be_on_disk(const struct row_index *index, const struct row_index_entry *entry)
{
    for (size_t i = 0; i < index->run_count; i++)
        if (home_ms(index, entry) <= index->runs[i].last_home_ms
            && row_run_may_have(index->runs[i].run, entry->key_hash))
            return true;
    return false;
}

bool row_index_remove(struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                      uint32_t input, int64_t time_ms)
{
    struct row_index_entry wanted = {key_hash, tail_hash, pack(input, time_ms)};
    size_t at = find(index, &wanted);

    if (at == SIZE_MAX) {
        if (!may_be_on_disk(index, &wanted))
            return false;
        index->count--;
        return true;
    }
    close_gap(index, at);
    index->slot_count--;
    index->count--;
    if (index->slot_bits > SLOT_BITS_MIN && index->slot_count < (index->slot_mask + 1) / 8)
        resize(index, index->slot_bits - 1);
    return true;
}

void row_index_walk_begin(struct row_index_walk *walk, struct row_index *index, uint64_t key_hash)
{
    walk->index = index;
    walk->key_hash = key_hash;
    walk->slot = home_of(index, key_hash);
    walk->run = 0;
    walk->in_run = false;
}

/* The first run from walk->run on that may have the key. */
static bool enter_run(struct row_index_walk *walk)
{
    const struct row_index *index = walk->index;

    while (walk->run < index->run_count
           && !row_run_may_have(index->runs[walk->run].run, walk->key_hash))
        walk->run++;
    walk->in_run = walk->run < index->run_count;
    if (walk->in_run)
        row_run_walk_begin(&walk->walk, index->runs[walk->run].run, walk->key_hash);
    return walk->in_run;
}

static const struct row_index_entry *next_on_disk(struct row_index_walk *walk)
{
    struct row_index *index = walk->index;
    const struct row_index_entry *entry;

    while (!index->failed && (walk->in_run || enter_run(walk))) {
        if (!row_run_walk_next(&walk->walk, index->runs[walk->run].run, &entry, &index->error)) {
            index->failed = true;
            return NULL;
        }
        if (entry == NULL) {
            walk->in_run = false;
            walk->run++;
        } else if (home_ms(index, entry) >= index->cutoff_ms) {
            return entry;
        }
    }
    return NULL;
}

const struct row_index_entry *row_index_walk_next(struct row_index_walk *walk)
{
    const struct row_index *index = walk->index;

    while (walk->slot != SIZE_MAX) {
        const struct row_index_entry *entry = &index->slots[walk->slot];

        if (entry->time_input == FREE) {
            walk->slot = SIZE_MAX;
            break;
        }
        walk->slot = (walk->slot + 1) & index->slot_mask;
        if (entry->key_hash == walk->key_hash)
            return entry;
    }
    return index->run_count == 0 ? NULL : next_on_disk(walk);
}

size_t row_index_memory_bytes(const struct row_index *index)
{
    size_t bytes = table_bytes(index);

    for (size_t i = 0; i < index->run_count; i++)
        bytes += row_run_memory_bytes(index->runs[i].run);
    return bytes;
}

size_t row_index_disk_bytes(const struct row_index *index)
{
    size_t bytes = 0;

    for (size_t i = 0; i < index->run_count; i++)
        bytes += row_run_disk_bytes(index->runs[i].run);
    return bytes;
}
