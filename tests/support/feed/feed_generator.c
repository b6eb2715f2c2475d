/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed-generator: an app's views and engagements, deterministic by seed, published to Pub/Sub or
 * written to files, with what the join must make of them. README.md in this folder says how.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "core/clock.h"
#include "core/process.h"
#include "deliver.h"
#include "expect.h"
#include "plan.h"
#include "render.h"

struct command {
    struct plan_options plan;
    int64_t window_ms[2];
    uint32_t events;
    double engagements; /* A view, on average. */
    double rate;        /* 0: not paced. */
    const char *publish;
    const char *project;
    const char *views_topic;
    const char *engagements_topic;
    const char *out;
    const char *expect;
    uint32_t in_flight;
    bool ordering_keys;
    bool progress;
    bool help;
};

/* A feed that is the same every time unless asked otherwise: 2025-11-21T09:30:00Z. */
static const struct command defaults = {
    .plan = {.seed = 1,
             .base_time_ms = 1763717400000,
             .span_ms = 60000,
             .disorder_ms = 500,
             .lateness_ms = 5000,
             .duplicates = 0.002,
             .out_of_window = 0.01,
             .before_view = 0.02,
             .skew = 0.001},
    .window_ms = {2000, 10000},
    .engagements = 0.6,
    .project = "demo-project",
    .views_topic = "views",
    .engagements_topic = "engagements",
    .in_flight = 4,
};

enum { ARGUMENT_MAX = 32 };

static size_t command_arguments(struct command *c, struct argument arguments[static ARGUMENT_MAX])
{
    const struct argument table[] = {
        {"events", ARGUMENT_COUNT, &c->events, "views and engagements together"},
        {"views", ARGUMENT_COUNT, &c->plan.view_count, "or: views; engagements follow by ratio"},
        {"engagements", ARGUMENT_RATE, &c->engagements, "for each view, on average (0.6)"},
        {"seed", ARGUMENT_SEED, &c->plan.seed, "the same seed makes the same feed (1)"},
        {"base-time", ARGUMENT_TIME, &c->plan.base_time_ms,
         "of the first view; or now (1763717400000; with --rate: now)"},
        {"span", ARGUMENT_DURATION, &c->plan.span_ms, "event time from first to last view (60s)"},
        {"rate", ARGUMENT_RATE, &c->rate, "or: events a second, published when they happen"},
        {"disorder", ARGUMENT_DURATION, &c->plan.disorder_ms,
         "an event is published at most so much after its time (500ms)"},
        {"window", ARGUMENT_WINDOW, c->window_ms, "of the join: before,after (2s,10s)"},
        {"lateness", ARGUMENT_DURATION, &c->plan.lateness_ms, "of the join (5s)"},
        {"duplicates", ARGUMENT_RATIO, &c->plan.duplicates, "events published twice (0.002)"},
        {"out-of-window", ARGUMENT_RATIO, &c->plan.out_of_window,
         "engagements that match no view (0.01)"},
        {"before-view", ARGUMENT_RATIO, &c->plan.before_view,
         "engagements before their view, in the window (0.02)"},
        {"skew", ARGUMENT_RATIO, &c->plan.skew, "engagements with one hot view (0.001)"},
        {"late", ARGUMENT_COUNT, &c->plan.late_count, "engagements too late to be joined (0)"},
        {"poison", ARGUMENT_COUNT, &c->plan.poison_count, "messages for the dead letters (0)"},
        {"publish", ARGUMENT_TEXT, &c->publish, "Pub/Sub's endpoint, http://HOST:PORT"},
        {"project", ARGUMENT_TEXT, &c->project, "there (demo-project)"},
        {"views-topic", ARGUMENT_TEXT, &c->views_topic, "there (views)"},
        {"engagements-topic", ARGUMENT_TEXT, &c->engagements_topic, "there (engagements)"},
        {"in-flight", ARGUMENT_COUNT, &c->in_flight, "requests a topic (4)"},
        {"ordering-keys", ARGUMENT_FLAG, &c->ordering_keys,
         "order by view id; one request in flight a topic"},
        {"out", ARGUMENT_TEXT, &c->out, "folder for views.jsonl, engagements.jsonl"},
        {"expect", ARGUMENT_TEXT, &c->expect, "folder for what must come of it"},
        {"progress", ARGUMENT_FLAG, &c->progress, "on stderr even if that is no terminal"},
        {"help", ARGUMENT_FLAG, &c->help, "this"},
    };
    _Static_assert(sizeof table / sizeof *table <= ARGUMENT_MAX, "the caller's array is too small");

    memcpy(arguments, table, sizeof table);
    return sizeof table / sizeof *table;
}

