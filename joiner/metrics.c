/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/metrics.h"

#include <inttypes.h>
#include <stdio.h>

static const struct metric_def defs[JOIN_METRIC_COUNT] = {
#define LABELLED(name, kind, scale, labels, help) {#name, kind, scale, help},
#include "joiner/metrics.def"
};

struct metric *join_metric(struct metrics *metrics, enum join_metric which, const char *join,
                           const char *name, const char *value)
{
    struct buffer labels = {0};

    metrics_label(&labels, "join", join);
    if (name != NULL)
        metrics_label(&labels, name, value);
    struct metric *metric = metrics_series(metrics, &defs[which], buffer_text(&labels));
    buffer_fini(&labels);
    return metric;
}

struct metric *join_input_metric(struct metrics *metrics, enum join_metric which, const char *join,
                                 int32_t partition, const char *input)
{
    struct buffer labels = {0};
    char text[16];

    snprintf(text, sizeof text, "%" PRId32, partition);
    metrics_label(&labels, "join", join);
    metrics_label(&labels, "partition", text);
    metrics_label(&labels, "input", input);
    struct metric *metric = metrics_series(metrics, &defs[which], buffer_text(&labels));
    buffer_fini(&labels);
    return metric;
}
