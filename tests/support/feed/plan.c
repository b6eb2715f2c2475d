/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdlib.h>

#include "core/buffer.h"
#include "random.h"

/* One in so many engagements lies exactly on the edge of the window: just in, or just out. */
enum { EDGE_IN_ONE_OF = 200, EDGE_OUT_ONE_OF = 8 };
enum { DWELL_MS_MAX = 60000 };

static void event_id(struct random *random, uint8_t id[static UUID_SIZE])
{
    for (int i = 0; i < UUID_SIZE; i += 8) {
        uint64_t half = random_next(random);
        for (int j = 0; j < 8; j++)
            id[i + j] = (uint8_t)(half >> (8 * j));
    }
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* Version 4: random. */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* The variant of RFC 9562. */
}

static int64_t disorder(const struct plan *plan, struct random *random)
{
    return random_below_ms(random, plan->options.disorder_ms + 1);
}

static void plan_view(struct plan *plan, uint32_t index, struct random *random)
{
    struct plan_event *view = &plan->events[index];

    event_id(random, view->id);
    view->time_ms = plan->options.base_time_ms + random_below_ms(random, plan->options.span_ms);
    view->publish_ms = view->time_ms + disorder(plan, random);
    view->detail = random_next(random);
    view->view = index;
    view->dwell_ms = -1;
    view->kind = EVENT_VIEW;
}

static enum event_kind engagement_kind(struct random *random)
{
    uint32_t percent = random_below(random, 100);

    if (percent < 35)
        return EVENT_CLICK;
    if (percent < 65)
        return EVENT_DWELL;
    if (percent < 80)
        return EVENT_LIKE;
    if (percent < 92)
        return EVENT_SKIP;
    return EVENT_SHARE;
}

static int32_t engagement_dwell_ms(enum event_kind kind, struct random *random)
{
    double unit = random_unit(random);
    int32_t dwell_ms = (int32_t)(unit * unit * DWELL_MS_MAX);

    switch (kind) {
    case EVENT_DWELL:
        return dwell_ms;
    case EVENT_SKIP:
        return dwell_ms / 50;
    case EVENT_CLICK:
        return random_chance(random, 0.5) ? dwell_ms : -1;
    default:
        return -1;
    }
}

/* Time after the view for one that joins; most come soon. */
static int64_t delay_in_window(const struct plan_options *options, struct random *random)
{
    double unit = random_unit(random);

    if (random_below(random, EDGE_IN_ONE_OF) == 0)
        return random_chance(random, 0.5) ? options->after_ms : -options->before_ms;
    return (int64_t)((double)options->after_ms * unit * unit * unit);
}

static int64_t delay_out_of_window(const struct plan_options *options, struct random *random)
{
    bool edge = random_below(random, EDGE_OUT_ONE_OF) == 0;

    if (random_chance(random, 0.25))
        return -options->before_ms - 1
               - (edge ? 0 : random_below_ms(random, options->before_ms + 1000));
    return options->after_ms + 1 + (edge ? 0 : random_below_ms(random, options->after_ms / 4 + 1));
}

static void plan_engagement(struct plan *plan, uint32_t index, uint32_t view, struct random *random)
{
    struct plan_event *event = &plan->events[index];

    event_id(random, event->id);
    event->view = view;
    event->kind = (uint8_t)engagement_kind(random);
    event->dwell_ms = engagement_dwell_ms((enum event_kind)event->kind, random);
    event->detail = random_next(random);
}

/* The view, the time and the reason of an engagement that arrives in time. */
static void plan_timely(struct plan *plan, uint32_t index, uint32_t hot_view, struct random *random)
{
    const struct plan_options *options = &plan->options;
    struct plan_event *event = &plan->events[index];
    bool hot = random_chance(random, options->skew);
    uint32_t view = hot ? hot_view : random_below(random, options->view_count);
    double place = random_unit(random);
    int64_t delay_ms;

    plan_engagement(plan, index, view, random);
    event->hot = hot;
    if (place < options->out_of_window) {
        event->trait = TRAIT_OUT_OF_WINDOW;
        delay_ms = delay_out_of_window(options, random);
    } else if (place < options->out_of_window + options->before_view) {
        event->trait = TRAIT_BEFORE_VIEW;
        delay_ms = -1 - random_below_ms(random, options->before_ms);
    } else {
        delay_ms = delay_in_window(options, random);
    }
    event->time_ms = plan->events[view].time_ms + delay_ms;
    event->publish_ms = event->time_ms + disorder(plan, random);
}

/*
 * Inside the window of a view, but published when the watermark is so far ahead that the row must
 * be dropped: e.t < W - HI - L - lo, with the lateness and a second to spare.
 */
