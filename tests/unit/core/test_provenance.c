/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/provenance.h"

/* Copies into memory of the exact size, so that a byte read beyond it is seen by ASan. */
#define PARSES(kind, text, size, value)                                                            \
    ({                                                                                             \
        char *exact_ = malloc((size) + 1);                                                         \
        memcpy(exact_ + 1, text, size);                                                            \
        bool parsed_ = provenance_parse_##kind(exact_ + 1, size, value);                           \
        free(exact_);                                                                              \
        parsed_;                                                                                   \
    })

static struct provenance_source source_of(const char *subscription, const char *message_id)
{
    return (struct provenance_source){.subscription = subscription,
                                      .subscription_size = strlen(subscription),
                                      .message_id = message_id,
                                      .message_id_size = strlen(message_id),
                                      .publish_time_us = 1763717400000123};
}

static void assert_text(const char *text, size_t size, const char *expected)
{
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(text, expected, size);
}

static void a_source_reads_as_documented(void **state)
{
    struct provenance_source source = source_of("views-to-kafka", "1234567");
    char text[PROVENANCE_TEXT_SIZE];

    (void)state;
    assert_text(text, provenance_format_source(&source, text),
                "sub=views-to-kafka id=1234567 time=1763717400000123");
    source.attempt = 2;
    assert_text(text, provenance_format_source(&source, text),
                "sub=views-to-kafka id=1234567 time=1763717400000123 attempt=2");
}

static void a_join_and_a_late_record_read_as_documented(void **state)
{
    struct provenance_join join = {
        .partition = 3, .offset = 12345, .watermark_ms = 1763717400000, .final = true};
    struct provenance_late late = {.input = "engagements",
                                   .input_size = 11,
                                   .partition = 3,
                                   .offset = 12345,
                                   .time_ms = 1763717300000,
                                   .watermark_ms = 1763717400000,
                                   .outcome = LATE_DROPPED};
    char text[PROVENANCE_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < 16; i++)
        join.sample_id[i] = (uint8_t)(i * 17);
    assert_text(text, provenance_format_join(&join, text),
                "sample=00112233445566778899aabbccddeeff from=3:12345 watermark=1763717400000 "
                "final=true");
    assert_text(text, provenance_format_late(&late, text),
                "input=engagements from=3:12345 time=1763717300000 watermark=1763717400000 "
                "outcome=dropped");
}

/* Values of every length, and the borders. */
static int64_t random_integer(void)
{
    static const int64_t borders[] = {INT64_MIN, INT64_MIN + 1, -1,       0, 1, 9, 10,
                                      99,        100,           INT64_MAX};
    uint64_t bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

    if (rand() % 4 == 0)
        return borders[(size_t)rand() % (sizeof borders / sizeof *borders)];
    return (int64_t)(bits >> rand() % 64) * (rand() % 2 != 0 ? 1 : -1);
}

static int64_t random_position(void)
{
    int64_t value = random_integer();

    return value == INT64_MIN ? 0 : value < 0 ? -value : value;
}

static size_t random_name(char *name, size_t limit)
{
    size_t size = 1 + (size_t)rand() % limit;

    for (size_t i = 0; i < size; i++)
        name[i] = (char)('!' + rand() % ('~' - '!' + 1));
    return size;
}

static void a_replay_reads_as_documented_and_back(void **state)
{
    const struct provenance_replay replay = {.partition = 3, .offset = 12345, .attempt = 2};
    static const char *const refused[] = {"",
                                          "from=3:12345",
                                          "from=3:12345 attempt=0",
                                          "from=3 attempt=1",
                                          "from=-1:2 attempt=1",
                                          "from=3:12345 attempt=1 ",
                                          "from=3:12345 attempt=99999999999"};
    struct provenance_replay back;
    char text[PROVENANCE_TEXT_SIZE];

    (void)state;
    assert_text(text, provenance_format_replay(&replay, text), "from=3:12345 attempt=2");
    assert_true(PARSES(replay, text, strlen("from=3:12345 attempt=2"), &back));
    assert_int_equal(back.partition, 3);
    assert_int_equal(back.offset, 12345);
    assert_int_equal(back.attempt, 2);
    assert_true(PARSES(replay, "from=0:0 attempt=1 later=yes", 28, &back));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(PARSES(replay, refused[i], strlen(refused[i]), &back));
}

