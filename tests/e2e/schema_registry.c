/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry by URL, against a real server whose address is in REGISTRY_URL. The subject "strict" has the
 * compatibility level BACKWARD.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/registry.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"View\",\"fields\":[" fields "]}"
#define ID             "{\"name\":\"id\",\"type\":\"string\"}"
#define AGE            "{\"name\":\"age\",\"type\":\"int\"}"
#define AGE_DEFAULT    "{\"name\":\"age\",\"type\":\"int\",\"default\":0}"

static struct registry *open_url(char *url)
{
    struct pipeline_kafka kafka = {.registry_url = url};
    struct error err;
    struct registry *registry = registry_open(&kafka, &err);

    assert_non_null(registry);
    return registry;
}

static struct registry *open_server(void)
{
    char *url = getenv("REGISTRY_URL");

    assert_non_null(url);
    return open_url(url);
}

static int32_t add(struct registry *registry, const char *subject, const char *text)
{
    struct error err;
    int32_t id = 0;

    if (!registry_register(registry, subject, text, &id, &err))
        fail_msg("%s", err.text);
    assert_true(id > 0);
    return id;
}

static void the_same_schema_has_one_id(void **state)
{
    struct registry *registry = open_server();
    int32_t first = add(registry, "views-value", RECORD(ID));

    (void)state;
    assert_int_equal(add(registry, "views-value", RECORD(ID)), first);
    assert_int_not_equal(add(registry, "views-value", RECORD(ID "," AGE_DEFAULT)), first);
    registry_close(registry);
    registry = open_server();
    assert_int_equal(add(registry, "views-value", RECORD(ID)), first);
    registry_close(registry);
}

static void a_schema_is_found_by_id_and_by_subject(void **state)
{
    struct registry *registry = open_server();
    struct error err;
    int32_t latest;

    (void)state;
    int32_t one = add(registry, "found", RECORD(ID));
    int32_t two = add(registry, "found", RECORD(ID "," AGE_DEFAULT));
    const struct schema *schema = registry_schema(registry, one, &err);

    assert_non_null(schema);
    assert_int_equal(schema->root->field_count, 1);
    assert_ptr_equal(registry_schema(registry, one, &err), schema);
    schema = registry_latest(registry, "found", &latest, &err);
    assert_non_null(schema);
    assert_int_equal(latest, two);
    assert_int_equal(schema->root->field_count, 2);
    assert_int_equal(json_integer_value(schema->root->fields[1].default_value), 0);
    registry_close(registry);
}

static void an_unknown_subject_is_no_error(void **state)
{
    struct registry *registry = open_server();
    struct error err;
    int32_t id;

    (void)state;
    assert_null(registry_latest(registry, "nobody", &id, &err));
    assert_string_equal(err.text, "");
    registry_close(registry);
}

static void a_subject_may_hold_any_character(void **state)
{
    struct registry *registry = open_server();
    struct error err;
    int32_t id, latest;

    (void)state;
    id = add(registry, "a b?c%d-value", RECORD(ID));
    assert_non_null(registry_latest(registry, "a b?c%d-value", &latest, &err));
    assert_int_equal(latest, id);
    registry_close(registry);
}

static void assert_refused(const struct error *err, const char *url, const char *what)
{
    char *expected = memory_textf("schema registry %s: %s", url, what);

    if (strncmp(err->text, expected, strlen(expected)) != 0)
        fail_msg("%s is not %s", err->text, expected);
    assert_true(strlen(err->text) > strlen(expected)); /* The server's own words. */
    assert_int_equal(err->code, EXIT_CODE_TARGET);
    assert_int_equal(err->class, ERROR_STOP);
    free(expected);
}

static void an_incompatible_schema_is_refused_with_the_way_out(void **state)
{
    struct registry *registry = open_server();
    struct error err;
    int32_t id;

    (void)state;
    add(registry, "strict", RECORD(ID));
    assert_false(registry_register(registry, "strict", RECORD(ID "," AGE), &id, &err));
    assert_refused(&err, getenv("REGISTRY_URL"), "register subject strict: status 409: ");
    assert_string_equal(err.hint, "the subject's newest schema and this one do not go together: "
                                  "give new fields a default, or change the subject's "
                                  "compatibility level");
    add(registry, "strict", RECORD(ID "," AGE_DEFAULT));
    registry_close(registry);
}

static void an_unknown_id_and_a_wrong_path_are_told(void **state)
{
    struct registry *registry = open_server();
    char *wrong = memory_textf("%s/wrong/", getenv("REGISTRY_URL"));
    char *shown = memory_textf("%s/wrong", getenv("REGISTRY_URL"));
    struct error err;

    (void)state;
    assert_null(registry_schema(registry, 999999, &err));
    assert_refused(&err, getenv("REGISTRY_URL"), "get schema id 999999: status 404: ");
    registry_close(registry);
    registry = open_url(wrong);
    assert_null(registry_schema(registry, 1, &err));
    assert_non_null(strstr(err.text, shown));
    assert_string_equal(err.hint, "is the path of schema_registry.url right? Apicurio's ends in "
                                  "/apis/ccompat/v7");
    registry_close(registry);
    free(wrong);
    free(shown);
}

static void a_user_in_the_url_is_a_header(void **state)
{
    const char *url = getenv("REGISTRY_URL");
    char *with_user = memory_textf("http://user:geheim%%21@%s", url + strlen("http://"));
    struct registry *registry = open_url(with_user);
    struct error err;

    (void)state;
    add(registry, "views-value", RECORD(ID)); /* A server without users does not mind. */
    assert_null(registry_schema(registry, 999999, &err));
    assert_null(strstr(err.text, "geheim"));
    registry_close(registry);
    free(with_user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_schema_has_one_id),
        cmocka_unit_test(a_schema_is_found_by_id_and_by_subject),
        cmocka_unit_test(an_unknown_subject_is_no_error),
        cmocka_unit_test(a_subject_may_hold_any_character),
        cmocka_unit_test(an_incompatible_schema_is_refused_with_the_way_out),
        cmocka_unit_test(an_unknown_id_and_a_wrong_path_are_told),
        cmocka_unit_test(a_user_in_the_url_is_a_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
