/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/floor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

void floor_init(struct floor_stairs *stairs, int64_t step_ms)
{
    assert(step_ms > 0);

    *stairs = (struct floor_stairs){.step_ms = step_ms};
}

void floor_fini(struct floor_stairs *stairs)
{
    free(stairs->steps);
    *stairs = (struct floor_stairs){0};
}

void floor_clear(struct floor_stairs *stairs)
{
    stairs->first = stairs->count = 0;
}

static void make_room(struct floor_stairs *stairs)
{
    if (stairs->first + stairs->count < stairs->capacity)
        return;
    if (stairs->first > stairs->capacity / 2) {
        memmove(stairs->steps, stairs->steps + stairs->first,
                stairs->count * sizeof *stairs->steps);
        stairs->first = 0;
        return;
    }
    stairs->capacity = stairs->capacity == 0 ? 64 : stairs->capacity * 2;
    stairs->steps = memory_resize(stairs->steps, stairs->capacity * sizeof *stairs->steps);
}

void floor_add(struct floor_stairs *stairs, int64_t place_ms, int64_t offset)
{
    if (stairs->count > 0) {
        const struct floor_step *last = &stairs->steps[stairs->first + stairs->count - 1];

        assert(offset > last->offset);
        if (place_ms <= last->until_ms)
            return; /* An earlier record lives as long. */
    }
    floor_push(stairs, (struct floor_step){place_ms + stairs->step_ms - 1, offset});
}

void floor_push(struct floor_stairs *stairs, struct floor_step step)
{
    make_room(stairs);
    stairs->steps[stairs->first + stairs->count++] = step;
}

void floor_cut(struct floor_stairs *stairs, int64_t cutoff_ms)
{
    while (stairs->count > 0 && stairs->steps[stairs->first].until_ms < cutoff_ms) {
        stairs->first++;
        stairs->count--;
    }
}

int64_t floor_offset(const struct floor_stairs *stairs, int64_t none)
{
    return stairs->count == 0 ? none : stairs->steps[stairs->first].offset;
}
