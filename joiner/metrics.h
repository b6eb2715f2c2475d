/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: the numbers of a join that are not those of one task alone (joiner/metrics.def).
 */
#ifndef JOINER_METRICS_H
#define JOINER_METRICS_H

#include "core/metrics.h"

enum join_metric {
#define LABELLED(name, kind, scale, labels, help) JOIN_##name,
#include "joiner/metrics.def"
    JOIN_METRIC_COUNT
};

/* The series of a join; name and value are a second label, or NULL. Owned by metrics. */
struct metric *join_metric(struct metrics *metrics, enum join_metric which, const char *join,
                           const char *name, const char *value);
/* The same with a partition, of an input. */
struct metric *join_input_metric(struct metrics *metrics, enum join_metric which, const char *join,
                                 int32_t partition, const char *input);

#endif
