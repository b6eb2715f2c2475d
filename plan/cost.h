/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cost: what a stream costs a month on each side, from a sample and the prices of the file. Pure.
 *
 *   Pub/Sub: (published + delivered once) bytes * pubsub_tib
 *   Kafka:   stored bytes * copies * kafka_gib written, + what lies there * kafka_gib_month
 */
#ifndef PLAN_COST_H
#define PLAN_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"
#include "plan/sample.h"

struct cost {
    bool known;            /* A rate is known and some of the sample fits. */
    bool rate_is_measured; /* From the sample's publish times, not from the file. */
    double messages_per_second;
    double published_bytes, stored_bytes; /* Of one message; one copy. */
    double pubsub_month, kafka_month;
};

struct cost cost_of(const struct sample *sample, const struct pipeline_prices *prices,
                    int32_t copies, int64_t retention_ms);

#endif
