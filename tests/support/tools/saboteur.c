/* SPDX-License-Identifier: Apache-2.0 */
/*
 * saboteur: copies a topic while it is written, but deletes, doubles and alters a few records, and
 * moves or rekeys others.
 *
 *     saboteur BROKERS --from TOPIC --to TOPIC --delete N --double N --alter N --list FILE
 *
 * Copies keep key, partition, headers and timestamp. Which records are spoiled depends on the seed
 * and their offsets. Ends with --until-end at the end of the topic, else when it is asked to stop
 * and has copied what is there. FILE then has one JSON line for each record that was spoiled; exit
 * status 1 if the topic was too short for all of them.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alter.h"
#include "arguments.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/kafka.h"
#include "core/process.h"
#include "core/provenance.h"
#include "random.h"
#include "topic.h"

enum { POLL_MS = 100, WAIT_MS = 60000, FLUSH_MS = 30000, QUIET_US = 1500000 };

enum action {
    ACTION_DELETE,
    ACTION_DOUBLE,
    ACTION_ALTER,
    ACTION_MOVE,  /* To the next partition. */
    ACTION_REKEY, /* A key with a letter more, on the same partition. */
    ACTION_COUNT,
};
static const char *const action_names[ACTION_COUNT] = {"delete", "double", "alter", "move",
                                                       "rekey"};

/* What a copy may have other than its record. */
struct place {
    int32_t partition;
    const void *key;
    size_t key_size;
};

struct deed {
    json_t *row;        /* What the list says, but for the offsets of the copies. */
    int64_t offsets[2]; /* In the target topic; -1: no copy. Set when Kafka has it. */
};

struct command {
    const char *brokers;
    const char *from;
    const char *to;
    const char *schemas;
    const char *list;
    uint32_t quota[ACTION_COUNT];
    uint32_t one_in; /* Records for one that is spoiled, until all are. */
    uint64_t seed;
    bool until_end;
    bool help;
};

struct saboteur {
    const struct command *command;
    struct topic_reader reader;
    struct registry *registry;
    rd_kafka_t *producer;
    uint32_t left[ACTION_COUNT];
    struct deed *deeds;
    size_t deed_count;
    uint64_t read_count;
    uint64_t written_count;
    rd_kafka_resp_err_t failed; /* The first delivery that failed. */
};

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct saboteur *saboteur = opaque;
    int64_t *offset = message->_private;

    (void)producer;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        saboteur->written_count++;
    else if (saboteur->failed == RD_KAFKA_RESP_ERR_NO_ERROR)
        saboteur->failed = message->err;
    if (offset != NULL)
        *offset = message->offset;
}

static bool copy_to(struct saboteur *saboteur, const rd_kafka_message_t *message,
                    const struct place *place, const void *value, size_t size, int64_t *offset,
                    struct error *err)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t code;

    rd_kafka_message_headers(message, &headers);
    do {
        rd_kafka_headers_t *copied = headers == NULL ? NULL : rd_kafka_headers_copy(headers);
        code = rd_kafka_producev(
            saboteur->producer, RD_KAFKA_V_TOPIC(saboteur->command->to),
            RD_KAFKA_V_PARTITION(place->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(place->key, place->key_size), RD_KAFKA_V_VALUE((void *)value, size),
            RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_HEADERS(copied), RD_KAFKA_V_OPAQUE(offset),
            RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && copied != NULL)
            rd_kafka_headers_destroy(copied); /* Taken only on success. */
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(saboteur->producer, POLL_MS);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, saboteur->command->to);
}

static bool copy(struct saboteur *saboteur, const rd_kafka_message_t *message, const void *value,
                 size_t size, int64_t *offset, struct error *err)
{
    struct place place = {message->partition, message->key, message->key_len};

    return copy_to(saboteur, message, &place, value, size, offset, err);
}

/* The text of a header's field, "id" or "sample", as JSON; null if the record has none. */
static json_t *message_id(const rd_kafka_message_t *message)
{
    struct provenance_source source;
    const void *value;
    size_t size;

    if (!kafka_header(message, HEADER_SOURCE, &value, &size)
        || !provenance_parse_source(value, size, &source))
        return json_null();
    return topic_text(source.message_id, source.message_id_size);
}

