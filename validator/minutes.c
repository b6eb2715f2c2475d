/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/minutes.h"

#include <assert.h>
#include <stdlib.h>

#include "core/buffer.h"

enum { CAPACITY_LEAST = 64 };

void minutes_fini(struct minutes *minutes)
{
    free(minutes->slots);
    *minutes = (struct minutes){0};
}

static int64_t number_of(int64_t time_ms, int64_t width_ms)
{
    return time_ms / width_ms - (time_ms % width_ms < 0);
}

static struct minutes_bucket *find(const struct minutes *minutes, int64_t number)
{
    uint64_t hash = (uint64_t)number * 0x9e3779b97f4a7c15U;
    size_t at = (size_t)(hash >> 32) & (minutes->capacity - 1);

    while (minutes->slots[at].rows > 0 && minutes->slots[at].number != number)
        at = (at + 1) & (minutes->capacity - 1);
    return &minutes->slots[at];
}

static void put(struct minutes *minutes, int64_t number, int64_t rows, int64_t unexplained)
{
    struct minutes_bucket *bucket = find(minutes, number);

    minutes->used += bucket->rows == 0;
    bucket->number = number;
    bucket->rows += rows;
    bucket->unexplained += unexplained;
}

/* Into a table of that capacity, of buckets `factor` times as wide. */
static void rebuild(struct minutes *minutes, size_t capacity, int64_t factor)
{
    struct minutes old = *minutes;

    minutes->slots = memory_array(capacity, sizeof *minutes->slots);
    minutes->capacity = capacity;
    minutes->used = 0;
    minutes->width_ms = old.width_ms * factor;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].rows > 0)
            put(minutes, number_of(old.slots[i].number, factor), old.slots[i].rows,
                old.slots[i].unexplained);
    free(old.slots);
}

void minutes_add(struct minutes *minutes, int64_t time_ms, bool unexplained)
{
    if (minutes->width_ms == 0) {
        minutes->width_ms = MINUTES_WIDTH_MS;
        rebuild(minutes, CAPACITY_LEAST, 1);
    }
    put(minutes, number_of(time_ms, minutes->width_ms), 1, unexplained);
    while (minutes->used > MINUTES_MAX)
        rebuild(minutes, minutes->capacity, 2);
    if (minutes->used > minutes->capacity / 2)
        rebuild(minutes, minutes->capacity * 2, 1);
}

static int by_number(const void *a, const void *b)
{
    const struct minutes_bucket *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

struct minutes_stretch *minutes_stretches(const struct minutes *minutes, size_t *count)
{
    struct minutes_bucket *sorted = memory_array(minutes->used + 1, sizeof *sorted);
    struct minutes_stretch *list = memory_array(minutes->used + 1, sizeof *list);
    size_t used = 0;
    bool open = false; /* Does the last stretch still want rows? */

    *count = 0;
    for (size_t i = 0; i < minutes->capacity; i++)
        if (minutes->slots[i].rows > 0)
            sorted[used++] = minutes->slots[i];
    assert(used == minutes->used);
    qsort(sorted, used, sizeof *sorted, by_number);
    for (size_t i = 0; i < used; i++) {
        if (!open)
            list[(*count)++] =
                (struct minutes_stretch){.from_ms = sorted[i].number * minutes->width_ms};
        struct minutes_stretch *last = &list[*count - 1];
        last->to_ms = (sorted[i].number + 1) * minutes->width_ms;
        last->rows += sorted[i].rows;
        last->unexplained += sorted[i].unexplained;
        open = last->rows < MINUTES_ROWS_LEAST;
    }
    if (open && *count > 1) {
        struct minutes_stretch *last = &list[--*count];
        last[-1].to_ms = last->to_ms;
        last[-1].rows += last->rows;
        last[-1].unexplained += last->unexplained;
    }
    free(sorted);
    return list;
}

double minutes_share(const struct minutes_stretch *stretch)
{
    return 1 - (double)stretch->unexplained / (double)stretch->rows;
}
