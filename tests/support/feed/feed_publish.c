/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed-publish: the lines of a file as messages of a Pub/Sub topic.
 *
 *     feed-publish FILE --publish http://HOST:PORT --topic TOPIC      FILE - is stdin
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "core/clock.h"
#include "core/process.h"
#include "publisher.h"

struct command {
    const char *file;
    const char *publish;
    const char *project;
    const char *topic;
    uint32_t in_flight;
    double rate; /* 0: as fast as it goes. */
    bool help;
};

static bool publish_line(struct publisher *publisher, const char *line, size_t size,
                         struct error *err)
{
    static const struct publisher_attribute origin = {.name = "origin", .value = "file"};
    struct publisher_message message = {
        .body = line, .body_size = size, .attributes = &origin, .attribute_count = 1};

    return publisher_add(publisher, 0, &message, err);
}

/* Holds line number `index` back until it is due. */
static bool pace(struct publisher *publisher, double rate, uint64_t index, int64_t start_us,
                 struct error *err)
{
    int64_t due_us = start_us + (int64_t)((double)index * 1e6 / rate);
    int64_t left_us;

    while ((left_us = due_us - clock_monotonic_us(clock_real())) > 0 && !process_stopping()) {
        publisher_flush(publisher);
        if (!publisher_turn(publisher, left_us < 10000 ? (int)(left_us / 1000) + 1 : 10, err))
            return false;
    }
    return true;
}

static bool publish_file(struct publisher *publisher, const struct command *command, FILE *in,
                         struct error *err)
{
    int64_t start_us = clock_monotonic_us(clock_real());
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    bool ok = true;

    for (uint64_t i = 0; ok && (size = getline(&line, &capacity, in)) >= 0; i++) {
        if (process_stopping())
            break;
        if (size > 0 && line[size - 1] == '\n')
            size--;
        if (command->rate > 0)
            ok = pace(publisher, command->rate, i, start_us, err);
        ok = ok && publish_line(publisher, line, (size_t)size, err);
    }
    free(line);
    if (ok && ferror(in))
        ok = error_set(err, EXIT_CODE_STATE, "read %s: %s", command->file, strerror(errno));
    return ok && publisher_finish(publisher, err);
}

static bool run(const struct command *command, struct error *err)
{
    struct publisher_options options = {.endpoint = command->publish,
                                        .project = command->project,
                                        .topics = &command->topic,
                                        .topic_count = 1,
                                        .in_flight = command->in_flight};
    struct publisher *publisher = NULL;
    FILE *in = NULL;
    bool ok;

    if (command->file == NULL || command->publish == NULL || command->topic == NULL)
        return error_set(err, EXIT_CODE_USAGE, "FILE, --publish and --topic are needed");
    if (command->in_flight == 0)
        return error_set(err, EXIT_CODE_USAGE, "--in-flight: at least one request is needed");
    in = strcmp(command->file, "-") == 0 ? stdin : fopen(command->file, "r");
    if (in == NULL)
        return error_set(err, EXIT_CODE_STATE, "open %s: %s", command->file, strerror(errno));
    publisher = publisher_new(&options, err);
    ok = publisher != NULL && publish_file(publisher, command, in, err);
    if (ok)
        printf("{\"published\":%" PRIu64 "}\n", publisher_counts(publisher)->published);
    publisher_free(publisher);
    if (in != stdin)
        fclose(in);
    return ok;
}

int main(int argc, char **argv)
{
    struct command command = {.project = "demo-project", .in_flight = 4};
    const struct argument arguments[] = {
        {"publish", ARGUMENT_TEXT, &command.publish, "Pub/Sub's endpoint, http://HOST:PORT"},
        {"project", ARGUMENT_TEXT, &command.project, "there (demo-project)"},
        {"topic", ARGUMENT_TEXT, &command.topic, "there"},
        {"in-flight", ARGUMENT_COUNT, &command.in_flight, "requests (4)"},
        {"rate", ARGUMENT_RATE, &command.rate, "lines a second (as fast as it goes)"},
        {"help", ARGUMENT_FLAG, &command.help, "this"},
    };
    size_t count = sizeof arguments / sizeof *arguments;
    size_t rest_count;
    struct error err = {0};

    process_start();
    if (!arguments_parse(arguments, count, argc, argv, &command.file, 1, &rest_count, &err)
        || (!command.help && !run(&command, &err))) {
        fprintf(stderr, "feed-publish: %s\n", err.text);
        if (err.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", err.hint);
        return (int)err.code;
    }
    if (command.help) {
        puts("usage: feed-publish FILE --publish ENDPOINT --topic TOPIC [OPTION...]\n");
        arguments_help(arguments, count);
    }
    return EXIT_CODE_OK;
}
