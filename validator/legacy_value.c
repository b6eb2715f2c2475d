/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/legacy_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SIZE = 64 };
static const double LOOKS_ROUNDED = 1e-6;

/* -- Text of CSV as the type that ours has -- */

static bool text_is(const struct cell *cell, const char *text)
{
    return strlen(text) == cell->size
           && strncasecmp((const char *)cell->bytes, text, cell->size) == 0;
}

static bool number_text(const struct cell *cell, char text[static NUMBER_SIZE])
{
    if (cell->size == 0 || cell->size >= NUMBER_SIZE || isspace(cell->bytes[0]))
        return false;
    memcpy(text, cell->bytes, cell->size);
    text[cell->size] = '\0';
    return strlen(text) == cell->size;
}

static bool as_integer(const struct cell *text, struct cell *out)
{
    char number[NUMBER_SIZE], *end;

    if (!number_text(text, number))
        return false;
    errno = 0;
    *out = (struct cell){.kind = CELL_INTEGER, .integer = strtoll(number, &end, 10)};
    return errno == 0 && *end == '\0';
}

static bool as_real(const struct cell *text, struct cell *out)
{
    char number[NUMBER_SIZE], *end;

    if (!number_text(text, number))
        return false;
    *out = (struct cell){.kind = CELL_REAL, .real = strtod(number, &end)};
    return *end == '\0';
}

static bool as_boolean(const struct cell *text, struct cell *out)
{
    bool yes = text_is(text, "true") || text_is(text, "t") || text_is(text, "1");

    *out = (struct cell){.kind = CELL_BOOLEAN, .boolean = yes};
    return yes || text_is(text, "false") || text_is(text, "f") || text_is(text, "0");
}

/* A value of text in the type of `like`; the text itself where it is none of that. */
static struct cell typed(const struct cell *text, const struct cell *like)
{
    struct cell out;

    if (!cell_has_text(text))
        return *text;
    if (like->kind == CELL_INTEGER && (as_integer(text, &out) || as_real(text, &out)))
        return out;
    if (like->kind == CELL_REAL && as_real(text, &out))
        return out;
    if (like->kind == CELL_BOOLEAN && as_boolean(text, &out))
        return out;
    if (like->kind == CELL_JSON || like->kind == CELL_BYTES)
        return (struct cell){.kind = like->kind, .bytes = text->bytes, .size = text->size};
    return *text;
}

/* -- Numbers -- */

static bool number(const struct cell *cell, double *value)
{
    *value = cell->kind == CELL_INTEGER ? (double)cell->integer
             : cell->kind == CELL_REAL  ? cell->real
                                        : 0;
    return cell->kind == CELL_INTEGER || cell->kind == CELL_REAL;
}

/* Whole numbers apart exactly: doubles would take neighbours beyond 2^53 for one. */
static double distance(const struct cell *a, const struct cell *b, double x, double y)
{
    if (a->kind != CELL_INTEGER || b->kind != CELL_INTEGER)
        return fabs(x - y);
    return a->integer > b->integer ? (double)((uint64_t)a->integer - (uint64_t)b->integer)
                                   : (double)((uint64_t)b->integer - (uint64_t)a->integer);
}

static uint64_t ordered(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits + 1 : bits | (1ull << 63); /* -0 and 0 are one. */
}

uint64_t legacy_ulps(double a, double b)
{
    if (isnan(a) || isnan(b))
        return UINT64_MAX;
    uint64_t x = ordered(a), y = ordered(b);
    return x > y ? x - y : y - x;
}

static bool within(const struct pipeline_allowance *allowance, const struct cell *a,
                   const struct cell *b)
{
    double x, y;

    if (allowance == NULL || !number(a, &x) || !number(b, &y) || !isfinite(x) || !isfinite(y))
        return false;
    if (allowance->kind == ALLOW_ULP)
        return (double)legacy_ulps(x, y) <= allowance->amount;
    double most = allowance->kind == ALLOW_RELATIVE ? allowance->amount * fmax(fabs(x), fabs(y))
                                                    : allowance->amount;
    return distance(a, b, x, y) <= most;
}

/* -- Words -- */

static bool is_word(const struct cell *cell, const char *word)
{
    if (cell->kind == CELL_NULL)
        return strcmp(word, "null") == 0;
    return cell_is_text(cell, word);
}

