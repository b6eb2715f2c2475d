/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/row_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "joiner/row.h"

enum { SLOTS_MIN = 1024 };

static const int64_t FREE = INT64_MIN; /* No row has this time: ROW_TIME_MAX keeps far from it. */

static int64_t pack(uint32_t input, int64_t time_ms)
{
    assert(input <= 0xff && time_ms >= -ROW_TIME_MAX && time_ms <= ROW_TIME_MAX);

    return (int64_t)((uint64_t)time_ms << 8 | input);
}

static void allocate(struct row_index *index, size_t slot_count)
{
    index->slots = memory_array(slot_count, sizeof *index->slots);
    index->slot_mask = slot_count - 1;
    for (size_t i = 0; i < slot_count; i++)
        index->slots[i].time_input = FREE;
}

void row_index_init(struct row_index *index)
{
    index->count = 0;
    allocate(index, SLOTS_MIN);
}

void row_index_fini(struct row_index *index)
{
    free(index->slots);
    *index = (struct row_index){0};
}

void row_index_clear(struct row_index *index)
{
    row_index_fini(index);
    row_index_init(index);
}

static void place(struct row_index *index, const struct row_index_entry *entry)
{
    size_t at = entry->key_hash & index->slot_mask;

    while (index->slots[at].time_input != FREE)
        at = (at + 1) & index->slot_mask;
    index->slots[at] = *entry;
}

static void resize(struct row_index *index, size_t slot_count)
{
    struct row_index_entry *old = index->slots;
    size_t old_count = index->slot_mask + 1;

    allocate(index, slot_count);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].time_input != FREE)
            place(index, &old[i]);
    free(old);
}

void row_index_add(struct row_index *index, uint64_t key_hash, uint64_t tail_hash, uint32_t input,
                   int64_t time_ms)
{
    size_t slot_count = index->slot_mask + 1;

    if (index->count >= slot_count / 6 * 5)
        resize(index, slot_count * 2);
    place(index, &(struct row_index_entry){key_hash, tail_hash, pack(input, time_ms)});
    index->count++;
}

static size_t find(const struct row_index *index, const struct row_index_entry *wanted)
{
    size_t at = wanted->key_hash & index->slot_mask;

    for (; index->slots[at].time_input != FREE; at = (at + 1) & index->slot_mask)
        if (index->slots[at].time_input == wanted->time_input
            && index->slots[at].key_hash == wanted->key_hash
            && index->slots[at].tail_hash == wanted->tail_hash)
            return at;
    return SIZE_MAX;
}

bool row_index_has(const struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                   uint32_t input, int64_t time_ms)
{
    struct row_index_entry wanted = {key_hash, tail_hash, pack(input, time_ms)};

    return find(index, &wanted) != SIZE_MAX;
}

/* Moves later rows of the run back, so that no walk ever meets a hole in it. */
static void close_gap(struct row_index *index, size_t gap)
{
    size_t mask = index->slot_mask;

    for (size_t at = (gap + 1) & mask; index->slots[at].time_input != FREE; at = (at + 1) & mask) {
        size_t home = index->slots[at].key_hash & mask;

        if (((at - home) & mask) < ((at - gap) & mask))
            continue; /* It would come to lie before its home. */
        index->slots[gap] = index->slots[at];
        gap = at;
    }
    index->slots[gap].time_input = FREE;
}

bool row_index_remove(struct row_index *index, uint64_t key_hash, uint64_t tail_hash,
                      uint32_t input, int64_t time_ms)
{
    struct row_index_entry wanted = {key_hash, tail_hash, pack(input, time_ms)};
    size_t at = find(index, &wanted), slot_count = index->slot_mask + 1;

    if (at == SIZE_MAX)
        return false;
    close_gap(index, at);
    index->count--;
    if (slot_count > SLOTS_MIN && index->count < slot_count / 8)
        resize(index, slot_count / 2);
    return true;
}

const struct row_index_entry *row_index_next(const struct row_index *index, uint64_t key_hash,
                                             size_t *cursor)
{
    size_t at =
        *cursor == SIZE_MAX ? key_hash & index->slot_mask : (*cursor + 1) & index->slot_mask;

    for (; index->slots[at].time_input != FREE; at = (at + 1) & index->slot_mask)
        if (index->slots[at].key_hash == key_hash) {
            *cursor = at;
            return &index->slots[at];
        }
    return NULL;
}

size_t row_index_bytes(const struct row_index *index)
{
    return (index->slot_mask + 1) * sizeof *index->slots;
}
