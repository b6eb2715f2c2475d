/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is equal, what the pipeline file bears, and what a difference looks like.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "validator/legacy_value.h"

static struct cell real(double value)
{
    return (struct cell){.kind = CELL_REAL, .real = value};
}

static struct cell integer(int64_t value)
{
    return (struct cell){.kind = CELL_INTEGER, .integer = value};
}

static struct cell boolean(bool value)
{
    return (struct cell){.kind = CELL_BOOLEAN, .boolean = value};
}

static struct cell text(const char *value)
{
    return (struct cell){.kind = CELL_TEXT, .bytes = (const uint8_t *)value, .size = strlen(value)};
}

#define TEXT(text) ((char *)(uintptr_t)(text))

static const struct cell NOTHING = {.kind = CELL_NULL};

static enum legacy_match match(const struct legacy_field *field, struct cell theirs,
                               struct cell ours)
{
    return legacy_match(field, &theirs, false, &ours);
}

static enum legacy_match match_csv(struct cell theirs, struct cell ours)
{
    struct legacy_field field = {.ours = TEXT("x")};

    return legacy_match(&field, &theirs, true, &ours);
}

static void a_tolerance_is_absolute_relative_or_in_steps_of_a_double(void **state)
{
    struct pipeline_allowance absolute = {TEXT("x"), ALLOW_ABSOLUTE, 0.5},
                              share = {TEXT("x"), ALLOW_RELATIVE, 0.001},
                              ulp = {TEXT("x"), ALLOW_ULP, 2};
    struct legacy_field field = {.ours = TEXT("x")};

    (void)state;
    assert_int_equal(match(&field, real(1), real(1.25)), LEGACY_DIFFERENT);
    field.allowance = &absolute;
    assert_int_equal(match(&field, real(1), real(1.5)), LEGACY_TOLERATED);
    assert_int_equal(match(&field, real(1), real(1.51)), LEGACY_DIFFERENT);
    /* Neighbours that one double holds both of are apart by 1, not by 0. */
    assert_int_equal(match(&field, integer(1LL << 53), integer((1LL << 53) + 1)), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, integer(INT64_MIN), integer(INT64_MAX)), LEGACY_DIFFERENT);
    field.allowance = &share;
    assert_int_equal(match(&field, real(1000), real(1000.9)), LEGACY_TOLERATED);
    assert_int_equal(match(&field, real(-1000), real(-1001.9)), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, real(0), real(DBL_MIN)), LEGACY_DIFFERENT);
    field.allowance = &ulp;
    double next = nextafter(nextafter(1, 2), 2);
    assert_int_equal(match(&field, real(1), real(next)), LEGACY_TOLERATED);
    assert_int_equal(match(&field, real(1), real(nextafter(next, 2))), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, real(-0.0), real(nextafter(0, 1))), LEGACY_TOLERATED);
}

static void no_tolerance_makes_nan_or_infinity_equal_to_a_number(void **state)
{
    struct pipeline_allowance all = {TEXT("x"), ALLOW_ABSOLUTE, 1e300},
                              ulp = {TEXT("x"), ALLOW_ULP, 1e300};
    struct legacy_field field = {.ours = TEXT("x"), .allowance = &all};

    (void)state;
    assert_int_equal(match(&field, real(NAN), real(NAN)), LEGACY_EQUAL);
    assert_int_equal(match(&field, real(NAN), real(1)), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, real(INFINITY), real(1)), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, text("1"), real(1)), LEGACY_DIFFERENT);
    field.allowance = &ulp;
    assert_int_equal(match(&field, real(NAN), real(1)), LEGACY_DIFFERENT);
    assert_true(legacy_ulps(NAN, 1) == UINT64_MAX);
    assert_true(legacy_ulps(-0.0, 0.0) == 0);
}

static void null_is_the_default_only_where_the_file_says_so(void **state)
{
    struct legacy_field field = {.ours = TEXT("x")};

    (void)state;
    assert_int_equal(match(&field, NOTHING, integer(0)), LEGACY_DIFFERENT);
    field.null_is_default = true;
    assert_int_equal(match(&field, NOTHING, integer(0)), LEGACY_DEFAULTED);
    assert_int_equal(match(&field, boolean(false), NOTHING), LEGACY_DEFAULTED);
    assert_int_equal(match(&field, text(""), NOTHING), LEGACY_DEFAULTED);
    assert_int_equal(match(&field, NOTHING, integer(1)), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, NOTHING, NOTHING), LEGACY_EQUAL);
}