/* The word of ours that the old one stands for; NULL: none. */
static const char *our_word(const struct pipeline_pairs *words, const struct cell *theirs)
{
    for (size_t i = 0; words != NULL && i < words->count; i++)
        if (is_word(theirs, words->items[i].theirs))
            return words->items[i].ours;
    return NULL;
}

static bool is_default(const struct cell *cell, bool untyped)
{
    switch (cell->kind) {
    case CELL_BOOLEAN:
        return !cell->boolean;
    case CELL_INTEGER:
        return cell->integer == 0;
    case CELL_REAL:
        return cell->real == 0;
    case CELL_TEXT:
    case CELL_DECIMAL: {
        struct cell zero;
        return cell->size == 0
               || ((untyped || cell->kind == CELL_DECIMAL)
                   && (text_is(cell, "false") || text_is(cell, "f")
                       || (as_real(cell, &zero) && zero.real == 0)));
    }
    case CELL_BYTES:
        return cell->size == 0;
    case CELL_JSON:
        return cell->size == 2; /* [] or {} */
    case CELL_NULL:
        break;
    }
    return false;
}

static bool null_and_default(const struct cell *theirs, bool untyped, const struct cell *ours)
{
    return (theirs->kind == CELL_NULL && is_default(ours, false))
           || (ours->kind == CELL_NULL && is_default(theirs, untyped));
}

/* -- A field -- */

enum legacy_match legacy_match(const struct legacy_field *field, const struct cell *theirs,
                               bool untyped, const struct cell *ours)
{
    const char *word = our_word(field->words, theirs);

    if (word != NULL)
        return is_word(ours, word) ? LEGACY_EQUAL : LEGACY_DIFFERENT;
    struct cell value = untyped ? typed(theirs, ours) : *theirs;
    if (cell_equal(&value, ours))
        return LEGACY_EQUAL;
    if (within(field->allowance, &value, ours))
        return LEGACY_TOLERATED;
    return field->null_is_default && null_and_default(theirs, untyped, ours) ? LEGACY_DEFAULTED
                                                                             : LEGACY_DIFFERENT;
}

static void trim(const struct cell *cell, const uint8_t **start, size_t *size)
{
    *start = cell->bytes;
    *size = cell->size;
    while (*size > 0 && isspace(**start)) {
        ++*start;
        --*size;
    }
    while (*size > 0 && isspace((*start)[*size - 1]))
        --*size;
}

static bool same_but_case(const struct cell *a, const struct cell *b)
{
    const uint8_t *x, *y;
    size_t x_size, y_size;

    if (!cell_has_text(a) || !cell_has_text(b))
        return false;
    trim(a, &x, &x_size);
    trim(b, &y, &y_size);
    return x_size == y_size
           && (x_size == 0 || strncasecmp((const char *)x, (const char *)y, x_size) == 0);
}

enum cause legacy_looks_like(const struct legacy_field *field, const struct cell *theirs,
                             bool untyped, const struct cell *ours)
{
    struct cell value = untyped ? typed(theirs, ours) : *theirs;
    double x, y;

    if (null_and_default(theirs, untyped, ours))
        return CAUSE_NULL;
    if (field->is_time)
        return CAUSE_TIME;
    if (same_but_case(&value, ours)
        || (field->words != NULL && our_word(field->words, theirs) == NULL))
        return CAUSE_ENUM;
    if ((value.kind == CELL_REAL || ours->kind == CELL_REAL) && number(&value, &x)
        && number(ours, &y) && fabs(x - y) <= LOOKS_ROUNDED * fmax(fabs(x), fabs(y)))
        return CAUSE_ROUNDING;
    return CAUSE_UNEXPLAINED;
}

/* -- Rules -- */

bool legacy_rule_names(const struct pipeline_rule *rule, const struct legacy_field *field,
                       const struct cell *theirs, const struct cell *ours)
{
    return rule->kind == RULE_VALUE && strcmp(rule->field, field->ours) == 0
           && (rule->when_legacy == NULL || is_word(theirs, rule->when_legacy))
           && (rule->when_new == NULL || is_word(ours, rule->when_new));
}

bool legacy_rule_holds(const struct pipeline_rule *rule, int64_t time_ms)
{
    return (rule->since_ms == 0 || time_ms >= rule->since_ms)
           && (rule->until_ms == 0 || time_ms < rule->until_ms);
}
