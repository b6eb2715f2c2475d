/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"

/* Expected values: the test vectors of Kafka's own UtilsTest.testMurmur2. */
static void murmur2_agrees_with_kafkas_java_client(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal((int32_t)hash_murmur2(vectors[i].key, strlen(vectors[i].key)),
                         vectors[i].hash);
}

static void a_partition_is_never_negative(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        int32_t partition = hash_partition(&i, sizeof i, 12);
        assert_in_range(partition, 0, 11);
    }
}

static void a_sample_id_depends_on_every_part_and_its_length(void **state)
{
    uint8_t a[SAMPLE_ID_SIZE], b[SAMPLE_ID_SIZE];

    (void)state;
    hash_sample_id("labels", "ab", 2, "c", 1, a);
    hash_sample_id("labels", "ab", 2, "c", 1, b);
    assert_memory_equal(a, b, SAMPLE_ID_SIZE);
    hash_sample_id("labels", "a", 1, "bc", 2, b);
    assert_memory_not_equal(a, b, SAMPLE_ID_SIZE);
    hash_sample_id("other", "ab", 2, "c", 1, b);
    assert_memory_not_equal(a, b, SAMPLE_ID_SIZE);
}

static void *sample_in_a_thread(void *id)
{
    hash_sample_id("labels", "ab", 2, "c", 1, id);
    return NULL;
}

/* The leak checker is the judge. */
static void a_thread_that_ends_leaves_nothing_behind(void **state)
{
    uint8_t here[SAMPLE_ID_SIZE], there[SAMPLE_ID_SIZE];
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, sample_in_a_thread, there), 0);
    pthread_join(thread, NULL);
    hash_sample_id("labels", "ab", 2, "c", 1, here);
    assert_memory_equal(here, there, SAMPLE_ID_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_agrees_with_kafkas_java_client),
        cmocka_unit_test(a_partition_is_never_negative),
        cmocka_unit_test(a_sample_id_depends_on_every_part_and_its_length),
        cmocka_unit_test(a_thread_that_ends_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
