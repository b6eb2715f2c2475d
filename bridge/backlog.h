/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog: how many messages may still wait in Pub/Sub: an estimate, and named so.
 *
 * REST tells no count. What the bridge sees is how old the messages are that it gets, and how many of
 * them come for each second of publish time that it passes through. If the publishers were as busy
 * since as they were then, that density times the age is what waits. Pure.
 */
#ifndef BRIDGE_BACKLOG_H
#define BRIDGE_BACKLOG_H

#include <stdint.h>

enum { BACKLOG_NONE_MS = 1000 }; /* What is younger did not wait. */
#define BACKLOG_UNKNOWN (-1)

struct backlog {
    int64_t at_us; /* Of the last look; 0: none yet. */
    int64_t behind_ms;
    int64_t received;
    double density; /* Messages a second of publish time; 0: not known. */
};

/* A look: the age of what comes now, and how many messages came so far. About once a second. */
void backlog_look(struct backlog *backlog, int64_t now_us, int64_t behind_ms, int64_t received);
/* BACKLOG_UNKNOWN while it makes no way through publish time that could be measured. */
int64_t backlog_messages(const struct backlog *backlog);

#endif
