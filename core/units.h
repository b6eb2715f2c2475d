/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units: durations and sizes as people write them, "30s", "64MiB". Every quantity carries a unit.
 */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole numbers with ms, s, m, h or d; several parts may follow ("1h30m"). "0" needs no unit. */
bool units_parse_duration(const char *text, int64_t *ms);
/* Whole numbers with B, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000). "0" needs no unit. */
bool units_parse_size(const char *text, int64_t *bytes);

enum { UNITS_TEXT_SIZE = 48 };
/* The shortest exact text: 90000 -> "1m30s". Parses back to the same value. */
const char *units_format_duration(int64_t ms, char text[static UNITS_TEXT_SIZE]);
/* The shortest exact text: 67108864 -> "64MiB". */
const char *units_format_size(int64_t bytes, char text[static UNITS_TEXT_SIZE]);
/* Rounded, for people: 1234567 -> "1.2M"; "?" below 0. */
const char *units_format_count(int64_t value, char text[static UNITS_TEXT_SIZE]);

#endif
