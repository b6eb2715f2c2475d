/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack_answer: what a refused acknowledgement of an exactly-once subscription says of each ack id.
 *
 * Pub/Sub answers 400 with an ErrorInfo whose metadata names the ids that failed. An id that it does
 * not name may or may not be acknowledged: Google's own clients disagree. Pure.
 */
#ifndef BRIDGE_ACK_ANSWER_H
#define BRIDGE_ACK_ANSWER_H

#include <jansson.h>
#include <stddef.h>

enum ack_verdict { ACK_AGAIN, ACK_LOST, ACK_UNNAMED };

/* The metadata of EXACTLY_ONCE_ACKID_FAILURE in an error body, or NULL if it has none. Returns (caller
 * decrefs). */
json_t *ack_answer_parse(const void *body, size_t size);
enum ack_verdict ack_answer_verdict(const json_t *metadata, const char *ack_id, size_t size);

#endif