/* Views and engagements from the total, or engagements from the views. */
static bool set_counts(struct command *command, struct error *err)
{
    struct plan_options *plan = &command->plan;

    if ((command->events == 0) == (plan->view_count == 0))
        return error_set(err, EXIT_CODE_USAGE, "give either --events or --views");
    if (command->events == 0) {
        plan->engagement_count =
            (uint32_t)lround(fmin((double)plan->view_count * command->engagements, 1e9));
        return true;
    }
    if (plan->late_count >= command->events)
        return error_set(err, EXIT_CODE_USAGE, "--late: all %u events cannot be late",
                         command->events);
    command->events -= plan->late_count;
    plan->view_count = (uint32_t)lround((double)command->events / (1 + command->engagements));
    if (plan->view_count == 0)
        plan->view_count = 1;
    plan->engagement_count = command->events - plan->view_count;
    return true;
}

/* A paced feed begins when the plan and the expectation can be ready: 1 s and 10 us an event. */
static void set_times(struct command *command)
{
    struct plan_options *plan = &command->plan;
    uint32_t event_count = plan->view_count + plan->engagement_count + plan->late_count;

    plan->before_ms = command->window_ms[0];
    plan->after_ms = command->window_ms[1];
    if (command->rate > 0) {
        plan->span_ms = (int64_t)fmax((double)event_count * 1000 / command->rate, 1);
        plan->base_time_ms = clock_wall_ms(clock_real()) + 1000 + event_count / 100;
    } else if (plan->base_time_ms < 0) {
        plan->base_time_ms = clock_wall_ms(clock_real());
    }
}

static bool publish(const struct command *command, const struct plan *plan,
                    const struct render *render, struct error *err)
{
    const char *topics[] = {command->views_topic, command->engagements_topic};
    struct deliver_options options = {
        .publisher = {.endpoint = command->publish,
                      .project = command->project,
                      .topics = topics,
                      .topic_count = 2,
                      .in_flight = command->ordering_keys ? 1 : command->in_flight},
        .paced = command->rate > 0,
        .ordering_keys = command->ordering_keys,
        .progress = command->progress || isatty(STDERR_FILENO)};
    int64_t start_us = clock_monotonic_us(clock_real());
    struct publisher_counts counts = {0};

    if (!deliver_publish(plan, render, &options, &counts, err))
        return false;
    printf("{\"published\":%" PRIu64 ",\"planned\":%u,\"requests\":%" PRIu64 ",\"retries\":%" PRIu64
           ",\"seconds\":%.3f}\n",
           counts.published, plan->message_count, counts.requests, counts.retries,
           (double)(clock_monotonic_us(clock_real()) - start_us) / 1e6);
    return true;
}

static bool run(struct command *command, struct error *err)
{
    struct plan *plan;
    struct render *render;
    bool ok;

    if (command->publish == NULL && command->out == NULL && command->expect == NULL)
        return error_set(err, EXIT_CODE_USAGE, "nothing to do: give --publish, --out or --expect");
    if (command->in_flight == 0)
        return error_set(err, EXIT_CODE_USAGE, "--in-flight: at least one request is needed");
    if (!set_counts(command, err))
        return false;
    set_times(command);
    plan = plan_new(&command->plan, err);
    if (plan == NULL)
        return false;
    render = render_new(plan);
    ok = (command->expect == NULL || expect_write(plan, render, command->expect, err))
         && (command->out == NULL || deliver_files(plan, render, command->out, err))
         && (command->publish == NULL || publish(command, plan, render, err));
    render_free(render);
    plan_free(plan);
    return ok;
}

int main(int argc, char **argv)
{
    struct command command = defaults;
    struct argument arguments[ARGUMENT_MAX];
    size_t count = command_arguments(&command, arguments);
    struct error err = {0};
    size_t rest_count;

    process_start();
    if (!arguments_parse(arguments, count, argc, argv, NULL, 0, &rest_count, &err)
        || (!command.help && !run(&command, &err))) {
        fprintf(stderr, "feed-generator: %s\n", err.text);
        if (err.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", err.hint);
        return (int)err.code;
    }
    if (command.help) {
        puts("usage: feed-generator --events N [OPTION...]\n");
        arguments_help(arguments, count);
    }
    return EXIT_CODE_OK;
}
