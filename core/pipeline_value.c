/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline_value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/suggest.h"
#include "core/units.h"

#define LETTERS              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SMALL                "abcdefghijklmnopqrstuvwxyz"
#define DIGITS               "0123456789"
#define IS_FIRST_(text, set) (strchr(set, (text)[0]) != NULL && (text)[0] != '\0')

enum { WORDS_MAX = 64, PATH_DEPTH_MAX = 16 };

const char *pipeline_quote(const char *value, char text[static PIPELINE_QUOTE_SIZE])
{
    bool plain = value[0] != '\0' && value[strcspn(value, " \"'")] == '\0';
    size_t used = 0;

    if (!plain)
        text[used++] = '"';
    for (const char *c = value; *c != '\0'; c++) {
        if (used > PIPELINE_QUOTE_SIZE - 8) {
            used += (size_t)snprintf(text + used, PIPELINE_QUOTE_SIZE - used, "...");
            break;
        }
        text[used++] = iscntrl((unsigned char)*c) ? '?' : *c;
    }
    if (!plain)
        text[used++] = '"';
    text[used] = '\0';
    return text;
}

void pipeline_hint_names(struct error *err, const char *given, const char *const *names,
                         size_t count)
{
    const char *nearest = suggest_nearest(given, names, count);
    struct buffer list = {0};

    if (nearest != NULL) {
        error_hint(err, "did you mean %s?", nearest);
        return;
    }
    for (size_t i = 0; i < count; i++)
        buffer_appendf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    error_hint(err, count == 1 ? "use %s" : "use one of: %s", buffer_text(&list));
    buffer_fini(&list);
}

/* Messages. */

static bool refuse(struct error *err, enum pipeline_type type, const char *text, const char *why,
                   const char *hint)
{
    char quoted[PIPELINE_QUOTE_SIZE];

    error_set(err, EXIT_CODE_CONFIG, "%s is no %s%s%s", pipeline_quote(text, quoted),
              pipeline_type_words(type), why[0] != '\0' ? ": " : "", why);
    return error_hint(err, "%s", hint);
}

static void format_quantity(const struct pipeline_key *key, int64_t value, char *text, size_t size)
{
    char quantity[UNITS_TEXT_SIZE];

    if (key->type == TYPE_DURATION)
        snprintf(text, size, "%s", units_format_duration(value, quantity));
    else if (key->type == TYPE_SIZE)
        snprintf(text, size, "%s", units_format_size(value, quantity));
    else if (key->type == TYPE_SHARE)
        snprintf(text, size, "%" PRId64 "%%", value * 100);
    else
        snprintf(text, size, "%" PRId64, value);
}

const char *pipeline_value_range(const struct pipeline_key *key,
                                 char text[static PIPELINE_RANGE_SIZE])
{
    char least[UNITS_TEXT_SIZE], most[UNITS_TEXT_SIZE];

    text[0] = '\0';
    if (key->least == 0 && key->most == 0)
        return text;
    format_quantity(key, key->least, least, sizeof least);
    format_quantity(key, key->most, most, sizeof most);
    snprintf(text, PIPELINE_RANGE_SIZE, "%s to %s", least, most);
    return text;
}

static bool refuse_range(struct error *err, const struct pipeline_key *key, const char *text)
{
    char quoted[PIPELINE_QUOTE_SIZE], range[PIPELINE_RANGE_SIZE];

    error_set(err, EXIT_CODE_CONFIG, "%s is out of range", pipeline_quote(text, quoted));
    if (key->least == key->most)
        return error_hint(err, "use %" PRId64, key->least);
    pipeline_value_range(key, range);
    char *middle = strstr(range, " to ");
    assert(middle != NULL);
    return error_hint(err, "use a value from %.*s%s", (int)(middle - range), range, middle);
}

/* Quantities. */

static bool only(const char *text, const char *set)
{
    return text[strspn(text, set)] == '\0';
}

