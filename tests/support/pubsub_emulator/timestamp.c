/* SPDX-License-Identifier: Apache-2.0 */
#include "timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { US_PER_SECOND = 1000000 };

/* Prints ".123" or ".123456", or nothing. */
static void format_decimals(int64_t us, char text[static 12])
{
    if (us == 0)
        text[0] = '\0';
    else if (us % 1000 == 0)
        snprintf(text, 12, ".%03d", (int)(us / 1000));
    else
        snprintf(text, 12, ".%06d", (int)us);
}

const char *timestamp_format(int64_t us, char text[static TIMESTAMP_TEXT_SIZE])
{
    int64_t rest = us % US_PER_SECOND;
    int64_t seconds = us / US_PER_SECOND;
    char stamp[24];
    char decimals[12];
    struct tm utc;

    if (rest < 0) {
        rest += US_PER_SECOND;
        seconds--;
    }
    time_t time = (time_t)seconds;
    if (gmtime_r(&time, &utc) == NULL
        || strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        stamp[0] = '\0';
    format_decimals(rest, decimals);
    snprintf(text, TIMESTAMP_TEXT_SIZE, "%s%sZ", stamp, decimals);
    return text;
}

/* Reads ".123456789" if it is there; moves *text behind it. */
static bool parse_decimals(const char **text, int64_t *us)
{
    const char *p = *text;
    int digits = 0;

    *us = 0;
    if (*p != '.')
        return true;
    for (p++; isdigit((unsigned char)*p); p++, digits++)
        if (digits < 6)
            *us = *us * 10 + (*p - '0');
    if (digits == 0 || digits > 9)
        return false;
    for (; digits < 6; digits++)
        *us *= 10;
    *text = p;
    return true;
}

/* "+05:30", "-08:00" or "Z", and nothing behind it. */
static bool parse_offset(const char *text, int64_t *seconds)
{
    struct tm offset = {0};

    *seconds = 0;
    if ((*text == 'Z' || *text == 'z') && text[1] == '\0')
        return true;
    if ((*text != '+' && *text != '-') || !isdigit((unsigned char)text[1]))
        return false;
    const char *end = strptime(text + 1, "%H:%M", &offset);
    if (end == NULL || *end != '\0')
        return false;
    *seconds = (int64_t)offset.tm_hour * 3600 + (int64_t)offset.tm_min * 60;
    if (*text == '-')
        *seconds = -*seconds;
    return true;
}

bool timestamp_parse(const char *text, int64_t *us)
{
    struct tm utc = {0};
    int64_t decimals;
    int64_t offset;
    const char *rest = strptime(text, "%Y-%m-%d", &utc);

    if (rest == NULL || (*rest != 'T' && *rest != 't'))
        return false;
    rest = strptime(rest + 1, "%H:%M:%S", &utc);
    if (rest == NULL || !parse_decimals(&rest, &decimals) || !parse_offset(rest, &offset))
        return false;
    *us = ((int64_t)timegm(&utc) - offset) * US_PER_SECOND + decimals;
    return true;
}

const char *duration_format(int64_t us, char text[static DURATION_TEXT_SIZE])
{
    char decimals[12];

    format_decimals(us % US_PER_SECOND, decimals);
    snprintf(text, DURATION_TEXT_SIZE, "%lld%ss", (long long)(us / US_PER_SECOND), decimals);
    return text;
}

bool duration_parse(const char *text, int64_t *us)
{
    char *end;
    int64_t decimals;

    if (!isdigit((unsigned char)*text))
        return false;
    long long seconds = strtoll(text, &end, 10);
    const char *rest = end;
    if (seconds > 315576000000 || !parse_decimals(&rest, &decimals) || strcmp(rest, "s") != 0)
        return false;
    *us = seconds * US_PER_SECOND + decimals;
    return true;
}
