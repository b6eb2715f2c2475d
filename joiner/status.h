/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: how a join is doing, as JSON for programs and pages and as one line for people.
 *
 * The joiner's thread fills a picture once a second from its tasks; what is made of it is pure.
 */
#ifndef JOINER_STATUS_H
#define JOINER_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/task_commit.h"
#include "joiner/idle.h"

struct status_input {    /* A partition of one input. */
    const char *name;    /* Of the stream. */
    int64_t offset;      /* The next record to read. */
    int64_t lag;         /* Records behind the end; -1: not known yet. */
    int64_t max_time_ms; /* The newest event time. TASK_TIME_NONE: nothing came. */
    bool at_end;
    int64_t silent_ms; /* At the end, for so long. */
    enum idle_verdict idle;
};

struct status_task {
    int32_t partition;
    bool restoring;
    int64_t restored, restore_total; /* Records replayed, of so many. */
    int64_t watermark_ms;            /* TASK_TIME_NONE: not known. */
    uint32_t holder;                 /* The input that holds it. */
    uint64_t live_rows;
    int64_t labels, matches, late_admitted, late_dropped, duplicates, conflicts, dead_letters;
    int64_t checkpoint_ms;  /* Wall clock when the newest was made; 0: there is none. */
    bool checkpoint_failed; /* The last one could not be made. */
    struct status_input inputs[TASK_COMMIT_INPUTS_MAX];
    uint32_t input_count;
};

struct status_field { /* Of the output, made of a secondary's records. */
    const char *name;
    int64_t rows; /* In which something counted for it. */
};

struct status { /* Borrows every name. */
    const char *join, *slot;
    int64_t time_ms; /* Wall clock. */
    int64_t inputs_per_second;
    int64_t commits, commit_ms; /* How many, and how long the last one took. */
    int64_t restoring_ms;       /* Since the present restore began; 0: nothing is restored. */
    int64_t idle_after_ms;
    const struct status_task *tasks;
    size_t task_count;
    const struct status_field *fields;
    size_t field_count;
};

/* Milliseconds until everything is restored, at the pace so far. -1: not known. */
int64_t status_restore_left_ms(const struct status *status);
/* Appends one JSON object; docs/joiner.md says what each member is. */
void status_json(const struct status *status, struct buffer *out);
/* Appends the line of the terminal. */
void status_line(const struct status *status, struct buffer *out);
/* Why the watermark of a task does not go on, in a few words. Returns text. */
const char *status_hold(const struct status *status, const struct status_task *task, char *text,
                        size_t size);

#endif
