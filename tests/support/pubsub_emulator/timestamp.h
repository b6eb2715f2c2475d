/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp: RFC 3339 times and protobuf durations, in microseconds, as Pub/Sub's JSON writes them.
 */
#ifndef EMULATOR_TIMESTAMP_H
#define EMULATOR_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMESTAMP_TEXT_SIZE = 40, DURATION_TEXT_SIZE = 40 };

/* "2026-11-21T09:30:00.000123Z": no decimals for a whole second, else three or six. */
const char *timestamp_format(int64_t us, char text[static TIMESTAMP_TEXT_SIZE]);
/* With "Z" or an offset, up to nine decimals (what is finer than a microsecond is cut). */
bool timestamp_parse(const char *text, int64_t *us);

/* "600s", "3.5s". */
const char *duration_format(int64_t us, char text[static DURATION_TEXT_SIZE]);
bool duration_parse(const char *text, int64_t *us);

#endif
