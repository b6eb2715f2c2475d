/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/http_server.h"
#include "core/log.h"

enum {
    INTERVAL_US = 1000000,
    LOG_EVERY = 10,           /* Intervals between two log lines. */
    STUCK_AFTER_US = 30000000 /* A turn that takes longer is stuck. */
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

struct totals {
    int64_t delivered, received, duplicates, dead_letters, failed_calls, in_flight, behind_ms;
    double rate;
    size_t up;
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
    if (status->terminal && status->told_count > 0)
        fputc('\n', stderr);
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
    struct totals totals = {0};

    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *stream = streams->list[i];
        totals.received += value_of(stream, STREAM_bridge_received_messages_total);
        totals.delivered += value_of(stream, STREAM_bridge_delivered_messages_total);
        totals.duplicates += value_of(stream, STREAM_bridge_duplicates_total);
        totals.dead_letters += value_of(stream, STREAM_bridge_dead_letters_total);
        totals.failed_calls += value_of(stream, STREAM_bridge_failed_calls_total);
        totals.in_flight += value_of(stream, STREAM_bridge_in_flight_messages);
        totals.up += stream->state == STREAM_RUNNING;
        int64_t behind_ms = value_of(stream, STREAM_bridge_behind_seconds);
        totals.behind_ms = behind_ms > totals.behind_ms ? behind_ms : totals.behind_ms;
    }
    return totals;
}

static const char *state_name(enum stream_state state)
{
    static const char *const names[] = {"starting", "running", "waiting", "stopped"};

    return names[state];
}

/* Names in the pipeline file need no escape in JSON. */
static void format_json(struct buffer *out, const struct streams *streams,
                        const struct totals *totals)
{
    buffer_clear(out);
    buffer_appendf(out, "{\"messages_per_second\":%.0f,\"streams\":[", totals->rate);
    for (size_t i = 0; i < streams->count; i++) {
        const struct stream *stream = streams->list[i];
        buffer_appendf(out, "%s{\"stream\":\"%s\",\"state\":\"%s\",", i > 0 ? "," : "",
                       stream->config->name, state_name(stream->state));
        buffer_appendf(out, "\"behind_ms\":%lld,\"pulls_in_flight\":%d,\"in_flight\":%lld,",
                       (long long)value_of(stream, STREAM_bridge_behind_seconds),
                       stream->pulls.in_flight,
                       (long long)value_of(stream, STREAM_bridge_in_flight_messages));
        buffer_appendf(out, "\"received\":%lld,\"delivered\":%lld,\"duplicates\":%lld,",
                       (long long)value_of(stream, STREAM_bridge_received_messages_total),
                       (long long)value_of(stream, STREAM_bridge_delivered_messages_total),
                       (long long)value_of(stream, STREAM_bridge_duplicates_total));
        buffer_appendf(out, "\"dead_letters\":%lld,\"acknowledged\":%lld,\"failed_calls\":%lld}",
                       (long long)value_of(stream, STREAM_bridge_dead_letters_total),
                       (long long)value_of(stream, STREAM_bridge_acknowledged_messages_total),
                       (long long)value_of(stream, STREAM_bridge_failed_calls_total));
    }
    buffer_append_text(out, "]}");
}

static void tell_terminal(const struct streams *streams, const struct totals *totals)
{
    fprintf(stderr,
            "\r\033[K%.0f messages/s, %lld delivered, %lld in flight, %.1f s behind, "
            "%lld dead letters, %lld duplicates, %lld failed calls, %zu of %zu streams",
            totals->rate, (long long)totals->delivered, (long long)totals->in_flight,
            (double)totals->behind_ms / 1000, (long long)totals->dead_letters,
            (long long)totals->duplicates, (long long)totals->failed_calls, totals->up,
            streams->count);
}

static void tell_log(const struct totals *totals)
{
    log_info("bridge", LOG_REAL("messages_per_second", totals->rate),
             LOG_INT("delivered", totals->delivered), LOG_INT("in_flight", totals->in_flight),
             LOG_INT("behind_ms", totals->behind_ms), LOG_INT("dead_letters", totals->dead_letters),
             LOG_INT("duplicates", totals->duplicates),
             LOG_INT("failed_calls", totals->failed_calls));
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
    atomic_store(&status->ready, totals.up == streams->count);
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