static void any_source_reads_back_the_same(void **state)
{
    char subscription[PROVENANCE_NAME_SIZE_MAX], id[PROVENANCE_ID_SIZE_MAX];
    char text[PROVENANCE_TEXT_SIZE];
    struct provenance_source back;

    (void)state;
    srand(2);
    for (size_t round = 0; round < 20000; round++) {
        struct provenance_source source = {
            .subscription = subscription,
            .subscription_size = random_name(subscription, sizeof subscription),
            .message_id = id,
            .message_id_size = random_name(id, sizeof id),
            .publish_time_us = random_integer(),
            .attempt = (int32_t)(random_position() & INT32_MAX),
        };
        size_t size = provenance_format_source(&source, text);
        assert_in_range(size, 1, PROVENANCE_TEXT_SIZE);
        assert_true(provenance_parse_source(text, size, &back));
        assert_int_equal(back.subscription_size, source.subscription_size);
        assert_memory_equal(back.subscription, subscription, back.subscription_size);
        assert_int_equal(back.message_id_size, source.message_id_size);
        assert_memory_equal(back.message_id, id, back.message_id_size);
        assert_true(back.publish_time_us == source.publish_time_us);
        assert_int_equal(back.attempt, source.attempt);
    }
}

static void any_join_reads_back_the_same(void **state)
{
    char text[PROVENANCE_TEXT_SIZE];
    struct provenance_join back;

    (void)state;
    srand(3);
    for (size_t round = 0; round < 20000; round++) {
        struct provenance_join join = {.partition = (int32_t)(random_position() & INT32_MAX),
                                       .offset = random_position(),
                                       .watermark_ms = random_integer(),
                                       .final = rand() % 2 != 0};
        for (size_t i = 0; i < sizeof join.sample_id; i++)
            join.sample_id[i] = (uint8_t)rand();
        assert_true(PARSES(join, text, provenance_format_join(&join, text), &back));
        assert_memory_equal(back.sample_id, join.sample_id, sizeof back.sample_id);
        assert_int_equal(back.partition, join.partition);
        assert_true(back.offset == join.offset && back.watermark_ms == join.watermark_ms);
        assert_int_equal(back.final, join.final);
    }
}

static void any_late_record_reads_back_the_same(void **state)
{
    char input[PROVENANCE_NAME_SIZE_MAX], text[PROVENANCE_TEXT_SIZE];
    struct provenance_late back;

    (void)state;
    srand(4);
    for (size_t round = 0; round < 20000; round++) {
        struct provenance_late late = {.input = input,
                                       .input_size = random_name(input, sizeof input),
                                       .partition = (int32_t)(random_position() & INT32_MAX),
                                       .offset = random_position(),
                                       .time_ms = random_integer(),
                                       .watermark_ms = random_integer(),
                                       .outcome = rand() % 2 ? LATE_DROPPED : LATE_ADMITTED};
        size_t size = provenance_format_late(&late, text);
        assert_true(provenance_parse_late(text, size, &back));
        assert_int_equal(back.input_size, late.input_size);
        assert_memory_equal(back.input, input, back.input_size);
        assert_int_equal(back.partition, late.partition);
        assert_true(back.offset == late.offset && back.time_ms == late.time_ms);
        assert_true(back.watermark_ms == late.watermark_ms);
        assert_int_equal(back.outcome, late.outcome);
    }
}

static void a_name_that_could_not_be_read_back_is_not_written(void **state)
{
    static const char *const bad[] = {"", "two words", "line\n", "tab\t", "caf\xc3\xa9", "\x7f"};
    char text[PROVENANCE_TEXT_SIZE], longest[PROVENANCE_NAME_SIZE_MAX + 2];
    struct provenance_source source;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        source = source_of(bad[i], "1");
        assert_int_equal(provenance_format_source(&source, text), 0);
        source = source_of("s", bad[i]);
        assert_int_equal(provenance_format_source(&source, text), 0);
        struct provenance_late late = {.input = bad[i], .input_size = strlen(bad[i])};
        assert_int_equal(provenance_format_late(&late, text), 0);
    }
    memset(longest, 'a', sizeof longest);
    longest[PROVENANCE_NAME_SIZE_MAX + 1] = '\0';
    source = source_of(longest, "1");
    assert_int_equal(provenance_format_source(&source, text), 0);
    longest[PROVENANCE_NAME_SIZE_MAX] = '\0';
    source = source_of(longest, "1");
    assert_int_not_equal(provenance_format_source(&source, text), 0);
    longest[PROVENANCE_ID_SIZE_MAX + 1] = '\0';
    source = source_of("s", longest);
    assert_int_equal(provenance_format_source(&source, text), 0);
}

