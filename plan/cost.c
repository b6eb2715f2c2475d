/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/cost.h"

static const double month_s = 365.25 / 12 * 86400, gib = 1024.0 * 1024 * 1024,
                    tib = 1024.0 * 1024 * 1024 * 1024;

struct cost cost_of(const struct sample *sample, const struct pipeline_prices *prices,
                    int32_t copies, int64_t retention_ms)
{
    struct cost cost = {.messages_per_second = prices->messages_per_second};
    double retention_s = retention_ms >= 0 ? (double)retention_ms / 1000 : month_s;

    if (sample->fit == 0)
        return cost;
    cost.published_bytes = (double)sample->fitting_published_bytes / (double)sample->fit;
    cost.stored_bytes = (double)sample->stored_bytes / (double)sample->fit;
    if (cost.messages_per_second == 0) {
        cost.messages_per_second = sample_rate(sample);
        cost.rate_is_measured = true;
    }
    if (cost.messages_per_second == 0)
        return cost;

    double messages = cost.messages_per_second * month_s;
    double written_gib = messages * cost.stored_bytes * copies / gib;
    double lying_gib = cost.messages_per_second * retention_s * cost.stored_bytes * copies / gib;

    cost.known = true;
    cost.pubsub_month = 2 * messages * cost.published_bytes / tib * prices->pubsub_tib;
    cost.kafka_month = written_gib * prices->kafka_gib + lying_gib * prices->kafka_gib_month;
    return cost;
}
