/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made from the table of commands: help, the reference, and completion for bash.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "core/metrics.h"
#include "core/pipeline.h"

static const char *const exit_statuses[] = {
    "done",
    "differences were found, or a gate failed",
    "inconclusive: not enough was seen to judge",
    "wrong use of the command line",
    "the pipeline file is wrong",
    "the source failed: Pub/Sub, or what the command reads",
    "the target failed: Kafka, or what the command writes",
    "local state failed: disk, checkpoint, permission",
    "a bug of dualrun: please report it",
};

enum { EXIT_STATUS_COUNT = sizeof exit_statuses / sizeof *exit_statuses };

_Static_assert(EXIT_STATUS_COUNT == EXIT_CODE_BUG + 1, "every exit status has its words");

static void print_flag(const struct command_flag *flag, FILE *out)
{
    char left[48];

    snprintf(left, sizeof left, "--%s%s%s", flag->name, flag->argument != NULL ? " " : "",
             flag->argument != NULL ? flag->argument : "");
    fprintf(out, "  %-24s %s\n", left, flag->help);
}

static void print_usage(const struct command *command, FILE *out)
{
    fprintf(out, "dualrun %s%s%s%s [flags]", command->name, command->takes_file ? " FILE" : "",
            command->operand != NULL ? " " : "", command->operand != NULL ? command->operand : "");
}

static void print_examples(const struct command *command, const char *indent, FILE *out)
{
    for (size_t i = 0; i < COMMAND_EXAMPLES_MAX && command->examples[i] != NULL; i++)
        fprintf(out, "%s%s\n", indent, command->examples[i]);
}

void command_help(const struct command *command, FILE *out)
{
    print_examples(command, "  ", out);
    fprintf(out, "\n%s\n\nusage: ", command->text);
    print_usage(command, out);
    fputs("\n\n", out);
    for (size_t i = 0; i < COMMAND_FLAGS_MAX && command->flags[i].name != NULL; i++)
        print_flag(&command->flags[i], out);
    for (size_t i = 0; i < command_common_flag_count; i++)
        print_flag(&command_common_flags[i], out);
}

