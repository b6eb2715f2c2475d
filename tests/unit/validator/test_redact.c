/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "validator/redact.h"

static void assert_shown(const struct redact *redact, const char *field, const char *value,
                         const char *shown)
{
    json_t *json = redact_value(redact, field, json_string(value));

    assert_string_equal(json_string_value(json), shown);
    json_decref(json);
}

/* The text that is shown of a JSON value. Returns (caller frees). */
static char *redacted(const struct redact *redact, const char *field, json_t *value)
{
    json_t *shown = redact_value(redact, field, value);
    char *text = json_dumps(shown, JSON_ENCODE_ANY);

    json_decref(shown);
    return text;
}

static void equal_values_have_equal_hashes_in_every_run_and_others_have_others(void **state)
{
    struct fixture f;
    struct redact first = {0}, second = {0};
    struct error err = {0};

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    assert_true(redact_open(&first, &f.pipeline->validate, f.directory, &err));
    assert_true(redact_open(&second, &f.pipeline->validate, f.directory, &err));
    char *a = redacted(&first, "user", json_string("anna@example.com"));
    char *b = redacted(&second, "other", json_string("anna@example.com"));
    char *c = redacted(&first, "user", json_string("berta@example.com"));
    char *number = redacted(&first, "score", json_real(0.25));
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_null(strstr(a, "anna"));
    assert_int_equal(strncmp(a, "\"string #", 9), 0);
    assert_int_equal(strncmp(number, "\"number #", 9), 0);
    free(a);
    free(b);
    free(c);
    free(number);
    fixture_fini(&f);
}

static void without_the_folders_key_a_hash_tells_nothing(void **state)
{
    struct fixture f, g;
    struct redact first = {0}, second = {0};
    struct error err = {0};
    struct stat info;
    char path[512];

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    fixture_init(&g, COMPARISON_JOIN, "labels");
    assert_true(redact_open(&first, &f.pipeline->validate, f.directory, &err));
    assert_true(redact_open(&second, &g.pipeline->validate, g.directory, &err));
    char *a = redacted(&first, "liked", json_true()), *b = redacted(&second, "liked", json_true());
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    snprintf(path, sizeof path, "%s/report.key", f.directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    fixture_file(&f, "report.key", "short");
    assert_false(redact_open(&first, &f.pipeline->validate, f.directory, &err));
    assert_non_null(strstr(err.text, "report.key: it is too short"));
    fixture_fini(&f);
    fixture_fini(&g);
}

static void a_field_that_may_be_shown_is_shown_with_what_is_in_it_and_no_other(void **state)
{
    struct fixture f;
    struct redact redact = {0};
    struct error err = {0};
    char user[] = "user", *names[] = {user};

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    struct pipeline_validate validate = {.show_fields = names, .show_field_count = 1};
    assert_true(redact_open(&redact, &validate, f.directory, &err));
    assert_shown(&redact, "user", "anna", "anna");
    assert_shown(&redact, "user.name", "anna", "anna");
    assert_shown(&redact, "user[0]", "anna", "anna");
    assert_shown(&redact, "@key", "k-1", "k-1");
    assert_shown(&redact, "@value", "(no schema frame)", "(no schema frame)");
    char *text = redacted(&redact, "username", json_string("anna"));
    assert_null(strstr(text, "anna"));
    free(text);
    json_t *nothing = redact_value(&redact, "score", json_null());
    assert_true(json_is_null(nothing));
    validate.show_values = SHOW_VALUES_ALL;
    assert_shown(&redact, "username", "anna", "anna");
    fixture_fini(&f);
}

/* Bytes behind what a report has room for count too. */
static void values_that_differ_only_behind_what_is_shown_have_other_hashes(void **state)
{
    struct fixture f;
    struct redact redact = {0};
    struct error err = {0};
    char left[400], right[400];
    json_t *fields = json_array();

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    assert_true(redact_open(&redact, &f.pipeline->validate, f.directory, &err));
    f.result.redact = &redact;
    memset(left, 'x', sizeof left);
    memset(right, 'x', sizeof right);
    right[sizeof right - 1] = 'y';
    json_array_append_new(fields, result_field("user", json_stringn(left, sizeof left),
                                               json_stringn(right, sizeof right)));
    result_add(&f.result, &(struct difference){.kind = DIFFERENCE_ALTERED,
                                               .cause = CAUSE_UNEXPLAINED,
                                               .id = "1",
                                               .fields = fields});
    const json_t *field =
        json_array_get(json_object_get(json_array_get(f.result.differences, 0), "fields"), 0);
    assert_string_not_equal(json_string_value(json_object_get(field, "expected")),
                            json_string_value(json_object_get(field, "found")));
    fixture_fini(&f);
}

static void add_missing(struct result *result, int number)
{
    char id[16];

    snprintf(id, sizeof id, "%d", number);
    result_add(result, &(struct difference){.kind = DIFFERENCE_MISSING,
                                            .cause = CAUSE_UNEXPLAINED,
                                            .id = id,
                                            .partition = -1});
}

static void the_same_samples_are_kept_in_whatever_order_they_come(void **state)
{
    struct fixture f, g;
    enum { MANY = 20 * RESULT_SAMPLES };

    (void)state;
    fixture_init(&f, COMPARISON_BRIDGE, "views");
    fixture_init(&g, COMPARISON_BRIDGE, "views");
    for (int i = 0; i < MANY; i++) {
        add_missing(&f.result, i);
        add_missing(&g.result, (i * 1709 + 11) % MANY);
    }
    result_add(&f.result, &(struct difference){
                              .kind = DIFFERENCE_EXTRA, .cause = CAUSE_UNEXPLAINED, .id = "extra"});
    result_add(&g.result, &(struct difference){
                              .kind = DIFFERENCE_EXTRA, .cause = CAUSE_UNEXPLAINED, .id = "extra"});
    json_t *left = result_differences(&f.result), *right = result_differences(&g.result);
    assert_int_equal(json_array_size(left), RESULT_SAMPLES + 1);
    assert_true(json_equal(left, right));
    assert_int_equal(result_total(&f.result, DIFFERENCE_MISSING), MANY);
    json_decref(left);
    json_decref(right);
    fixture_fini(&f);
    fixture_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_have_equal_hashes_in_every_run_and_others_have_others),
        cmocka_unit_test(without_the_folders_key_a_hash_tells_nothing),
        cmocka_unit_test(a_field_that_may_be_shown_is_shown_with_what_is_in_it_and_no_other),
        cmocka_unit_test(values_that_differ_only_behind_what_is_shown_have_other_hashes),
        cmocka_unit_test(the_same_samples_are_kept_in_whatever_order_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
