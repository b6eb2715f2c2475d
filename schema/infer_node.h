/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer_node: what was seen at one path of the sample events.
 */
#ifndef SCHEMA_INFER_NODE_H
#define SCHEMA_INFER_NODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NODE_WORDS_MAX = 64, NODE_EXAMPLES = 3 };

struct node_word { /* A text and how often it came. */
    char *text;
    int64_t count;
};

struct node {
    char *name;   /* Of the member; "" for items and the whole. */
    int64_t seen; /* Null counted. */
    int64_t nulls, booleans, integers, reals, strings, arrays, objects;
    int64_t least, most; /* Of the integers. */
    /* Of the strings. */
    int64_t uuids, times, dates, words_legal; /* How many are so. */
    size_t size_least, size_most;
    bool size_known, ascii;
    struct node_word words[NODE_WORDS_MAX];
    size_t word_count;
    bool many_words;  /* More different ones than there is room for. */
    uint64_t *hashes; /* Of scalars, to see whether one came twice. */
    size_t hash_count, hash_capacity;
    json_t *examples;      /* Array. */
    struct node **members; /* OBJECT, in the order in which they came first. */
    size_t member_count, member_capacity;
    struct node *items; /* ARRAY */
};

struct node *node_new(const char *name, size_t size);
void node_free(struct node *node);
void node_add(struct node *node, const json_t *value);
/* Everything that `other` saw, too. */
void node_merge(struct node *node, const struct node *other);
/* No scalar came twice; at least one came. Sorts the hashes. */
bool node_is_unique(struct node *node);

#endif