static void plan_late(struct plan *plan, uint32_t index, uint32_t view, struct random *random)
{
    const struct plan_options *options = &plan->options;
    struct plan_event *event = &plan->events[index];

    plan_engagement(plan, index, view, random);
    event->trait = TRAIT_LATE;
    event->time_ms =
        plan->events[view].time_ms + random_below_ms(random, options->after_ms / 8 + 1);
    event->publish_ms = event->time_ms + options->before_ms + options->after_ms
                        + options->disorder_ms + 2 * options->lateness_ms + 1000;
}

/* Late ones take views of the first quarter, so that the feed is still going on when they come. */
static void plan_late_events(struct plan *plan, uint32_t first, struct random *random)
{
    uint32_t view_count = plan->options.view_count;
    bool *taken = memory_array(view_count, sizeof *taken);
    int64_t early_ms = plan->options.base_time_ms + plan->options.span_ms / 4;

    for (uint32_t i = 0; i < plan->options.late_count; i++) {
        uint32_t view = random_below(random, view_count);
        for (uint32_t step = 0; taken[view] || plan->events[view].time_ms > early_ms; step++) {
            view = (view + 1) % view_count;
            if (step > view_count) /* The first quarter is used up. */
                early_ms = INT64_MAX;
        }
        taken[view] = true;
        plan_late(plan, first + i, view, random);
    }
    free(taken);
}

static void plan_events(struct plan *plan, struct random *random)
{
    const struct plan_options *options = &plan->options;
    uint32_t index = 0;
    uint32_t hot_view = options->view_count / 3;

    for (; index < options->view_count; index++)
        plan_view(plan, index, random);
    for (; index < options->view_count + options->engagement_count; index++)
        plan_timely(plan, index, hot_view, random);
    plan_late_events(plan, index, random);
}

static int message_order(const void *left, const void *right)
{
    const struct plan_message *a = left;
    const struct plan_message *b = right;

    if (a->publish_ms != b->publish_ms)
        return a->publish_ms < b->publish_ms ? -1 : 1;
    if (a->poison != b->poison)
        return a->poison ? 1 : -1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return (int)a->duplicate - (int)b->duplicate;
}

static void plan_messages(struct plan *plan, struct random *random)
{
    const struct plan_options *options = &plan->options;
    struct plan_message *next = plan->messages;

    for (uint32_t i = 0; i < plan->event_count; i++) {
        const struct plan_event *event = &plan->events[i];
        *next++ = (struct plan_message){.publish_ms = event->publish_ms, .index = i};
        if (event->trait == TRAIT_LATE || !random_chance(random, options->duplicates))
            continue;
        *next = (struct plan_message){.index = i, .duplicate = true};
        next->publish_ms =
            event->publish_ms + 1 + random_below_ms(random, options->lateness_ms / 4 + 1);
        next++;
        plan->duplicate_count++;
    }
    for (uint32_t i = 0; i < options->poison_count; i++) {
        *next = (struct plan_message){.index = i, .poison = true};
        next->publish_ms = options->base_time_ms + random_below_ms(random, options->span_ms);
        next++;
    }
    plan->message_count = (uint32_t)(next - plan->messages);
    qsort(plan->messages, plan->message_count, sizeof *plan->messages, message_order);
}

static bool plan_check(const struct plan_options *options, struct error *err)
{
    enum { COUNT_MAX = 100 * 1000 * 1000 };

    if (options->view_count == 0 || options->view_count > COUNT_MAX
        || options->engagement_count > COUNT_MAX || options->poison_count > COUNT_MAX)
        return error_set(err, EXIT_CODE_USAGE,
                         "--views, --events: there must be 1 to %d views and at most as many "
                         "engagements and poison messages",
                         COUNT_MAX);
    if (options->late_count > options->view_count)
        return error_set(err, EXIT_CODE_USAGE,
                         "--late %u: there are only %u views, and each has at most one",
                         options->late_count, options->view_count);
    if (options->span_ms <= 0)
        return error_set(err, EXIT_CODE_USAGE, "--span: it must be longer than nothing");
    if (options->before_view > 0 && options->before_ms == 0)
        return error_set(err, EXIT_CODE_USAGE,
                         "--before-view: the window has no part before the view");
    if (options->out_of_window + options->before_view > 1)
        return error_set(err, EXIT_CODE_USAGE,
                         "--out-of-window and --before-view: together they are more than all");
    return true;
}

struct plan *plan_new(const struct plan_options *options, struct error *err)
{
    struct random random = {.state = options->seed};
    struct plan *plan;

    if (!plan_check(options, err))
        return NULL;
    plan = memory_new(sizeof *plan);
    plan->options = *options;
    plan->event_count = options->view_count + options->engagement_count + options->late_count;
    plan->events = memory_array(plan->event_count, sizeof *plan->events);
    plan->messages =
        memory_array(2 * (size_t)plan->event_count + options->poison_count, sizeof *plan->messages);
    plan_events(plan, &random);
    plan_messages(plan, &random);
    return plan;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->events);
    free(plan->messages);
    free(plan);
}
