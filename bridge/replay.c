/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/delivery.h"
#include "bridge/replay_letter.h"
#include "bridge/replay_marks.h"
#include "bridge/window.h"
#include "core/kafka.h"
#include "core/log.h"
#include "core/process.h"

enum {
    BATCH = 500, /* Letters of a transaction. */
    FULL_WAIT_MS = 100,
    IDS_SIZE = 1 << 18, /* Letters among which two of the same message are found, at least. */
    CODES_MAX = 32,     /* Reasons told apart; the last one takes all others. */
    CODE_SIZE = 24,
};

struct count { /* Letters of one reason. Each found one is in one of the others. */
    char code[CODE_SIZE];
    int64_t found, before, doubled, left_out, delivered, again;
};

struct replay {
    const struct pipeline *pipeline;
    const struct pipeline_stream *config;
    const struct replay_options *options;
    struct sink *sink; /* NULL in a dry run, as registry, delivery and ledger. */
    struct registry *registry;
    struct delivery delivery;
    const struct sink_topic *ledger;
    struct replay_marks marks;
    struct window *ids; /* Of messages, each with its attempt, whose letter was seen. */
    struct replay_letter letter;
    int batch;         /* Letters in the open transaction; 0: none is open. */
    const char *fault; /* Kafka's, of a record. */
    struct count counts[CODES_MAX];
    size_t code_count;
    int64_t strange; /* Records that are no dead letters, or name another subscription. */
};

static void on_settled(void *context, uint64_t tag, const char *fault)
{
    struct replay *replay = context;

    (void)tag;
    if (fault != NULL)
        replay->fault = fault;
}

static struct count *count_of(struct replay *replay, const struct replay_letter *letter)
{
    const char *colon = memchr(letter->reason, ':', letter->reason_size);
    size_t size = colon != NULL ? (size_t)(colon - letter->reason) : letter->reason_size;
    char code[CODE_SIZE];

    snprintf(code, sizeof code, "%.*s", (int)size, letter->reason);
    for (size_t i = 0; i < replay->code_count; i++) {
        if (strcmp(replay->counts[i].code, code) == 0)
            return &replay->counts[i];
    }
    if (replay->code_count == CODES_MAX)
        return &replay->counts[CODES_MAX - 1];
    struct count *count = &replay->counts[replay->code_count++];
    snprintf(count->code, sizeof count->code, "%s",
             replay->code_count == CODES_MAX ? "others" : code);
    return count;
}

/* A crash between a dead letter and its acknowledgement makes a second one: only one counts. */
static bool is_double(struct replay *replay, const struct replay_letter *letter)
{
    char text[PROVENANCE_ID_SIZE_MAX + 16];
    int size = snprintf(text, sizeof text, "%" PRId32 "/%.*s", letter->attempt,
                        (int)letter->source.message_id_size, letter->source.message_id);
    struct window_id id = window_hash(text, (size_t)size);

    if (window_find(replay->ids, id) != NULL)
        return true;
    window_put(replay->ids, id, 0);
    return false;
}

static bool is_wanted(const struct replay_options *options, const struct replay_letter *letter)
{
    size_t size = options->reason != NULL ? strlen(options->reason) : 0;

    return letter->source.publish_time_us >= options->from_us
           && letter->source.publish_time_us < options->to_us && letter->reason_size >= size
           && (size == 0 || memcmp(letter->reason, options->reason, size) == 0);
}

/* -- Into Kafka -- */

static bool commit(struct replay *replay, struct error *err)
{
    struct buffer key = {0}, value = {0};
    bool noted = true;

    if (replay->batch == 0)
        return true;
    process_crash_point("replay.produced");
    while (noted && replay_marks_write(&replay->marks, &key, &value))
        noted = sink_note(replay->sink, replay->ledger, &key, &value, 0)
                || error_set(err, EXIT_CODE_TARGET, "topic %s: the queue to Kafka is full",
                             replay->pipeline->ledger_topic);
    buffer_fini(&key);
    buffer_fini(&value);
    if (!noted || !sink_commit(replay->sink, err))
        return false;
    process_crash_point("replay.committed");
    replay->batch = 0;
    if (replay->fault == NULL)
        return true;
    return error_set(err, EXIT_CODE_TARGET, "Kafka refused a record: %s", replay->fault);
}

