/* SPDX-License-Identifier: Apache-2.0 */
#include "core/units.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t value;
};

/* Largest first: formatting takes the first that divides. */
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit sizes[] = {
    {"TiB", 1099511627776}, {"GiB", 1073741824},   {"MiB", 1048576},
    {"KiB", 1024},          {"TB", 1000000000000}, {"GB", 1000000000},
    {"MB", 1000000},        {"KB", 1000},          {"B", 1},
};

enum {
    DURATION_COUNT = sizeof durations / sizeof *durations,
    SIZE_COUNT = sizeof sizes / sizeof *sizes
};

static const char *parse_number(const char *text, int64_t *number)
{
    const char *c = text;

    *number = 0;
    for (; *c >= '0' && *c <= '9'; c++) {
        if (__builtin_mul_overflow(*number, 10, number)
            || __builtin_add_overflow(*number, *c - '0', number))
            return NULL;
    }
    return c == text ? NULL : c;
}

static const char *parse_part(const char *text, const struct unit *units, size_t count,
                              int64_t *value)
{
    int64_t number;
    const char *name = parse_number(text, &number);

    if (name == NULL)
        return NULL;
    size_t size = strcspn(name, "0123456789");
    for (size_t i = 0; i < count; i++) {
        int64_t part;
        if (strlen(units[i].name) != size || strncmp(units[i].name, name, size) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].value, &part)
            || __builtin_add_overflow(*value, part, value))
            return NULL;
        return name + size;
    }
    return NULL;
}

bool units_parse_duration(const char *text, int64_t *ms)
{
    *ms = 0;
    if (strcmp(text, "0") == 0)
        return true;
    if (*text == '\0')
        return false;
    while (text != NULL && *text != '\0')
        text = parse_part(text, durations, DURATION_COUNT, ms);
    return text != NULL;
}

bool units_parse_size(const char *text, int64_t *bytes)
{
    *bytes = 0;
    if (strcmp(text, "0") == 0)
        return true;
    const char *end = parse_part(text, sizes, SIZE_COUNT, bytes);
    return end != NULL && *end == '\0';
}

const char *units_format_duration(int64_t ms, char text[static UNITS_TEXT_SIZE])
{
    size_t used = 0;

    snprintf(text, UNITS_TEXT_SIZE, "0");
    for (size_t i = 0; i < DURATION_COUNT && ms > 0; i++) {
        int64_t count = ms / durations[i].value;
        if (count == 0)
            continue;
        used += (size_t)snprintf(text + used, UNITS_TEXT_SIZE - used, "%lld%s", (long long)count,
                                 durations[i].name);
        ms %= durations[i].value;
    }
    return text;
}

const char *units_format_size(int64_t bytes, char text[static UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "0");
    for (size_t i = 0; i < SIZE_COUNT && bytes > 0; i++) {
        if (bytes % sizes[i].value == 0) {
            snprintf(text, UNITS_TEXT_SIZE, "%lld%s", (long long)(bytes / sizes[i].value),
                     sizes[i].name);
            break;
        }
    }
    return text;
}

const char *units_format_count(int64_t value, char text[static UNITS_TEXT_SIZE])
{
    static const char units[] = "kMGT";
    double scaled = (double)value;
    int unit = -1;

    if (value < 0)
        return "?";
    for (; scaled >= 1000 && unit < 3; unit++)
        scaled /= 1000;
    if (unit < 0)
        snprintf(text, UNITS_TEXT_SIZE, "%lld", (long long)value);
    else
        snprintf(text, UNITS_TEXT_SIZE, "%.1f%c", scaled, units[unit]);
    return text;
}