static json_t *sample_id(const rd_kafka_message_t *message)
{
    struct provenance_join join;
    char text[2 * sizeof join.sample_id + 1];
    const void *value;
    size_t size;

    if (!kafka_header(message, HEADER_JOIN, &value, &size)
        || !provenance_parse_join(value, size, &join))
        return json_null();
    for (size_t i = 0; i < sizeof join.sample_id; i++)
        snprintf(text + 2 * i, 3, "%02x", join.sample_id[i]);
    return json_string(text);
}

static json_t *view_id(struct saboteur *saboteur, const rd_kafka_message_t *message)
{
    json_t *value = topic_decode(saboteur->registry, message->payload, message->len);
    json_t *id = json_incref(json_object_get(value, "view_id"));

    json_decref(value);
    return id != NULL ? id : json_null();
}

static struct deed *note(struct saboteur *saboteur, enum action action,
                         const rd_kafka_message_t *message)
{
    struct deed *deed = &saboteur->deeds[saboteur->deed_count++];
    json_t *key = message->key == NULL ? json_null() : topic_text(message->key, message->key_len);

    deed->offsets[0] = deed->offsets[1] = -1;
    deed->row = json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o}", "action",
                          action_names[action], "topic", saboteur->command->to, "partition",
                          (int)message->partition, "source_offset", (json_int_t)message->offset,
                          "key", key != NULL ? key : topic_base64(message->key, message->key_len),
                          "message_id", message_id(message), "view_id", view_id(saboteur, message),
                          "sample", sample_id(message));
    saboteur->left[action]--;
    return deed;
}

/* The frame and an altered record; false if nothing in it can be altered. */
static bool altered_value(struct saboteur *saboteur, const rd_kafka_message_t *message,
                          uint64_t pick, struct buffer *out, const char **field)
{
    const uint8_t *value = message->payload;
    const uint8_t *end = value + message->len;
    const uint8_t *record;
    const struct schema *schema;
    struct error err;
    int32_t id;

    record = value == NULL ? NULL : codec_frame(value, message->len, &id);
    schema = record == NULL ? NULL : registry_schema(saboteur->registry, id, &err);
    if (schema == NULL)
        return false;
    buffer_append(out, value, (size_t)(record - value));
    return alter_record(schema, record, (size_t)(end - record), message->key, message->key_len,
                        pick, out, field);
}

static bool alter(struct saboteur *saboteur, const rd_kafka_message_t *message, uint64_t pick,
                  struct error *err)
{
    struct buffer value = {0};
    const char *field = NULL;
    bool ok;

    if (altered_value(saboteur, message, pick, &value, &field)) {
        struct deed *deed = note(saboteur, ACTION_ALTER, message);
        json_object_set_new(deed->row, "field", json_string(field));
        ok = copy(saboteur, message, value.data, value.size, &deed->offsets[0], err);
    } else {
        ok = copy(saboteur, message, message->payload, message->len, NULL, err);
    }
    buffer_fini(&value);
    return ok;
}

static bool move(struct saboteur *saboteur, const rd_kafka_message_t *message, struct error *err)
{
    struct deed *deed = note(saboteur, ACTION_MOVE, message);
    struct place place = {(message->partition + 1) % saboteur->reader.partition_count, message->key,
                          message->key_len};

    return copy_to(saboteur, message, &place, message->payload, message->len, &deed->offsets[0],
                   err);
}

static bool rekey(struct saboteur *saboteur, const rd_kafka_message_t *message, struct error *err)
{
    struct deed *deed = note(saboteur, ACTION_REKEY, message);
    struct buffer key = {0};

    buffer_append(&key, message->key, message->key_len);
    buffer_append(&key, "x", 1);
    struct place place = {message->partition, key.data, key.size};
    bool ok =
        copy_to(saboteur, message, &place, message->payload, message->len, &deed->offsets[0], err);
    buffer_fini(&key);
    return ok;
}

/* ACTION_COUNT: none. A function of seed and position, but for the quota. */
static enum action choose(const struct saboteur *saboteur, uint64_t dice)
{
    enum action open[ACTION_COUNT];
    uint32_t open_count = 0;

    for (int i = 0; i < ACTION_COUNT; i++) {
        if (saboteur->left[i] > 0)
            open[open_count++] = (enum action)i;
    }
    if (open_count == 0 || dice % saboteur->command->one_in != 0)
        return ACTION_COUNT;
    return open[(dice >> 32) % open_count];
}