static void their_words_become_ours(void **state)
{
    struct pipeline_pair pairs[] = {
        {TEXT("like"), TEXT("L")}, {TEXT("true"), TEXT("1")}, {TEXT("none"), TEXT("null")}};
    struct pipeline_pairs words = {pairs, 3};
    struct legacy_field field = {.ours = TEXT("x"), .words = &words};

    (void)state;
    assert_int_equal(match(&field, text("L"), text("like")), LEGACY_EQUAL);
    assert_int_equal(match(&field, text("L"), text("L")), LEGACY_DIFFERENT);
    assert_int_equal(match(&field, integer(1), boolean(true)), LEGACY_EQUAL);
    assert_int_equal(match(&field, NOTHING, text("none")), LEGACY_EQUAL);
    assert_int_equal(match(&field, text("share"), text("share")), LEGACY_EQUAL);
}

static void text_of_csv_takes_the_type_of_our_value(void **state)
{
    (void)state;
    assert_int_equal(match_csv(text("9007199254740993"), integer(9007199254740993)), LEGACY_EQUAL);
    assert_int_equal(match_csv(text("9007199254740992"), integer(9007199254740993)),
                     LEGACY_DIFFERENT);
    assert_int_equal(match_csv(text("3.0"), integer(3)), LEGACY_EQUAL);
    assert_int_equal(match_csv(text("99999999999999999999"), integer(INT64_MAX)), LEGACY_DIFFERENT);
    assert_int_equal(match_csv(text("0.1"), real(0.1)), LEGACY_EQUAL);
    assert_int_equal(match_csv(text("TRUE"), boolean(true)), LEGACY_EQUAL);
    assert_int_equal(match_csv(text("yes"), boolean(true)), LEGACY_DIFFERENT);
    assert_int_equal(match_csv(text("12x"), integer(12)), LEGACY_DIFFERENT);
    assert_int_equal(match_csv(text(""), NOTHING), LEGACY_DIFFERENT);
    assert_int_equal(match_csv(text("007"), text("7")), LEGACY_DIFFERENT);
}

static void expect_cause(enum cause cause, struct cell theirs, struct cell ours)
{
    struct legacy_field field = {.ours = TEXT("x")};

    assert_int_equal(legacy_looks_like(&field, &theirs, false, &ours), cause);
}

static void a_difference_is_told_by_what_it_looks_like(void **state)
{
    struct legacy_field time = {.ours = TEXT("x"), .is_time = true};
    struct cell one = integer(1), two = integer(2);

    (void)state;
    expect_cause(CAUSE_ROUNDING, real(0.1), real(0.1 + 1e-9));
    expect_cause(CAUSE_UNEXPLAINED, real(0.1), real(0.11));
    expect_cause(CAUSE_UNEXPLAINED, integer(1000000000), integer(1000000001));
    expect_cause(CAUSE_NULL, NOTHING, integer(0));
    expect_cause(CAUSE_ENUM, text(" Like"), text("like"));
    expect_cause(CAUSE_UNEXPLAINED, text("like"), text("share"));
    assert_int_equal(legacy_looks_like(&time, &one, false, &two), CAUSE_TIME);
}

static void a_rule_names_its_field_values_and_time_and_nothing_else(void **state)
{
    struct legacy_field field = {.ours = TEXT("dwell")}, other = {.ours = TEXT("liked")};
    struct pipeline_rule rule = {.field = TEXT("dwell"),
                                 .when_legacy = TEXT("0"),
                                 .when_new = TEXT("null"),
                                 .since_ms = 1000,
                                 .until_ms = 2000};
    struct cell zero = integer(0), one = integer(1);

    (void)state;
    assert_true(legacy_rule_names(&rule, &field, &zero, &NOTHING));
    assert_false(legacy_rule_names(&rule, &other, &zero, &NOTHING));
    assert_false(legacy_rule_names(&rule, &field, &one, &NOTHING));
    assert_false(legacy_rule_names(&rule, &field, &zero, &one));
    rule.kind = RULE_MISSING;
    assert_false(legacy_rule_names(&rule, &field, &zero, &NOTHING));
    assert_false(legacy_rule_holds(&rule, 999));
    assert_true(legacy_rule_holds(&rule, 1000));
    assert_false(legacy_rule_holds(&rule, 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tolerance_is_absolute_relative_or_in_steps_of_a_double),
        cmocka_unit_test(no_tolerance_makes_nan_or_infinity_equal_to_a_number),
        cmocka_unit_test(null_is_the_default_only_where_the_file_says_so),
        cmocka_unit_test(their_words_become_ours),
        cmocka_unit_test(text_of_csv_takes_the_type_of_our_value),
        cmocka_unit_test(a_difference_is_told_by_what_it_looks_like),
        cmocka_unit_test(a_rule_names_its_field_values_and_time_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
