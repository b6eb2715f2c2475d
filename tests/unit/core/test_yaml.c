/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/buffer.h"
#include "core/yaml.h"

static struct yaml_node *parse(const char *text)
{
    struct error err = {0};
    struct yaml_node *node = yaml_parse(text, strlen(text), "f.yaml", &err);

    if (node == NULL)
        print_error("%s\n", err.text);
    assert_non_null(node);
    return node;
}

static void assert_refused(const void *text, size_t size, const char *message)
{
    struct error err = {0};

    assert_null(yaml_parse(text, size, "f.yaml", &err));
    assert_string_equal(err.text, message);
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
}

static void assert_text_refused(const char *text, const char *message)
{
    assert_refused(text, strlen(text), message);
}

static void every_key_and_value_knows_its_place(void **state)
{
    struct yaml_node *root = parse("a: 1\nlist:\n  - x\n  - {b: 'two words'}\n");
    const struct yaml_node *list = yaml_child(root, "list");

    (void)state;
    assert_int_equal(root->kind, YAML_MAPPING);
    assert_int_equal(root->child_count, 2);
    assert_string_equal(root->children[0].key, "a");
    assert_string_equal(root->children[0].text, "1");
    assert_int_equal(root->children[0].line, 1);
    assert_int_equal(root->children[0].column, 4);
    assert_int_equal(list->key_line, 2);
    assert_int_equal(list->key_column, 1);
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->child_count, 2);
    assert_null(list->children[0].key);
    assert_int_equal(list->children[0].line, 3);
    assert_int_equal(list->children[0].column, 5);
    const struct yaml_node *words = yaml_child(&list->children[1], "b");
    assert_string_equal(words->text, "two words");
    assert_true(words->quoted);
    assert_int_equal(words->key_line, 4);
    assert_int_equal(words->key_column, 6);
    assert_int_equal(words->column, 9);
    assert_null(yaml_child(root, "none"));
    assert_null(yaml_child(list, "a"));
    assert_null(yaml_child(NULL, "a"));
    yaml_node_free(root);
    yaml_node_free(NULL);
}

static void the_order_of_a_long_mapping_is_kept(void **state)
{
    struct buffer text = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        buffer_appendf(&text, "k%d: %d\n", i, i);
    struct yaml_node *root = parse(buffer_text(&text));
    assert_int_equal(root->child_count, 1000);
    for (int i = 0; i < 1000; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d", i);
        assert_string_equal(root->children[i].text, expected);
        assert_int_equal(root->children[i].line, i + 1);
    }
    yaml_node_free(root);
    buffer_fini(&text);
}

static void only_an_unquoted_nothing_is_null(void **state)
{
    struct yaml_node *root = parse("a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: nil\n");
    const bool expected[] = {true, true, true, false, false, false};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(yaml_is_null(&root->children[i]), expected[i]);
    yaml_node_free(root);
}

static void what_surprises_people_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_text_refused("a: 1\nb: 2\na: 3\n",
                        "f.yaml:3:1: a: the key stands here twice, first in line 1");
    assert_text_refused("a: &x 1\n", "f.yaml:1:4: anchors (&name) are not allowed");
    assert_text_refused("a: &x [1]\n", "f.yaml:1:4: anchors (&name) are not allowed");
    assert_text_refused("&x a: 1\n", "f.yaml:1:1: anchors (&name) are not allowed");
    assert_text_refused("a: *x\n", "f.yaml:1:4: aliases (*name) are not allowed");
    assert_text_refused("a: !!int 1\n", "f.yaml:1:4: tags (!name) are not allowed");
    assert_text_refused("a: !x {b: c}\n", "f.yaml:1:4: tags (!name) are not allowed");
    assert_text_refused("[a]: 1\n", "f.yaml:1:1: a key must be text");
    assert_text_refused("*x : 1\n", "f.yaml:1:1: a key must be text");
    assert_text_refused("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here");
    assert_text_refused("", "f.yaml:1:1: the file is empty");
    assert_text_refused("# only words\n", "f.yaml:2:1: the file is empty");
    assert_text_refused("a: \"\\0\"\n", "f.yaml:1:4: a NUL byte inside a value");
}

static void broken_yaml_is_refused_with_its_place(void **state)
{
    static const char latin1[] = "a: caf\xe9\n";

    (void)state;
    assert_text_refused("a: [1, 2\nb: 3\n",
                        "f.yaml:2:2: no YAML: while parsing a flow sequence, did not find expected "
                        "',' or ']'");
    assert_text_refused("a: 1\n  b: 2\n",
                        "f.yaml:2:4: no YAML: mapping values are not allowed in this context");
    assert_refused(latin1, sizeof latin1 - 1,
                   "f.yaml: no YAML: byte 7: incomplete UTF-8 octet sequence");
}

static void depth_size_and_number_are_bounded(void **state)
{
    struct buffer text = {0};
    struct error err = {0};

    (void)state;
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        buffer_append_byte(&text, '[');
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        buffer_append_byte(&text, ']');
    yaml_node_free(parse(buffer_text(&text)));
    buffer_clear(&text);
    for (int i = 0; i < 10000; i++)
        buffer_append_byte(&text, '[');
    assert_refused(text.data, text.size, "f.yaml:1:33: more than 32 levels deep");

    buffer_clear(&text);
    for (int i = 0; i < YAML_NODES_MAX + 1; i++)
        buffer_append_text(&text, "- a\n");
    assert_refused(text.data, text.size, "f.yaml:10000:3: more than 10000 values");

    buffer_clear(&text);
    while (text.size <= YAML_BYTES_MAX)
        buffer_append_text(&text, "# a long comment\n");
    assert_null(yaml_parse(text.data, text.size, "f.yaml", &err));
    assert_non_null(strstr(err.text, "the limit is 1 MiB"));
    buffer_fini(&text);
}

static void a_file_that_cannot_be_read_is_told_by_name(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(yaml_load("/nonexistent/pipeline.yaml", &err));
    assert_string_equal(err.text, "/nonexistent/pipeline.yaml: No such file or directory");
    assert_null(yaml_load("/", &err));
    assert_string_equal(err.text, "/: Is a directory");
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_and_value_knows_its_place),
        cmocka_unit_test(the_order_of_a_long_mapping_is_kept),
        cmocka_unit_test(only_an_unquoted_nothing_is_null),
        cmocka_unit_test(what_surprises_people_is_refused_with_its_place),
        cmocka_unit_test(broken_yaml_is_refused_with_its_place),
        cmocka_unit_test(depth_size_and_number_are_bounded),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
