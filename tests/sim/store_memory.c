/* SPDX-License-Identifier: Apache-2.0 */
#include "store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

struct entry {
    size_t key_size, value_size;
    uint8_t bytes[]; /* Key, then value. */
};

struct store_memory {
    struct store store;
    struct entry **entries; /* Sorted. */
    size_t count, capacity;
};

static int order(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int by_bytes = common == 0 ? 0 : memcmp(a, b, common);

    return by_bytes != 0 ? by_bytes : (a_size > b_size) - (a_size < b_size);
}

/* The first entry that is not before the key. */
static size_t find(const struct store_memory *memory, struct store_bytes key)
{
    size_t low = 0, high = memory->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = memory->entries[middle];

        if (order(entry->bytes, entry->key_size, key.data, key.size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *entry_new(struct store_bytes key, struct store_bytes value)
{
    struct entry *entry = memory_new(sizeof *entry + key.size + value.size);

    entry->key_size = key.size;
    entry->value_size = value.size;
    memcpy(entry->bytes, key.data, key.size);
    memcpy(entry->bytes + key.size, value.data, value.size);
    return entry;
}

static bool memory_put(struct store *store, struct store_bytes key, struct store_bytes value,
                       struct error *err)
{
    struct store_memory *memory = (struct store_memory *)store;
    size_t at = find(memory, key);

    if (at < memory->count
        && order(memory->entries[at]->bytes, memory->entries[at]->key_size, key.data, key.size)
               == 0) {
        struct entry *entry = memory->entries[at];

        if (entry->value_size != value.size
            || memcmp(entry->bytes + entry->key_size, value.data, value.size) != 0)
            return error_set(err, EXIT_CODE_BUG, "a key was put again with another value");
        return true;
    }
    if (memory->count == memory->capacity) {
        memory->capacity = memory->capacity == 0 ? 64 : memory->capacity * 2;
        memory->entries = memory_resize(memory->entries, memory->capacity * sizeof(struct entry *));
    }
    memmove(memory->entries + at + 1, memory->entries + at,
            (memory->count - at) * sizeof(struct entry *));
    memory->entries[at] = entry_new(key, value);
    memory->count++;
    return true;
}

/* Visits what was there when it began, as an iterator over a snapshot does. */
static bool memory_scan(struct store *store, struct store_bytes from, struct store_bytes to,
                        store_visit *visit, void *context, struct error *err)
{
    struct store_memory *memory = (struct store_memory *)store;
    size_t first = find(memory, from), end = find(memory, to);
    size_t count = end > first ? end - first : 0;
    struct entry **seen = memory_array(count + 1, sizeof(struct entry *));

    (void)err;
    if (count > 0)
        memcpy(seen, memory->entries + first, count * sizeof(struct entry *));
    for (size_t i = 0; i < count; i++)
        if (!visit(context, (struct store_bytes){seen[i]->bytes, seen[i]->key_size},
                   (struct store_bytes){seen[i]->bytes + seen[i]->key_size, seen[i]->value_size}))
            break;
    free(seen);
    return true;
}

static bool memory_forget(struct store *store, struct store_bytes key, struct error *err)
{
    struct store_memory *memory = (struct store_memory *)store;
    size_t count = find(memory, key);

    (void)err;
    for (size_t i = 0; i < count; i++)
        free(memory->entries[i]);
    memory->count -= count;
    if (count > 0)
        memmove(memory->entries, memory->entries + count, memory->count * sizeof(struct entry *));
    return true;
}

static bool memory_clear(struct store *store, struct error *err)
{
    struct store_memory *memory = (struct store_memory *)store;

    (void)err;
    for (size_t i = 0; i < memory->count; i++)
        free(memory->entries[i]);
    memory->count = 0;
    return true;
}

static void memory_close(struct store *store)
{
    struct store_memory *memory = (struct store_memory *)store;
    struct error err;

    memory_clear(store, &err);
    free(memory->entries);
    free(memory);
}

struct store *store_memory_new(void)
{
    static const struct store_ops ops = {
        .put = memory_put,
        .scan = memory_scan,
        .forget = memory_forget,
        .clear = memory_clear,
        .close = memory_close,
    };
    struct store_memory *memory = memory_new(sizeof *memory);

    memory->store.ops = &ops;
    return &memory->store;
}

struct store *store_memory_copy(const struct store *store)
{
    const struct store_memory *from = (const struct store_memory *)store;
    struct store *copy = store_memory_new();
    struct error err;

    for (size_t i = 0; i < from->count; i++) {
        const struct entry *entry = from->entries[i];

        memory_put(copy, (struct store_bytes){entry->bytes, entry->key_size},
                   (struct store_bytes){entry->bytes + entry->key_size, entry->value_size}, &err);
    }
    return copy;
}

size_t store_memory_count(const struct store *store)
{
    return ((const struct store_memory *)store)->count;
}

void store_memory_lose(struct store *store, size_t nth)
{
    struct store_memory *memory = (struct store_memory *)store;

    free(memory->entries[nth]);
    memory->count--;
    memmove(memory->entries + nth, memory->entries + nth + 1,
            (memory->count - nth) * sizeof(struct entry *));
}

void store_memory_spoil(struct store *store, size_t nth)
{
    struct entry *entry = ((struct store_memory *)store)->entries[nth];

    entry->bytes[entry->key_size + entry->value_size - 1] ^= 1;
}
