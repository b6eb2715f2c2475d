/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task_commit: what a join task commits beside its offsets, as offset metadata.
 *
 * One cut through a task: the same text goes with the offset of each of its partitions. The
 * joiner restarts from it; the validator reads from it how far the joiner claims to have come.
 * Binary, little endian, version byte first, Base64 (librdkafka 2.0.2 corrupts NUL bytes), at most
 * 4096 bytes, Kafka's limit.
 */
#ifndef CORE_TASK_COMMIT_H
#define CORE_TASK_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum { TASK_COMMIT_INPUTS_MAX = 32, TASK_COMMIT_TEXT_SIZE = 4097 };

#define TASK_TIME_NONE INT64_MIN /* No record seen yet. */

struct task_commit_input {
    int64_t offset;        /* The next one to read; the same as the committed offset. */
    int64_t max_time_ms;   /* M_i. TASK_TIME_NONE: nothing consumed. */
    int64_t replay_offset; /* Of the oldest live row, or `offset` if none is live. */
};

struct task_commit {
    uint64_t config_hash;
    int64_t watermark_ms;    /* W. TASK_TIME_NONE: not yet defined. */
    uint64_t row_count;      /* Live rows. */
    uint64_t row_hash;       /* Sum of the hashes of live rows. */
    int32_t partition_count; /* Of each input; 0: not known, written by version 1. */
    uint32_t input_count;    /* In the order of the join: the primary first. */
    struct task_commit_input inputs[TASK_COMMIT_INPUTS_MAX];
};

/* Writes a C string. */
void task_commit_format(const struct task_commit *commit, char text[static TASK_COMMIT_TEXT_SIZE]);
bool task_commit_parse(const char *text, size_t size, struct task_commit *commit,
                       struct error *err);

#endif
