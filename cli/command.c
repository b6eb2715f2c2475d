/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/rfc3339.h"
#include "core/suggest.h"

enum { NAMES_MAX = 64 };

/* Finding. */

static bool usage_error(struct error *err, const char *what, const char *given, const char *hint)
{
    error_set(err, EXIT_CODE_USAGE, "%s%.100s", what, given);
    return error_hint(err, "%s", hint);
}

static bool suggest(struct error *err, const char *given, const char *const *names, size_t count,
                    const char *prefix, const char *otherwise)
{
    const char *nearest = suggest_nearest(given, names, count);

    if (nearest != NULL)
        return error_hint(err, "did you mean %s%s?", prefix, nearest);
    return error_hint(err, "%s", otherwise);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Is it the first word of commands such as "config show"? */
static bool is_group(const char *word)
{
    size_t size = strlen(word);

    for (size_t i = 0; i < command_count; i++) {
        if (strncmp(commands[i].name, word, size) == 0 && commands[i].name[size] == ' ')
            return true;
    }
    return false;
}

/* The commands of a group by their second word, or all by their whole name. */
static size_t command_names(const char *group, const char *names[static NAMES_MAX])
{
    size_t size = group != NULL ? strlen(group) : 0;
    size_t count = 0;

    for (size_t i = 0; i < command_count && count < NAMES_MAX; i++) {
        const char *name = commands[i].name;
        if (commands[i].hidden)
            continue;
        if (group == NULL)
            names[count++] = name;
        else if (strncmp(name, group, size) == 0 && name[size] == ' ')
            names[count++] = name + size + 1;
    }
    return count;
}

static bool refuse_command(const char *group, const char *word, struct error *err)
{
    const char *names[NAMES_MAX];
    size_t count = command_names(group, names);
    struct buffer list = {0};

    for (size_t i = 0; i < count; i++)
        buffer_appendf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    if (word == NULL) {
        error_set(err, EXIT_CODE_USAGE, "%s: which of %s?", group, buffer_text(&list));
        error_hint(err, "dualrun %s --help", group);
    } else {
        error_set(err, EXIT_CODE_USAGE, "%s%sno such command: %.100s", group != NULL ? group : "",
                  group != NULL ? ": " : "", word);
        suggest(err, word, names, count, "",
                group != NULL ? buffer_text(&list) : "dualrun --help lists the commands");
    }
    buffer_fini(&list);
    return false;
}

static const struct command_flag *find_flag(const struct command *command, const char *name)
{
    for (size_t i = 0; i < COMMAND_FLAGS_MAX && command->flags[i].name != NULL; i++) {
        if (strcmp(command->flags[i].name, name) == 0)
            return &command->flags[i];
    }
    for (size_t i = 0; i < command_common_flag_count; i++) {
        if (strcmp(command_common_flags[i].name, name) == 0)
            return &command_common_flags[i];
    }
    return NULL;
}

static bool refuse_flag(const struct command *command, const char *dashes, const char *name,
                        struct error *err)
{
    const char *names[2 * NAMES_MAX];
    char otherwise[128];
    size_t count = 0;

    for (size_t i = 0; i < COMMAND_FLAGS_MAX && command->flags[i].name != NULL; i++)
        names[count++] = command->flags[i].name;
    for (size_t i = 0; i < command_common_flag_count; i++)
        names[count++] = command_common_flags[i].name;
    error_set(err, EXIT_CODE_USAGE, "%s: no such flag: %s%.100s", command->name, dashes, name);
    snprintf(otherwise, sizeof otherwise, "dualrun %s --help lists the flags", command->name);
    return suggest(err, name, names, count, "--", otherwise);
}

/* Parsing. */

struct words {
    char *const *next;
    char *const *end;
};

static bool add_flag(struct command_arguments *arguments, const struct command_flag *flag,
                     const char *value, struct error *err)
{
    if (command_flag(arguments, flag->name) != NULL) {
        error_set(err, EXIT_CODE_USAGE, "--%s is given twice", flag->name);
        return error_hint(err, "give it once");
    }
    assert(arguments->flag_count < sizeof arguments->flags / sizeof *arguments->flags);
    arguments->flags[arguments->flag_count].name = flag->name;
    arguments->flags[arguments->flag_count++].value = value;
    return true;
}

/* "--name", "--name value" or "--name=value". */
static bool parse_flag(struct command_arguments *arguments, const char *word, struct words *words,
                       struct error *err)
{
    const char *equals = strchr(word, '=');
    size_t size = equals != NULL ? (size_t)(equals - word) : strlen(word);
    char name[64] = "";

    if (size < sizeof name)
        memcpy(name, word, size);
    const struct command_flag *flag = find_flag(arguments->command, name);
    if (flag == NULL || strncmp(flag->name, word, size) != 0)
        return refuse_flag(arguments->command, "--", name[0] != '\0' ? name : word, err);
    if (strcmp(flag->name, "help") == 0)
        arguments->help = true;
    if (flag->argument == NULL) {
        if (equals != NULL)
            return usage_error(err, "this flag takes no value: --", name, "leave the value out");
        return add_flag(arguments, flag, "", err);
    }
    const char *value = equals != NULL             ? equals + 1
                        : words->next < words->end ? *words->next++
                                                   : "";
    if (value[0] == '\0') {
        error_set(err, EXIT_CODE_USAGE, "--%s needs a value", name);
        return error_hint(err, "write --%s %s", name, flag->argument);
    }
    return add_flag(arguments, flag, value, err);
}

static bool parse_operand(struct command_arguments *arguments, const char *word, struct error *err)
{
    const struct command *command = arguments->command;
    char hint[96];

    snprintf(hint, sizeof hint, "dualrun %s --help", command->name);
    if (arguments->file != NULL && command->operand != NULL && arguments->operand == NULL) {
        arguments->operand = word;
        return true;
    }
    if (!command->takes_file || arguments->file != NULL)
        return usage_error(err,
                           command->takes_file ? "one FILE only, and then came "
                                               : "this command takes no FILE: ",
                           word, hint);
    arguments->file = word;
    return true;
}

static bool parse_rest(struct command_arguments *arguments, struct words *words, struct error *err)
{
    bool flags_over = false;

    assert(arguments->command != NULL);

    while (words->next < words->end) {
        const char *word = *words->next++;
        bool parsed = true;
        if (!flags_over && strcmp(word, "--") == 0)
            flags_over = true;
        else if (!flags_over && strncmp(word, "--", 2) == 0)
            parsed = parse_flag(arguments, word + 2, words, err);
        else if (!flags_over && strcmp(word, "-h") == 0)
            arguments->help = true;
        else if (!flags_over && word[0] == '-' && word[1] != '\0')
            parsed = refuse_flag(arguments->command, "-", word + 1, err);
        else
            parsed = parse_operand(arguments, word, err);
        if (!parsed)
            return false;
    }
    if (arguments->command->takes_file && arguments->file == NULL && !arguments->help) {
        bool report = strncmp(arguments->command->name, "report ", 7) == 0;
        error_set(err, EXIT_CODE_USAGE, "%s: name the %s", arguments->command->name,
                  report ? "report's file or folder" : "pipeline file");
        return error_hint(err, "dualrun %s FILE", arguments->command->name);
    }
    if (arguments->command->operand != NULL && arguments->operand == NULL && !arguments->help) {
        error_set(err, EXIT_CODE_USAGE, "%s: %s is missing", arguments->command->name,
                  arguments->command->operand);
        return error_hint(err, "dualrun %s FILE %s", arguments->command->name,
                          arguments->command->operand);
    }
    return true;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* The command that the first word or two name. `*help`: it was asked about, not for. */
static bool parse_command(struct words *words, const struct command **command, bool *help,
                          struct error *err)
{
    char name[128];

    if (words->next == words->end)
        return usage_error(err, "name a command", "", "dualrun --help lists them");
    const char *word = *words->next++;
    if (is_help(word) && words->next < words->end && (*words->next)[0] != '-') {
        *help = true;
        word = *words->next++;
    }
    if (is_help(word) || (is_group(word) && words->next < words->end && is_help(*words->next))) {
        words->next = words->end;
        word = "help";
    } else if (strcmp(word, "--version") == 0) {
        word = "version";
    } else if (is_group(word)) {
        if (words->next == words->end)
            return refuse_command(word, NULL, err);
        const char *second = *words->next++;
        snprintf(name, sizeof name, "%s %.64s", word, second);
        *command = find_command(name);
        return *command != NULL || refuse_command(word, second, err);
    }
    *command = strchr(word, ' ') == NULL ? find_command(word) : NULL;
    return *command != NULL || refuse_command(NULL, word, err);
}

bool command_parse(int count, char *const words[], struct command_arguments *arguments,
                   struct error *err)
{
    struct words rest = {.next = words, .end = words + count};

    *arguments = (struct command_arguments){0};
    return parse_command(&rest, &arguments->command, &arguments->help, err)
           && parse_rest(arguments, &rest, err);
}

const char *command_flag(const struct command_arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->flag_count; i++) {
        if (strcmp(arguments->flags[i].name, name) == 0)
            return arguments->flags[i].value;
    }
    return NULL;
}

bool command_time(const struct command_arguments *arguments, const char *flag, int64_t otherwise,
                  int64_t *us, struct error *err)
{
    const char *text = command_flag(arguments, flag);

    *us = otherwise;
    if (text == NULL || rfc3339_parse_us(text, strlen(text), us))
        return true;
    error_set(err, EXIT_CODE_USAGE, "%s: --%s: %.100s is no time", arguments->command->name, flag,
              text);
    return error_hint(err, "write it like 2026-11-21T09:30:00Z");
}

bool command_integer(const struct command_arguments *arguments, const char *flag, int64_t least,
                     int64_t most, int64_t otherwise, int64_t *value, struct error *err)
{
    const char *text = command_flag(arguments, flag);
    char *end;

    *value = otherwise;
    if (text == NULL)
        return true;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *value >= least
        && *value <= most)
        return true;
    error_set(err, EXIT_CODE_USAGE, "%s: --%s: %.100s is no number that fits",
              arguments->command->name, flag, text);
    return error_hint(err, "write a whole number, at least %" PRId64, least);
}
