/* SPDX-License-Identifier: Apache-2.0 */
#include "core/rfc3339.h"

/* Reads exactly `count` digits. */
static bool digits(const char *text, size_t count, int32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01. Counts years from 1 March, so that the leap day is the last of its year. */
static int32_t days_of(int32_t year, int32_t month, int32_t day)
{
    int32_t shifted_year = month <= 2 ? year - 1 : year;
    int32_t shifted_month = month <= 2 ? month + 9 : month - 3;
    int32_t day_of_year = (153 * shifted_month + 2) / 5 + day - 1;

    return shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400
           + day_of_year - 719468;
}

bool rfc3339_parse_date(const char *text, size_t size, int32_t *days)
{
    static const int32_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t year, month, day;

    if (size != 10 || text[4] != '-' || text[7] != '-')
        return false;
    if (!digits(text, 4, &year) || !digits(text + 5, 2, &month) || !digits(text + 8, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    if (day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    *days = days_of(year, month, day);
    return true;
}

/* ".123" -> nanoseconds; tells how many characters it took. No fraction is zero. */
static bool parse_fraction(const char *text, size_t size, size_t *used, int32_t *nanoseconds)
{
    *used = 0;
    *nanoseconds = 0;
    if (size == 0 || text[0] != '.')
        return true;
    for (*used = 1; *used < size && text[*used] >= '0' && text[*used] <= '9'; (*used)++) {
        if (*used > 9)
            return false;
        *nanoseconds = *nanoseconds * 10 + (text[*used] - '0');
    }
    if (*used == 1)
        return false;
    for (size_t i = *used; i < 10; i++)
        *nanoseconds *= 10;
    return true;
}

/* "Z" or "+hh:mm", as seconds east. */
static bool parse_zone(const char *text, size_t size, int64_t *seconds)
{
    int32_t hours, minutes;

    *seconds = 0;
    if (size == 1)
        return text[0] == 'Z' || text[0] == 'z';
    if (size != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    if (!digits(text + 1, 2, &hours) || !digits(text + 4, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *seconds = (text[0] == '-' ? -1 : 1) * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
    return true;
}

bool rfc3339_parse_time(const char *text, size_t size, int64_t *seconds, int32_t *nanoseconds)
{
    int32_t days, hour, minute, second;
    size_t fraction;
    int64_t zone;

    if (size < 20 || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
        return false;
    if (!rfc3339_parse_date(text, 10, &days) || !digits(text + 11, 2, &hour)
        || !digits(text + 14, 2, &minute) || !digits(text + 17, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    if (!parse_fraction(text + 19, size - 19, &fraction, nanoseconds)
        || !parse_zone(text + 19 + fraction, size - 19 - fraction, &zone))
        return false;
    *seconds = (int64_t)days * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - zone;
    return true;
}

bool rfc3339_parse_us(const char *text, size_t size, int64_t *us)
{
    int64_t seconds;
    int32_t nanoseconds;

    if (!rfc3339_parse_time(text, size, &seconds, &nanoseconds))
        return false;
    *us = seconds * 1000000 + nanoseconds / 1000;
    return true;
}
