/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/refill.h"

#include <string.h>

#include "bridge/delivery.h"
#include "core/kafka.h"
#include "core/provenance.h"

enum {
    LAST_LEAST = 1000, /* Of a partition: keys are never spread evenly. */
    DEAD_LETTERS = 10000,
};

struct refill {
    struct flight *flight;
    const char *subscription;
    int64_t count;
};

/* A topic may be shared: ids are unique only within the subscription. */
static bool take(void *context, const rd_kafka_message_t *record, struct error *err)
{
    struct refill *refill = context;
    struct provenance_source source;
    const void *text;
    size_t size;

    (void)err;
    if (!kafka_header(record, HEADER_SOURCE, &text, &size)
        || !provenance_parse_source(text, size, &source)
        || source.subscription_size != strlen(refill->subscription)
        || memcmp(source.subscription, refill->subscription, source.subscription_size) != 0)
        return true;
    flight_remember(refill->flight, source.message_id, source.message_id_size);
    refill->count++;
    return true;
}

bool refill_window(struct flight *flight, const struct pipeline *pipeline,
                   const struct pipeline_stream *stream, int32_t partition_count, int64_t *count,
                   struct error *err)
{
    struct refill refill = {.flight = flight, .subscription = delivery_subscription(stream)};
    int64_t last = pipeline->bridge.dedup_ids / partition_count;
    struct kafka_range range = {.partition = KAFKA_EVERY, .from_ms = INT64_MIN};

    range.last = DEAD_LETTERS;
    bool ok =
        stream->dead_letter == NULL
        || kafka_read_range(&pipeline->kafka, stream->dead_letter, &range, take, &refill, err);

    range.last = last < LAST_LEAST ? LAST_LEAST : last;
    ok = ok && kafka_read_range(&pipeline->kafka, stream->topic.name, &range, take, &refill, err);
    *count = refill.count;
    return ok;
}
