/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rfc3339: dates and times as text, strict and exact. Proleptic Gregorian, years 0001 to 9999.
 */
#ifndef CORE_RFC3339_H
#define CORE_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "YYYY-MM-DD" as days since 1970-01-01. */
bool rfc3339_parse_date(const char *text, size_t size, int32_t *days);
/*
 * "2026-11-21T09:30:00.123456789+05:30" as seconds since 1970 and the rest. Up to nine decimals; Z or
 * an offset must be there; a leap second (:60) is refused, because no Unix time names it.
 */
bool rfc3339_parse_time(const char *text, size_t size, int64_t *seconds, int32_t *nanoseconds);
/* The same in microseconds since 1970; what is finer is cut off. */
bool rfc3339_parse_us(const char *text, size_t size, int64_t *us);

#endif
