/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/book.h"

static const struct book one = {
    .stream = "views",
    .instance = "host-4711",
    .subscription = "views-to-kafka",
    .topic = "views",
    .dead_letter = "views-dead",
    .run = 0xfedcba9876543210,
    .minute = 29395290, /* 2025-11-21T09:30Z */
    .number = 7,
    .closed = true,
    .sums = {[BOOK_RECEIVED] = {3, 0xffffffffffffffff, 1}, [BOOK_DELIVERED] = {2, 0xa, 0xb}}};

static void a_book_reads_as_documented(void **state)
{
    struct buffer key = {0}, value = {0};

    (void)state;
    book_format(&one, &key, &value);
    assert_string_equal(buffer_text(&key),
                        "books/views/host-4711/fedcba9876543210/2025-11-21T09:30Z/7");
    assert_string_equal(
        buffer_text(&value),
        "{\"stream\":\"views\",\"instance\":\"host-4711\",\"subscription\":\"views-to-kafka\","
        "\"topic\":\"views\",\"dead_letter\":\"views-dead\",\"run\":\"fedcba9876543210\","
        "\"minute\":\"2025-11-21T09:30:00.000Z\",\"minute_ms\":1763717400000,\"number\":7,"
        "\"closed\":true,"
        "\"received\":{\"count\":3,\"hash\":\"0000000000000001ffffffffffffffff\"},"
        "\"delivered\":{\"count\":2,\"hash\":\"000000000000000b000000000000000a\"},"
        "\"duplicate\":{\"count\":0,\"hash\":\"00000000000000000000000000000000\"},"
        "\"dead_lettered\":{\"count\":0,\"hash\":\"00000000000000000000000000000000\"},"
        "\"returned\":{\"count\":0,\"hash\":\"00000000000000000000000000000000\"},"
        "\"acked\":{\"count\":0,\"hash\":\"00000000000000000000000000000000\"}}");
    buffer_fini(&key);
    buffer_fini(&value);
}

static void a_book_reads_back_the_same(void **state)
{
    struct book sent = one, back = {0};
    struct buffer key = {0}, value = {0};

    (void)state;
    memset(sent.stream, '"', sizeof sent.stream - 1); /* The longest name, each byte escaped. */
    sent.dead_letter[0] = '\0';
    sent.minute = UINT32_MAX;
    sent.number = UINT32_MAX;
    sent.closed = false;
    book_format(&sent, &key, &value);
    assert_true(book_parse(value.data, value.size, &back));
    assert_string_equal(back.stream, sent.stream);
    assert_string_equal(back.instance, sent.instance);
    assert_string_equal(back.subscription, sent.subscription);
    assert_string_equal(back.topic, sent.topic);
    assert_string_equal(back.dead_letter, "");
    assert_true(back.run == sent.run);
    assert_true(back.minute == UINT32_MAX && back.number == UINT32_MAX);
    assert_false(back.closed);
    assert_memory_equal(back.sums, sent.sums, sizeof sent.sums);
    buffer_fini(&key);
    buffer_fini(&value);
}

/* `from` in the text becomes `to`, which must be refused. */
static void refuse(const char *from, const char *to)
{
    struct buffer key = {0}, value = {0}, changed = {0};
    struct book back;

    book_format(&one, &key, &value);
    const char *text = buffer_text(&value), *at = strstr(text, from);
    assert_non_null(at);
    buffer_append(&changed, text, (size_t)(at - text));
    buffer_append_text(&changed, to);
    buffer_append_text(&changed, at + strlen(from));
    if (book_parse(changed.data, changed.size, &back))
        fail_msg("accepted: %s", buffer_text(&changed));
    buffer_fini(&key);
    buffer_fini(&value);
    buffer_fini(&changed);
}

static void what_is_no_book_is_refused(void **state)
{
    struct book back;

    (void)state;
    assert_false(book_parse("", 0, &back));
    assert_false(book_parse("[]", 2, &back));
    assert_false(book_parse("{}", 2, &back));
    refuse("\"stream\":\"views\"", "\"stream\":\"\"");
    refuse("\"topic\":\"views\"", "\"topic\":1");
    refuse("fedcba9876543210", "fedcba987654321");
    refuse("fedcba9876543210", "fedcba987654321G");
    refuse("1763717400000", "1763717400001");
    refuse("1763717400000", "-60000");
    refuse("\"closed\":true", "\"closed\":1");
    refuse("\"number\":7", "\"number\":4294967296");
    refuse("\"count\":3", "\"count\":-3");
    refuse("\"count\":3", "\"count\":3.0");
    refuse("0000000000000001ffffffffffffffff", "1");
    refuse("\"acked\"", "\"acknowledged\"");
}

