/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Austin Appleby's MurmurHash2, as org.apache.kafka.common.utils.Utils computes it. */
uint32_t hash_murmur2(const void *key, size_t size)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *bytes = key;
    size_t whole = size / 4 * 4;
    uint32_t h = 0x9747b28c ^ (uint32_t)size;

    for (size_t i = 0; i < whole; i += 4) {
        uint32_t k;
        memcpy(&k, bytes + i, 4); /* Little endian, as every machine that dualrun supports. */
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = (h * m) ^ k;
    }
    for (size_t i = size; i-- > whole;)
        h ^= (uint32_t)bytes[i] << (8 * (i - whole));
    if (size > whole)
        h *= m;
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

int32_t hash_partition(const void *key, size_t size, int32_t partition_count)
{
    assert(partition_count > 0);

    return (int32_t)(hash_murmur2(key, size) & 0x7fffffff) % partition_count;
}

static void put_block(EVP_MD_CTX *context, const void *data, size_t size)
{
    uint8_t length[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                         (uint8_t)size};

    EVP_DigestUpdate(context, length, sizeof length);
    EVP_DigestUpdate(context, data, size);
}

/* A context costs more than the digest of a short text, so each thread keeps one until it ends. */
static pthread_key_t context_key;
/* Fetched once: EVP_sha256() is looked up anew, under a lock, for every digest. */
static EVP_MD *sha256;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void free_digest(void)
{
    EVP_MD_free(sha256);
}

static void make_key(void)
{
    int failed = pthread_key_create(&context_key, free_context);

    assert(!failed);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(sha256 != NULL);
    atexit(free_digest);
}

static EVP_MD_CTX *thread_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_key);
    EVP_MD_CTX *context = pthread_getspecific(context_key);
    if (context == NULL) {
        context = EVP_MD_CTX_new();
        assert(context != NULL);
        pthread_setspecific(context_key, context);
    }
    return context;
}

void hash_sample_id(const char *join, const void *key, size_t key_size, const void *event_id,
                    size_t event_id_size, uint8_t id[static SAMPLE_ID_SIZE])
{
    EVP_MD_CTX *context = thread_context();
    uint8_t digest[EVP_MAX_MD_SIZE];
    int ok = EVP_DigestInit_ex(context, sha256, NULL);
    assert(ok == 1);
    put_block(context, join, strlen(join));
    put_block(context, key, key_size);
    put_block(context, event_id, event_id_size);
    EVP_DigestFinal_ex(context, digest, NULL);
    memcpy(id, digest, SAMPLE_ID_SIZE);
}
