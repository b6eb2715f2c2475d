/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/task_commit.h"

static int64_t random_64(void)
{
    return (int64_t)((uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand());
}

static void fill(struct task_commit *commit, uint32_t input_count)
{
    memset(commit, 0, sizeof *commit);
    commit->config_hash = (uint64_t)random_64();
    commit->watermark_ms = rand() % 3 == 0 ? TASK_TIME_NONE : random_64();
    commit->row_count = (uint64_t)random_64();
    commit->row_hash = (uint64_t)random_64();
    commit->partition_count = rand();
    commit->input_count = input_count;
    for (uint32_t i = 0; i < input_count; i++)
        commit->inputs[i] = (struct task_commit_input){
            .offset = random_64(),
            .max_time_ms = rand() % 3 == 0 ? TASK_TIME_NONE : random_64(),
            .replay_offset = random_64(),
        };
}

static void any_commit_reads_back_the_same_and_fits_in_offset_metadata(void **state)
{
    struct task_commit commit, back;
    char text[TASK_COMMIT_TEXT_SIZE];
    struct error err;

    (void)state;
    srand(1);
    for (uint32_t round = 0; round < 2000; round++) {
        fill(&commit, round % (TASK_COMMIT_INPUTS_MAX + 1));
        task_commit_format(&commit, text);
        assert_in_range(strlen(text), 1, 4096);
        assert_true(task_commit_parse(text, strlen(text), &back, &err));
        assert_memory_equal(&back, &commit, sizeof back);
    }
}

/* Commits outlive the program that wrote them: this text may only change with the version byte. */
static void the_text_of_version_2_stays_as_it_is_and_that_of_version_1_reads(void **state)
{
    static const char version_1[] =
        "AQgHBgUEAwIBwMW/pZoBAAADAAAAAAAAAP//////////AWQAAAAAAAAAAAAAAAAAAIAqAAAAAAAAAFwz0QY=";
    struct task_commit back,
        commit = {
            .config_hash = 0x0102030405060708,
            .watermark_ms = 1763717400000,
            .row_count = 3,
            .row_hash = UINT64_MAX,
            .partition_count = 12,
            .input_count = 1,
            .inputs = {{.offset = 100, .max_time_ms = TASK_TIME_NONE, .replay_offset = 42}},
        };
    char text[TASK_COMMIT_TEXT_SIZE];
    struct error err;

    (void)state;
    task_commit_format(&commit, text);
    assert_string_equal(
        text,
        "AggHBgUEAwIBwMW/pZoBAAADAAAAAAAAAP//////////DAAAAAFkAAAAAAAAAAAAAAAAAACAKgAAAAAAAACvaCzR");
    assert_true(task_commit_parse(version_1, strlen(version_1), &back, &err));
    commit.partition_count = 0; /* It did not say. */
    assert_memory_equal(&back, &commit, sizeof back);
}

static void refused(const uint8_t *data, size_t size, const char *expected)
{
    char text[TASK_COMMIT_TEXT_SIZE];
    struct task_commit commit;
    struct error err;

    base64_write(data, size, text);
    assert_false(task_commit_parse(text, BASE64_TEXT_SIZE(size), &commit, &err));
    assert_int_equal(err.code, EXIT_CODE_STATE);
    assert_int_equal(err.class, ERROR_STOP);
    if (expected != NULL)
        assert_string_equal(err.text, expected);
    assert_string_not_equal(err.hint, "");
}

static void a_commit_that_is_cut_or_has_a_flipped_bit_is_refused(void **state)
{
    struct task_commit commit;
    char text[TASK_COMMIT_TEXT_SIZE];
    uint8_t data[TASK_COMMIT_TEXT_SIZE];
    size_t size;

    (void)state;
    srand(2);
    fill(&commit, 3);
    task_commit_format(&commit, text);
    assert_true(base64_read(text, strlen(text), data, &size));
    for (size_t cut = 0; cut < size; cut++)
        refused(data, cut, NULL);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused(data, size, NULL);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    data[size] = 0;
    refused(data, size + 1, NULL);
}

static void each_refusal_says_what_is_wrong(void **state)
{
    uint8_t data[200] = {2};
    struct task_commit commit;
    struct error err;
    char long_text[5000];

    (void)state;
    refused(data, 0, "offset metadata is empty");
    refused((const uint8_t[]){3, 0}, 2, "offset metadata has version 3, this dualrun reads 1 to 2");
    refused(data, 20, "offset metadata is damaged: 20 bytes, but 0 inputs take 42");
    data[37] = 2;
    refused(data, 80, "offset metadata is damaged: 80 bytes, but 2 inputs take 90");
    data[37] = 33;
    refused(data, 200, "offset metadata is damaged: 200 bytes, but 33 inputs take 834");
    data[37] = 0;
    refused(data, 42,
            "offset metadata is damaged: its checksum is 00000000, its content gives b3c27e25");
    assert_false(task_commit_parse("no base64!", 10, &commit, &err));
    assert_string_equal(err.text, "offset metadata is not Base64");
    memset(long_text, 'A', sizeof long_text);
    assert_false(task_commit_parse(long_text, sizeof long_text, &commit, &err));
    assert_string_equal(err.text, "offset metadata has 5000 characters, 4096 are the most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_commit_reads_back_the_same_and_fits_in_offset_metadata),
        cmocka_unit_test(the_text_of_version_2_stays_as_it_is_and_that_of_version_1_reads),
        cmocka_unit_test(a_commit_that_is_cut_or_has_a_flipped_bit_is_refused),
        cmocka_unit_test(each_refusal_says_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
