/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/units.h"

static const struct {
    const char *value;  /* In the help. */
    const char *wanted; /* In an error. */
} kinds[] = {
    [ARGUMENT_FLAG] = {"", "nothing"},
    [ARGUMENT_TEXT] = {" TEXT", "a text"},
    [ARGUMENT_COUNT] = {" N", "a whole number from 0 to 4294967295"},
    [ARGUMENT_SEED] = {" N", "a whole number"},
    [ARGUMENT_RATIO] = {" RATIO", "a number from 0 to 1"},
    [ARGUMENT_RATE] = {" N", "a number above 0"},
    [ARGUMENT_DURATION] = {" TIME", "a duration such as 500ms, 20s or 10m"},
    [ARGUMENT_WINDOW] = {" TIME,TIME", "two durations such as 2s,20s"},
    [ARGUMENT_TIME] = {" MS", "milliseconds since 1970, or now"},
};

static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= max;
}

static bool parse_real(const char *text, double max, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= 0 && *value <= max;
}

static bool parse_window(const char *text, int64_t *window)
{
    const char *comma = strchr(text, ',');
    char before[UNITS_TEXT_SIZE];

    if (comma == NULL || (size_t)(comma - text) >= sizeof before)
        return false;
    snprintf(before, sizeof before, "%.*s", (int)(comma - text), text);
    return units_parse_duration(before, &window[0]) && units_parse_duration(comma + 1, &window[1]);
}

static bool parse_value(const struct argument *argument, const char *text)
{
    uint64_t number;

    switch (argument->kind) {
    case ARGUMENT_FLAG:
        *(bool *)argument->value = true;
        return true;
    case ARGUMENT_TEXT:
        *(const char **)argument->value = text;
        return true;
    case ARGUMENT_COUNT:
        if (!parse_number(text, UINT32_MAX, &number))
            return false;
        *(uint32_t *)argument->value = (uint32_t)number;
        return true;
    case ARGUMENT_SEED:
        return parse_number(text, UINT64_MAX, argument->value);
    case ARGUMENT_RATIO:
        return parse_real(text, 1, argument->value);
    case ARGUMENT_RATE:
        return parse_real(text, 1e9, argument->value) && *(double *)argument->value > 0;
    case ARGUMENT_DURATION:
        return units_parse_duration(text, argument->value);
    case ARGUMENT_WINDOW:
        return parse_window(text, argument->value);
    case ARGUMENT_TIME:
        *(int64_t *)argument->value = -1;
        if (strcmp(text, "now") == 0)
            return true;
        if (!parse_number(text, INT64_MAX / 2, &number))
            return false;
        *(int64_t *)argument->value = (int64_t)number;
        return true;
    }
    return false;
}

static const struct argument *find(const struct argument *arguments, size_t count, const char *name,
                                   size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(arguments[i].name) == size && memcmp(arguments[i].name, name, size) == 0)
            return &arguments[i];
    }
    return NULL;
}

/* argv[*index] begins with two dashes: "--name VALUE" or "--name=VALUE". */
static bool parse_option(const struct argument *arguments, size_t count, int argc, char **argv,
                         int *index, struct error *err)
{
    const char *name = argv[*index] + 2;
    const char *text = name + strcspn(name, "=");
    const struct argument *argument = find(arguments, count, name, (size_t)(text - name));

    if (argument == NULL) {
        error_set(err, EXIT_CODE_USAGE, "%s: there is no such option", argv[*index]);
        return error_hint(err, "--help lists the options");
    }
    if (*text == '=') {
        text++;
    } else if (argument->kind != ARGUMENT_FLAG) {
        if (++*index == argc)
            return error_set(err, EXIT_CODE_USAGE, "--%s: it needs %s", argument->name,
                             kinds[argument->kind].wanted);
        text = argv[*index];
    }
    if (!parse_value(argument, text))
        return error_set(err, EXIT_CODE_USAGE, "--%s: \"%s\" is not %s", argument->name, text,
                         kinds[argument->kind].wanted);
    return true;
}

bool arguments_parse(const struct argument *arguments, size_t count, int argc, char **argv,
                     const char **rest, size_t rest_max, size_t *rest_count, struct error *err)
{
    *rest_count = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            if (!parse_option(arguments, count, argc, argv, &i, err))
                return false;
        } else if (*rest_count == rest_max) {
            return error_set(err, EXIT_CODE_USAGE, "%s: one argument too many", argv[i]);
        } else {
            rest[(*rest_count)++] = argv[i];
        }
    }
    return true;
}

void arguments_help(const struct argument *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "--%s%s", arguments[i].name, kinds[arguments[i].kind].value);
        printf("  %-26s %s\n", name, arguments[i].help);
    }
}
