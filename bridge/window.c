/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/window.h"

#include <assert.h>
#include <stdlib.h>

#include "core/book.h"
#include "core/buffer.h"

struct entry { /* Free while the id is zero; forgotten ids keep their place with number GONE. */
    struct window_id id;
    uint32_t number;
    uint32_t gone;
};

struct window {
    uint32_t size;
    uint32_t mask;
    uint32_t young_count;
    struct entry *young;
    struct entry *old;
};

struct window *window_new(uint32_t size)
{
    struct window *window = memory_new(sizeof *window);
    uint32_t places = 16;

    assert(size > 0 && size < 1u << 30);
    while (places < size + size / 2) /* At most two thirds full. */
        places *= 2;
    window->size = size;
    window->mask = places - 1;
    window->young = memory_array(places, sizeof *window->young);
    window->old = memory_array(places, sizeof *window->old);
    return window;
}

void window_free(struct window *window)
{
    if (window == NULL)
        return;
    free(window->young);
    free(window->old);
    free(window);
}

struct window_id window_hash(const void *id, size_t size)
{
    struct book_hash hash = book_hash(id, size);

    /* Its lower half is never zero, which marks a free place. */
    return (struct window_id){hash.low, hash.high};
}

/* Where the id is, or the free place where it would go. */
static struct entry *place_of(const struct window *window, struct entry *entries,
                              struct window_id id)
{
    uint32_t at = (uint32_t)id.low & window->mask;

    while (entries[at].id.low != 0
           && (entries[at].id.low != id.low || entries[at].id.high != id.high))
        at = (at + 1) & window->mask;
    return &entries[at];
}

void window_prefetch(const struct window *window, struct window_id id)
{
    __builtin_prefetch(&window->young[(uint32_t)id.low & window->mask]);
    __builtin_prefetch(&window->old[(uint32_t)id.low & window->mask]);
}

uint32_t *window_find(struct window *window, struct window_id id)
{
    struct entry *entry = place_of(window, window->young, id);

    if (entry->id.low != 0)
        return entry->gone ? NULL : &entry->number;
    entry = place_of(window, window->old, id);
    return entry->id.low != 0 && !entry->gone ? &entry->number : NULL;
}

static void turn_over(struct window *window)
{
    struct entry *emptied = window->old;

    window->old = window->young;
    free(emptied);
    window->young = memory_array((size_t)window->mask + 1, sizeof *window->young);
    window->young_count = 0;
}

void window_put(struct window *window, struct window_id id, uint32_t number)
{
    if (window->young_count == window->size)
        turn_over(window);

    struct entry *entry = place_of(window, window->young, id);

    window->young_count += entry->id.low == 0;
    *entry = (struct entry){.id = id, .number = number};
}

void window_forget(struct window *window, struct window_id id)
{
    struct entry *entry = place_of(window, window->young, id);

    if (entry->id.low != 0)
        entry->gone = true;
    entry = place_of(window, window->old, id);
    if (entry->id.low != 0)
        entry->gone = true;
}
