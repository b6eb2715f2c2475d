/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/stream.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/refill.h"
#include "core/http_client.h"
#include "core/log.h"
#include "core/pubsub.h"

enum {
    DESCRIBE_TIMEOUT_MS = 15000,
    DEADLINE_DEFAULT_S = 10,
    ASK_LEAST = 10,
    QUIET_US = 1000000, /* A pull that waits so long has nothing to bring. */
};

static const struct metric_def metric_defs[STREAM_METRIC_COUNT] = {
#define METRIC(name, kind, scale, help) {#name, kind, scale, help},
#include "bridge/metrics.def"
};

const struct metric_def stream_labelled[LABELLED_COUNT] = {
#define LABELLED(name, kind, scale, labels, help) {#name, kind, scale, help},
#include "bridge/metrics.def"
};

static void open_metrics(struct stream *stream)
{
    struct buffer labels = {0};

    buffer_appendf(&labels, "stream=\"%s\"", stream->config->name);
    for (int i = 0; i < STREAM_METRIC_COUNT; i++)
        stream->metrics[i] =
            metrics_series(stream->context->metrics, &metric_defs[i], buffer_text(&labels));
    metrics_label(&labels, "reason", "");
    size_t mark = labels.size - 1; /* Before the closing quote. */
    for (int i = HOLD_NONE + 1; i < STREAM_HOLD_COUNT; i++) {
        labels.size = mark;
        buffer_appendf(&labels, "%s\"", stream_hold_name((enum stream_hold)i));
        stream->held[i] = metrics_series(stream->context->metrics,
                                         &stream_labelled[LABELLED_bridge_held_seconds_total],
                                         buffer_text(&labels));
    }
    buffer_fini(&labels);
}

const char *stream_hold_name(enum stream_hold hold)
{
    static const char *const names[STREAM_HOLD_COUNT] = {
        [HOLD_NONE] = "",
        [HOLD_STARTING] = "starting",
        [HOLD_STOPPED] = "stopped",
        [HOLD_STOPPING] = "stopping",
        [HOLD_AUTH] = "auth",
        [HOLD_BACKOFF] = "backoff",
        [HOLD_KAFKA_QUEUE] = "kafka queue full",
        [HOLD_MESSAGES] = "max_messages",
        [HOLD_BYTES] = "max_bytes",
        [HOLD_RATE] = "max_rate",
        [HOLD_DEAD_RATE] = "max_dead_rate",
    };

    return names[hold];
}

/* Pulls that wait reserve what they ask for: all streams together, with one each, a quarter of the messages. An
 * ordered stream has never more than one. */
static int32_t ask_most(const struct stream_context *context, bool ordered)
{
    int64_t even = context->pipeline->bridge.max_messages / (int64_t)context->stream_count;
    int64_t share = ordered ? even : even / 4;

    if (share < ASK_LEAST)
        share = even < ASK_LEAST ? even : ASK_LEAST;
    return share < 1 ? 1 : share > PULLS_ASK_MAX ? PULLS_ASK_MAX : (int32_t)share;
}

void stream_limit(struct stream *stream)
{
    const struct pipeline_stream *config = stream->config;
    const struct pipeline_bridge *limits = &stream->context->pipeline->bridge;

    rate_set(&stream->rate, config->max_rate);
    rate_set(&stream->dead_rate, config->max_dead_rate);
    dead_share_set(&stream->dead_share, config->stop_above, config->stop_window_ms * 1000,
                   config->stop_least);
    pulls_limit(&stream->pulls, stream->ordered ? 1 : limits->max_pulls,
                ask_most(stream->context, stream->ordered));
}

/* Without it nothing is lost: what Pub/Sub delivers again may be written twice. */
static void remember_written(struct stream *stream)
{
    int64_t begun_us = clock_monotonic_us(stream->context->clock), count = 0;
    struct error err;

    if (refill_window(stream->flight, stream->context->pipeline, stream->config,
                      sink_topic_partitions(stream->delivery.topic), &count, &err))
        log_info("last records read", LOG_TEXT("stream", stream->config->name),
                 LOG_INT("message_ids", count),
                 LOG_INT("ms", (clock_monotonic_us(stream->context->clock) - begun_us) / 1000));
    else
        log_failure("the last records cannot be read: redeliveries may be written twice", &err);
}

