/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver: a plan's messages to where they are wanted, Pub/Sub or files.
 */
#ifndef FEED_DELIVER_H
#define FEED_DELIVER_H

#include <stdint.h>

#include "core/error.h"
#include "plan.h"
#include "publisher.h"
#include "render.h"

struct deliver_options {
    struct publisher_options publisher; /* Topics: views, engagements. */
    bool paced;                         /* Each message at its publish time, not before. */
    bool ordering_keys;                 /* The view id of the message. */
    bool progress;
};

/* Ends early, without an error, when process_stopping(). */
bool deliver_publish(const struct plan *plan, const struct render *render,
                     const struct deliver_options *options, struct publisher_counts *counts,
                     struct error *err);
/* DIR/views.jsonl and DIR/engagements.jsonl: the bodies in publish order, one a line, the poison too. */
bool deliver_files(const struct plan *plan, const struct render *render, const char *directory,
                   struct error *err);

#endif