static bool pass_on(struct saboteur *saboteur, const rd_kafka_message_t *message, struct error *err)
{
    uint64_t place = (uint64_t)message->partition << 48 ^ (uint64_t)message->offset;
    uint64_t dice = random_mix(random_mix(saboteur->command->seed) ^ random_mix(place + 1));
    struct deed *deed;

    saboteur->read_count++;
    switch (choose(saboteur, dice)) {
    case ACTION_DELETE:
        note(saboteur, ACTION_DELETE, message);
        return true;
    case ACTION_DOUBLE:
        deed = note(saboteur, ACTION_DOUBLE, message);
        return copy(saboteur, message, message->payload, message->len, &deed->offsets[0], err)
               && copy(saboteur, message, message->payload, message->len, &deed->offsets[1], err);
    case ACTION_ALTER:
        return alter(saboteur, message, random_mix(dice), err);
    case ACTION_MOVE:
        return move(saboteur, message, err);
    case ACTION_REKEY:
        return rekey(saboteur, message, err);
    default:
        return copy(saboteur, message, message->payload, message->len, NULL, err);
    }
}

/* At the end of the topic, and nothing came for longer than a fetch may wait. */
static bool copy_all(struct saboteur *saboteur, struct error *err)
{
    int64_t last_us = clock_monotonic_us(clock_real());

    for (;;) {
        rd_kafka_message_t *message = topic_reader_next(&saboteur->reader, POLL_MS, err);
        int64_t now_us = clock_monotonic_us(clock_real());
        bool ok = err->text[0] == '\0';
        if (message != NULL) {
            last_us = now_us;
            ok = pass_on(saboteur, message, err);
            rd_kafka_message_destroy(message);
        }
        rd_kafka_poll(saboteur->producer, 0);
        if (saboteur->failed != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(err, saboteur->failed, saboteur->command->to);
        if (!ok)
            return false;
        if ((saboteur->command->until_end || process_stopping())
            && topic_reader_at_end(&saboteur->reader) && now_us - last_us > QUIET_US)
            return true;
    }
}

static bool finish_copies(struct saboteur *saboteur, struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(saboteur->producer, FLUSH_MS);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = saboteur->failed;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, saboteur->command->to);
}

static bool write_list(const struct saboteur *saboteur, struct error *err)
{
    const char *path = saboteur->command->list;
    FILE *out = fopen(path, "w");
    bool ok = out != NULL;

    for (size_t i = 0; ok && i < saboteur->deed_count; i++) {
        const struct deed *deed = &saboteur->deeds[i];
        if (deed->offsets[0] >= 0)
            json_object_set_new(deed->row, "offset", json_integer(deed->offsets[0]));
        if (deed->offsets[1] >= 0)
            json_object_set_new(deed->row, "second_offset", json_integer(deed->offsets[1]));
        ok = json_dumpf(deed->row, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
    }
    if (out != NULL && fclose(out) != 0)
        ok = false;
    return ok || error_set(err, EXIT_CODE_STATE, "write %s: %s", path, strerror(errno));
}

static bool tell(const struct saboteur *saboteur, struct error *err)
{
    uint32_t done[ACTION_COUNT];

    for (int i = 0; i < ACTION_COUNT; i++)
        done[i] = saboteur->command->quota[i] - saboteur->left[i];
    printf("{\"from\":\"%s\",\"to\":\"%s\",\"read\":%" PRIu64 ",\"written\":%" PRIu64
           ",\"deleted\":%u,\"doubled\":%u,\"altered\":%u,\"moved\":%u,\"rekeyed\":%u}\n",
           saboteur->command->from, saboteur->command->to, saboteur->read_count,
           saboteur->written_count, done[ACTION_DELETE], done[ACTION_DOUBLE], done[ACTION_ALTER],
           done[ACTION_MOVE], done[ACTION_REKEY]);
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (saboteur->left[i] == 0)
            continue;
        error_set(err, EXIT_CODE_DIFFERENT, "topic %s was too short: %u of %u to %s were done",
                  saboteur->command->from, done[i], saboteur->command->quota[i], action_names[i]);
        return error_hint(err, "lower --one-in, which is %u", saboteur->command->one_in);
    }
    return true;
}

static bool open_target(struct saboteur *saboteur, const struct pipeline_kafka *kafka,
                        struct error *err)
{
    static const char *const settings[] = {"enable.idempotence", "true", "linger.ms", "5", NULL};
    char *name = memory_text(saboteur->command->to);
    struct pipeline_topic topic = {
        .name = name, .partitions = saboteur->reader.partition_count, .replication = 1};
    rd_kafka_conf_t *conf = kafka_conf(kafka, "saboteur", settings, err);
    bool ok = false;

