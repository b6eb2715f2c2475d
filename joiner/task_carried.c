/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of rows in the order of their stored keys. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "joiner/task_parts.h"

static bool is_before(const struct carried *a, const struct carried *b)
{
    size_t common = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order = memcmp(a->bytes, b->bytes, common);

    return order < 0 || (order == 0 && a->key_size < b->key_size);
}

static void swap(struct carried *a, struct carried *b)
{
    struct carried kept = *a;

    *a = *b;
    *b = kept;
}

void carried_push(struct carried_heap *heap, struct store_bytes key, struct store_bytes value)
{
    size_t i = heap->count++;

    if (heap->count > heap->capacity) {
        heap->capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        heap->list = memory_resize(heap->list, heap->capacity * sizeof *heap->list);
    }
    heap->list[i] = (struct carried){memory_new(key.size + value.size), key.size, value.size};
    memcpy(heap->list[i].bytes, key.data, key.size);
    memcpy(heap->list[i].bytes + key.size, value.data, value.size);
    for (; i > 0 && is_before(&heap->list[i], &heap->list[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&heap->list[i], &heap->list[(i - 1) / 2]);
}

struct carried carried_pop(struct carried_heap *heap)
{
    assert(heap->count > 0);

    struct carried top = heap->list[0];
    size_t i = 0, child;

    heap->list[0] = heap->list[--heap->count];
    while ((child = 2 * i + 1) < heap->count) {
        if (child + 1 < heap->count && is_before(&heap->list[child + 1], &heap->list[child]))
            child++;
        if (!is_before(&heap->list[child], &heap->list[i]))
            break;
        swap(&heap->list[i], &heap->list[child]);
        i = child;
    }
    return top;
}

void carried_fini(struct carried_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        free(heap->list[i].bytes);
    free(heap->list);
}
