/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/http_server.h"
#include "core/log.h"
#include "core/process.h"
#include "core/units.h"

enum {
    INTERVAL_US = 1000000,
    LOG_EVERY = 10,            /* Intervals between two log lines. */
    STUCK_AFTER_US = 30000000, /* A turn that takes longer is stuck. */
};

struct status {
    struct clock *clock;
    struct http_server *server; /* NULL: none. */
    bool json;
    bool terminal;
    atomic_llong turned_us;
    atomic_bool ready;
    pthread_mutex_t mutex; /* Of text. */
    struct buffer text;    /* The newest status as JSON. */
    int64_t told_us;
    int64_t delivered; /* When told. */
    unsigned told_count;
};

struct totals { /* Over all streams. */
    int64_t delivered, dead_letters, duplicates, failed_calls, extensions, in_flight;
    int64_t
        oldest_ms; /* Of the oldest message that is not yet acknowledged, since its publish time. */
    int64_t backlog; /* BACKLOG_UNKNOWN if that of a stream is. */
    double rate;
    size_t up;
    const char *held; /* Why one of them is not pulled; "" if all are. */
};

static bool on_alive(void *context)
{
    struct status *status = context;

    return clock_monotonic_us(status->clock) - atomic_load(&status->turned_us) < STUCK_AFTER_US;
}

static bool on_ready(void *context)
{
    struct status *status = context;

    return atomic_load(&status->ready);
}

static void on_status(void *context, struct buffer *out)
{
    struct status *status = context;

    pthread_mutex_lock(&status->mutex);
    buffer_append(out, status->text.data, status->text.size);
    pthread_mutex_unlock(&status->mutex);
}

struct status *status_open(const struct bridge_options *options, struct metrics *metrics,
                           struct clock *clock, struct error *err)
{
    struct status *status = memory_new(sizeof *status);

    status->clock = clock;
    status->json = options->json;
    status->terminal = isatty(STDERR_FILENO) && !options->json;
    pthread_mutex_init(&status->mutex, NULL);
    buffer_append_text(&status->text, "{}");
    atomic_store(&status->turned_us, clock_monotonic_us(clock));
    if (options->http_listen == NULL)
        return status;
    const struct http_server_callbacks callbacks = {status, on_alive, on_ready, on_status};
    status->server = http_server_open(options->http_listen, metrics, &callbacks, err);
    if (status->server != NULL)
        return status;
    status_close(status);
    return NULL;
}

void status_close(struct status *status)
{
    if (status == NULL)
        return;
    http_server_close(status->server);
    log_status_line(NULL);
    pthread_mutex_destroy(&status->mutex);
    buffer_fini(&status->text);
    free(status);
}

static int64_t value_of(const struct stream *stream, enum stream_metric metric)
{
    return metric_value(stream->metrics[metric]);
}

static struct totals totals_of(const struct streams *streams)
{
    struct totals totals = {.held = ""};

    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *stream = streams->list[i];
        totals.delivered += value_of(stream, STREAM_bridge_delivered_messages_total);
        totals.dead_letters += value_of(stream, STREAM_bridge_dead_letters_total);
        totals.duplicates += value_of(stream, STREAM_bridge_duplicates_total);
        totals.failed_calls += value_of(stream, STREAM_bridge_failed_calls_total);
        totals.extensions += value_of(stream, STREAM_bridge_extensions_total);
        totals.in_flight += value_of(stream, STREAM_bridge_in_flight_messages);
        totals.up += stream->state == STREAM_RUNNING;
        int64_t oldest_ms = value_of(stream, STREAM_bridge_behind_seconds);
        totals.oldest_ms = oldest_ms > totals.oldest_ms ? oldest_ms : totals.oldest_ms;
        int64_t backlog = backlog_messages(&stream->backlog);
        totals.backlog = backlog == BACKLOG_UNKNOWN || totals.backlog == BACKLOG_UNKNOWN
                             ? BACKLOG_UNKNOWN
                             : totals.backlog + backlog;
        if (totals.held[0] == '\0')
            totals.held = stream_hold_name(stream->hold);
    }
    return totals;
}

static const char *state_name(enum stream_state state)
{
    static const char *const names[] = {"starting", "running", "waiting", "stopped"};

    return names[state];
}

/* A number, or null for one that is not known. */
static json_t *known(int64_t value)
{
    return value >= 0 ? json_integer(value) : json_null();
}

