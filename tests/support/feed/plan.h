/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: every event of a feed, decided before the first one is published.
 *
 * An event has an event time and a publish time, which is later by a bounded disorder. Messages are
 * events in publish order, with republished duplicates and poison among them. Because all of it is
 * known beforehand, what the join must yield is known as well, even for a feed that is paced live.
 * The same options give the same plan. Immutable after plan_new.
 */
#ifndef FEED_PLAN_H
#define FEED_PLAN_H

#include <stdint.h>

#include "core/error.h"

enum { UUID_SIZE = 16 };

enum event_kind { EVENT_VIEW, EVENT_LIKE, EVENT_SHARE, EVENT_CLICK, EVENT_SKIP, EVENT_DWELL };
enum { EVENT_KIND_COUNT = EVENT_DWELL + 1 };

/* Why the event is where it is: for the counts of the summary. What joins is decided by time alone,
 * but for late events, which arrive after their view's window was closed. */
enum event_trait {
    TRAIT_PLAIN,
    TRAIT_BEFORE_VIEW,
    TRAIT_OUT_OF_WINDOW,
    TRAIT_LATE,
};
enum { EVENT_TRAIT_COUNT = TRAIT_LATE + 1 };

struct plan_event {
    uint8_t id[UUID_SIZE]; /* The event id; of a view it is the view id. */
    int64_t time_ms;
    int64_t publish_ms;
    uint64_t detail;  /* Seed of every field that no join looks at. */
    uint32_t view;    /* Index of the view; a view's own. */
    int32_t dwell_ms; /* -1: none. */
    uint8_t kind;     /* enum event_kind */
    uint8_t trait;    /* enum event_trait */
    bool hot;         /* An engagement with the hot view. */
};

struct plan_message {
    int64_t publish_ms;
    uint32_t index; /* Of the event, or of the poison. */
    bool poison;
    bool duplicate; /* The event was published before, in a message of its own. */
};

struct plan_options {
    uint64_t seed;
    uint32_t view_count;
    uint32_t engagement_count; /* Without the late ones. */
    uint32_t late_count;       /* At most one a view. */
    uint32_t poison_count;
    int64_t base_time_ms; /* Event time of the earliest view. */
    int64_t span_ms;      /* Views are spread over it. */
    int64_t disorder_ms;  /* Publish time is at most so much later than event time. */
    int64_t before_ms;    /* The join's window, inclusive, and its lateness. */
    int64_t after_ms;
    int64_t lateness_ms;
    double duplicates; /* Share of events published twice. */
    double out_of_window;
    double before_view;
    double skew; /* Share of engagements with one hot view. */
};

struct plan {
    struct plan_options options;
    struct plan_event *events; /* Views first, then engagements, then late engagements. */
    uint32_t event_count;
    struct plan_message *messages; /* In publish order. */
    uint32_t message_count;
    uint32_t duplicate_count;
};

/* NULL if the options cannot be met; the error names the option. */
struct plan *plan_new(const struct plan_options *options, struct error *err);
void plan_free(struct plan *plan);

#endif