static bool send_letter(struct replay *replay, const rd_kafka_message_t *record,
                        struct count *count, struct error *err)
{
    const struct provenance_replay header = {record->partition, record->offset,
                                             replay->letter.attempt + 1};
    char text[PROVENANCE_TEXT_SIZE];
    struct delivery_outcome outcome;
    enum sink_result result;

    if (replay->batch == 0 && !sink_begin(replay->sink, err))
        return false;
    text[provenance_format_replay(&header, text)] = '\0';
    do {
        result = delivery_send(&replay->delivery, &replay->letter.envelope,
                               replay->letter.envelope.messages, text, 1, 1, &outcome, err);
        if (result == SINK_FULL)
            sink_flush(replay->sink, FULL_WAIT_MS);
        if (!sink_settle(replay->sink, err))
            return false;
    } while (result == SINK_FULL && !process_stopping());
    if (result == SINK_FULL)
        return true; /* Asked to stop: this one waits for the next run. */
    if (result != SINK_SENT)
        return false;
    replay_marks_add(&replay->marks, record->partition, record->offset);
    *(outcome.dead_letter ? &count->again : &count->delivered) += 1;
    return ++replay->batch < BATCH || commit(replay, err);
}

static bool take_letter(void *context, const rd_kafka_message_t *record, struct error *err)
{
    struct replay *replay = context;
    const char *subscription = delivery_subscription(replay->config);
    struct replay_letter *letter = &replay->letter;

    if (!replay_letter_read(letter, record)
        || letter->source.subscription_size != strlen(subscription)
        || memcmp(letter->source.subscription, subscription, letter->source.subscription_size)
               != 0) {
        replay->strange++;
        return true;
    }
    struct count *count = count_of(replay, letter);
    bool doubled = is_double(replay, letter);

    count->found++;
    if (replay_marks_has(&replay->marks, record->partition, record->offset))
        count->before++;
    else if (doubled)
        count->doubled++;
    else if (!is_wanted(replay->options, letter))
        count->left_out++;
    else if (replay->options->dry_run)
        count->delivered++; /* Or again: only trying tells. */
    else
        return send_letter(replay, record, count, err);
    return true;
}

static bool take_mark(void *context, const rd_kafka_message_t *record, struct error *err)
{
    struct replay *replay = context;

    (void)err;
    if (record->key != NULL && record->payload != NULL)
        replay_marks_read(&replay->marks, record->key, record->key_len, record->payload,
                          record->len);
    return true;
}

/* -- What became of them -- */

static void print_json(const struct replay *replay)
{
    const struct replay_options *options = replay->options;

    printf("{\"stream\":\"%s\",\"topic\":\"%s\",\"dry_run\":%s,\"other_records\":%" PRId64
           ",\"reasons\":[",
           replay->config->name, replay->config->dead_letter, options->dry_run ? "true" : "false",
           replay->strange);
    for (size_t i = 0; i < replay->code_count; i++) {
        const struct count *c = &replay->counts[i];
        printf("%s{\"reason\":\"%s\",\"found\":%" PRId64 ",\"replayed_before\":%" PRId64
               ",\"doubled\":%" PRId64 ",\"left_out\":%" PRId64,
               i > 0 ? "," : "", c->code, c->found, c->before, c->doubled, c->left_out);
        if (options->dry_run)
            printf(",\"to_replay\":%" PRId64 "}", c->delivered);
        else
            printf(",\"delivered\":%" PRId64 ",\"failed_again\":%" PRId64 "}", c->delivered,
                   c->again);
    }
    puts("]}");
}

