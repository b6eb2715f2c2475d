/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack_id: the handle of one delivery, as long as the service's own.
 *
 * It names the subscription, the slot and the slot's generation, so that an acknowledgement is found
 * without a search and an old handle is told from the newest. Opaque to clients; pure.
 */
#ifndef EMULATOR_ACK_ID_H
#define EMULATOR_ACK_ID_H

#include <stddef.h>
#include <stdint.h>

enum {
    ACK_ID_SIZE = 164,        /* What Google's clients reckon with. */
    ACK_ID_PREFIX_SIZE = 132, /* Of the subscription; the rest is slot, generation and check. */
};

enum ack_id_kind { ACK_ID_GOOD, ACK_ID_FOREIGN, ACK_ID_MALFORMED };

/* The part that all handles of a subscription share. */
void ack_id_prefix(uint64_t subscription, char prefix[static ACK_ID_PREFIX_SIZE]);
/* Writes what follows the prefix. */
void ack_id_write(uint64_t slot, uint32_t generation,
                  char text[static ACK_ID_SIZE - ACK_ID_PREFIX_SIZE]);
enum ack_id_kind ack_id_read(const char *prefix, const char *text, size_t size, uint64_t *slot,
                             uint32_t *generation);

#endif