void command_help_all(FILE *out)
{
    fputs("  dualrun config check pipeline.yaml\n"
          "  dualrun bridge pipeline.yaml\n"
          "  dualrun join pipeline.yaml\n"
          "  dualrun validate pipeline.yaml\n\n"
          "Moves event streams from Pub/Sub to Kafka, joins them, and proves with an independent\n"
          "recompute that nothing was lost, doubled or changed.\n\n",
          out);
    for (size_t i = 0; i < command_count; i++) {
        if (!commands[i].hidden)
            fprintf(out, "  %-24s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\ndualrun COMMAND --help tells more. Exit status: ", out);
    fputs("0 done, 1 different, 2 inconclusive, 3 usage,\n"
          "4 pipeline file, 5 source, 6 target, 7 local state, 8 bug.\n",
          out);
}

/* Reference. */

static void reference_flags(const struct command_flag *flags, size_t count, FILE *out)
{
    for (size_t i = 0; i < count && flags[i].name != NULL; i++)
        fprintf(out, "| `--%s%s%s` | %s |\n", flags[i].name, flags[i].argument != NULL ? " " : "",
                flags[i].argument != NULL ? flags[i].argument : "", flags[i].help);
}

static void reference_command(const struct command *command, FILE *out)
{
    fprintf(out, "\n### dualrun %s\n\n%s\n\n```sh\n", command->name, command->text);
    print_examples(command, "", out);
    fputs("```\n", out);
    if (command->flags[0].name == NULL)
        return;
    fputs("\n| Flag | |\n|---|---|\n", out);
    reference_flags(command->flags, COMMAND_FLAGS_MAX, out);
}

struct metric_row {
    const char *name, *labels, *help;
    enum metric_kind kind;
};

static const struct metric_row metric_rows[] = {
#define METRIC(name_, kind_, scale_, help_)                                                        \
    {.name = #name_, .labels = "stream", .help = (help_), .kind = (kind_)},
#define LABELLED(name_, kind_, scale_, labels_, help_)                                             \
    {.name = #name_, .labels = (labels_), .help = (help_), .kind = (kind_)},
#include "bridge/metrics.def"
#define METRIC(name_, kind_, scale_, help_)                                                        \
    {.name = #name_, .labels = "join, partition", .help = (help_), .kind = (kind_)},
#define LABELLED(name_, kind_, scale_, labels_, help_)                                             \
    {.name = #name_, .labels = (labels_), .help = (help_), .kind = (kind_)},
#include "joiner/metrics.def"
};

static void reference_metrics(FILE *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    fputs(
        "\n## Metrics\n\nServed at `/metrics` with `--http HOST:PORT`, in base units; each begins "
        "with `dualrun_`.\n\n| Metric | Kind | Labels | |\n|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < sizeof metric_rows / sizeof *metric_rows; i++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", metric_rows[i].name, kinds[metric_rows[i].kind],
                metric_rows[i].labels, metric_rows[i].help);
}

static void reference_report_metrics(FILE *out)
{
    fputs("\nIn `report.prom` of a report, all gauges, with the label pipeline and these:\n\n"
          "| Metric | Labels | |\n|---|---|---|\n",
          out);
#define SAID(name, labels, help) fputs("| `" #name "` | " labels " | " help " |\n", out);
#include "validator/metrics.def"
}

void command_reference(FILE *out)
{
    fputs("# Reference\n\n"
          "Made by `dualrun reference` from the tables that the program runs on; a test fails when "
          "they differ.\n\n## Commands\n\n"
          "Flags of every command:\n\n| Flag | |\n|---|---|\n",
          out);
    reference_flags(command_common_flags, command_common_flag_count, out);
    for (size_t i = 0; i < command_count; i++) {
        if (!commands[i].hidden)
            reference_command(&commands[i], out);
    }
    fputs("\n## Exit status\n\n| Status | Meaning |\n|---|---|\n", out);
    for (int i = 0; i < EXIT_STATUS_COUNT; i++)
        fprintf(out, "| %d | %s |\n", i, exit_statuses[i]);
    fputs("\n## Pipeline file\n\n", out);
    pipeline_reference(out);
    reference_metrics(out);
    reference_report_metrics(out);
}

/* Completion. */

static void complete_flags(const struct command *command, FILE *out)
{
    for (size_t i = 0; i < COMMAND_FLAGS_MAX && command->flags[i].name != NULL; i++)
        fprintf(out, " --%s", command->flags[i].name);
    for (size_t i = 0; i < command_common_flag_count; i++)
        fprintf(out, " --%s", command_common_flags[i].name);
}

/* The words that may follow `prefix` ("" or "config "), each once. */
static void complete_words(const char *prefix, FILE *out)
{
    size_t size = strlen(prefix);
    const char *last = "";
    size_t last_size = 0;

    for (size_t i = 0; i < command_count; i++) {
        const char *name = commands[i].name;
        if (commands[i].hidden || strncmp(name, prefix, size) != 0)
            continue;
        const char *word = name + size;
        size_t word_size = strcspn(word, " ");
        if (word_size == last_size && strncmp(word, last, word_size) == 0)
            continue; /* Commands of one group stand together. */
        fprintf(out, "%s%.*s", last_size > 0 ? " " : "", (int)word_size, word);
        last = word;
        last_size = word_size;
    }
}

/* The second words of each group of commands ("config show"). */
static void complete_groups(FILE *out)
{
    char group[32] = "";

    for (size_t i = 0; i < command_count; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t size = space != NULL ? (size_t)(space - commands[i].name) : 0;

        if (commands[i].hidden || size == 0 || strncmp(group, commands[i].name, size + 1) == 0)
            continue;
        snprintf(group, sizeof group, "%.*s", (int)size + 1, commands[i].name);
        fprintf(out, "    [[ $COMP_CWORD -eq 2 && ${COMP_WORDS[1]} == %.*s ]] && words='",
                (int)size, group);
        complete_words(group, out);
        fputs("'\n", out);
    }
}

void command_completion(FILE *out)
{
    fputs("# SPDX-License-Identifier: Apache-2.0\n"
          "# Completion for bash, made by `dualrun completion`.\n"
          "_dualrun() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          out);
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].hidden)
            continue;
        fprintf(out,
                strchr(commands[i].name, ' ') != NULL ? "    '%s') words='" : "    '%s '*) words='",
                commands[i].name);
        complete_flags(&commands[i], out);
        fputs(" ' ;;\n", out);
    }
    fputs("    esac\n    [[ $COMP_CWORD -eq 1 ]] && words='", out);
    complete_words("", out);
    fputs("'\n", out);
    complete_groups(out);
    fputs("    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    [[ $word == -* || $COMP_CWORD -eq 1 ]] || mapfile -t -O \"${#COMPREPLY[@]}\" "
          "COMPREPLY "
          "< <(compgen -f -- \"$word\")\n"
          "}\n"
          "complete -o filenames -F _dualrun dualrun\n",
          out);
}