static bool read_duration(const char *text, int64_t *ms, struct error *err)
{
    char hint[96];

    if (units_parse_duration(text, ms))
        return true;
    if (text[0] == '-')
        return refuse(err, TYPE_DURATION, text, "it is negative",
                      "write it like 30s, 10m or 1h30m");
    if (text[0] == '\0' || !only(text, DIGITS) || strlen(text) > 12)
        return refuse(err, TYPE_DURATION, text, "", "write it like 500ms, 30s, 10m, 1h30m or 2d");
    snprintf(hint, sizeof hint, "write %ss, %sm or %sms", text, text, text);
    return refuse(err, TYPE_DURATION, text, "it needs a unit", hint);
}

static bool read_size(const char *text, int64_t *bytes, struct error *err)
{
    char hint[96];

    if (units_parse_size(text, bytes))
        return true;
    if (text[0] == '-')
        return refuse(err, TYPE_SIZE, text, "it is negative", "write it like 64MiB or 4GiB");
    if (text[0] == '\0' || !only(text, DIGITS) || strlen(text) > 12)
        return refuse(err, TYPE_SIZE, text, "", "write it like 512KiB, 64MiB or 4GiB");
    snprintf(hint, sizeof hint, "write %sMiB, %sKiB or %sB", text, text, text);
    return refuse(err, TYPE_SIZE, text, "it needs a unit", hint);
}

static bool read_integer(const char *text, int64_t *value, struct error *err)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    if (digits[0] == '\0' || !only(digits, DIGITS))
        return refuse(err, TYPE_INTEGER, text, "", "write it like 12");
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (errno != 0)
        *value = text[0] == '-' ? INT64_MIN : INT64_MAX; /* Out of every range. */
    return true;
}

static bool read_real(const char *text, double *value, struct error *err)
{
    char *end;

    *value = strtod(text, &end);
    if (text[0] == '\0' || *end != '\0' || !only(text, DIGITS "+-.eE") || !isfinite(*value))
        return refuse(err, TYPE_REAL, text, "", "write it like 0.999");
    return true;
}

static bool read_number(const struct pipeline_key *key, const char *text, void *slot,
                        struct error *err)
{
    int64_t value = 0;
    bool fits = key->type == TYPE_DURATION ? read_duration(text, &value, err)
                : key->type == TYPE_SIZE   ? read_size(text, &value, err)
                                           : read_integer(text, &value, err);

    if (!fits)
        return false;
    if ((key->least != 0 || key->most != 0) && (value < key->least || value > key->most))
        return refuse_range(err, key, text);
    if (slot == NULL)
        return true;
    assert(key->size == sizeof(int64_t) || key->size == sizeof(int32_t));
    if (key->size == sizeof(int64_t)) {
        memcpy(slot, &value, sizeof value);
    } else {
        assert(value >= INT32_MIN && value <= INT32_MAX); /* The table's range sees to it. */
        int32_t narrow = (int32_t)value;
        memcpy(slot, &narrow, sizeof narrow);
    }
    return true;
}

static bool read_ratio(const struct pipeline_key *key, const char *text, void *slot,
                       struct error *err)
{
    double value = 0;

    if (!read_real(text, &value, err))
        return false;
    if ((key->least != 0 || key->most != 0)
        && (value < (double)key->least || value > (double)key->most))
        return refuse_range(err, key, text);
    if (slot != NULL)
        memcpy(slot, &value, sizeof value);
    return true;
}

static bool read_share(const struct pipeline_key *key, const char *text, void *slot,
                       struct error *err)
{
    char *end;
    double value = strtod(text, &end);

    if (!IS_FIRST_(text, DIGITS) || strcmp(end, "%") != 0 || !only(text, DIGITS ".%"))
        return refuse(err, TYPE_SHARE, text, "", "write it like 1% or 0.5%");
    value /= 100;
    if (value < (double)key->least || value > (double)key->most)
        return refuse_range(err, key, text);
    if (slot != NULL)
        memcpy(slot, &value, sizeof value);
    return true;
}

/* Words. */

static bool read_word(const struct pipeline_key *key, const char *text, void *slot,
                      struct error *err)
{
    const struct pipeline_word *word = pipeline_word(key->detail, text);
    const char *words[WORDS_MAX];
    char quoted[PIPELINE_QUOTE_SIZE];

