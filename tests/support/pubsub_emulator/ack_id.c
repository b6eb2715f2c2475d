/* SPDX-License-Identifier: Apache-2.0 */
#include "ack_id.h"

#include <stdbool.h>
#include <string.h>

void ack_id_prefix(uint64_t subscription, char prefix[static ACK_ID_PREFIX_SIZE])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t state = subscription * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;

    for (int i = 0; i < ACK_ID_PREFIX_SIZE; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        prefix[i] = letters[state >> 58];
    }
}

static uint32_t check(uint64_t slot, uint32_t generation)
{
    return (uint32_t)((slot * 0xff51afd7ed558ccdu ^ generation * 0xc4ceb9fe1a85ec53u) >> 32);
}

static char *write_hex(char *to, uint64_t value, int digits)
{
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
        *to++ = "0123456789ABCDEF"[value >> shift & 15];
    return to;
}

void ack_id_write(uint64_t slot, uint32_t generation,
                  char text[static ACK_ID_SIZE - ACK_ID_PREFIX_SIZE])
{
    char *to = write_hex(text, slot, 16);

    to = write_hex(to, generation, 8);
    write_hex(to, check(slot, generation), 8);
}

static bool read_hex(const char *text, int digits, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        unsigned letter = (unsigned char)text[i];
        unsigned digit = letter - '0';
        if (digit > 9) {
            digit = letter - 'A' + 10;
            if (digit < 10 || digit > 15)
                return false;
        }
        *value = *value << 4 | digit;
    }
    return true;
}

enum ack_id_kind ack_id_read(const char *prefix, const char *text, size_t size, uint64_t *slot,
                             uint32_t *generation)
{
    const char *tail = text + ACK_ID_PREFIX_SIZE;
    uint64_t turn;
    uint64_t sum;

    if (size != ACK_ID_SIZE || !read_hex(tail, 16, slot) || !read_hex(tail + 16, 8, &turn)
        || !read_hex(tail + 24, 8, &sum) || sum != check(*slot, (uint32_t)turn))
        return ACK_ID_MALFORMED;
    *generation = (uint32_t)turn;
    return memcmp(prefix, text, ACK_ID_PREFIX_SIZE) == 0 ? ACK_ID_GOOD : ACK_ID_FOREIGN;
}
