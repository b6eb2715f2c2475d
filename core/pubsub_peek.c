/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pubsub_peek.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/process.h"

enum {
    PULL_MESSAGES = 500,
    FIRST_WAIT_MS = 5000, /* A subscription that was idle may need some time. */
    NEXT_WAIT_MS = 1000,
    TOTAL_MS = 8000, /* The shortest lease is 10 s. */
};

struct peek {
    struct pubsub *pubsub;
    const char *subscription;
    pubsub_peek_take *take;
    void *context;
    char **ack_ids; /* Of all that was pulled. */
    size_t count;
};

static int64_t now_ms(void)
{
    return clock_monotonic_us(clock_real()) / 1000;
}

static bool take_batch(struct peek *peek, const struct pubsub_batch *batch, struct error *err)
{
    peek->ack_ids = memory_resize(peek->ack_ids, (peek->count + batch->count + 1) * sizeof(char *));
    for (size_t i = 0; i < batch->count; i++)
        peek->ack_ids[peek->count++] = memory_text(batch->messages[i].ack_id);
    for (size_t i = 0; i < batch->count; i++)
        if (!peek->take(peek->context, &batch->messages[i], err))
            return false;
    return true;
}

/* One pull. Pub/Sub holds an empty one, so one that took its whole time is as good as an empty answer. */
static bool pull(struct peek *peek, int32_t most, int64_t wait_ms, bool *empty, struct error *err)
{
    int64_t begun_ms = now_ms();
    struct pubsub_batch batch = {0};

    *empty = true;
    if (!pubsub_pull(peek->pubsub, peek->subscription, most, wait_ms, &batch, err))
        return err->class == ERROR_RETRY && now_ms() - begun_ms >= wait_ms;
    *empty = batch.count == 0;
    bool ok = take_batch(peek, &batch, err);
    pubsub_batch_fini(&batch);
    return ok;
}

static void give_back(struct peek *peek)
{
    struct error ignored;

    if (peek->count > 0)
        pubsub_modify_deadline(peek->pubsub, peek->subscription, (const char *const *)peek->ack_ids,
                               peek->count, 0, &ignored);
    for (size_t i = 0; i < peek->count; i++)
        free(peek->ack_ids[i]);
    free(peek->ack_ids);
}

bool pubsub_peek(struct pubsub *pubsub, const char *subscription, int64_t most,
                 pubsub_peek_take *take, void *context, struct error *err)
{
    struct peek peek = {pubsub, subscription, take, context, NULL, 0};
    int64_t end_ms = now_ms() + TOTAL_MS;
    bool ok = true, empty = false;

    while (ok && !empty && (int64_t)peek.count < most && now_ms() < end_ms && !process_stopping()) {
        int64_t left = most - (int64_t)peek.count;

        ok = pull(&peek, left < PULL_MESSAGES ? (int32_t)left : PULL_MESSAGES,
                  peek.count == 0 ? FIRST_WAIT_MS : NEXT_WAIT_MS, &empty, err);
    }
    give_back(&peek);
    return ok;
}
