/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream from pull to Kafka: answers come in, messages go out as far as the sink takes them, and
 * its reports settle them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/stream.h"
#include "core/log.h"
#include "core/provenance.h"
#include "core/units.h"

/* Pub/Sub holds a pull for about 90 s; after that the connection is dead. */
enum { PULL_TIMEOUT_MS = 120000, DEAD_LOG_US = 10000000 };

/* The window of message ids is far larger than any cache: its places are asked for so many messages ahead. */
enum { AHEAD = 8 };

/* A tenth of a second's worth at least, so that a pull is worth its request. */
static int64_t rate_step(const struct stream *stream)
{
    return stream->rate.per_second / 10 + 1;
}

static enum stream_hold hold_of(const struct stream *stream, const struct pulls_room *room,
                                int64_t now_us)
{
    switch (stream->state) {
    case STREAM_STARTING:
        return HOLD_STARTING;
    case STREAM_WAITING:
        return stream->denied ? HOLD_AUTH : HOLD_BACKOFF;
    case STREAM_STOPPED:
        return HOLD_STOPPED;
    case STREAM_RUNNING:
        break;
    }
    if (stream->received != NULL)
        return HOLD_KAFKA_QUEUE;
    bool waits = stream->pulls.in_flight > 0; /* Its own pulls may have asked for all the room. */
    if (room->messages <= 0 && !waits)
        return HOLD_MESSAGES;
    if (room->bytes < stream->pulls.mean_bytes && room->bytes < room->all_bytes && !waits)
        return HOLD_BYTES;
    if (rate_left(&stream->dead_rate, now_us) <= 0)
        return HOLD_DEAD_RATE;
    /* A pull that waits has asked for what is left: then the rate is not what holds it. */
    return rate_left(&stream->rate, now_us) < rate_step(stream) ? HOLD_RATE : HOLD_NONE;
}

/* What a pull may ask for: what the rate leaves of `ask`, those under way counted; 0: none. */
static int32_t ask_within_rate(const struct stream *stream, int64_t now_us, int32_t ask)
{
    int64_t left = rate_left(&stream->rate, now_us);

    if (left == INT64_MAX)
        return ask;
    left -= stream->pulls.asked;
    return left < rate_step(stream) ? 0 : left < ask ? (int32_t)left : ask;
}

void stream_pull(struct stream *stream, struct pulls_room *room)
{
    struct stream_context *context = stream->context;
    int64_t now_us = clock_monotonic_us(context->clock);
    struct error err;
    int32_t ask;

    stream->pull_us = INT64_MAX;
    stream->hold = hold_of(stream, room, now_us);
    if (stream->hold == HOLD_RATE)
        stream->pull_us = rate_when_us(&stream->rate, now_us, rate_step(stream));
    else if (stream->hold == HOLD_DEAD_RATE)
        stream->pull_us = rate_when_us(&stream->dead_rate, now_us, 1);
    if (stream->hold != HOLD_NONE)
        return;
    while ((ask = pulls_next(&stream->pulls, now_us, room)) > 0
           && (ask = ask_within_rate(stream, now_us, ask)) > 0) {
        struct source_call *call = source_call(context->source, SOURCE_PULL, stream);
        call->asked = ask;
        buffer_appendf(&call->request, "{\"maxMessages\":%d}", ask);
        if (!source_start(context->source, &stream->subscription, call, PULL_TIMEOUT_MS, &err)) {
            stream_has_no_token(stream, &err);
            return;
        }
        pulls_started(&stream->pulls, ask);
        room->messages -= ask;
        room->bytes -= ask * stream->pulls.mean_bytes;
    }
    if (now_us < stream->pulls.earliest_us && stream->pulls.in_flight < stream->pulls.target)
        stream->pull_us = stream->pulls.earliest_us;
}

static uint32_t message_size(const struct envelope *envelope,
                             const struct envelope_message *message)
{
    size_t size = message->data_size + message->ordering_key.size;

    for (size_t i = 0; i < message->attribute_count; i++) {
        const struct envelope_attribute *attribute =
            &envelope->attributes[message->attribute_first + i];
        size += attribute->name.size + attribute->value.size;
    }
    return (uint32_t)size;
}

/* An answer without messages, or one that means the same. */
static void received_nothing(struct stream *stream, struct source_call *call, bool busy)
{
    int64_t now_us = call->ended_us;

    stream_count(stream, STREAM_bridge_empty_pulls_total, 1);
    pulls_answered(
        &stream->pulls, now_us,
        &(struct pulls_answer){.asked = call->asked, .took_us = call->ended_us - call->began_us});
    if (busy) {
        stream->pulls.earliest_us = now_us + retry_delay_ms(&stream->busy) * 1000;
    } else {
        retry_reset(&stream->busy);
        stream->behind_ms = 0;
        stream->heard_us = now_us;
        stream_succeeded(stream);
    }
    source_done(stream->context->source, call);
}

