/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's way back to Pub/Sub: acknowledgements, extensions, and what is given back at the end.
 */
#include "bridge/ack_answer.h"
#include "bridge/stream.h"
#include "core/process.h"

enum {
    ACK_LINGER_US = 20000, /* So that a request carries many. */
    ACK_COUNT_AT_ONCE = 1000,
    ACK_REQUESTS_MAX = 4,
    ACK_TIMEOUT_MS = 30000,
    MODIFY_TIMEOUT_MS = 10000,
    EXTEND_RETRY_US = 1000000,
    EXTEND_AHEAD_US = 1000000, /* What is due soon goes along with what is due now. */
};

/* When stream_ack has something to send. */
int64_t stream_ack_us(const struct stream *stream)
{
    const struct flight_counts *counts = flight_counts(stream->flight);

    if (counts->ready == 0 || stream->acks_in_flight >= ACK_REQUESTS_MAX)
        return INT64_MAX;
    int64_t due_us = counts->ready >= ACK_COUNT_AT_ONCE || stream->ready_since_us == 0
                         ? 0
                         : stream->ready_since_us + ACK_LINGER_US;
    return due_us > stream->ack_after_us ? due_us : stream->ack_after_us;
}

static bool start_ack(struct stream *stream)
{
    struct stream_context *context = stream->context;
    struct source_call *call = source_call(context->source, SOURCE_ACK, stream);
    struct error err;

    if (!flight_take_acks(stream->flight, &call->request, &call->refs)) {
        source_done(context->source, call);
        return false;
    }
    if (!source_start(context->source, &stream->subscription, call, ACK_TIMEOUT_MS, &err)) {
        /* source_start gave the call back, but its refs are untouched until it is used again. */
        for (uint32_t i = 0; i < call->refs.count; i++)
            flight_ack_again(stream->flight, call->refs.refs[i]);
        stream_has_no_token(stream, &err);
        stream->ack_after_us =
            clock_monotonic_us(context->clock) + retry_delay_ms(&stream->ack_retry) * 1000;
        return false;
    }
    stream->acks_in_flight++;
    return true;
}

void stream_ack(struct stream *stream, bool at_once)
{
    const struct flight_counts *counts = flight_counts(stream->flight);
    int64_t now_us = clock_monotonic_us(stream->context->clock);

    if (counts->ready == 0) {
        stream->ready_since_us = 0;
        return;
    }
    if (stream->ready_since_us == 0)
        stream->ready_since_us = now_us;
    if (now_us < (at_once ? stream->ack_after_us : stream_ack_us(stream)))
        return;
    while (stream->acks_in_flight < ACK_REQUESTS_MAX && start_ack(stream))
        stream->ready_since_us = counts->ready > 0 ? now_us : 0;
}

static void ack_succeeded(struct stream *stream, const struct source_call *call)
{
    process_crash_point("bridge.acked");
    for (uint32_t i = 0; i < call->refs.count; i++) {
        stream_book(stream, BOOK_ACKED, call->refs.refs[i]);
        int64_t age_us = flight_acked(stream->flight, call->refs.refs[i], call->ended_us);
        lease_observe(&stream->lease, age_us, 1);
        metric_observe(stream->metrics[STREAM_bridge_acknowledge_seconds], age_us);
    }
    stream_count(stream, STREAM_bridge_acknowledged_messages_total, call->refs.count);
    retry_reset(&stream->ack_retry);
}

static void ack_lost(struct stream *stream, uint32_t ref)
{
    flight_ack_lost(stream->flight, ref);
    stream_count(stream, STREAM_bridge_lost_acknowledgements_total, 1);
}

/* True if the id was named as failing for now: nothing was gained. */
static bool ack_named(struct stream *stream, const json_t *metadata, uint32_t ref)
{
    struct flight_ack_id id = flight_ack_id(stream->flight, ref);
    struct flight_owner owner = flight_owner(stream->flight, ref);

    switch (ack_answer_verdict(metadata, id.text, id.size)) {
    case ACK_AGAIN:
        flight_ack_again(stream->flight, ref);
        return true;
    case ACK_LOST:
        ack_lost(stream, ref);
        break;
    case ACK_UNNAMED:
        if (flight_ack_unnamed(stream->flight, ref)) {
            books_add(stream->books, owner.minute, BOOK_ACKED, owner.id);
            stream_count(stream, STREAM_bridge_acknowledged_messages_total, 1);
        }
        break;
    }
    return false;
}

