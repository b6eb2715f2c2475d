/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "validator/sorter.h"

enum { KEY_SIZE = 20 };

static char directory[256];

static int make_directory(void **state)
{
    const char *root = getenv("TMPDIR");

    (void)state;
    snprintf(directory, sizeof directory, "%s/dualrun-sorter-XXXXXX", root ? root : "/tmp");
    return mkdtemp(directory) == NULL;
}

/* Fails if a run was left behind: rmdir wants an empty folder. */
static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

struct totals {
    uint64_t rows;
    uint64_t sum; /* Of a hash of each row, so that lost, doubled or mixed rows show. */
};

static uint64_t row_hash(const uint8_t *key, const uint8_t *payload, size_t size)
{
    uint64_t hash = 1469598103934665603u;

    for (size_t i = 0; i < KEY_SIZE; i++)
        hash = (hash ^ key[i]) * 1099511628211u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ payload[i]) * 1099511628211u;
    return hash;
}

/* Keys with few distinct bytes make long equal prefixes and equal keys. */
static void add_rows(struct sorter *sorter, size_t count, uint64_t *seed, unsigned distinct,
                     struct totals *totals)
{
    uint8_t key[KEY_SIZE], payload[300];
    struct error err;

    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; b < KEY_SIZE; b++)
            key[b] = (uint8_t)(next_random(seed) % distinct);
        size_t size = next_random(seed) % sizeof payload;
        for (size_t b = 0; b < size; b++)
            payload[b] = (uint8_t)next_random(seed);
        uint8_t *place = sorter_add(sorter, key, size, &err);
        assert_non_null(place);
        memcpy(place, payload, size);
        totals->rows++;
        totals->sum += row_hash(key, payload, size);
    }
}

static void assert_sorted(struct sorter *sorter, struct totals expected)
{
    uint8_t last[KEY_SIZE] = {0};
    struct totals found = {0};
    struct sorter_row row;
    struct error err;

    assert_true(sorter_sort(sorter, &err));
    for (;;) {
        assert_true(sorter_next(sorter, &row, &err));
        if (row.key == NULL)
            break;
        assert_true(memcmp(last, row.key, KEY_SIZE) <= 0);
        memcpy(last, row.key, KEY_SIZE);
        found.rows++;
        found.sum += row_hash(row.key, row.payload, row.size);
    }
    assert_int_equal(found.rows, expected.rows);
    assert_true(found.sum == expected.sum);
    assert_true(sorter_next(sorter, &row, &err)); /* The end stays the end. */
    assert_null(row.key);
}

static struct sorter *new_sorter(size_t memory_bytes)
{
    return sorter_new(&(struct sorter_options){
        .directory = directory, .key_size = KEY_SIZE, .memory_bytes = memory_bytes});
}

static void rows_come_back_in_order_and_whole_with_any_memory(void **state)
{
    static const size_t memories[] = {2048, 4096, 65536, 1 << 24};
    static const unsigned distinct[] = {1, 2, 5, 256};
    uint64_t seed = 42;

    (void)state;
    for (size_t m = 0; m < 4; m++)
        for (size_t d = 0; d < 4; d++) {
            size_t count = m == 0 ? 1000 : 5000;
            struct totals totals = {0};
            struct sorter *sorter = new_sorter(memories[m]);
            add_rows(sorter, count, &seed, distinct[d], &totals);
            assert_sorted(sorter, totals);
            struct sorter_stats stats = sorter_stats(sorter);
            assert_int_equal(stats.row_count, count);
            assert_int_equal(stats.run_count > 0, m < 3);
            sorter_free(sorter);
        }
}

static void more_runs_than_can_be_merged_at_once_are_merged_in_passes(void **state)
{
    uint64_t seed = 7;
    struct totals totals = {0};
    struct sorter *sorter = new_sorter(2048);

    (void)state;
    add_rows(sorter, 2000, &seed, 3, &totals);
    assert_true(sorter_stats(sorter).run_count > 3 * 32);
    assert_sorted(sorter, totals);
    sorter_free(sorter);
}

static void an_empty_sorter_ends_at_once(void **state)
{
    struct sorter *sorter = new_sorter(4096);

    (void)state;
    assert_sorted(sorter, (struct totals){0});
    sorter_free(sorter);
}

static void a_row_larger_than_the_memory_is_refused_with_a_way_out(void **state)
{
    struct sorter *sorter = new_sorter(4096);
    uint8_t key[KEY_SIZE] = {0};
    struct error err;

    (void)state;
    assert_null(sorter_add(sorter, key, 5000, &err));
    assert_int_equal(err.code, EXIT_CODE_STATE);
    assert_string_equal(err.text, "sort: a row of 5000 bytes does not fit in 4096 bytes");
    assert_string_equal(err.hint, "raise validate.memory");
    sorter_free(sorter);
}

static void a_folder_that_is_not_there_is_named_when_memory_is_full(void **state)
{
    struct sorter *sorter = sorter_new(&(struct sorter_options){
        .directory = "/nonexistent/work", .key_size = KEY_SIZE, .memory_bytes = 256});
    uint8_t key[KEY_SIZE] = {0};
    struct error err;

    (void)state;
    assert_non_null(sorter_add(sorter, key, 150, &err));
    assert_null(sorter_add(sorter, key, 150, &err));
    assert_string_equal(err.text,
                        "create a sorted run in /nonexistent/work: No such file or directory");
    sorter_free(sorter);
}

static void a_sorter_given_up_half_way_leaves_nothing(void **state)
{
    uint64_t seed = 9;
    struct totals totals = {0};
    struct sorter *sorter = new_sorter(4096);
    struct sorter_row row;
    struct error err;

    (void)state;
    add_rows(sorter, 500, &seed, 256, &totals);
    assert_true(sorter_sort(sorter, &err));
    for (int i = 0; i < 10; i++)
        assert_true(sorter_next(sorter, &row, &err));
    sorter_free(sorter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_in_order_and_whole_with_any_memory),
        cmocka_unit_test(more_runs_than_can_be_merged_at_once_are_merged_in_passes),
        cmocka_unit_test(an_empty_sorter_ends_at_once),
        cmocka_unit_test(a_row_larger_than_the_memory_is_refused_with_a_way_out),
        cmocka_unit_test(a_folder_that_is_not_there_is_named_when_memory_is_full),
        cmocka_unit_test(a_sorter_given_up_half_way_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
