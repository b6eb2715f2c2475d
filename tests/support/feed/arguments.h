/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments: --name VALUE options of the test tools, from one table that is also the help.
 */
#ifndef FEED_ARGUMENTS_H
#define FEED_ARGUMENTS_H

#include <stddef.h>

#include "core/error.h"

enum argument_kind {
    ARGUMENT_FLAG,     /* bool; takes no value */
    ARGUMENT_TEXT,     /* const char * */
    ARGUMENT_COUNT,    /* uint32_t */
    ARGUMENT_SEED,     /* uint64_t */
    ARGUMENT_RATIO,    /* double, 0 to 1 */
    ARGUMENT_RATE,     /* double, above 0 */
    ARGUMENT_DURATION, /* int64_t, ms */
    ARGUMENT_WINDOW,   /* int64_t[2]: before, after */
    ARGUMENT_TIME,     /* int64_t, ms since 1970, or -1 for "now" */
};

struct argument {
    const char *name; /* Without dashes. */
    enum argument_kind kind;
    void *value;
    const char *help; /* With the default. */
};

/* Reads the options; what is none of them goes to rest, in order. */
bool arguments_parse(const struct argument *arguments, size_t count, int argc, char **argv,
                     const char **rest, size_t rest_max, size_t *rest_count, struct error *err);
/* One line an option, on stdout. */
void arguments_help(const struct argument *arguments, size_t count);

#endif