static void unknown_keys_of_a_later_version_are_passed_over(void **state)
{
    static const char source_text[] = "sub=s id=1 time=2 attempt=3 region=eu1 x=y";
    static const char join_text[] =
        "sample=00112233445566778899aabbccddeeff from=0:0 watermark=-1 final=false epoch=7";
    static const char late_text[] = "input=i from=0:0 time=0 watermark=0 outcome=admitted by=12s";
    struct provenance_source source;
    struct provenance_join join;
    struct provenance_late late;

    (void)state;
    assert_true(provenance_parse_source(source_text, sizeof source_text - 1, &source));
    assert_int_equal(source.attempt, 3);
    assert_true(provenance_parse_join(join_text, sizeof join_text - 1, &join));
    assert_false(join.final);
    assert_true(provenance_parse_late(late_text, sizeof late_text - 1, &late));
    assert_int_equal(late.outcome, LATE_ADMITTED);
}

static void anything_else_is_refused(void **state)
{
    static const char *const sources[] = {
        "",
        "sub=",
        "sub=s",
        "sub=s id=1",
        "sub=s id=1 time=",
        "sub=s id= time=1",
        "sub= id=1 time=1",
        "id=1 sub=s time=1",
        "sub=s id=1 time=+1",
        "sub=s id=1 time=01",
        "sub=s id=1 time=-0",
        "sub=s id=1 time=9223372036854775808",
        "sub=s id=1 time=-9223372036854775809",
        "sub=s id=1 time=1 ",
        "sub=s id=1 time=1 attempt=0",
        "sub=s id=1 time=1 attempt=-1",
        "sub=s id=1 time=1 attempt=2147483648",
        "sub=s id=1 time=1 attempt=x",
        "sub=s id=1 time=1 word",
        "sub=s id=1 time=1 =x",
        "sub=s id=1 time=1  a=b",
        "sub=s  id=1 time=1",
        " sub=s id=1 time=1",
        "sub=s id=1 time=1\n",
    };
    static const char *const joins[] = {
        "sample=00112233445566778899aabbccddeef from=0:0 watermark=1 final=true",
        "sample=00112233445566778899AABBCCDDEEFF from=0:0 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeegg from=0:0 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeeff from=-1:0 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeeff from=0:-1 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeeff from=2147483648:0 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeeff from=0 watermark=1 final=true",
        "sample=00112233445566778899aabbccddeeff from=0:0 watermark=1 final=maybe",
        "sample=00112233445566778899aabbccddeeff from=0:0 watermark=1 final=truer",
        "sample=00112233445566778899aabbccddeeff from=0:0 watermark=1",
    };
    static const char *const lates[] = {
        "input=i from=0:0 time=0 watermark=0 outcome=lost",
        "input=i from=0:0 time=0 watermark=0 outcome=",
        "input=i from=0:0 time=0 watermark=0",
        "input= from=0:0 time=0 watermark=0 outcome=dropped",
    };
    struct provenance_source source;
    struct provenance_join join;
    struct provenance_late late;

    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        assert_false(PARSES(source, sources[i], strlen(sources[i]), &source));
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        assert_false(PARSES(join, joins[i], strlen(joins[i]), &join));
    for (size_t i = 0; i < sizeof lates / sizeof *lates; i++)
        assert_false(PARSES(late, lates[i], strlen(lates[i]), &late));
}

/* Not one byte beyond its end is read: ASan sees to that. */
static void a_cut_text_is_never_read_beyond_its_end(void **state)
{
    static const char text[] =
        "sample=00112233445566778899aabbccddeeff from=3:12345 watermark=1763717400000 final=true";
    struct provenance_source source;
    struct provenance_join join;
    struct provenance_late late;

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        assert_false(PARSES(join, text, size, &join));
        assert_false(PARSES(source, text, size, &source));
        assert_false(PARSES(late, text, size, &late));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_reads_as_documented),
        cmocka_unit_test(a_join_and_a_late_record_read_as_documented),
        cmocka_unit_test(a_replay_reads_as_documented_and_back),
        cmocka_unit_test(any_source_reads_back_the_same),
        cmocka_unit_test(any_join_reads_back_the_same),
        cmocka_unit_test(any_late_record_reads_back_the_same),
        cmocka_unit_test(a_name_that_could_not_be_read_back_is_not_written),
        cmocka_unit_test(unknown_keys_of_a_later_version_are_passed_over),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_cut_text_is_never_read_beyond_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