    if (word == NULL || word->status == STATUS_SOON) {
        error_set(err, EXIT_CODE_CONFIG,
                  word == NULL ? "%s is not one of the words allowed here"
                               : "%s has no effect in this version of dualrun",
                  pipeline_quote(text, quoted));
        pipeline_hint_names(err, text, words, pipeline_list_words(key->detail, words, WORDS_MAX));
        return false;
    }
    if (slot == NULL)
        return true;
    if (key->type == TYPE_WORD) {
        free(*(char **)slot);
        *(char **)slot = memory_text(text);
    } else {
        assert(key->size == sizeof word->value);
        memcpy(slot, &word->value, sizeof word->value);
    }
    return true;
}

/* Text. */

static bool check_name(enum pipeline_type type, const char *text, const char *first,
                       const char *rest, size_t most, const char *hint, struct error *err)
{
    if (!IS_FIRST_(text, first) || !only(text, rest))
        return refuse(err, type, text, "", hint);
    if (strlen(text) > most)
        return refuse(err, type, text, "it is too long", hint);
    return true;
}

static bool check_topic(const char *text, struct error *err)
{
    static const char hint[] =
        "Kafka allows letters, digits, dot, underscore and dash, at most 249 of them";

    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return refuse(err, TYPE_TOPIC, text, "", hint);
    return check_name(TYPE_TOPIC, text, LETTERS DIGITS "._-", LETTERS DIGITS "._-", 249, hint, err);
}

static bool check_field(enum pipeline_type type, const char *text, struct error *err)
{
    static const char hint[] = "write it like user_id, or user.id for a field inside a record";
    const char *part = text;

    for (int depth = 0; depth < PATH_DEPTH_MAX; depth++) {
        size_t size = strspn(part, LETTERS DIGITS "_");
        if (size == 0 || strchr(DIGITS, part[0]) != NULL)
            break;
        if (part[size] == '\0')
            return true;
        if (part[size] != '.')
            break;
        part += size + 1;
    }
    return refuse(err, type, text, "", hint);
}

static bool check_url(const char *text, struct error *err)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;

    if (host == NULL)
        return refuse(err, TYPE_URL, text, "it has no scheme", "begin it with https:// or http://");
    if (!IS_FIRST_(host, LETTERS DIGITS "[:@%._-") || text[strcspn(text, " \t\r\n\"<>")] != '\0')
        return refuse(err, TYPE_URL, text, "", "write it like https://host:8081/path");
    return true;
}

static bool check_host(const char *text, struct error *err)
{
    static const char hint[] = "write it like kafka-1:9092 or [::1]:9092";
    size_t size = text[0] == '[' ? strspn(text + 1, DIGITS "abcdefABCDEF:.") + 1
                                 : strspn(text, LETTERS DIGITS "._-");

    if (text[0] == '[')
        size = text[size] == ']' ? size + 1 : 0;
    if (size == 0 || (text[size] != '\0' && text[size] != ':'))
        return refuse(err, TYPE_HOST, text, "", hint);
    if (text[size] == '\0')
        return true;
    const char *port = text + size + 1;
    if (!IS_FIRST_(port, DIGITS) || !only(port, DIGITS) || strlen(port) > 5
        || strtol(port, NULL, 10) < 1 || strtol(port, NULL, 10) > 65535)
        return refuse(err, TYPE_HOST, text, "a port is a number from 1 to 65535", hint);
    return true;
}

static bool check_subscription(const char *text, struct error *err)
{
    static const char hint[] = "write its short name, or projects/PROJECT/subscriptions/NAME";
    const char *name = text;

    if (strncmp(text, "projects/", 9) == 0) {
        const char *slash = strchr(text + 9, '/');
        if (slash == NULL || slash == text + 9 || strncmp(slash, "/subscriptions/", 15) != 0)
            return refuse(err, TYPE_SUBSCRIPTION, text, "", hint);
        name = slash + 15;
    }
    if (strlen(name) < 3 || strlen(name) > 255 || !IS_FIRST_(name, LETTERS)
        || !only(name, LETTERS DIGITS "-_.~+%") || strncmp(name, "goog", 4) == 0)
        return refuse(
            err, TYPE_SUBSCRIPTION, text, "",
            "Pub/Sub allows 3 to 255 letters, digits and -_.~+%, a letter first, not goog");
    return true;
}

