/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "joiner/floor.h"
#include "joiner/row.h"
#include "joiner/row_index.h"

static struct row row_with(const char *key, size_t key_size, int64_t time_ms, uint32_t input)
{
    return (struct row){.input = input,
                        .time_ms = time_ms,
                        .offset = 77,
                        .key = (const uint8_t *)key,
                        .key_size = key_size,
                        .id = (const uint8_t *)"id\0x",
                        .id_size = 4,
                        .value = (const uint8_t *)"value",
                        .value_size = 5};
}

static void a_row_reads_back_from_its_place_and_content(void **state)
{
    static const char *const keys[] = {"", "\0", "\0\0", "a\0b", "\0\xff", "plain"};
    static const size_t sizes[] = {0, 1, 2, 3, 2, 5};
    struct buffer place_bytes = {0}, content = {0}, key = {0};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct row row = row_with(keys[i], sizes[i], -5, 3), back;
        struct row_place place;

        buffer_clear(&place_bytes);
        buffer_clear(&content);
        buffer_clear(&key);
        row_put_place(&place_bytes, 1234, &row);
        row_put_content(&content, &row);
        assert_true(row_parse_place(place_bytes.data, place_bytes.size, &place));
        assert_true(row_parse(&place, content.data, content.size, &back));
        row_unescape_key(&key, &place);
        assert_int_equal(place.place_ms, 1234);
        assert_int_equal(back.time_ms, -5);
        assert_int_equal(back.input, 3);
        assert_int_equal(back.offset, 77);
        assert_int_equal(key.size, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(key.data, keys[i], sizes[i]);
        assert_int_equal(back.id_size, 4);
        assert_memory_equal(back.id, "id\0x", 4);
        assert_memory_equal(back.value, "value", 5);
    }
    buffer_fini(&place_bytes);
    buffer_fini(&content);
    buffer_fini(&key);
}

static void a_cut_place_is_refused(void **state)
{
    struct row row = row_with("a\0b", 3, 9, 1);
    struct buffer bytes = {0};
    struct row_place place;

    (void)state;
    row.id_size = 0;
    row_put_place(&bytes, 9, &row);
    assert_true(row_parse_place(bytes.data, bytes.size, &place));
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(row_parse_place(bytes.data, size, &place));
    buffer_fini(&bytes);
}

/* As signed times and unsigned key bytes do, the shorter key first. */
static void places_sort_by_time_then_key(void **state)
{
    static const struct {
        int64_t time_ms;
        const char *key;
        size_t size;
    } ordered[] = {{-2, "z", 1},  {-1, "", 0},    {0, "", 0},  {0, "\0", 1},  {0, "\0\0", 2},
                   {0, "\0a", 2}, {0, "\x01", 1}, {0, "a", 1}, {0, "a\0", 2}, {0, "aa", 2},
                   {0, "b", 1},   {0, "\xff", 1}, {1, "", 0}};
    struct buffer before = {0}, next = {0};

    (void)state;
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++) {
        struct row row = row_with(ordered[i].key, ordered[i].size, 0, 0);

        buffer_clear(&next);
        row_put_place(&next, ordered[i].time_ms, &row);
        if (before.data != NULL)
            assert_true(
                memcmp(before.data, next.data, before.size < next.size ? before.size : next.size)
                < 0);
        buffer_clear(&before);
        buffer_append(&before, next.data, next.size);
    }
    buffer_fini(&before);
    buffer_fini(&next);
}

static const int64_t before_ms[] = {0, 10, 25};

static size_t rows_of(struct row_index *index, uint64_t key_hash)
{
    struct row_index_walk walk;
    size_t count = 0;

    row_index_walk_begin(&walk, index, key_hash);
    while (row_index_walk_next(&walk) != NULL)
        count++;
    return count;
}

/* Keys whose runs touch, wrap around and are taken out in another order than they came. */
static void the_index_finds_every_row_of_a_key_through_removals_and_growth(void **state)
{
    enum { KEYS = 50, ROWS = 60 };
    struct row_index index;

    (void)state;
    row_index_init(&index, NULL, before_ms);
    for (uint64_t row = 0; row < ROWS; row++)
        for (uint64_t key = 0; key < KEYS; key++)
            row_index_add(&index, key * 3 - 20, row, (uint32_t)(row % 3), (int64_t)row - 9);
    assert_int_equal(index.count, KEYS * ROWS);
    for (uint64_t row = 0; row < ROWS; row += 2)
        for (uint64_t key = 0; key < KEYS; key++)
            assert_true(
                row_index_remove(&index, key * 3 - 20, row, (uint32_t)(row % 3), (int64_t)row - 9));
    for (uint64_t key = 0; key < KEYS; key++) {
        assert_int_equal(rows_of(&index, key * 3 - 20), ROWS / 2);
        for (uint64_t row = 0; row < ROWS; row++)
            assert_int_equal(
                row_index_has(&index, key * 3 - 20, row, (uint32_t)(row % 3), (int64_t)row - 9),
                row % 2);
    }
    assert_false(row_index_remove(&index, 1, 0, 0, -9));
    for (uint64_t row = 1; row < ROWS; row += 2)
        for (uint64_t key = 0; key < KEYS; key++)
            assert_true(
                row_index_remove(&index, key * 3 - 20, row, (uint32_t)(row % 3), (int64_t)row - 9));
    assert_int_equal(index.count, 0);
    assert_true(row_index_memory_bytes(&index) < 100000); /* It gave back what it had grown to. */
    row_index_fini(&index);
}