static void the_beginning_of_a_run_reads_as_documented_and_back(void **state)
{
    int64_t ends[] = {0, 17, INT64_MAX}, dead[] = {5};
    struct book_run run = {.names = one,
                           .started_ms = 1763717400123,
                           .topic_ends = ends,
                           .topic_count = 3,
                           .dead_ends = dead,
                           .dead_count = 1},
                    back;
    struct buffer key = {0}, value = {0};

    (void)state;
    book_run_format(&run, &key, &value);
    assert_string_equal(buffer_text(&key), "run/views/host-4711/fedcba9876543210");
    assert_string_equal(
        buffer_text(&value),
        "{\"stream\":\"views\",\"instance\":\"host-4711\",\"subscription\":\"views-to-kafka\","
        "\"topic\":\"views\",\"dead_letter\":\"views-dead\",\"run\":\"fedcba9876543210\","
        "\"started_ms\":1763717400123,\"topic_ends\":[0,17,9223372036854775807],"
        "\"dead_letter_ends\":[5]}");
    assert_true(book_run_parse(value.data, value.size, &back));
    assert_string_equal(back.names.subscription, "views-to-kafka");
    assert_true(back.names.run == one.run && back.started_ms == 1763717400123);
    assert_int_equal(back.topic_count, 3);
    assert_memory_equal(back.topic_ends, ends, sizeof ends);
    assert_int_equal(back.dead_count, 1);
    assert_true(back.dead_ends[0] == 5);
    book_run_fini(&back);
    for (size_t size = 0; size < value.size; size++) { /* Cut anywhere. */
        assert_false(book_run_parse(value.data, size, &back));
        book_run_fini(&back);
    }
    *(char *)memchr(value.data, '[', value.size) = '"';
    assert_false(book_run_parse(value.data, value.size, &back));
    book_run_fini(&back);
    buffer_fini(&key);
    buffer_fini(&value);
}

static void a_minute_holds_what_was_published_in_it(void **state)
{
    (void)state;
    assert_int_equal(book_minute(INT64_C(1763717400000000)), 29395290);
    assert_int_equal(book_minute(INT64_C(1763717459999999)), 29395290);
    assert_int_equal(book_minute(INT64_C(1763717460000000)), 29395291);
    assert_true(book_minute_ms(29395290) == INT64_C(1763717400000));
    assert_int_equal(book_minute(-1), 0);
    assert_true(book_minute(INT64_MAX) == UINT32_MAX);
}

static void a_sum_sees_what_is_doubled_and_what_is_swapped(void **state)
{
    struct book_sum there = {0}, back = {0}, twice = {0}, other = {0}, joined = {0};
    struct book_hash a = book_hash("1000000001", 10), b = book_hash("1000000002", 10);

    (void)state;
    book_sum_add(&there, a);
    book_sum_add(&there, b);
    book_sum_add(&back, b);
    book_sum_add(&back, a);
    assert_true(book_sum_equal(&there, &back)); /* In any order. */
    book_sum_add(&twice, a);
    book_sum_add(&twice, a);
    assert_false(book_sum_equal(&there, &twice));
    book_sum_add(&other, a);
    book_sum_add(&other, book_hash("1000000003", 10));
    assert_false(book_sum_equal(&there, &other));
    book_sum_join(&joined, &there);
    book_sum_join(&joined, &twice);
    assert_true(joined.count == 4 && joined.low == 3 * a.low + b.low
                && joined.high == 3 * a.high + b.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_book_reads_as_documented),
        cmocka_unit_test(a_book_reads_back_the_same),
        cmocka_unit_test(what_is_no_book_is_refused),
        cmocka_unit_test(the_beginning_of_a_run_reads_as_documented_and_back),
        cmocka_unit_test(a_minute_holds_what_was_published_in_it),
        cmocka_unit_test(a_sum_sees_what_is_doubled_and_what_is_swapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
