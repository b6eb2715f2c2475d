/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/infer_node.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/buffer.h"
#include "core/rfc3339.h"

enum { EXAMPLE_SIZE_MAX = 60, WORD_SIZE_MAX = 40 };

struct node *node_new(const char *name, size_t size)
{
    struct node *node = memory_new(sizeof *node);

    node->name = memory_text_n(name, size);
    node->examples = json_array();
    node->ascii = true;
    return node;
}

void node_free(struct node *node)
{
    if (node == NULL)
        return;
    for (size_t i = 0; i < node->word_count; i++)
        free(node->words[i].text);
    for (size_t i = 0; i < node->member_count; i++)
        node_free(node->members[i]);
    node_free(node->items);
    json_decref(node->examples);
    free(node->members);
    free(node->hashes);
    free(node->name);
    free(node);
}

/* --- Texts --- */

/* In lower case: only that comes back from 16 bytes as it was. */
static bool is_uuid(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-'
                 : !isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return size == 36;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!(isalpha((unsigned char)text[i]) || text[i] == '_'
              || (i > 0 && isdigit((unsigned char)text[i]))))
            return false;
    return size > 0 && size <= WORD_SIZE_MAX;
}

static void count_word(struct node *node, const char *text, size_t size, int64_t count)
{
    for (size_t i = 0; i < node->word_count; i++)
        if (strlen(node->words[i].text) == size && memcmp(node->words[i].text, text, size) == 0) {
            node->words[i].count += count;
            return;
        }
    if (node->many_words || node->word_count == NODE_WORDS_MAX) {
        node->many_words = true;
        return;
    }
    node->words[node->word_count++] = (struct node_word){memory_text_n(text, size), count};
}

static void add_hash(struct node *node, uint64_t hash)
{
    if (node->hash_count == node->hash_capacity) {
        node->hash_capacity = 2 * node->hash_capacity + 64;
        node->hashes = memory_resize(node->hashes, node->hash_capacity * sizeof *node->hashes);
    }
    node->hashes[node->hash_count++] = hash;
}

static void note_size(struct node *node, size_t least, size_t most)
{
    if (!node->size_known || least < node->size_least)
        node->size_least = least;
    if (!node->size_known || most > node->size_most)
        node->size_most = most;
    node->size_known = true;
}

static void add_string(struct node *node, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    int64_t us;
    int32_t days;

    node->strings++;
    node->uuids += is_uuid(text, size);
    node->times += rfc3339_parse_us(text, size, &us);
    node->dates += rfc3339_parse_date(text, size, &days);
    for (size_t i = 0; i < size; i++)
        node->ascii = node->ascii && (unsigned char)text[i] < 128;
    note_size(node, size, size);
    add_hash(node, XXH3_64bits(text, size));
    if (is_name(text, size)) {
        node->words_legal++;
        count_word(node, text, size, 1);
    }
}

static void note_range(struct node *node, int64_t least, int64_t most)
{
    if (node->integers == 0 || least < node->least)
        node->least = least;
    if (node->integers == 0 || most > node->most)
        node->most = most;
}

static void add_integer(struct node *node, int64_t number)
{
    note_range(node, number, number);
    node->integers++;
    add_hash(node, XXH3_64bits(&number, sizeof number));
}

/* --- Values --- */

static void add_example(struct node *node, const json_t *value)
{
    const json_t *known;
    size_t i;

    if (json_array_size(node->examples) == NODE_EXAMPLES || json_is_object(value)
        || json_is_array(value) || json_is_null(value))
        return;
    if (json_is_string(value) && json_string_length(value) > EXAMPLE_SIZE_MAX)
        return;
    json_array_foreach(node->examples, i, known)
    {
        if (json_equal(known, value))
            return;
    }
    json_array_append_new(node->examples, json_deep_copy(value));
}

static struct node *member_of(struct node *node, const char *name)
{
    for (size_t i = 0; i < node->member_count; i++)
        if (strcmp(node->members[i]->name, name) == 0)
            return node->members[i];
    if (node->member_count == node->member_capacity) {
        node->member_capacity = 2 * node->member_capacity + 16;
        node->members = memory_resize(node->members, node->member_capacity * sizeof(struct node *));
    }
    return node->members[node->member_count++] = node_new(name, strlen(name));
}

static void add_object(struct node *node, const json_t *value)
{
    const char *name;
    json_t *member;

    node->objects++;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
        node_add(member_of(node, name), member);
}

static void add_array(struct node *node, const json_t *value)
{
    const json_t *item;
    size_t i;

    node->arrays++;
    if (node->items == NULL)
        node->items = node_new("", 0);
    json_array_foreach(value, i, item) node_add(node->items, item);
}

void node_add(struct node *node, const json_t *value)
{
    node->seen++;
    add_example(node, value);
    switch (json_typeof(value)) {
    case JSON_NULL:
        node->nulls++;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        node->booleans++;
        break;
    case JSON_INTEGER:
        add_integer(node, json_integer_value(value));
        break;
    case JSON_REAL:
        node->reals++;
        break;
    case JSON_STRING:
        add_string(node, value);
        break;
    case JSON_ARRAY:
        add_array(node, value);
        break;
    case JSON_OBJECT:
        add_object(node, value);
        break;
    }
}

void node_merge(struct node *node, const struct node *other)
{
    const json_t *example;
    size_t i;

    if (other->integers > 0)
        note_range(node, other->least, other->most);
    if (other->size_known)
        note_size(node, other->size_least, other->size_most);
    node->seen += other->seen;
    node->nulls += other->nulls;
    node->booleans += other->booleans;
    node->integers += other->integers;
    node->reals += other->reals;
    node->strings += other->strings;
    node->arrays += other->arrays;
    node->objects += other->objects;
    node->uuids += other->uuids;
    node->times += other->times;
    node->dates += other->dates;
    node->words_legal += other->words_legal;
    node->ascii = node->ascii && other->ascii;
    node->many_words = node->many_words || other->many_words;
    for (i = 0; i < other->word_count; i++)
        count_word(node, other->words[i].text, strlen(other->words[i].text), other->words[i].count);
    for (i = 0; i < other->hash_count; i++)
        add_hash(node, other->hashes[i]);
    json_array_foreach(other->examples, i, example) add_example(node, example);
    for (i = 0; i < other->member_count; i++)
        node_merge(member_of(node, other->members[i]->name), other->members[i]);
    if (other->items != NULL) {
        if (node->items == NULL)
            node->items = node_new("", 0);
        node_merge(node->items, other->items);
    }
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

bool node_is_unique(struct node *node)
{
    if (node->hash_count == 0)
        return false;
    qsort(node->hashes, node->hash_count, sizeof *node->hashes, compare_hashes);
    for (size_t i = 1; i < node->hash_count; i++)
        if (node->hashes[i] == node->hashes[i - 1])
            return false;
    return true;
}
