/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat_record: a record or message as one JSON object.
 *
 * Members come in a fixed order; those that a record does not have are left out. Bytes that are no text
 * are {"hex": "..."}. Our own headers are read and stand under source, ordering_key, reason, replay,
 * join and late; all others under headers, or attributes.
 */
#ifndef CAT_CAT_RECORD_H
#define CAT_CAT_RECORD_H

#include <jansson.h>
#include <librdkafka/rdkafka.h>

#include "core/pubsub.h"
#include "core/registry.h"

/* registry: NULL if no schema is needed. Returns (caller decrefs). */
json_t *cat_record(const rd_kafka_message_t *record, struct registry *registry);
json_t *cat_message(const char *subscription, const struct pubsub_message *message);

/* Text as text; as JSON if it is that; else {"hex": ...}. Returns (caller decrefs). */
json_t *cat_bytes(const void *bytes, size_t size);

#endif