static void print_text(const struct replay *replay)
{
    bool dry = replay->options->dry_run;

    printf("stream %s, dead letters in %s%s\n", replay->config->name, replay->config->dead_letter,
           dry ? " (dry run: nothing is written)" : "");
    if (replay->code_count == 0)
        puts("  there is none");
    else
        printf("  %-12s %10s %10s %10s %10s %10s%s\n", "reason", "found", "before", "doubled",
               "left out", dry ? "to replay" : "delivered", dry ? "" : "  dead again");
    for (size_t i = 0; i < replay->code_count; i++) {
        const struct count *c = &replay->counts[i];
        printf("  %-12s %10" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64,
               c->code, c->found, c->before, c->doubled, c->left_out, c->delivered);
        if (!dry)
            printf("  %10" PRId64, c->again);
        putchar('\n');
    }
}

/* -- One stream -- */

/* Before anything is read: what an earlier run left open ends by it. */
static bool open_target(struct replay *replay, struct error *err)
{
    const struct pipeline *pipeline = replay->pipeline;
    const struct sink_listener listener = {replay, on_settled, NULL};
    char id[512];

    snprintf(id, sizeof id, "%s-replay-%s", pipeline->name, replay->config->name);
    replay->sink = sink_open(pipeline, id, &listener, err);
    if (replay->sink == NULL)
        return false;
    if (replay->config->decode != DECODE_RAW) {
        replay->registry = registry_open(&pipeline->kafka, err);
        if (replay->registry == NULL)
            return false;
    }
    if (!delivery_open(&replay->delivery, replay->config, replay->sink, replay->registry, err))
        return false;
    replay->ledger =
        sink_ledger(replay->sink, pipeline->ledger_topic, replay->config->topic.replication, err);
    return replay->ledger != NULL;
}

static bool run(struct replay *replay, struct error *err)
{
    const struct pipeline_kafka *kafka = &replay->pipeline->kafka;

    return (replay->options->dry_run || open_target(replay, err))
           && kafka_read_topic(kafka, replay->pipeline->ledger_topic, take_mark, replay, err)
           && kafka_read_topic(kafka, replay->config->dead_letter, take_letter, replay, err)
           && commit(replay, err);
}

static bool replay_stream(const struct pipeline *pipeline, const struct pipeline_stream *config,
                          const struct replay_options *options, bool *all_fit, struct error *err)
{
    struct replay *replay = memory_new(sizeof *replay);

    replay->pipeline = pipeline;
    replay->config = config;
    replay->options = options;
    replay->ids = window_new(IDS_SIZE);
    replay_marks_init(&replay->marks, config->name, config->dead_letter);
    bool done =
        run(replay, err) || error_wrap(err, "replay dead letters of stream %s", config->name);
    if (!done && replay->batch > 0)
        sink_abort(replay->sink);
    if (done && options->json)
        print_json(replay);
    else if (done)
        print_text(replay);
    for (size_t i = 0; i < replay->code_count; i++)
        *all_fit = *all_fit && replay->counts[i].again == 0;
    delivery_close(&replay->delivery);
    sink_close(replay->sink);
    registry_close(replay->registry);
    replay_marks_fini(&replay->marks);
    window_free(replay->ids);
    envelope_fini(&replay->letter.envelope);
    free(replay);
    return done;
}

bool replay_run(const struct pipeline *pipeline, const struct replay_options *options,
                bool *all_fit, struct error *err)
{
    size_t count = 0;

    *all_fit = true;
    for (size_t i = 0; i < pipeline->stream_count && !process_stopping(); i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        if (stream->subscription == NULL || stream->dead_letter == NULL
            || (options->stream != NULL && strcmp(options->stream, stream->name) != 0))
            continue;
        count++;
        if (!replay_stream(pipeline, stream, options, all_fit, err))
            return false;
    }
    if (process_stopping())
        log_warn("stopped: what is left is replayed by the next run");
    if (count > 0)
        return true;
    error_set(err, EXIT_CODE_CONFIG, "%s: no stream%s%s has dead letters", pipeline->file,
              options->stream != NULL ? " named " : "",
              options->stream != NULL ? options->stream : "");
    return error_hint(err, "a stream has them if it has a subscription and dead_letter: TOPIC");
}
