/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"

enum filter_kind { FILTER_HAS, FILTER_EQUAL, FILTER_PREFIX, FILTER_NOT, FILTER_AND, FILTER_OR };

enum { FILTER_DEPTH_MAX = 32 };

struct filter {
    enum filter_kind kind;
    char *key;   /* Owned; of the first three kinds. */
    char *value; /* Owned. */
    struct filter *left;
    struct filter *right;
};

struct parser {
    const char *start;
    const char *at;
    int depth;
    struct error *err;
};

static struct filter *parse_any(struct parser *parser);

static struct filter *filter_node(enum filter_kind kind, struct filter *left, struct filter *right)
{
    struct filter *filter = memory_new(sizeof *filter);

    *filter = (struct filter){.kind = kind, .left = left, .right = right};
    return filter;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL)
        return;
    filter_free(filter->left);
    filter_free(filter->right);
    free(filter->key);
    free(filter->value);
    free(filter);
}

static void *fail(struct parser *parser, const char *expected)
{
    error_set(parser->err, EXIT_CODE_SOURCE, "column %d: expected %s",
              (int)(parser->at - parser->start) + 1, expected);
    return NULL;
}

static void skip_space(struct parser *parser)
{
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool word_letter(char letter)
{
    return isalnum((unsigned char)letter) || letter == '_' || letter == '-';
}

/* A keyword must not run on into a longer word; a symbol may. */
static bool take(struct parser *parser, const char *word)
{
    size_t size = strlen(word);

    skip_space(parser);
    if (strncmp(parser->at, word, size) != 0)
        return false;
    if (isalpha((unsigned char)word[size - 1]) && word_letter(parser->at[size]))
        return false;
    parser->at += size;
    return true;
}

/* A quoted string with \" and \\. Returns (caller frees). */
static char *parse_quoted(struct parser *parser)
{
    struct buffer text = {0};

    if (!take(parser, "\""))
        return fail(parser, "a quoted string");
    for (; *parser->at != '"'; parser->at++) {
        if (*parser->at == '\\' && parser->at[1] != '\0')
            parser->at++;
        if (*parser->at == '\0') {
            buffer_fini(&text);
            return fail(parser, "a closing quote");
        }
        buffer_append_byte(&text, (uint8_t)*parser->at);
    }
    parser->at++;
    char *copy = memory_text(buffer_text(&text));
    buffer_fini(&text);
    return copy;
}

/* An attribute's name, bare or quoted. Returns (caller frees). */
static char *parse_key(struct parser *parser)
{
    skip_space(parser);
    if (*parser->at == '"')
        return parse_quoted(parser);

    const char *start = parser->at;

    while (word_letter(*parser->at))
        parser->at++;
    if (parser->at == start)
        return fail(parser, "an attribute's name");
    return memory_text_n(start, (size_t)(parser->at - start));
}

/* hasPrefix(attributes.k, "v"), with the word itself already taken. */
static struct filter *parse_prefix(struct parser *parser)
{
    struct filter *filter = filter_node(FILTER_PREFIX, NULL, NULL);

    if (!take(parser, "("))
        fail(parser, "'('");
    else if (!take(parser, "attributes") || !take(parser, "."))
        fail(parser, "'attributes.'");
    else if ((filter->key = parse_key(parser)) != NULL) {
        if (!take(parser, ","))
            fail(parser, "','");
        else if ((filter->value = parse_quoted(parser)) != NULL) {
            if (take(parser, ")"))
                return filter;
            fail(parser, "')'");
        }
    }
    filter_free(filter);
    return NULL;
}

/* attributes:k or attributes.k = "v" or attributes.k != "v", with the word already taken. */
static struct filter *parse_attribute(struct parser *parser)
{
    bool has = take(parser, ":");

    if (!has && !take(parser, "."))
        return fail(parser, "':' or '.' after attributes");

    struct filter *filter = filter_node(has ? FILTER_HAS : FILTER_EQUAL, NULL, NULL);
    bool differs = false;

    filter->key = parse_key(parser);
    if (filter->key == NULL)
        goto bad;
    if (has)
        return filter;
    differs = take(parser, "!=");
    if (!differs && !take(parser, "=")) {
        fail(parser, "'=' or '!='");
        goto bad;
    }
    filter->value = parse_quoted(parser);
    if (filter->value == NULL)
        goto bad;
    return differs ? filter_node(FILTER_NOT, filter, NULL) : filter;
bad:
    filter_free(filter);
    return NULL;
}

static struct filter *parse_one(struct parser *parser)
{
    if (++parser->depth > FILTER_DEPTH_MAX)
        return fail(parser, "less nesting");

    struct filter *filter;

    if (take(parser, "NOT") || take(parser, "-")) {
        filter = parse_one(parser);
        if (filter != NULL)
            filter = filter_node(FILTER_NOT, filter, NULL);
    } else if (take(parser, "(")) {
        filter = parse_any(parser);
        if (filter != NULL && !take(parser, ")")) {
            filter_free(filter);
            filter = fail(parser, "')'");
        }
    } else if (take(parser, "hasPrefix")) {
        filter = parse_prefix(parser);
    } else if (take(parser, "attributes")) {
        filter = parse_attribute(parser);
    } else {
        filter = fail(parser, "'attributes', 'hasPrefix', 'NOT' or '('");
    }
    parser->depth--;
    return filter;
}

static struct filter *parse_any(struct parser *parser)
{
    struct filter *filter = parse_one(parser);
    bool seen[2] = {false, false};

    while (filter != NULL) {
        bool and = take(parser, "AND");
        if (!and&&!take(parser, "OR"))
            break;
        seen[and] = true;
        if (seen[0] && seen[1]) {
            filter_free(filter);
            return fail(parser, "parentheses where AND and OR meet");
        }
        struct filter *right = parse_one(parser);
        if (right == NULL) {
            filter_free(filter);
            return NULL;
        }
        filter = filter_node(and? FILTER_AND : FILTER_OR, filter, right);
    }
    return filter;
}

struct filter *filter_new(const char *text, struct error *err)
{
    struct parser parser = {.start = text, .at = text, .err = err};
    struct filter *filter = parse_any(&parser);

    if (filter == NULL)
        return NULL;
    skip_space(&parser);
    if (*parser.at != '\0') {
        filter_free(filter);
        return fail(&parser, "AND, OR or the end");
    }
    return filter;
}

bool filter_matches(const struct filter *filter, const json_t *attributes)
{
    if (filter == NULL)
        return true;
    switch (filter->kind) {
    case FILTER_NOT:
        return !filter_matches(filter->left, attributes);
    case FILTER_AND:
        return filter_matches(filter->left, attributes)
               && filter_matches(filter->right, attributes);
    case FILTER_OR:
        return filter_matches(filter->left, attributes)
               || filter_matches(filter->right, attributes);
    case FILTER_HAS:
    case FILTER_EQUAL:
    case FILTER_PREFIX:
        break;
    }
    const char *value = json_string_value(json_object_get(attributes, filter->key));
    if (value == NULL)
        return false;
    if (filter->kind == FILTER_HAS)
        return true;
    if (filter->kind == FILTER_EQUAL)
        return strcmp(value, filter->value) == 0;
    return strncmp(value, filter->value, strlen(filter->value)) == 0;
}