static json_t *stream_json(const struct stream *stream)
{
    static const struct {
        const char *name;
        enum stream_metric metric;
    } counts[] = {
        {"in_flight", STREAM_bridge_in_flight_messages},
        {"in_flight_bytes", STREAM_bridge_in_flight_bytes},
        {"pulls_in_flight", STREAM_bridge_pulls_in_flight},
        {"received", STREAM_bridge_received_messages_total},
        {"delivered", STREAM_bridge_delivered_messages_total},
        {"duplicates", STREAM_bridge_duplicates_total},
        {"dead_letters", STREAM_bridge_dead_letters_total},
        {"acknowledged", STREAM_bridge_acknowledged_messages_total},
        {"lease_extensions", STREAM_bridge_extensions_total},
        {"failed_calls", STREAM_bridge_failed_calls_total},
    };
    bool failed = stream->state == STREAM_WAITING || stream->state == STREAM_STOPPED;
    struct buffer error = {0};

    if (failed)
        log_hide(stream->error.text, &error);
    json_t *json =
        json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:s, s:o, s:I}", "stream", stream->config->name,
                  "state", state_name(stream->state), "error", failed ? buffer_text(&error) : NULL,
                  "hint", failed ? stream->error.hint : NULL, "topic", stream->config->topic.name,
                  "held", stream_hold_name(stream->hold), "backlog_estimate",
                  known(backlog_messages(&stream->backlog)), "oldest_unacked_ms",
                  (json_int_t)value_of(stream, STREAM_bridge_behind_seconds));

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(json, counts[i].name, json_integer(value_of(stream, counts[i].metric)));
    buffer_fini(&error);
    return json;
}

/* What /status serves and --json prints: docs/bridge.md says what each member is. */
static void format_json(struct buffer *out, const struct streams *streams,
                        const struct totals *totals)
{
    json_t *list = json_array();

    for (size_t i = 0; i < streams->count; i++)
        json_array_append_new(list, stream_json(streams->list[i]));
    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:o, s:I, s:s, s:o}", "pipeline", streams->context.pipeline->name,
        "time_ms", (json_int_t)clock_wall_ms(streams->context.clock), "messages_per_second",
        (json_int_t)totals->rate, "backlog_estimate", known(totals->backlog), "oldest_unacked_ms",
        (json_int_t)totals->oldest_ms, "held", totals->held, "streams", list);
    char *text = json_dumps(json, JSON_COMPACT);

    buffer_clear(out);
    buffer_append_text(out, text);
    free(text);
    json_decref(json);
}

static void tell_terminal(const struct streams *streams, const struct totals *totals)
{
    char rate[UNITS_TEXT_SIZE], backlog[UNITS_TEXT_SIZE], in_flight[UNITS_TEXT_SIZE], line[512];

    snprintf(line, sizeof line,
             "%s/s, backlog ~%s, oldest unacked %.1f s, %s in flight, %lld leases extended, %lld "
             "errors, %lld dead, %zu of %zu streams%s%s",
             units_format_count((int64_t)totals->rate, rate),
             units_format_count(totals->backlog, backlog), (double)totals->oldest_ms / 1000,
             units_format_count(totals->in_flight, in_flight), (long long)totals->extensions,
             (long long)totals->failed_calls, (long long)totals->dead_letters, totals->up,
             streams->count, totals->held[0] != '\0' ? ", held: " : "", totals->held);
    log_status_line(line);
}

static void tell_log(const struct totals *totals)
{
    log_info(
        "bridge", LOG_INT("messages_per_second", totals->rate),
        LOG_INT("delivered", totals->delivered), LOG_INT("backlog_estimate", totals->backlog),
        LOG_INT("oldest_unacked_ms", totals->oldest_ms), LOG_INT("in_flight", totals->in_flight),
        LOG_INT("lease_extensions", totals->extensions),
        LOG_INT("dead_letters", totals->dead_letters), LOG_INT("duplicates", totals->duplicates),
        LOG_INT("failed_calls", totals->failed_calls),
        LOG_TEXT("held", totals->held[0] != '\0' ? totals->held : NULL));
}

void status_tell(struct status *status, const struct streams *streams)
{
    int64_t now_us = clock_monotonic_us(status->clock);

    atomic_store(&status->turned_us, now_us);
    if (now_us - status->told_us < INTERVAL_US)
        return;

    struct totals totals = totals_of(streams);

    if (status->told_us > 0)
        totals.rate = (double)(totals.delivered - status->delivered) * 1e6
                      / (double)(now_us - status->told_us);
    status->told_us = now_us;
    status->delivered = totals.delivered;
    status->told_count++;
    atomic_store(&status->ready, totals.up == streams->count && !process_stopping());
    pthread_mutex_lock(&status->mutex);
    format_json(&status->text, streams, &totals);
    pthread_mutex_unlock(&status->mutex);
    if (status->json) {
        printf("%.*s\n", (int)status->text.size, (const char *)status->text.data);
        fflush(stdout);
    } else if (status->terminal) {
        tell_terminal(streams, &totals);
    } else if (status->told_count % LOG_EVERY == 0) {
        tell_log(&totals);
    }
}
