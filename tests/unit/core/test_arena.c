/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/arena.h"

static void what_is_taken_is_aligned_and_does_not_overlap(void **state)
{
    struct arena arena;
    uint8_t *taken[200];

    (void)state;
    arena_init(&arena, 256);
    for (size_t i = 0; i < 200; i++) {
        taken[i] = arena_take(&arena, i);
        assert_int_equal((uintptr_t)taken[i] % 16, 0);
        memset(taken[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_equal(taken[i][k], (uint8_t)i);
    }
    arena_fini(&arena);
}

static void a_request_larger_than_a_block_is_served(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64);
    memset(arena_take(&arena, 10000), 1, 10000);
    assert_string_equal(arena_text(&arena, "hello", 4), "hell");
    assert_string_equal(arena_text(&arena, "", 0), "");
    arena_fini(&arena);
}

/* The same batch again takes the same memory: nothing new is allocated. */
static void a_steady_load_reuses_its_blocks(void **state)
{
    struct arena arena;
    void *first[50];

    (void)state;
    arena_init(&arena, 1024);
    for (int i = 0; i < 50; i++)
        first[i] = arena_take(&arena, 100);
    size_t used = arena.used;
    arena_reset(&arena, SIZE_MAX / 2);
    assert_int_equal(arena.used, 0);
    for (int i = 0; i < 50; i++)
        assert_ptr_equal(arena_take(&arena, 100), first[i]);
    assert_int_equal(arena.used, used);
    arena_fini(&arena);
}

static void a_reset_gives_back_what_exceeds_the_limit(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    for (int i = 0; i < 50; i++)
        arena_take(&arena, 1000);
    arena_reset(&arena, 0);
    assert_null(arena.first);
    assert_non_null(arena_take(&arena, 10));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_aligned_and_does_not_overlap),
        cmocka_unit_test(a_request_larger_than_a_block_is_served),
        cmocka_unit_test(a_steady_load_reuses_its_blocks),
        cmocka_unit_test(a_reset_gives_back_what_exceeds_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
