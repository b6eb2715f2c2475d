/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect: what the join must yield for a plan, by the plainest method there is.
 *
 * All engagements of a view are looked at one by one, in memory, by event time alone. It shares no
 * code with the streaming join or with the recompute, so it is a third opinion on both.
 */
#ifndef FEED_EXPECT_H
#define FEED_EXPECT_H

#include "core/error.h"
#include "plan.h"
#include "render.h"

struct expect_label {
    bool liked;
    uint32_t shares;
    const struct plan_event *first; /* By (event time, event id bytes). NULL: none. */
    int32_t dwell_ms;               /* Greatest. -1: none. */
    uint32_t counts[EVENT_KIND_COUNT];
};

struct expect_row {
    const struct plan_event *view;
    struct expect_label label;    /* Without the late engagement. */
    struct expect_label complete; /* With it. */
    bool late;                    /* There is one in the window. */
};

/* One row for each view, sorted by view id. Returns (caller frees); borrows plan. */
struct expect_row *expect_rows(const struct plan *plan);

/*
 * Writes DIR/labels.jsonl, late.jsonl, dead.jsonl and summary.json; DIR is made if it does not exist.
 *   labels.jsonl   one object for each view, sorted by view id; "complete" is there if a late
 *                  engagement would change the label
 *   late.jsonl     the engagements that come too late, with their views
 *   dead.jsonl     the poison: stream, the value of its attribute "poison", reason, body in Base64
 *   summary.json   counts of events, messages and published bytes
 */
bool expect_write(const struct plan *plan, const struct render *render, const char *directory,
                  struct error *err);

#endif