enum { STREAM = 40000, HOT = 40 }; /* One row in HOT has the hot key. */

struct known_row {
    uint64_t key_hash;
    uint32_t input;
    int64_t time_ms;
};

/* Hashes at both ends of the table, so that rows wrap around; keys with one row and with many. */
static struct known_row row_at(uint64_t number)
{
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t key = number % HOT == 0 ? UINT64_MAX - 5 : number % 4 == 0 ? mixed >> 54 << 54 : mixed;

    return (struct known_row){number % 13 == 0 ? UINT64_MAX - number % 100 : key,
                              (uint32_t)(mixed >> 33) % 3,
                              (int64_t)(number / 10 + (mixed >> 40) % 20)};
}

/* Adds the stream's rows and takes out those that die on the way, in the order of their homes. */
static void run_stream(struct row_index *index, uint64_t from, uint64_t to)
{
    struct error err;

    for (uint64_t number = from; number < to; number++) {
        struct known_row row = row_at(number);

        row_index_add(index, row.key_hash, number, row.input, row.time_ms);
        if (number % 500 != 499)
            continue;
        int64_t cutoff_ms = (int64_t)number / 10 - 1000, last_ms = cutoff_ms - 50;
        for (uint64_t old = 0; old < number; old++) {
            row = row_at(old);
            int64_t home_ms = row.time_ms + before_ms[row.input];
            if (home_ms >= last_ms && home_ms < cutoff_ms)
                assert_true(row_index_remove(index, row.key_hash, old, row.input, row.time_ms));
        }
        row_index_forget(index, cutoff_ms);
        assert_true(row_index_check(index, &err));
    }
}

static void what_memory_has_no_room_for_is_found_on_disk(void **state)
{
    struct row_index_limits limits = {"/tmp", 102400};
    struct row_index whole, small;

    (void)state;
    row_index_init(&whole, NULL, before_ms);
    row_index_init(&small, &limits, before_ms);
    for (uint64_t end = STREAM / 4; end <= STREAM; end += STREAM / 4) {
        run_stream(&whole, end - STREAM / 4, end);
        run_stream(&small, end - STREAM / 4, end);
        assert_int_equal(small.count, whole.count);
        assert_true(row_index_disk_bytes(&small) > 0);
        assert_true(row_index_memory_bytes(&small) <= limits.memory_bytes);
        for (uint64_t number = 0; number < end + 1000; number += 3) {
            struct known_row row = row_at(number);

            assert_int_equal(row_index_has(&small, row.key_hash, number, row.input, row.time_ms),
                             row_index_has(&whole, row.key_hash, number, row.input, row.time_ms));
            if (number % 51 == 0)
                assert_int_equal(rows_of(&small, row.key_hash), rows_of(&whole, row.key_hash));
        }
    }
    row_index_forget(&small, INT64_MAX);
    assert_int_equal(row_index_disk_bytes(&small), 0);
    row_index_fini(&whole);
    row_index_fini(&small);
}

static void an_index_that_cannot_be_written_is_told_and_stays_wrong(void **state)
{
    struct row_index_limits limits = {"/nowhere", 1024};
    struct row_index index;
    struct error err;

    (void)state;
    row_index_init(&index, &limits, before_ms);
    for (uint64_t row = 0; row < 5000; row++)
        row_index_add(&index, row << 50, row, 0, 1);
    assert_false(row_index_check(&index, &err));
    assert_non_null(strstr(err.text, "No such file or directory"));
    assert_non_null(strstr(err.hint, "make space"));
    row_index_fini(&index);
}

static void the_floor_is_never_above_a_live_row_and_rises_as_rows_die(void **state)
{
    static const int64_t places[] = {50, 40, 90, 60, 200, 10};
    struct floor_stairs stairs;

    (void)state;
    floor_init(&stairs, 1);
    assert_int_equal(floor_offset(&stairs, 7), 7);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        floor_add(&stairs, places[i], (int64_t)i);
    for (int64_t cutoff = 0; cutoff <= 201; cutoff++) {
        int64_t lowest = 100;

        for (int64_t i = (int64_t)(sizeof places / sizeof *places) - 1; i >= 0; i--)
            if (places[i] >= cutoff)
                lowest = i;
        floor_cut(&stairs, cutoff);
        assert_int_equal(floor_offset(&stairs, 100), lowest);
    }
    floor_fini(&stairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_reads_back_from_its_place_and_content),
        cmocka_unit_test(a_cut_place_is_refused),
        cmocka_unit_test(places_sort_by_time_then_key),
        cmocka_unit_test(the_index_finds_every_row_of_a_key_through_removals_and_growth),
        cmocka_unit_test(what_memory_has_no_room_for_is_found_on_disk),
        cmocka_unit_test(an_index_that_cannot_be_written_is_told_and_stays_wrong),
        cmocka_unit_test(the_floor_is_never_above_a_live_row_and_rises_as_rows_die),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
