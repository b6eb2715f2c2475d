/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubsub_time: the publish times of Pub/Sub (RFC 3339), read by hand: one a message. Pure.
 */
#include "core/pubsub.h"

/* `count` digits as a number, or -1. */
static int64_t digits(const char *text, size_t count)
{
    int64_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Days since 1970 of a date in the Gregorian calendar, counted in years that begin in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? month - 3 : month + 9;
    int64_t years = month > 2 ? year : year - 1;

    return years * 365 + years / 4 - years / 100 + years / 400 + (153 * shifted + 2) / 5 + day - 1
           - 719468;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* ".123456789" -> microseconds; what is finer is cut off. Returns the characters taken, 0 if wrong. */
static size_t read_fraction(const char *text, size_t size, int64_t *us)
{
    static const int64_t unit_us[] = {100000, 10000, 1000, 100, 10, 1};
    size_t taken = 1;

    *us = 0;
    for (; taken < size && text[taken] >= '0' && text[taken] <= '9'; taken++)
        if (taken <= 6)
            *us += (text[taken] - '0') * unit_us[taken - 1];
    return taken > 1 && taken <= 10 ? taken : 0;
}

/* "Z" or "+HH:MM". */
static bool read_zone(const char *text, size_t size, int64_t *offset_s)
{
    *offset_s = 0;
    if (size == 1 && (text[0] == 'Z' || text[0] == 'z'))
        return true;
    if (size != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    int64_t hours = digits(text + 1, 2), minutes = digits(text + 4, 2);
    *offset_s = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
    return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

bool pubsub_parse_time_us(const char *text, size_t size, int64_t *us)
{
    enum { HEAD = sizeof "2026-11-21T09:30:00" - 1 };

    if (size <= HEAD || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't')
        || text[13] != ':' || text[16] != ':')
        return false;
    int64_t year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    int64_t hour = digits(text + 11, 2), minute = digits(text + 14, 2),
            second = digits(text + 17, 2);
    int64_t fraction_us = 0, offset_s;
    size_t at = HEAD;

    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0
        || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    if (text[at] == '.') {
        size_t taken = read_fraction(text + at, size - at, &fraction_us);
        if (taken == 0)
            return false;
        at += taken;
    }
    if (!read_zone(text + at, size - at, &offset_s))
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *us = (seconds - offset_s) * 1000000 + fraction_us;
    return true;
}
