/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

static void bytes_come_back_in_the_order_they_were_added(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    buffer_append(&buffer, "ab\0c", 4);
    buffer_append_byte(&buffer, 'd');
    buffer_append_text(&buffer, "ef");
    buffer_appendf(&buffer, "%d-%s", 42, "g");
    buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 11);
    assert_memory_equal(buffer.data, "ab\0cdef42-g", 11);
    buffer_fini(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size, 0);
}

static void growing_keeps_what_is_there(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        buffer_append_byte(&buffer, (uint8_t)i);
    assert_int_equal(buffer.size, 10000);
    assert_true(buffer.capacity >= 10000 && buffer.capacity < 20001);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)i);
    buffer_fini(&buffer);
}

static void text_ends_with_a_nul_that_does_not_count(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    assert_string_equal(buffer_text(&buffer), "");
    for (int i = 0; i < 64; i++) /* Up to the edge of the first block. */
        buffer_append_byte(&buffer, 'x');
    assert_int_equal(strlen(buffer_text(&buffer)), 64);
    assert_int_equal(buffer.size, 64);
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    buffer_fini(&buffer);
}

static void reserved_room_is_there_to_be_written(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    memset(buffer_reserve(&buffer, 1000), 7, 1000);
    buffer.size += 1000;
    memset(buffer_reserve(&buffer, 100000), 8, 100000); /* ASan watches the edges. */
    assert_int_equal(buffer.data[999], 7);
    buffer_fini(&buffer);
}

static void copies_of_text_are_the_callers_own(void **state)
{
    char *copy = memory_text("text");
    char *part = memory_text_n("text", 2);
    char *made = memory_textf("%s %d", "text", 1);

    (void)state;
    assert_null(memory_text(NULL));
    assert_string_equal(copy, "text");
    assert_string_equal(part, "te");
    assert_string_equal(made, "text 1");
    free(copy);
    free(part);
    free(made);
}

static void new_memory_is_zeroed_and_never_null(void **state)
{
    uint8_t *some = memory_new(100);
    uint8_t *none = memory_new(0);
    uint64_t *array = memory_array(3, sizeof *array);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(some[i], 0);
    assert_non_null(none);
    assert_int_equal(array[0] + array[1] + array[2], 0);
    free(some);
    free(none);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_in_the_order_they_were_added),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(text_ends_with_a_nul_that_does_not_count),
        cmocka_unit_test(reserved_room_is_there_to_be_written),
        cmocka_unit_test(copies_of_text_are_the_callers_own),
        cmocka_unit_test(new_memory_is_zeroed_and_never_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
