/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/streams.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/heartbeat.h"
#include "core/log.h"

enum { BEGIN_MS = 5000 };

static bool open_context(struct stream_context *context, const struct pipeline *pipeline,
                         const struct sink_listener *listener, struct metrics *metrics,
                         struct error *err)
{
    bool schemas =
        pipeline->kafka.registry_url != NULL || pipeline->kafka.registry_directory != NULL;

    context->pipeline = pipeline;
    context->clock = clock_real();
    context->metrics = metrics;
    context->source = source_open(&pipeline->pubsub, context->clock, err);
    if (context->source == NULL)
        return false;
    context->sink = sink_open(pipeline, NULL, listener, err);
    if (context->sink == NULL)
        return false;
    if (schemas)
        context->registry = registry_open(&pipeline->kafka, err);
    return !schemas || context->registry != NULL;
}

/* The streams to bridge. `only` is in the file: pipeline_stream was asked. */
static bool is_wanted(const struct pipeline_stream *stream, const struct pipeline_stream *only)
{
    return stream->subscription != NULL && (only == NULL || stream == only);
}

static bool open_streams(struct streams *streams, const struct pipeline_stream *only,
                         struct error *err)
{
    const struct pipeline *pipeline = streams->context.pipeline;

    for (size_t i = 0; i < pipeline->stream_count; i++)
        streams->context.stream_count += is_wanted(&pipeline->streams[i], only);
    if (streams->context.stream_count == 0) {
        error_set(err, EXIT_CODE_CONFIG, "%s: no stream has a subscription to read",
                  pipeline->file);
        return error_hint(err, "give the stream a subscription");
    }
    streams->list = memory_array(streams->context.stream_count, sizeof(struct stream *));
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        if (!is_wanted(&pipeline->streams[i], only))
            continue;
        struct stream *stream =
            stream_new(&pipeline->streams[i], &streams->context, (uint32_t)streams->count, err);
        if (stream == NULL)
            return false;
        streams->list[streams->count++] = stream;
    }
    return true;
}

static void name_run(struct stream_context *context)
{
    char host[128] = "";

    gethostname(host, sizeof host - 1);
    snprintf(context->instance, sizeof context->instance, "%s-%d", host, (int)getpid());
    if (getrandom(&context->run, sizeof context->run, 0) != sizeof context->run)
        context->run = (uint64_t)clock_wall_ms(clock_real()) << 22 ^ (uint64_t)getpid();
}

/* Confirmed before anything is pulled. A ledger that does not answer holds nothing up for long. */
static void begin_books(const struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_begin_books(streams->list[i]);
    sink_flush(streams->context.sink, BEGIN_MS);
}

bool streams_open(struct streams *streams, const struct pipeline *pipeline, const char *only,
                  const struct sink_listener *listener, struct metrics *metrics, struct error *err)
{
    const struct pipeline_stream *stream = NULL;

    *streams = (struct streams){0};
    if (only != NULL && (stream = pipeline_stream(pipeline, only, err)) == NULL)
        return false;
    name_run(&streams->context);
    if (open_context(&streams->context, pipeline, listener, metrics, err)
        && open_streams(streams, stream, err)) {
        streams->context.ledger = sink_ledger(streams->context.sink, pipeline->ledger_topic,
                                              streams->list[0]->config->topic.replication, err);
        if (streams->context.ledger != NULL) {
            begin_books(streams);
            return true;
        }
    }
    streams_close(streams);
    return false;
}

void streams_close(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_free(streams->list[i]);
    free(streams->list);
    source_close(streams->context.source);
    sink_close(streams->context.sink);
    registry_close(streams->context.registry);
    *streams = (struct streams){0};
}

void streams_limit(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_limit(streams->list[i]);
}

int64_t streams_wait_ms(const struct streams *streams, int64_t most_ms)
{
    int64_t now_us = clock_monotonic_us(streams->context.clock);
    int64_t next_us = now_us + most_ms * 1000;

    next_us = streams->beat_us < next_us ? streams->beat_us : next_us;

    for (size_t i = 0; i < streams->count; i++) {
        int64_t us = stream_next_us(streams->list[i]);
        next_us = us < next_us ? us : next_us;
    }
    return next_us <= now_us ? 0 : (next_us - now_us + 999) / 1000;
}

void streams_answer(struct streams *streams)
{
    struct source_call *call;

    while ((call = source_next(streams->context.source)) != NULL)
        stream_answer(call->owner, call);
}

