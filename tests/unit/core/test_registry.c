/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/registry.h"

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    char *folder = memory_textf("%s/registry-XXXXXX", base != NULL ? base : "/tmp");

    *state = folder;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    char *command = memory_textf("rm -r '%s'", (char *)*state);
    int status = system(command);

    free(command);
    free(*state);
    return status;
}

static struct registry *open_in(char *folder)
{
    struct pipeline_kafka kafka = {.registry_directory = folder};
    struct error err;
    struct registry *registry = registry_open(&kafka, &err);

    if (registry == NULL)
        fail_msg("%s", err.text);
    return registry;
}

static int32_t add(struct registry *registry, const char *subject, const char *text)
{
    struct error err;
    int32_t id = -1;

    if (!registry_register(registry, subject, text, &id, &err))
        fail_msg("%s", err.text);
    return id;
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char *path = memory_textf("%s/%s", folder, name);
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, strlen(text), stream), strlen(text));
    assert_int_equal(fclose(stream), 0);
    free(path);
}

static void assert_file(const char *folder, const char *name, const char *expected)
{
    char *path = memory_textf("%s/%s", folder, name);
    char text[256] = "";
    FILE *stream = fopen(path, "re");

    assert_non_null(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    assert_string_equal(text, expected);
    free(path);
}

static void the_same_schema_has_one_id_under_every_subject(void **state)
{
    struct registry *registry = open_in(*state);

    assert_int_equal(add(registry, "views-value", "\"long\""), 1);
    assert_int_equal(add(registry, "views-value", "{\"type\":\"string\"}"), 2);
    assert_int_equal(add(registry, "views-value", " \"long\"\n"), 1);
    assert_int_equal(add(registry, "labels-value", "{ \"type\" : \"string\" }"), 2);
    registry_close(registry);
    assert_file(*state, "1.avsc", "\"long\"");
    assert_file(*state, "subjects/views-value", "1 1\n2 2\n");
    assert_file(*state, "subjects/labels-value", "1 2\n");
}

static void a_schema_is_found_by_id_and_by_subject(void **state)
{
    struct registry *registry = open_in(*state);
    struct error err;
    int32_t id;

    add(registry, "a", "\"long\"");
    add(registry, "a", "\"int\"");
    registry_close(registry);
    registry = open_in(*state);

    const struct schema *schema = registry_schema(registry, 1, &err);

    assert_non_null(schema);
    assert_int_equal(schema->root->kind, SCHEMA_LONG);
    assert_ptr_equal(registry_schema(registry, 1, &err), schema);
    assert_int_equal(registry_latest(registry, "a", &id, &err)->root->kind, SCHEMA_INT);
    assert_int_equal(id, 2);
    assert_null(registry_latest(registry, "b", &id, &err));
    assert_string_equal(err.text, "");
    registry_close(registry);
}

static void an_unknown_id_is_told_with_its_file(void **state)
{
    struct registry *registry = open_in(*state);
    struct error err;
    char *expected =
        memory_textf("schema registry %s/7.avsc: No such file or directory", (char *)*state);

    assert_null(registry_schema(registry, 7, &err));
    assert_string_equal(err.text, expected);
    assert_string_equal(err.hint, "no schema has the id 7: is this the registry that the records "
                                  "were written with?");
    free(expected);
    registry_close(registry);
}

static void what_is_no_schema_is_not_registered(void **state)
{
    struct registry *registry = open_in(*state);
    struct error err;
    int32_t id;

    assert_false(registry_register(registry, "a", "[\"int\",\"int\"]", &id, &err));
    assert_string_equal(err.text, "schema a: a union has int twice");
    assert_false(registry_register(registry, "", "\"int\"", &id, &err));
    assert_string_equal(err.text, "schema registry: subject '': expected 1 to 200 characters");
    assert_null(registry_latest(registry, "a", &id, &err));
    registry_close(registry);
}

/* Ids may have gaps and files other names; a line cut by a crash is as if it were not there. */
static void files_that_people_and_crashes_leave_are_borne(void **state)
{
    struct registry *registry = open_in(*state);
    struct error err;
    int32_t id;

    put_file(*state, "40.avsc", "\"bytes\"");
    put_file(*state, "README.avsc", "\"double\"");
    put_file(*state, "subjects/a", "1 40\n2 4");
    assert_int_equal(registry_latest(registry, "a", &id, &err)->root->kind, SCHEMA_BYTES);
    assert_int_equal(id, 40);
    assert_int_equal(add(registry, "a", "\"double\""), 41);
    assert_file(*state, "subjects/a", "1 40\n2 41\n");
    assert_int_equal(registry_latest(registry, "a", &id, &err)->root->kind, SCHEMA_DOUBLE);
    registry_close(registry);
}

static void a_subject_cannot_leave_its_folder(void **state)
{
    struct registry *registry = open_in(*state);

    add(registry, "../../x", "\"int\"");
    add(registry, "..", "\"int\"");
    assert_file(*state, "subjects/%2E.%2F..%2Fx", "1 1\n");
    assert_file(*state, "subjects/%2E.", "1 1\n");
    registry_close(registry);
}

enum { PROCESSES = 6, SCHEMAS = 20 };

/* Each process registers the same schemas from another beginning. */
static void register_all(char *folder, int process)
{
    struct registry *registry = open_in(folder);

    for (int i = 0; i < SCHEMAS; i++) {
        char text[64];

        snprintf(text, sizeof text, "{\"type\":\"fixed\",\"name\":\"F\",\"size\":%d}",
                 (i + process * 3) % SCHEMAS);
        add(registry, "shared", text);
    }
    registry_close(registry);
}

static void processes_at_once_never_share_an_id_nor_part_a_schema(void **state)
{
    bool seen[SCHEMAS] = {false};
    struct error err;
    int status;

    for (int process = 0; process < PROCESSES; process++)
        if (fork() == 0) {
            register_all(*state, process);
            _exit(0);
        }
    for (int process = 0; process < PROCESSES; process++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct registry *registry = open_in(*state);

    for (int id = 1; id <= SCHEMAS; id++) {
        const struct schema *schema = registry_schema(registry, id, &err);

        assert_non_null(schema);
        assert_false(seen[schema->root->fixed_size]);
        seen[schema->root->fixed_size] = true;
    }
    assert_null(registry_schema(registry, SCHEMAS + 1, &err));
    registry_close(registry);

    char *path = memory_textf("%s/subjects/shared", (char *)*state);
    FILE *stream = fopen(path, "re");
    char line[64], expected[64];
    int lines = 0;

    assert_non_null(stream);
    while (fgets(line, sizeof line, stream) != NULL) {
        int size = snprintf(expected, sizeof expected, "%d ", ++lines);
        assert_memory_equal(line, expected, (size_t)size);
    }
    assert_int_equal(lines, SCHEMAS);
    fclose(stream);
    free(path);
}

static void a_url_is_shown_without_its_password(void **state)
{
    char url[] = "http://user:geheim@127.0.0.1:9/base/";
    struct pipeline_kafka kafka = {.registry_url = url};
    struct error err;

    (void)state;
    struct registry *registry = registry_open(&kafka, &err);

    assert_non_null(registry);
    assert_null(registry_schema(registry, 1, &err)); /* Nobody listens on the discard port. */
    assert_null(strstr(err.text, "geheim"));
    assert_non_null(strstr(err.text, "schema registry http://127.0.0.1:9/base: get schema id 1: "));
    registry_close(registry);
    kafka.registry_url = (char[]){"registry:8081"};
    assert_null(registry_open(&kafka, &err));
    assert_string_equal(err.text, "schema registry: the URL must begin with http:// or https://");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_schema_has_one_id_under_every_subject, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_schema_is_found_by_id_and_by_subject, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_unknown_id_is_told_with_its_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_schema_is_not_registered, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(files_that_people_and_crashes_leave_are_borne, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_subject_cannot_leave_its_folder, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(processes_at_once_never_share_an_id_nor_part_a_schema,
                                        make_folder, remove_folder),
        cmocka_unit_test(a_url_is_shown_without_its_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
