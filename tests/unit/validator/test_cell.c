/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "validator/cell.h"

static struct cell decimal(const char *text)
{
    return (struct cell){
        .kind = CELL_DECIMAL, .bytes = (const uint8_t *)text, .size = strlen(text)};
}

static void decimals_are_ordered_by_their_value(void **state)
{
    static const char *const order[] = {"-100.00", "-20.50", "-20.49",      "-3.00",
                                        "-0.01",   "0.00",   "0.10",        "0.2",
                                        "9.99",    "10.00",  "123456789.00"};
    enum { COUNT = sizeof order / sizeof *order };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            struct cell a = decimal(order[i]), b = decimal(order[j]);
            int found = cell_compare(&a, &b);

            assert_int_equal((found > 0) - (found < 0), (i > j) - (i < j));
        }
}

static void a_decimal_is_kept_as_it_is_and_equals_its_text(void **state)
{
    struct cell have = decimal("-12.50"), back;
    struct cell text = {.kind = CELL_TEXT, .bytes = have.bytes, .size = have.size};
    struct buffer out = {0};

    (void)state;
    cell_put(&out, &have);
    assert_ptr_equal(cell_get(out.data, &back), out.data + out.size);
    assert_int_equal(back.kind, CELL_DECIMAL);
    assert_true(cell_equal(&back, &have));
    assert_true(cell_equal(&back, &text));
    assert_true(cell_equal(&text, &back));
    text.size--;
    assert_false(cell_equal(&back, &text));
    buffer_fini(&out);
}

static void a_fraction_is_met_as_a_double_and_as_a_float(void **state)
{
    struct cell real = {.kind = CELL_REAL, .real = 0.1};

    (void)state;
    assert_true(cell_is_text(&real, "0.1"));
    assert_true(cell_is_text(&real, "1e-1"));
    assert_false(cell_is_text(&real, "0.11"));
    assert_false(cell_is_text(&real, "0.1x"));
    assert_false(cell_is_text(&real, ""));
    real.real = (double)0.1F;
    assert_true(cell_is_text(&real, "0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_ordered_by_their_value),
        cmocka_unit_test(a_decimal_is_kept_as_it_is_and_equals_its_text),
        cmocka_unit_test(a_fraction_is_met_as_a_double_and_as_a_float),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
