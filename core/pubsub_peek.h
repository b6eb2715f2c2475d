/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pubsub_peek: messages that wait in a subscription, looked at and given back.
 *
 * They are pulled, so Pub/Sub counts a delivery attempt of each, and whoever else reads the
 * subscription does not get them meanwhile.
 */
#ifndef CORE_PUBSUB_PEEK_H
#define CORE_PUBSUB_PEEK_H

#include "core/pubsub.h"

/* The messages are borrowed. False ends it, with an error. */
typedef bool pubsub_peek_take(void *context, const struct pubsub_message *message,
                              struct error *err);

/*
 * Hands over up to `most` messages. Ends sooner when none comes for a while, and in time for the shortest
 * lease, so that a message is seen once. That all are given back is tried, not promised: else their
 * leases run out.
 */
bool pubsub_peek(struct pubsub *pubsub, const char *subscription, int64_t most,
                 pubsub_peek_take *take, void *context, struct error *err);

#endif
