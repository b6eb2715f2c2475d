/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

enum { ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *arena, size_t block_bytes)
{
    *arena = (struct arena){.block_bytes = block_bytes};
}

void arena_fini(struct arena *arena)
{
    arena_reset(arena, 0);
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
    struct arena_block **link = &arena->first;
    size_t kept = 0;

    while (*link != NULL) {
        struct arena_block *block = *link;
        if (kept + block->size <= keep_bytes) {
            kept += block->size;
            block->used = 0;
            link = &block->next;
        } else {
            *link = block->next;
            free(block);
        }
    }
    arena->current = arena->first;
    arena->used = 0;
}

static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
    struct arena_block **link = arena->current != NULL ? &arena->current : &arena->first;

    while (*link != NULL && (*link)->size - (*link)->used < size)
        link = &(*link)->next;
    if (*link == NULL) {
        size_t bytes = size > arena->block_bytes ? size : arena->block_bytes;
        *link = memory_new(sizeof(struct arena_block) + bytes);
        (*link)->size = bytes;
    }
    if (arena->first == NULL)
        arena->first = *link;
    arena->current = *link;
    return *link;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    assert(rounded >= size);

    struct arena_block *block = arena->current;

    if (block == NULL || block->size - block->used < rounded)
        block = block_with_room(arena, rounded);
    void *taken = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded;
    return taken;
}

char *arena_text(struct arena *arena, const void *text, size_t size)
{
    char *copy = arena_take(arena, size + 1);

    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}