struct stream *stream_new(const struct pipeline_stream *config, struct stream_context *context,
                          uint32_t index, struct error *err)
{
    struct stream *stream = memory_new(sizeof *stream);
    int64_t now_us = clock_monotonic_us(context->clock);

    stream->config = config;
    stream->context = context;
    stream->index = index;
    stream->pull_us = INT64_MAX;
    stream->received_end = &stream->received;
    retry_init(&stream->retry, (uint64_t)now_us + index);
    retry_init(&stream->busy, (uint64_t)now_us + index + 1);
    retry_init(&stream->ack_retry, (uint64_t)now_us + index + 2);
    source_subscription_init(&stream->subscription, &context->pipeline->pubsub,
                             config->subscription);
    lease_init(&stream->lease, DEADLINE_DEFAULT_S, false);
    pulls_init(&stream->pulls, context->pipeline->bridge.max_pulls, ask_most(context, false));
    stream_limit(stream);
    stream->flight = flight_new((uint32_t)context->pipeline->bridge.dedup_ids);
    stream->books = stream_open_books(stream);
    open_metrics(stream);
    if (delivery_open(&stream->delivery, config, context->sink, context->registry, err)) {
        remember_written(stream);
        return stream;
    }
    error_wrap(err, "stream %s", config->name);
    stream_free(stream);
    return NULL;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    while (stream->received != NULL) {
        struct source_call *call = stream->received;
        stream->received = call->link;
        source_done(stream->context->source, call);
    }
    delivery_close(&stream->delivery);
    flight_free(stream->flight);
    books_free(stream->books);
    source_subscription_fini(&stream->subscription);
    free(stream);
}

/* A tag is never 0: its highest bit is set. */
uint64_t stream_tag(const struct stream *stream, uint32_t ref, bool dead_letter)
{
    return UINT64_C(1) << 63 | (uint64_t)stream->index << 33 | (uint64_t)dead_letter << 32 | ref;
}

/* Of several calls that fail together, the first tells. */
void stream_fail(struct stream *stream, const struct error *err)
{
    stream_count(stream, STREAM_bridge_failed_calls_total, 1);
    if (stream->state == STREAM_WAITING || stream->state == STREAM_STOPPED)
        return;

    int64_t delay_ms = retry_delay_ms(&stream->retry);

    stream->error = *err;
    stream->state = STREAM_WAITING;
    stream->resume_us = clock_monotonic_us(stream->context->clock) + delay_ms * 1000;
    log_warn("stream cannot be read", LOG_TEXT("stream", stream->config->name),
             LOG_TEXT("error", err->text), LOG_TEXT("hint", err->hint),
             LOG_INT("next_try_ms", delay_ms));
}

void stream_has_no_token(struct stream *stream, const struct error *err)
{
    stream->denied = true;
    stream_fail(stream, err);
}

void stream_succeeded(struct stream *stream)
{
    if (stream->retry.failures > 0)
        log_info("stream is read again", LOG_TEXT("stream", stream->config->name));
    retry_reset(&stream->retry);
    stream->token_refused_us = 0;
}

static bool has_json(const struct buffer *body)
{
    for (size_t i = 0; i < body->size; i++) {
        if (body->data[i] == '{')
            return true;
        if (!isspace(body->data[i]))
            return false;
    }
    return false;
}

static void describe_failure(const struct stream *stream, const struct source_call *call,
                             const char *what, struct error *err)
{
    if (call->status == 0)
        error_retry(err, EXIT_CODE_SOURCE, "%s: %s", what, call->curl_fault);
    else if (call->status == 200)
        error_retry(err, EXIT_CODE_SOURCE, "%s: the answer was cut: status 200 without JSON", what);
    else
        pubsub_fail(err, call->status, call->answer.data, call->answer.size, what);
    if (call->status == 0)
        error_hint(err, "%s", http_client_hint((int)call->curl_code));
    error_wrap(err, "subscription %s", stream->config->subscription);
}

enum retry_class stream_classify(struct stream *stream, const struct source_call *call,
                                 const char *what, struct error *err)
{
    enum retry_class class = retry_classify(call->status, has_json(&call->answer));

    stream->denied = call->status == 401 || call->status == 403;
    if (class == RETRY_SUCCESS)
        return class;
    describe_failure(stream, call, what, err);
    if (class != RETRY_REFUSED)
        return class;
    if (stream->token_refused_us == 0) { /* Once, with a new token, and no word of it. */
        source_refuse_token(stream->context->source);
        stream->token_refused_us = call->ended_us;
    }
    /* Calls that began before still had the old one. */
    return call->began_us <= stream->token_refused_us ? RETRY_BUSY : class;
}

/* False, with an error, if a pull would only fail. */
static bool read_description(struct stream *stream, const struct source_call *call,
                             struct error *err)
{
    const char *name = stream->config->subscription;
    json_error_t fault;
    json_t *root = json_loadb((const char *)call->answer.data, call->answer.size, 0, &fault);

