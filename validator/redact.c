/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/redact.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/buffer.h"

/* Made whole or not at all: a key that is cut short would be weak. */
static bool make_key(const char *path, struct error *err)
{
    uint8_t key[REDACT_KEY_SIZE];
    char *draft = memory_textf("%s.draft", path);
    bool done = getrandom(key, sizeof key, 0) == (ssize_t)sizeof key;
    int file = done ? open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

    done = file >= 0 && write(file, key, sizeof key) == (ssize_t)sizeof key && fsync(file) == 0;
    if (file >= 0)
        done = close(file) == 0 && done;
    if (!done || rename(draft, path) != 0)
        done = error_set(err, EXIT_CODE_STATE, "write %s: %s", path, strerror(errno));
    free(draft);
    return done;
}

bool redact_open(struct redact *redact, const struct pipeline_validate *validate,
                 const char *directory, struct error *err)
{
    char *path = memory_textf("%s/report.key", directory);
    bool done = access(path, F_OK) == 0 || make_key(path, err);
    int file = done ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    redact->validate = validate;
    if (done && (file < 0 || read(file, redact->key, REDACT_KEY_SIZE) != REDACT_KEY_SIZE)) {
        done = error_set(err, EXIT_CODE_STATE, "read %s: %s", path,
                         file < 0 ? strerror(errno) : "it is too short");
        error_hint(err,
                   "remove it: a new one is made, and hashes of older reports no longer match");
    }
    if (file >= 0)
        close(file);
    free(path);
    return done;
}

/* The key and the place of a record are what it is found by; they are in the sample anyway. */
static bool is_place(const char *field)
{
    static const char *const places[] = {"@key", "@partition", "@from"};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(field, places[i]) == 0)
            return true;
    return false;
}

/* What the comparison itself says where a value cannot be: nothing of anybody's. */
static bool is_own_word(const json_t *value)
{
    static const char *const words[] = {
        "(does not fit its schema)", "(made from what is no JSON object)",
        "(no schema frame)",         "(a field nobody asked for)",
        "a framed record",           "a value that fits its schema",
    };

    for (size_t i = 0; json_is_string(value) && i < sizeof words / sizeof *words; i++)
        if (strcmp(json_string_value(value), words[i]) == 0)
            return true;
    return false;
}

/* Is it the field, or within it? */
static bool is_within(const char *field, const char *shown)
{
    size_t size = strlen(shown);

    return strncmp(field, shown, size) == 0
           && (field[size] == '\0' || field[size] == '.' || field[size] == '[');
}

static bool is_shown(const struct redact *redact, const char *field)
{
    if (redact->validate->show_values == SHOW_VALUES_ALL || is_place(field))
        return true;
    for (size_t i = 0; i < redact->validate->show_field_count; i++)
        if (is_within(field, redact->validate->show_fields[i]))
            return true;
    return false;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    default:
        return "boolean";
    }
}

json_t *redact_value(const struct redact *redact, const char *field, json_t *value)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (value == NULL || json_is_null(value) || is_own_word(value) || is_shown(redact, field))
        return value;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    assert(text != NULL);
    const uint8_t *done = HMAC(EVP_sha256(), redact->key, REDACT_KEY_SIZE, (const uint8_t *)text,
                               strlen(text), digest, &size);
    assert(done != NULL && size >= 6);
    json_t *shown = json_sprintf("%s #%02x%02x%02x%02x%02x%02x", type_name(value), digest[0],
                                 digest[1], digest[2], digest[3], digest[4], digest[5]);
    free(text);
    json_decref(value);
    return shown;
}
