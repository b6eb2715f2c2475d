/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/bridge.h"

#include "bridge/status.h"
#include "bridge/streams.h"
#include "core/log.h"
#include "core/process.h"

enum {
    TURN_MS = 1000,
    DRAIN_STEP_MS = 50,
    DRAIN_QUIET_US = 1000000, /* At a stop, a pull that brings nothing for so long is ended. */
    FLUSH_MS = 2000,
    RETURN_US = 2000000, /* Of the time for a stop, kept to give messages back. */
};

enum reload_result { RELOAD_APPLIED, RELOAD_REFUSED, RELOAD_RESULT_COUNT };

struct bridge {
    struct pipeline *pipeline;
    const struct bridge_options *options;
    struct metrics *metrics;
    struct metric *reloads[RELOAD_RESULT_COUNT];
    struct streams streams;
    struct status *status;
};

static void set_log_level(const struct bridge *bridge)
{
    if (!bridge->options->log_level_given)
        log_set_level((enum log_level)bridge->pipeline->bridge.log_level);
}

static void bridge_reload(struct bridge *bridge)
{
    struct buffer changes = {0};
    struct error err = {0};
    bool applied = pipeline_reload(bridge->pipeline, &changes, &err);

    metric_add(bridge->reloads[applied ? RELOAD_APPLIED : RELOAD_REFUSED], 1);
    if (applied) {
        set_log_level(bridge);
        streams_limit(&bridge->streams);
        log_info("configuration reloaded",
                 LOG_TEXT("changed", changes.size > 0 ? buffer_text(&changes) : "nothing"));
    } else {
        log_failure("configuration not reloaded: the old one stays", &err);
    }
    buffer_fini(&changes);
}

/* One turn of the bridge, top to bottom: this is the whole data path. */
static bool bridge_turn(struct bridge *bridge, bool draining, struct error *err)
{
    struct streams *streams = &bridge->streams;
    struct sink *sink = streams->context.sink;

    source_wait(streams->context.source, sink_wake_fd(sink),
                streams_wait_ms(streams, draining ? DRAIN_STEP_MS : TURN_MS));
    if (!sink_settle(sink, err)) /* Delivery reports settle slots. */
        return false;
    streams_answer(streams);        /* Pulls bring messages; acknowledgements are confirmed. */
    streams_send(streams);          /* A message that does not fit goes to the dead letters. */
    streams_ack(streams, draining); /* Settled slots become acknowledgements. */
    streams_extend(streams);
    streams_pull(streams, draining);
    streams_beat(streams);
    status_tell(bridge->status, streams);
    return true;
}

static bool bridge_open(struct bridge *bridge, struct error *err);
static void bridge_close(struct bridge *bridge);

/*
 * The end: what was pulled is ours, so it is sent, confirmed and acknowledged; what Kafka does not
 * take in time goes back to Pub/Sub, which can give it to another bridge at once.
 */
static bool bridge_drain(struct bridge *bridge, int64_t timeout_ms, struct error *err)
{
    struct streams *streams = &bridge->streams;
    struct clock *clock = streams->context.clock;
    int64_t start_us = clock_monotonic_us(clock);
    int64_t return_us = start_us + timeout_ms * 1000 - RETURN_US;

    while (!streams_are_drained(streams) && clock_monotonic_us(clock) < return_us) {
        if (clock_monotonic_us(clock) - start_us >= DRAIN_QUIET_US)
            source_cancel_pulls(streams->context.source);
        if (!bridge_turn(bridge, true, err))
            return false;
    }
    streams_return(streams);
    while (source_in_flight(streams->context.source, SOURCE_MODIFY) > 0
           && clock_monotonic_us(clock) < return_us + RETURN_US) {
        source_wait(streams->context.source, sink_wake_fd(streams->context.sink), 100);
        streams_answer(streams);
    }
    streams_close_books(streams);
    sink_flush(streams->context.sink, FLUSH_MS); /* And the last heartbeat. */
    return true;
}

bool bridge_run(struct pipeline *pipeline, const struct bridge_options *options, struct error *err)
{
    struct bridge bridge = {.pipeline = pipeline, .options = options};

    if (!bridge_open(&bridge, err))
        return false;

    bool going = true;

    while (going && !process_stopping() && !streams_are_over(&bridge.streams, err)) {
        if (process_take_reload())
            bridge_reload(&bridge);
        going = bridge_turn(&bridge, false, err);
    }
    if (going)
        going = bridge_drain(&bridge, pipeline->bridge.stop_timeout_ms, err)
                && !streams_have_failed(&bridge.streams, err);
    bridge_close(&bridge);
    return going;
}

static void on_settled(void *context, uint64_t tag, const char *fault)
{
    struct bridge *bridge = context;

    streams_settled(&bridge->streams, tag, fault);
}

static void on_noted(void *context, uint64_t tag, const char *fault)
{
    struct bridge *bridge = context;

    streams_noted(&bridge->streams, tag, fault);
}

static bool bridge_open(struct bridge *bridge, struct error *err)
{
    static const char *const results[RELOAD_RESULT_COUNT] = {"result=\"applied\"",
                                                             "result=\"refused\""};
    const struct sink_listener listener = {bridge, on_settled, on_noted};
    const struct pipeline *pipeline = bridge->pipeline;
    const struct bridge_options *options = bridge->options;

    process_reload_on_hangup();
    set_log_level(bridge);
    bridge->metrics = metrics_new();
    for (int i = 0; i < RELOAD_RESULT_COUNT; i++)
        bridge->reloads[i] = metrics_series(
            bridge->metrics, &stream_labelled[LABELLED_bridge_reloads_total], results[i]);
    if (streams_open(&bridge->streams, pipeline, options->stream, &listener, bridge->metrics, err))
        bridge->status = status_open(options, bridge->metrics, bridge->streams.context.clock, err);
    if (bridge->status != NULL)
        return true;
    bridge_close(bridge);
    return false;
}

static void bridge_close(struct bridge *bridge)
{
    status_close(bridge->status);
    streams_close(&bridge->streams);
    metrics_free(bridge->metrics);
}