    if (!json_is_object(root)) {
        json_decref(root);
        return error_retry(err, EXIT_CODE_SOURCE, "subscription %s: GET: not JSON: %s", name,
                           fault.text);
    }
    bool detached = json_is_true(json_object_get(root, "detached"));
    json_int_t deadline_s = json_integer_value(json_object_get(root, "ackDeadlineSeconds"));
    bool exactly_once = json_is_true(json_object_get(root, "enableExactlyOnceDelivery"));
    bool ordered = json_is_true(json_object_get(root, "enableMessageOrdering"));
    json_decref(root);
    if (detached) {
        error_set(err, EXIT_CODE_SOURCE, "subscription %s is detached from its topic", name);
        return error_hint(err, "make a new subscription and name it in the pipeline file");
    }
    if (deadline_s < 1 || deadline_s > LEASE_SECONDS_MAX)
        deadline_s = DEADLINE_DEFAULT_S;
    lease_init(&stream->lease, (int32_t)deadline_s, exactly_once);
    stream->ordered = ordered;
    if (ordered) /* Answers to pulls at the same time may overtake each other. */
        pulls_init(&stream->pulls, 1, ask_most(stream->context, true));
    log_info("stream starts", LOG_TEXT("stream", stream->config->name),
             LOG_TEXT("subscription", name), LOG_TEXT("topic", stream->config->topic.name),
             LOG_INT("ack_deadline_s", deadline_s),
             LOG_TEXT("exactly_once", exactly_once ? "yes" : "no"),
             LOG_TEXT("ordered", ordered ? "yes" : "no"));
    return true;
}

static void stream_was_described(struct stream *stream, struct source_call *call)
{
    struct error err = {0};
    enum retry_class class = stream_classify(stream, call, "GET", &err);

    stream->describing = false;
    if (class == RETRY_SUCCESS && read_description(stream, call, &err)) {
        stream->described = true;
        stream->heard_us = call->ended_us;
        stream->state = STREAM_RUNNING;
        stream_succeeded(stream);
    } else {
        stream_fail(stream, &err);
    }
    source_done(stream->context->source, call);
}

void stream_answer(struct stream *stream, struct source_call *call)
{
    switch (call->verb) {
    case SOURCE_DESCRIBE:
        stream_was_described(stream, call);
        break;
    case SOURCE_PULL:
        stream_received(stream, call);
        break;
    case SOURCE_ACK:
        stream_acked(stream, call);
        break;
    case SOURCE_MODIFY:
        stream_extended(stream, call);
        break;
    case SOURCE_VERB_COUNT:
        assert(false);
    }
}

void stream_start(struct stream *stream)
{
    struct stream_context *context = stream->context;
    struct error err;

    if (stream->state == STREAM_WAITING && clock_monotonic_us(context->clock) >= stream->resume_us)
        stream->state = stream->described ? STREAM_RUNNING : STREAM_STARTING;
    if (stream->state != STREAM_STARTING || stream->describing)
        return;
    struct source_call *call = source_call(context->source, SOURCE_DESCRIBE, stream);
    if (source_start(context->source, &stream->subscription, call, DESCRIBE_TIMEOUT_MS, &err))
        stream->describing = true;
    else
        stream_has_no_token(stream, &err);
}

int64_t stream_next_us(const struct stream *stream)
{
    int64_t next_us = flight_due_us(stream->flight);
    int64_t ack_us = stream_ack_us(stream);

    if (stream->state == STREAM_WAITING && stream->resume_us < next_us)
        next_us = stream->resume_us;
    if (stream->pull_us < next_us)
        next_us = stream->pull_us;
    return ack_us < next_us ? ack_us : next_us;
}

bool stream_is_drained(const struct stream *stream)
{
    const struct flight_counts *counts = flight_counts(stream->flight);

    return stream->received == NULL && stream->pulls.in_flight == 0
           && counts->sending + counts->ready + counts->acking == 0;
}

int64_t stream_behind_ms(const struct stream *stream, int64_t now_us)
{
    bool nothing = stream->received == NULL && flight_counts(stream->flight)->sending == 0;
    bool quiet = stream->pulls.in_flight > 0 && now_us - stream->heard_us >= QUIET_US;
    int64_t oldest_us = flight_oldest_us(stream->flight);

    if (nothing && quiet)
        return 0;
    /* What Kafka does not take grows older here. */
    return stream->behind_ms + (nothing || oldest_us > now_us ? 0 : (now_us - oldest_us) / 1000);
}

void stream_measure(struct stream *stream)
{
    int64_t now_us = clock_monotonic_us(stream->context->clock);
    const struct flight_counts *counts = flight_counts(stream->flight);

    metric_set(stream->metrics[STREAM_bridge_in_flight_messages],
               stream->unsent_messages
                   + (int64_t)(counts->sending + counts->ready + counts->acking));
    metric_set(stream->metrics[STREAM_bridge_in_flight_bytes],
               stream->unsent_bytes + (int64_t)counts->bytes);
    metric_set(stream->metrics[STREAM_bridge_pulls_in_flight], stream->pulls.in_flight);
    metric_set(stream->metrics[STREAM_bridge_behind_seconds], stream_behind_ms(stream, now_us));
    metric_set(stream->metrics[STREAM_bridge_stream_up], stream->state == STREAM_RUNNING);
    backlog_look(&stream->backlog, now_us, stream_behind_ms(stream, now_us),
                 metric_value(stream->metrics[STREAM_bridge_received_messages_total]));
    metric_set(stream->metrics[STREAM_bridge_backlog_estimate_messages],
               backlog_messages(&stream->backlog));
    if (stream->hold != HOLD_NONE)
        metric_add(stream->held[stream->hold], 1);
}