void streams_settled(struct streams *streams, uint64_t tag, const char *fault)
{
    uint32_t index = (uint32_t)(tag >> 33) & 0x3fffffff;

    assert(index < streams->count);
    stream_settled(streams->list[index], (uint32_t)tag, (tag >> 32 & 1) != 0, fault);
}

void streams_send(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_send(streams->list[i]);
}

void streams_ack(struct streams *streams, bool at_once)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_ack(streams->list[i], at_once);
}

void streams_extend(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_extend(streams->list[i]);
}

/* What all streams hold and have asked for, taken from what the process may hold. */
static struct pulls_room room_left(const struct streams *streams)
{
    const struct pipeline_bridge *limits = &streams->context.pipeline->bridge;
    struct pulls_room room = {limits->max_messages, limits->max_bytes, limits->max_messages,
                              limits->max_bytes};

    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *stream = streams->list[i];
        const struct flight_counts *counts = flight_counts(stream->flight);
        room.messages -= stream->unsent_messages + stream->pulls.asked
                         + (int64_t)(counts->sending + counts->ready + counts->acking);
        room.bytes -=
            stream->unsent_bytes + pulls_reserved_bytes(&stream->pulls) + (int64_t)counts->bytes;
    }
    return room;
}

void streams_pull(struct streams *streams, bool draining)
{
    struct pulls_room room = room_left(streams);

    for (size_t i = 0; i < streams->count; i++) {
        if (draining) {
            streams->list[i]->hold = HOLD_STOPPING;
            continue;
        }
        stream_start(streams->list[i]);
        stream_pull(streams->list[i], &room);
    }
}

/* A stream that cannot be read sends none: nobody may believe that it is silent. */
static void beat(const struct streams *streams, const struct stream *stream)
{
    const struct flight_counts *counts = flight_counts(stream->flight);
    struct heartbeat heartbeat = {
        .time_ms = clock_wall_ms(streams->context.clock),
        .behind_ms = stream_behind_ms(stream, clock_monotonic_us(streams->context.clock)),
        .in_flight = stream->unsent_messages + (int64_t)counts->sending,
    };
    struct buffer key = {0}, value = {0};

    if (stream->state != STREAM_RUNNING)
        return;
    snprintf(heartbeat.stream, sizeof heartbeat.stream, "%s", stream->config->name);
    snprintf(heartbeat.instance, sizeof heartbeat.instance, "%s", streams->context.instance);
    heartbeat_format(&heartbeat, &key, &value);
    sink_note(streams->context.sink, streams->context.ledger, &key, &value, 0);
    buffer_fini(&key);
    buffer_fini(&value);
}

void streams_beat(struct streams *streams)
{
    int64_t now_us = clock_monotonic_us(streams->context.clock);

    if (now_us < streams->beat_us)
        return;
    streams->beat_us = now_us + (int64_t)HEARTBEAT_INTERVAL_MS * 1000;
    for (size_t i = 0; i < streams->count; i++) {
        stream_measure(streams->list[i]);
        beat(streams, streams->list[i]);
        stream_write_books(streams->list[i]);
    }
}

void streams_noted(struct streams *streams, uint64_t tag, const char *fault)
{
    uint64_t index = (tag >> 32) - 1;

    assert(index < streams->count);
    stream_noted(streams->list[index], (uint32_t)tag, fault);
}

void streams_close_books(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_close_books(streams->list[i]);
}

/* Stopped, or never readable for a reason that waiting does not mend. */
static bool is_over(const struct stream *stream)
{
    return stream->state == STREAM_STOPPED
           || (stream->state == STREAM_WAITING && !stream->described
               && stream->error.class == ERROR_STOP);
}

bool streams_are_over(const struct streams *streams, struct error *err)
{
    for (size_t i = 0; i < streams->count; i++) {
        if (!is_over(streams->list[i]))
            return false;
    }
    *err = streams->list[0]->error;
    return true;
}

bool streams_have_failed(const struct streams *streams, struct error *err)
{
    for (size_t i = 0; i < streams->count; i++) {
        if (streams->list[i]->state != STREAM_STOPPED)
            continue;
        *err = streams->list[i]->error;
        return true;
    }
    return streams_are_over(streams, err);
}

bool streams_are_drained(const struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++) {
        if (!stream_is_drained(streams->list[i]))
            return false;
    }
    return true;
}

void streams_return(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        stream_return(streams->list[i]);
}
