/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: the command line as a table, and what is made from it: parsing, help, completion and the
 * reference. cli/commands.c holds the table.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"

enum { COMMAND_FLAGS_MAX = 12, COMMAND_EXAMPLES_MAX = 4 };

struct command_flag {
    const char *name;     /* Without the dashes. */
    const char *argument; /* "HOST:PORT"; NULL: a switch. */
    const char *help;
};

struct command_arguments;

struct command {
    const char *name; /* "join", "config show". */
    const char *summary;
    const char *text; /* What it does, a few lines. */
    bool takes_file;
    const char *operand; /* What comes behind FILE, "NAME"; NULL: nothing. */
    bool hidden;         /* Left out of help. */
    const char *examples[COMMAND_EXAMPLES_MAX];
    struct command_flag flags[COMMAND_FLAGS_MAX]; /* Its own; the common ones come on top. */
    /* Returns the exit status; on a failure sets err and returns err->code. */
    int (*run)(const struct command_arguments *arguments, struct error *err);
};

struct command_arguments {
    const struct command *command;
    const char *file;    /* NULL if the command takes none. */
    const char *operand; /* Likewise. */
    bool help;
    struct {
        const char *name;
        const char *value; /* "" for a switch. */
    } flags[2 * COMMAND_FLAGS_MAX];
    size_t flag_count;
};

/* The table. */
extern const struct command commands[];
extern const size_t command_count;
extern const struct command_flag command_common_flags[];
extern const size_t command_common_flag_count;

/* The words behind the program's name. */
bool command_parse(int count, char *const words[], struct command_arguments *arguments,
                   struct error *err);
/* The value of a flag; "" for a switch that is given; NULL if it is not. */
const char *command_flag(const struct command_arguments *arguments, const char *name);

/* A flag that is a time, in microseconds since 1970, or a whole number in [least, most]; `otherwise` if
 * it is not given. */
bool command_time(const struct command_arguments *arguments, const char *flag, int64_t otherwise,
                  int64_t *us, struct error *err);
bool command_integer(const struct command_arguments *arguments, const char *flag, int64_t least,
                     int64_t most, int64_t otherwise, int64_t *value, struct error *err);

void command_help(const struct command *command, FILE *out);
void command_help_all(FILE *out);

/* docs/reference.md as a whole, and the completion script for bash. */
void command_reference(FILE *out);
void command_completion(FILE *out);

#endif
