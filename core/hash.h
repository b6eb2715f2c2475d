/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: Kafka's partitioner and the identity hashes.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The murmur2 of Kafka's Java clients (seed 0x9747b28c). */
uint32_t hash_murmur2(const void *key, size_t size);
/* The partition that Java's default partitioner gives to a key that is not null. */
int32_t hash_partition(const void *key, size_t size, int32_t partition_count);

/*
 * sample id: the first 16 bytes of SHA-256 over the join's name, the key and the event id, each
 * with its length (4 bytes, big endian) in front. The same in every run and in every engine.
 */
enum { SAMPLE_ID_SIZE = 16 };
void hash_sample_id(const char *join, const void *key, size_t key_size, const void *event_id,
                    size_t event_id_size, uint8_t id[static SAMPLE_ID_SIZE]);

#endif
