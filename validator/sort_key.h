/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort_key: numbers and hashes as bytes that the sorter puts in their order.
 *
 * Writers return the byte behind what they wrote.
 */
#ifndef VALIDATOR_SORT_KEY_H
#define VALIDATOR_SORT_KEY_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

enum { SORT_KEY_HASH_SIZE = 16 };

static inline uint8_t *sort_key_hash(uint8_t *at, XXH128_hash_t hash)
{
    XXH128_canonicalFromHash((XXH128_canonical_t *)(void *)at, hash);
    return at + SORT_KEY_HASH_SIZE;
}

static inline uint8_t *sort_key_u32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t *sort_key_i64(uint8_t *at, int64_t value)
{
    uint64_t flipped = htobe64((uint64_t)value ^ (1ull << 63)); /* Negative numbers first. */

    memcpy(at, &flipped, sizeof flipped);
    return at + sizeof flipped;
}

static inline int64_t sort_key_get_i64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return (int64_t)(be64toh(value) ^ (1ull << 63));
}

static inline uint32_t sort_key_get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

#endif