static void received_messages(struct stream *stream, struct source_call *call)
{
    const struct envelope *envelope = &call->envelope;
    struct pulls_answer answer = {.asked = call->asked,
                                  .count = (int32_t)envelope->message_count,
                                  .took_us = call->ended_us - call->began_us};
    int64_t oldest_us = INT64_MAX;

    for (size_t i = 0; i < envelope->message_count; i++) {
        answer.bytes += message_size(envelope, &envelope->messages[i]);
        if (envelope->messages[i].publish_time_us < oldest_us)
            oldest_us = envelope->messages[i].publish_time_us;
    }
    answer.age_ms = clock_wall_ms(stream->context->clock) - oldest_us / 1000;
    pulls_answered(&stream->pulls, call->ended_us, &answer);
    retry_reset(&stream->busy);
    stream_succeeded(stream);
    stream->behind_ms = answer.age_ms > 0 ? answer.age_ms : 0;
    stream->heard_us = call->ended_us;
    rate_take(&stream->rate, call->ended_us, answer.count);
    stream->unsent_messages += answer.count;
    stream->unsent_bytes += answer.bytes;
    stream_count(stream, STREAM_bridge_pulls_total, 1);
    stream_count(stream, STREAM_bridge_received_messages_total, answer.count);
    stream_count(stream, STREAM_bridge_received_bytes_total, answer.bytes);

    call->flight_batch =
        flight_open(stream->flight, call->ended_us, lease_first_us(&stream->lease, call->ended_us));
    *stream->received_end = call;
    stream->received_end = &call->link;
    stream_expect_books(stream, envelope);
}

void stream_received(struct stream *stream, struct source_call *call)
{
    if (call->cancelled || stream->state == STREAM_STOPPED) {
        pulls_failed(&stream->pulls, call->asked); /* What it brought comes again. */
        source_done(stream->context->source, call);
        return;
    }

    struct error err = {0};
    enum retry_class class = stream_classify(stream, call, "pull", &err);

    if (class == RETRY_BUSY) {
        received_nothing(stream, call, true);
        return;
    }
    if (class == RETRY_SUCCESS && !envelope_parse(&call->envelope, &call->answer)) {
        error_retry(&err, EXIT_CODE_SOURCE, "subscription %s: pull: byte %zu of the answer: %s",
                    stream->config->subscription, call->envelope.fault_offset,
                    call->envelope.fault);
        class = RETRY_LATER;
    }
    if (class != RETRY_SUCCESS) {
        pulls_failed(&stream->pulls, call->asked);
        stream_fail(stream, &err);
        source_done(stream->context->source, call);
    } else if (call->envelope.message_count == 0) {
        received_nothing(stream, call, false);
    } else {
        received_messages(stream, call);
    }
}

/* A flood of them makes a line every ten seconds. */
static void note_dead_letter(struct stream *stream, const struct envelope_message *message,
                             const char *reason)
{
    int64_t now_us = clock_monotonic_us(stream->context->clock);
    char id[PROVENANCE_ID_SIZE_MAX + 1];

    stream->dead++;
    rate_take(&stream->dead_rate, now_us, 1);
    if (stream->dead_told_us > 0 && now_us - stream->dead_told_us < DEAD_LOG_US) {
        stream->dead_hidden++;
        return;
    }
    snprintf(id, sizeof id, "%.*s", (int)message->message_id.size, message->message_id.data);
    log_warn("a message became a dead letter", LOG_TEXT("stream", stream->config->name),
             LOG_TEXT("message_id", id), LOG_TEXT("reason", reason),
             LOG_INT("more_since_last", stream->dead_hidden));
    stream->dead_told_us = now_us;
    stream->dead_hidden = 0;
}

static enum sink_result send_new(struct stream *stream, const struct envelope *envelope,
                                 const struct envelope_message *message, uint32_t ref,
                                 struct error *err)
{
    struct delivery_outcome outcome;
    enum sink_result result =
        delivery_send(&stream->delivery, envelope, message, NULL, stream_tag(stream, ref, false),
                      stream_tag(stream, ref, true), &outcome, err);

    if (result != SINK_SENT)
        return result;
    stream->sent++;
    if (outcome.dead_letter)
        note_dead_letter(stream, message, outcome.reason);
    else
        stream_count(stream, STREAM_bridge_delivered_bytes_total, (int64_t)outcome.size_bytes);
    return result;
}

/* The next message of an answer on its way. SINK_SENT also if there was nothing to do. */
static enum sink_result send_message(struct stream *stream, struct source_call *call,
                                     struct error *err)
{
    const struct envelope *envelope = &call->envelope;
    size_t ahead = call->next + AHEAD;
    const struct envelope_message *message = &envelope->messages[call->next];
    const struct flight_message entry = {
        .message_id = message->message_id.data,
        .message_id_size = message->message_id.size,
        .ack_id = message->ack_id.data,
        .ack_id_size = message->ack_id.size,
        .ack_id_plain = message->ack_id_plain,
        .size_bytes = message_size(envelope, message),
        .minute = book_minute(message->publish_time_us),
    };

