/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bridge/window.h"

static struct window_id id_of(uint32_t number)
{
    char text[16];

    return window_hash(text, (size_t)snprintf(text, sizeof text, "%u", number));
}

static void at_least_size_and_at_most_twice_as_many_ids_are_remembered(void **state)
{
    enum { SIZE = 1000, COUNT = 12345 };
    struct window *window = window_new(SIZE);

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_null(window_find(window, id_of(i)));
        window_put(window, id_of(i), i);
        if (i >= SIZE)
            assert_int_equal(*window_find(window, id_of(i - SIZE)), i - SIZE);
        if (i >= 2 * SIZE)
            assert_null(window_find(window, id_of(i - 2 * SIZE)));
    }
    window_free(window);
}

static void a_forgotten_id_is_unknown_until_it_is_put_again(void **state)
{
    struct window *window = window_new(10);

    (void)state;
    for (uint32_t i = 0; i < 15; i++)
        window_put(window, id_of(i), i);
    window_forget(window, id_of(3));  /* In the older generation. */
    window_forget(window, id_of(13)); /* In the younger one. */
    assert_null(window_find(window, id_of(3)));
    assert_null(window_find(window, id_of(13)));
    assert_int_equal(*window_find(window, id_of(4)), 4);
    window_put(window, id_of(3), 33);
    window_put(window, id_of(13), 43);
    assert_int_equal(*window_find(window, id_of(3)), 33);
    assert_int_equal(*window_find(window, id_of(13)), 43);
    window_free(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_least_size_and_at_most_twice_as_many_ids_are_remembered),
        cmocka_unit_test(a_forgotten_id_is_unknown_until_it_is_put_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
