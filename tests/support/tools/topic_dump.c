/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic-dump: the committed records of a topic as JSON lines.
 *
 *     topic-dump BROKERS TOPIC [--schemas DIRECTORY|URL] [--until-end]
 *
 * One object a record: partition, offset, timestamp, key (key_base64 if it is no text), headers, and
 * value if it is Avro with a schema that is known, else value_base64 (null for a tombstone).
 * Without --until-end it goes on until it is asked to stop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "core/process.h"
#include "topic.h"

enum { POLL_MS = 200 };

struct command {
    const char *place[2]; /* Brokers, topic. */
    const char *schemas;
    bool until_end;
    bool help;
};

static void set_bytes(json_t *row, const char *name, const char *name_base64, const void *data,
                      size_t size)
{
    json_t *text = data == NULL ? json_null() : topic_text(data, size);

    if (text != NULL)
        json_object_set_new(row, name, text);
    else
        json_object_set_new(row, name_base64, topic_base64(data, size));
}

static void dump(const rd_kafka_message_t *message, struct registry *registry)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    json_t *row = json_pack("{s:i, s:I, s:I}", "partition", (int)message->partition, "offset",
                            (json_int_t)message->offset, "timestamp", (json_int_t)timestamp);
    json_t *value = topic_decode(registry, message->payload, message->len);

    set_bytes(row, "key", "key_base64", message->key, message->key_len);
    json_object_set_new(row, "headers", topic_headers(message));
    if (value != NULL)
        json_object_set_new(row, "value", value);
    else
        json_object_set_new(
            row, "value_base64",
            message->payload == NULL ? json_null() : topic_base64(message->payload, message->len));
    json_dumpf(row, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(row);
}

static bool dump_all(struct topic_reader *reader, struct registry *registry, bool until_end,
                     struct error *err)
{
    while (!process_stopping() && !(until_end && topic_reader_at_end(reader))) {
        rd_kafka_message_t *message = topic_reader_next(reader, POLL_MS, err);
        if (message != NULL) {
            dump(message, registry);
            rd_kafka_message_destroy(message);
        } else if (err->text[0] != '\0') {
            return false;
        } else if (!until_end) {
            fflush(stdout);
        }
    }
    return (fflush(stdout) == 0 && !ferror(stdout))
           || error_set(err, EXIT_CODE_STATE, "write: %s", strerror(errno));
}

static bool run(const struct command *command, struct error *err)
{
    struct pipeline_kafka kafka;
    struct registry *registry = NULL;
    struct topic_reader reader;
    bool ok;

    topic_kafka_init(&kafka, command->place[0], command->schemas);
    if (command->schemas != NULL) {
        registry = registry_open(&kafka, err);
        if (registry == NULL)
            return false;
    }
    ok = topic_reader_open(&reader, &kafka, command->place[1], 0, err);
    if (ok) {
        ok = dump_all(&reader, registry, command->until_end, err);
        topic_reader_close(&reader);
    }
    registry_close(registry);
    return ok;
}

int main(int argc, char **argv)
{
    struct command command = {0};
    const struct argument arguments[] = {
        {"schemas", ARGUMENT_TEXT, &command.schemas, "directory or URL of the schema registry"},
        {"until-end", ARGUMENT_FLAG, &command.until_end, "stop at the end of the topic"},
        {"help", ARGUMENT_FLAG, &command.help, "this"},
    };
    size_t count = sizeof arguments / sizeof *arguments;
    size_t place_count;
    struct error err = {0};

    process_start();
    bool ok = arguments_parse(arguments, count, argc, argv, command.place, 2, &place_count, &err);
    if (ok && command.help) {
        puts("usage: topic-dump BROKERS TOPIC [OPTION...]\n");
        arguments_help(arguments, count);
        return EXIT_CODE_OK;
    }
    if (ok && place_count < 2)
        ok = error_set(&err, EXIT_CODE_USAGE, "BROKERS and TOPIC are needed");
    if (!ok || !run(&command, &err)) {
        fprintf(stderr, "topic-dump: %s\n", err.text);
        if (err.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", err.hint);
        return (int)err.code;
    }
    return EXIT_CODE_OK;
}
