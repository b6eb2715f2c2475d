/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_compare: source, late and output records of one join in, a result out.
 *
 * Source and late records are sorted by key and partition and recomputed; the expected rows and the
 * output records are sorted by sample id and compared. Nothing here reads Kafka or the clock.
 *
 *     join_compare_new -> _cut per partition -> _source, _late ... -> _recompute -> _output ... -> _finish
 */
#ifndef VALIDATOR_JOIN_COMPARE_H
#define VALIDATOR_JOIN_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"
#include "core/registry.h"
#include "validator/record.h"
#include "validator/result.h"

struct join_compare;

struct join_compare_options {
    const struct pipeline_join *join;
    const struct pipeline_validate *validate;
    struct registry *registry;
    const char *work_directory;
    struct result *result; /* Borrowed until join_compare_free. */
};

struct join_compare *join_compare_new(const struct join_compare_options *options);
void join_compare_free(struct join_compare *compare);

/* Partition p was joined up to this watermark, which may be TASK_TIME_NONE; the primary's log was
 * read from `low` to before `next`. */
void join_compare_cut(struct join_compare *compare, int32_t partition, int64_t watermark_ms,
                      int64_t low, int64_t next);

bool join_compare_source(struct join_compare *compare, size_t input, const struct record *record,
                         struct error *err);
bool join_compare_late(struct join_compare *compare, const struct record *record,
                       struct error *err);
bool join_compare_recompute(struct join_compare *compare, struct error *err);
bool join_compare_output(struct join_compare *compare, const struct record *record,
                         struct error *err);
bool join_compare_finish(struct join_compare *compare, struct error *err);

#endif