static bool check_key(const char *text, struct error *err)
{
    if (strcmp(text, "ordering_key") == 0)
        return true;
    if (strncmp(text, "attribute:", 10) != 0)
        return check_field(TYPE_KEY, text, err);
    if (text[10] == '\0')
        return refuse(err, TYPE_KEY, text, "the attribute has no name", "write attribute:NAME");
    return true;
}

bool pipeline_value_check(enum pipeline_type type, const char *text, struct error *err)
{
    double real;

    switch (type) {
    case TYPE_NAME:
        return check_name(type, text, LETTERS DIGITS, LETTERS DIGITS "._-", 200,
                          "use letters, digits, dot, underscore and dash, at most 200 of them",
                          err);
    case TYPE_FIELD_NAME:
        return check_name(type, text, LETTERS "_", LETTERS DIGITS "_", 200,
                          "use letters, digits and underscore, no digit first", err);
    case TYPE_STREAM:
        return check_name(type, text, LETTERS, LETTERS DIGITS "_-", 100,
                          "use letters, digits, underscore and dash, a letter first", err);
    case TYPE_PROJECT:
        return check_name(type, text, SMALL, SMALL DIGITS "-.:", 100,
                          "use the project's id: small letters, digits and dashes", err);
    case TYPE_TOPIC:
        return check_topic(text, err);
    case TYPE_FIELD:
    case TYPE_EVENT_ID:
        return check_field(type, text, err);
    case TYPE_KEY:
        return check_key(text, err);
    case TYPE_URL:
        return check_url(text, err);
    case TYPE_HOST:
        return check_host(text, err);
    case TYPE_SUBSCRIPTION:
        return check_subscription(text, err);
    case TYPE_REAL:
        return read_real(text, &real, err);
    case TYPE_PATH:
        return text[0] != '\0'
               || refuse(err, type, text, "",
                         "write a path; it is taken from the file's own folder");
    default:
        return true;
    }
}

bool pipeline_value_read(const struct pipeline_key *key, const char *text, void *slot,
                         struct error *err)
{
    switch (key->type) {
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_INTEGER:
        return read_number(key, text, slot, err);
    case TYPE_REAL:
        return read_ratio(key, text, slot, err);
    case TYPE_SHARE:
        return read_share(key, text, slot, err);
    case TYPE_ENUM:
    case TYPE_WORD:
        return read_word(key, text, slot, err);
    default:
        break;
    }
    if (!pipeline_value_check(key->type, text, err))
        return false;
    if (slot != NULL) {
        assert(key->size == sizeof(char *));
        free(*(char **)slot);
        *(char **)slot = memory_text(text);
    }
    return true;
}

/* And back. */

static json_t *enum_json(const struct pipeline_key *key, int value)
{
    for (size_t i = 0; i < pipeline_word_count; i++) {
        const struct pipeline_word *word = &pipeline_words[i];
        if ((int)word->list == key->detail && word->value == value)
            return json_string(word->word);
    }
    return json_null();
}

json_t *pipeline_value_json(const struct pipeline_key *key, const void *slot)
{
    char text[UNITS_TEXT_SIZE];
    int64_t number = 0;
    int32_t narrow;
    double real;

    switch (key->type) {
    case TYPE_DURATION:
    case TYPE_SIZE:
        memcpy(&number, slot, sizeof number);
        format_quantity(key, number, text, sizeof text);
        return json_string(text);
    case TYPE_INTEGER:
        if (key->size == sizeof number) {
            memcpy(&number, slot, sizeof number);
            return json_integer(number);
        }
        memcpy(&narrow, slot, sizeof narrow);
        return json_integer(narrow);
    case TYPE_REAL:
        memcpy(&real, slot, sizeof real);
        return json_real(real);
    case TYPE_SHARE:
        memcpy(&real, slot, sizeof real);
        return json_sprintf("%.12g%%", real * 100);
    case TYPE_ENUM:
        memcpy(&narrow, slot, sizeof narrow);
        return enum_json(key, narrow);
    default:
        return *(char *const *)slot != NULL ? json_string(*(char *const *)slot) : json_null();
    }
}