    if (conf != NULL) {
        rd_kafka_conf_set_opaque(conf, saboteur);
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
        saboteur->producer = kafka_producer(conf, err);
        ok = saboteur->producer != NULL
             && kafka_topic_ensure(saboteur->producer, &topic, 0, NULL, 0, NULL, err);
    }
    free(name);
    return ok;
}

static void close_all(struct saboteur *saboteur)
{
    topic_reader_close(&saboteur->reader);
    if (saboteur->producer != NULL)
        rd_kafka_destroy(saboteur->producer);
    if (saboteur->registry != NULL)
        registry_close(saboteur->registry);
    for (size_t i = 0; i < saboteur->deed_count; i++)
        json_decref(saboteur->deeds[i].row);
    free(saboteur->deeds);
}

static bool run(const struct command *command, struct error *err)
{
    struct saboteur saboteur = {.command = command};
    struct pipeline_kafka kafka;
    size_t deed_max = 0;
    bool ok;

    if (command->brokers == NULL || command->from == NULL || command->to == NULL
        || command->list == NULL || command->one_in == 0)
        return error_set(err, EXIT_CODE_USAGE, "BROKERS, --from, --to and --list are needed");
    if (command->quota[ACTION_ALTER] > 0 && command->schemas == NULL)
        return error_set(err, EXIT_CODE_USAGE, "--alter: the records' --schemas are needed");
    for (int i = 0; i < ACTION_COUNT; i++)
        deed_max += saboteur.left[i] = command->quota[i];
    saboteur.deeds = memory_array(deed_max, sizeof *saboteur.deeds);
    topic_kafka_init(&kafka, command->brokers, command->schemas);
    if (command->schemas != NULL)
        saboteur.registry = registry_open(&kafka, err);
    ok = (command->schemas == NULL || saboteur.registry != NULL)
         && topic_reader_open(&saboteur.reader, &kafka, command->from, WAIT_MS, err)
         && open_target(&saboteur, &kafka, err) && copy_all(&saboteur, err)
         && finish_copies(&saboteur, err) && write_list(&saboteur, err) && tell(&saboteur, err);
    close_all(&saboteur);
    return ok;
}

int main(int argc, char **argv)
{
    struct command command = {.one_in = 1000, .seed = 1};
    const struct argument arguments[] = {
        {"from", ARGUMENT_TEXT, &command.from, "topic to read; waits up to 60 s for it"},
        {"to", ARGUMENT_TEXT, &command.to, "topic to write; made with as many partitions"},
        {"delete", ARGUMENT_COUNT, &command.quota[ACTION_DELETE], "records to leave out (0)"},
        {"double", ARGUMENT_COUNT, &command.quota[ACTION_DOUBLE], "records to write twice (0)"},
        {"alter", ARGUMENT_COUNT, &command.quota[ACTION_ALTER], "records to change a field of (0)"},
        {"move", ARGUMENT_COUNT, &command.quota[ACTION_MOVE],
         "records to write to the next partition (0)"},
        {"rekey", ARGUMENT_COUNT, &command.quota[ACTION_REKEY],
         "records to write under another key (0)"},
        {"one-in", ARGUMENT_COUNT, &command.one_in,
         "spoil about one in so many, until done (1000)"},
        {"seed", ARGUMENT_SEED, &command.seed, "of the choice (1)"},
        {"list", ARGUMENT_TEXT, &command.list, "file for what was done"},
        {"schemas", ARGUMENT_TEXT, &command.schemas, "directory or URL of the schema registry"},
        {"until-end", ARGUMENT_FLAG, &command.until_end, "stop at the end of the topic"},
        {"help", ARGUMENT_FLAG, &command.help, "this"},
    };
    size_t count = sizeof arguments / sizeof *arguments;
    size_t rest_count;
    struct error err = {0};

    process_start();
    if (!arguments_parse(arguments, count, argc, argv, &command.brokers, 1, &rest_count, &err)
        || (!command.help && !run(&command, &err))) {
        fprintf(stderr, "saboteur: %s\n", err.text);
        if (err.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", err.hint);
        return (int)err.code;
    }
    if (command.help) {
        puts("usage: saboteur BROKERS --from TOPIC --to TOPIC --list FILE [OPTION...]\n");
        arguments_help(arguments, count);
    }
    return EXIT_CODE_OK;
}