static void ack_failed(struct stream *stream, const struct source_call *call,
                       enum retry_class class, const struct error *err)
{
    json_t *metadata =
        call->status == 400 ? ack_answer_parse(call->answer.data, call->answer.size) : NULL;
    /* Without a word on each id, a 400 would come back for ever. */
    bool all_lost = call->status == 400 && metadata == NULL;
    uint32_t again = 0;

    for (uint32_t i = 0; i < call->refs.count; i++) {
        if (metadata != NULL)
            again += ack_named(stream, metadata, call->refs.refs[i]);
        else if (all_lost)
            ack_lost(stream, call->refs.refs[i]);
        else
            flight_ack_again(stream->flight, call->refs.refs[i]);
    }
    if (metadata != NULL && again < call->refs.count)
        retry_reset(&stream->ack_retry); /* The others came through. */
    stream->ack_after_us = call->ended_us + retry_delay_ms(&stream->ack_retry) * 1000;
    if (metadata == NULL && class != RETRY_BUSY)
        stream_fail(stream, err);
    json_decref(metadata);
}

void stream_acked(struct stream *stream, struct source_call *call)
{
    struct error err = {0};
    enum retry_class class = stream_classify(stream, call, "acknowledge", &err);

    stream->acks_in_flight--;
    if (class == RETRY_SUCCESS)
        ack_succeeded(stream, call);
    else
        ack_failed(stream, call, class, &err);
    source_done(stream->context->source, call);
}

/* False if the request could not be started. */
static bool start_modify(struct stream *stream, struct source_call *call)
{
    struct error err;

    if (source_start(stream->context->source, &stream->subscription, call, MODIFY_TIMEOUT_MS, &err))
        return true;
    stream_has_no_token(stream, &err);
    return false;
}

/* After a request for them, or, if it failed, before the next. */
static void renew(struct stream *stream, const struct flight_refs *batches, int64_t now_us,
                  int32_t seconds, bool failed)
{
    for (uint32_t i = 0; i < batches->count; i++) {
        uint32_t batch = batches->refs[i];
        int64_t received_us = flight_received_us(stream->flight, batch);

        flight_renew(stream->flight, batch,
                     failed ? now_us + EXTEND_RETRY_US
                            : lease_next_us(now_us, seconds, received_us));
    }
}

void stream_extend(struct stream *stream)
{
    struct source *source = stream->context->source;
    int64_t now_us = clock_monotonic_us(stream->context->clock);
    struct flight_due due = {.until_us = now_us + EXTEND_AHEAD_US};
    int32_t seconds = lease_seconds(&stream->lease);
    bool going = flight_due_us(stream->flight) <= now_us, failed = false;

    while (going) {
        struct source_call *call = source_call(source, SOURCE_MODIFY, stream);
        going = flight_take_extension(stream->flight, &due, seconds, &call->request, &call->refs);
        if (going && !failed) { /* After one that could not be started, none is tried. */
            stream_count(stream, STREAM_bridge_extensions_total, 1);
            failed = !start_modify(stream, call);
        } else {
            source_done(source, call);
        }
        /* The call is in flight or given back, but its refs are untouched until it is used again. */
        renew(stream, &call->refs, now_us, seconds, failed);
    }
}

/* A failed extension is tried again soon. What it meant to extend may be gone, or come again: both
 * are handled where messages come in. */
void stream_extended(struct stream *stream, struct source_call *call)
{
    struct error err = {0};
    enum retry_class class = stream_classify(stream, call, "modifyAckDeadline", &err);

    for (uint32_t i = 0; i < call->refs.count && (class == RETRY_BUSY || class == RETRY_LATER); i++)
        flight_renew(stream->flight, call->refs.refs[i], call->ended_us + EXTEND_RETRY_US);
    if (class != RETRY_SUCCESS)
        stream_count(stream, STREAM_bridge_failed_calls_total, 1);
    source_done(stream->context->source, call);
}

void stream_return(struct stream *stream)
{
    struct source *source = stream->context->source;
    const struct flight_counts *counts = flight_counts(stream->flight);

    stream_count(stream, STREAM_bridge_returned_messages_total, (int64_t)counts->sending);
    for (;;) {
        struct source_call *call = source_call(source, SOURCE_MODIFY, stream);
        if (!flight_take_returns(stream->flight, &call->request)) {
            source_done(source, call);
            return;
        }
        if (!start_modify(stream, call))
            return;
    }
}