    if (ahead < envelope->message_count)
        flight_expect(stream->flight, envelope->messages[ahead].message_id.data,
                      envelope->messages[ahead].message_id.size);
    if (!call->entered) { /* Else the sink was full when it was tried before. */
        enum flight_entry entered =
            flight_enter(stream->flight, call->flight_batch, &entry, &call->ref);
        call->entered = entered == FLIGHT_NEW;
        if (entered == FLIGHT_NO_ROOM)
            stream_book_left(stream, message);
        else
            stream_book(stream, BOOK_RECEIVED, call->ref);
        if (entered == FLIGHT_DUPLICATE) {
            stream_book(stream, BOOK_DUPLICATE, call->ref);
            stream_count(stream, STREAM_bridge_duplicates_total, 1);
        }
    }
    if (call->entered) {
        enum sink_result result = send_new(stream, envelope, message, call->ref, err);
        if (result != SINK_SENT)
            return result;
        call->entered = false;
    }
    stream->unsent_messages--;
    stream->unsent_bytes -= entry.size_bytes;
    call->next++;
    return SINK_SENT;
}

/* The first answer is done with: sent, or given up. */
static void drop_received(struct stream *stream)
{
    struct source_call *call = stream->received;

    flight_close(stream->flight, call->flight_batch);
    stream->received = call->link;
    if (stream->received == NULL)
        stream->received_end = &stream->received;
    source_done(stream->context->source, call);
}

/* What is not yet sent is left to a redelivery. */
static void stop(struct stream *stream, const struct error *err)
{
    stream->error = *err;
    stream->state = STREAM_STOPPED;
    log_failure("stream stops", err);
    if (stream->received != NULL && stream->received->entered) {
        stream_book(stream, BOOK_RETURNED, stream->received->ref);
        flight_settle(stream->flight, stream->received->ref, false);
    }
    while (stream->received != NULL)
        drop_received(stream);
    stream->unsent_messages = 0;
    stream->unsent_bytes = 0;
}

/* What the pipeline file calls too many dead letters ends the stream. True if it does. */
static bool stops_above(struct stream *stream)
{
    const struct pipeline_stream *config = stream->config;
    char window[UNITS_TEXT_SIZE];
    int64_t messages, dead;
    struct error err;

    dead_share_add(&stream->dead_share, clock_monotonic_us(stream->context->clock), stream->sent,
                   stream->dead);
    stream->sent = stream->dead = 0;
    if (stream->state == STREAM_STOPPED
        || !dead_share_is_above(&stream->dead_share, &messages, &dead))
        return false;
    error_set(&err, EXIT_CODE_DIFFERENT,
              "stream %s: %" PRId64 " of %" PRId64
              " messages within %s became dead letters: stop_above: %.12g%%",
              config->name, dead, messages, units_format_duration(config->stop_window_ms, window),
              config->stop_above * 100);
    error_hint(&err,
               "look at dualrun.reason in the topic %s, mend the publisher or the schema and "
               "start again; --replay-dead-letters then delivers them",
               config->dead_letter != NULL ? config->dead_letter : "of dead letters");
    stop(stream, &err);
    return true;
}

void stream_send(struct stream *stream)
{
    struct error err = {0};

    while (stream->received != NULL) {
        struct source_call *call = stream->received;
        enum sink_result result = SINK_SENT;

        while (result == SINK_SENT && call->next < call->envelope.message_count) {
            if (!call->entered && stream_awaits_book(stream, &call->envelope.messages[call->next]))
                return;
            result = send_message(stream, call, &err);
            if (stream->dead > 0 && stops_above(stream))
                return;
        }
        stops_above(stream); /* Without a new dead letter it only counts. */
        if (result == SINK_FULL) {
            stream_count(stream, STREAM_bridge_blocked_total, 1);
            return;
        }
        if (result != SINK_SENT) {
            stop(stream, &err);
            return;
        }
        drop_received(stream);
    }
}

void stream_settled(struct stream *stream, uint32_t ref, bool dead_letter, const char *fault)
{
    stream_book(stream,
                fault != NULL ? BOOK_RETURNED
                : dead_letter ? BOOK_DEAD_LETTERED
                              : BOOK_DELIVERED,
                ref);
    flight_settle(stream->flight, ref, fault == NULL);
    if (fault == NULL) {
        stream_count(stream,
                     dead_letter ? STREAM_bridge_dead_letters_total
                                 : STREAM_bridge_delivered_messages_total,
                     1);
        return;
    }

    struct error err;

    stream_count(stream, STREAM_bridge_returned_messages_total, 1);
    error_retry(&err, EXIT_CODE_TARGET, "topic %s: Kafka refused a record: %s",
                dead_letter ? stream->config->dead_letter : stream->config->topic.name, fault);
    error_hint(&err, "it was not acknowledged, so Pub/Sub sends its message again");
    stream_fail(stream, &err);
}
