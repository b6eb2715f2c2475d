/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: words in, exit status out. Results go to stdout, messages to stderr.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "core/buffer.h"
#include "core/log.h"
#include "core/process.h"

/* A message may have several lines; those that begin with "hint: " are hints already. */
static void print_error(const struct error *err)
{
    struct buffer text = {0};

    log_hide(err->text, &text);
    const char *line = buffer_text(&text);
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");
        bool hint = strncmp(line, "hint: ", 6) == 0;
        fprintf(stderr, "%s%.*s\n", hint ? "" : "dualrun: ", (int)size, line);
        line += size + (line[size] == '\n');
    }
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
    buffer_fini(&text);
}

static bool set_log(const struct command_arguments *arguments, struct error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const char *level = command_flag(arguments, "log-level");

    log_set_json(command_flag(arguments, "log-json") != NULL);
    if (level == NULL)
        return true;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(level, levels[i]) == 0) {
            log_set_level((enum log_level)i);
            return true;
        }
    }
    error_set(err, EXIT_CODE_USAGE, "no such log level: %.100s", level);
    return error_hint(err, "use one of: debug, info, warn, error");
}

static int run(int count, char *const words[], struct error *err)
{
    struct command_arguments arguments;

    if (!command_parse(count, words, &arguments, err))
        return (int)err->code;
    if (arguments.help) {
        command_help(arguments.command, stdout);
        return EXIT_CODE_OK;
    }
    if (!set_log(&arguments, err))
        return (int)err->code;
    return arguments.command->run(&arguments, err);
}

int main(int argc, char **argv)
{
    struct error err = {0};

    process_start();
    int status = run(argc - 1, argv + 1, &err);
    if (err.text[0] != '\0' && status != EXIT_CODE_OK)
        print_error(&err);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("dualrun: stdout: not everything could be written\n", stderr);
        return status != EXIT_CODE_OK ? status : EXIT_CODE_TARGET;
    }
    return status;
}
