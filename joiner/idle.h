/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle: whether a silent input may stop holding the watermark.
 *
 * A silent input and a dead producer look alike. Silence counts only at the end of the partition,
 * and, where a bridge feeds the stream, only with its word that it is alive and not behind. Pure.
 */
#ifndef JOINER_IDLE_H
#define JOINER_IDLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    IDLE_FRESH_MS = 5000
}; /* A heartbeat a second: five missed ones mean that nobody is there. */

/* The turn loop comes round many times a second. */
enum { IDLE_STALL_MS = 2000 };

#define IDLE_NEVER INT64_MIN

struct idle_rule {
    int64_t idle_after_ms;
    bool needs_evidence;
};

struct idle_input {
    bool at_end;
    int64_t silent_since_ms; /* Wall clock: since when at the end without a record. */
};

struct idle_evidence { /* Of the stream's bridge. */
    int64_t heard_ms;  /* Wall clock: when its last heartbeat came. IDLE_NEVER: none did. */
    int64_t behind_ms; /* The most that any of its fresh instances said. */
};

/*
 * Whether the process stood still between two looks (stopped, swapped out, a clock that was set): what came
 * in that time is still to be read, so all silence has to be watched anew.
 */
bool idle_stalled(int64_t watched_ms, int64_t now_ms);

/* Only IDLE_YES lets time go on without the input; the others say why not. */
enum idle_verdict {
    IDLE_YES,
    IDLE_READING,   /* Not at the end of its partition. */
    IDLE_NOT_YET,   /* Silent for less than the rule asks. */
    IDLE_NO_BRIDGE, /* No fresh heartbeat: its bridge may be dead. */
    IDLE_BEHIND,    /* Its bridge delivers what is older than the rule allows. */
};

enum idle_verdict idle_judge(const struct idle_rule *rule, const struct idle_input *input,
                             const struct idle_evidence *evidence, int64_t now_ms);

#endif
