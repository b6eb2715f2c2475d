/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/books.h"
#include "core/buffer.h"

static struct window_id id_of(int number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%d", number);

    return window_hash(text, (size_t)size);
}

static struct books *books_of_a_test(void)
{
    const struct book names = {.stream = "views", .run = 5};
    struct books *books = books_new(&names);

    books_tick(books, 1000);
    return books;
}

/* What a ledger would hold: the newest of each number. */
struct ledger {
    struct book books[64];
    size_t written;
};

static void write_due(struct books *books, int64_t now_ms, struct ledger *ledger)
{
    const struct book *book;

    books_tick(books, now_ms);
    while ((book = books_due(books, now_ms)) != NULL) {
        assert_true(book->number < 64);
        ledger->books[book->number] = *book;
        ledger->written++;
        books_wrote(books, now_ms);
    }
}

static void take(struct books *books, uint32_t minute, enum book_event event, int id)
{
    books_expect(books, minute);
    books_add(books, minute, BOOK_RECEIVED, id_of(id));
    books_add(books, minute, event, id_of(id));
}

static uint64_t count(const struct ledger *ledger, uint32_t number, enum book_event event)
{
    return ledger->books[number].sums[event].count;
}

static void a_message_waits_until_its_book_is_on_the_ledger(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};

    (void)state;
    books_expect(books, 10);
    assert_true(books_have_new(books));
    assert_false(books_are_open(books, 10));
    write_due(books, 1000, &ledger);
    assert_int_equal(ledger.written, 1);
    assert_false(ledger.books[0].closed);
    assert_false(books_have_new(books));
    assert_false(books_are_open(books, 10)); /* Handed over, not yet confirmed. */
    books_reported(books, 1);                /* Another one's report. */
    assert_false(books_are_open(books, 10));
    books_reported(books, 0);
    assert_true(books_are_open(books, 10));
    assert_false(books_are_open(books, 11)); /* Nobody has expected it: now it is. */
    write_due(books, 1000, &ledger);
    books_reported(books, 1);
    assert_true(books_are_open(books, 11));
    books_free(books);
}

static void a_ledger_that_does_not_answer_holds_messages_up_for_a_while_only(void **state)
{
    struct books *books = books_of_a_test();

    (void)state;
    books_expect(books, 10); /* Not even written. */
    books_tick(books, 1000 + BOOKS_WAIT_MS - 1);
    assert_false(books_are_open(books, 10));
    books_tick(books, 1000 + BOOKS_WAIT_MS);
    assert_true(books_are_open(books, 10));
    books_free(books);
}

static void each_event_has_its_count_and_its_sum(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};
    struct book_sum expected = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct window_id id = id_of(i);
        take(books, 10, i < 6 ? BOOK_DELIVERED : i < 8 ? BOOK_DUPLICATE : BOOK_DEAD_LETTERED, i);
        book_sum_add(&expected, (struct book_hash){id.low, id.high});
    }
    books_add(books, 10, BOOK_ACKED, id_of(0));
    write_due(books, 1000, &ledger);

    const struct book_sum *sums = ledger.books[0].sums;
    struct book_sum all = {0};
    assert_true(book_sum_equal(&sums[BOOK_RECEIVED], &expected));
    book_sum_join(&all, &sums[BOOK_DELIVERED]);
    book_sum_join(&all, &sums[BOOK_DUPLICATE]);
    book_sum_join(&all, &sums[BOOK_DEAD_LETTERED]);
    assert_true(book_sum_equal(&all, &expected));
    assert_int_equal(count(&ledger, 0, BOOK_DELIVERED), 6);
    assert_int_equal(count(&ledger, 0, BOOK_DUPLICATE), 2);
    assert_int_equal(count(&ledger, 0, BOOK_DEAD_LETTERED), 2);
    assert_int_equal(count(&ledger, 0, BOOK_ACKED), 1);
    assert_string_equal(ledger.books[0].stream, "views");
    assert_true(ledger.books[0].minute == 10 && ledger.books[0].run == 5);
    books_free(books);
}

static void a_book_that_changed_is_written_again_but_not_all_the_time(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};

    (void)state;
    take(books, 10, BOOK_DELIVERED, 1);
    write_due(books, 1000, &ledger);
    take(books, 10, BOOK_DELIVERED, 2);
    write_due(books, 1000 + BOOKS_WRITE_MS - 1, &ledger);
    assert_int_equal(ledger.written, 1);
    write_due(books, 1000 + BOOKS_WRITE_MS, &ledger);
    assert_int_equal(ledger.written, 2);
    assert_int_equal(count(&ledger, 0, BOOK_DELIVERED), 2);
    write_due(books, 1000 + 3 * BOOKS_WRITE_MS, &ledger);
    assert_int_equal(ledger.written, 2); /* Nothing has happened. */
    books_free(books);
}

static void a_quiet_minute_is_closed_and_forgotten_and_a_late_event_begins_a_new_book(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};

    (void)state;
    take(books, 10, BOOK_DELIVERED, 1);
    write_due(books, 1000, &ledger);
    write_due(books, 1000 + BOOKS_QUIET_MS - 1, &ledger);
    assert_int_equal(books_count(books), 1);
    write_due(books, 1000 + BOOKS_QUIET_MS, &ledger);
    assert_int_equal(books_count(books), 0);
    assert_true(ledger.books[0].closed);

    books_add(books, 10, BOOK_ACKED, id_of(1));
    write_due(books, 1000 + BOOKS_QUIET_MS, &ledger);
    assert_int_equal(count(&ledger, 0, BOOK_ACKED), 0);
    assert_int_equal(count(&ledger, 1, BOOK_ACKED), 1);
    assert_int_equal(count(&ledger, 1, BOOK_RECEIVED), 0);
    assert_false(ledger.books[1].closed);
    books_free(books);
}

static void a_minute_with_a_message_on_its_way_is_never_closed(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};

    (void)state;
    books_expect(books, 10); /* Pulled, and waits for Kafka. */
    books_expect(books, 11);
    books_add(books, 11, BOOK_RECEIVED, id_of(1)); /* Given to Kafka. */
    write_due(books, 1000 + 2 * BOOKS_QUIET_MS, &ledger);
    assert_int_equal(books_count(books), 2);
    books_close(books);
    write_due(books, 1000 + 2 * BOOKS_QUIET_MS, &ledger);
    assert_true(ledger.books[0].closed);  /* It was never received. */
    assert_false(ledger.books[1].closed); /* Nobody knows what became of it. */
    assert_int_equal(books_count(books), 0);
    books_free(books);
}

static void at_the_end_all_books_are_written_and_closed(void **state)
{
    struct books *books = books_of_a_test();
    struct ledger ledger = {0};

    (void)state;
    for (int i = 0; i < 40; i++)
        take(books, (uint32_t)(10 + 7 * i), i % 2 == 0 ? BOOK_DELIVERED : BOOK_RETURNED, i);
    write_due(books, 1000, &ledger);
    assert_int_equal(ledger.written, 40);
    books_close(books);
    write_due(books, 1001, &ledger);
    assert_int_equal(ledger.written, 80);
    for (int i = 0; i < 40; i++)
        assert_true(ledger.books[i].closed);
    books_free(books);
}

static void memory_is_bounded_when_very_many_minutes_come(void **state)
{
    struct books *books = books_of_a_test();
    const struct book *book;
    uint64_t delivered = 0;

    (void)state;
    for (int round = 0; round < 50; round++) {
        int64_t now_ms = INT64_C(1000) * (round + 1);
        books_tick(books, now_ms);
        for (int i = 0; i < 500; i++)
            take(books, (uint32_t)(round * 500 + i), BOOK_DELIVERED, round * 500 + i);
        while ((book = books_due(books, now_ms)) != NULL) {
            delivered += book->closed ? book->sums[BOOK_DELIVERED].count : 0;
            books_wrote(books, now_ms);
        }
        assert_true(books_count(books) <= BOOKS_KEPT + 500);
    }
    books_close(books);
    while ((book = books_due(books, 60000)) != NULL) {
        assert_true(book->closed);
        delivered += book->sums[BOOK_DELIVERED].count;
        books_wrote(books, 60000);
    }
    assert_int_equal(delivered, 50 * 500);
    books_free(books);
}

enum { MINUTES = 8, APART = 256 }; /* All in one chain of the table. */

/* Adds up what is written for the last time; each book by itself must balance. */
static void settle(const struct book *book, struct book_sum told[MINUTES])
{
    struct book_sum all = {0};

    for (int event = BOOK_DELIVERED; event <= BOOK_RETURNED; event++)
        book_sum_join(&all, &book->sums[event]);
    if (book->closed) {
        assert_true(book_sum_equal(&all, &book->sums[BOOK_RECEIVED]));
        book_sum_join(&told[book->minute / APART], &all);
    } else {
        assert_true(all.count <= book->sums[BOOK_RECEIVED].count);
    }
}

static void any_order_of_events_balances_in_count_and_hash(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        struct books *books = books_of_a_test();
        struct book_sum happened[MINUTES] = {0}, told[MINUTES] = {0};
        int sent_minute[64], sent_id[64], sent = 0;
        int64_t now_ms = 1000;
        const struct book *book;

        srand(seed);
        for (int step = 0; step < 4000 || sent > 0; step++) {
            now_ms += rand() % 40000;
            books_tick(books, now_ms);
            if (step < 4000 && sent < 64 && rand() % 2 == 0) {
                sent_minute[sent] = rand() % MINUTES;
                sent_id[sent] = rand() % 100;
                struct window_id id = id_of(sent_id[sent]);
                books_expect(books, (uint32_t)sent_minute[sent] * APART);
                books_add(books, (uint32_t)sent_minute[sent] * APART, BOOK_RECEIVED, id);
                book_sum_add(&happened[sent_minute[sent]], (struct book_hash){id.low, id.high});
                sent++;
            } else if (sent > 0) {
                int one = rand() % sent;
                books_add(books, (uint32_t)sent_minute[one] * APART,
                          (enum book_event)(BOOK_DELIVERED + rand() % 4), id_of(sent_id[one]));
                sent_minute[one] = sent_minute[--sent];
                sent_id[one] = sent_id[sent];
            }
            /* The ledger takes some, and then no more for a while. */
            while (rand() % 4 != 0 && (book = books_due(books, now_ms)) != NULL) {
                settle(book, told);
                books_wrote(books, now_ms);
            }
        }
        books_close(books);
        while ((book = books_due(books, now_ms)) != NULL) {
            assert_true(book->closed);
            settle(book, told);
            books_wrote(books, now_ms);
        }
        for (int i = 0; i < MINUTES; i++)
            if (!book_sum_equal(&happened[i], &told[i]))
                fail_msg("seed %u: minute %d does not balance", seed, i);
        books_free(books);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_waits_until_its_book_is_on_the_ledger),
        cmocka_unit_test(a_ledger_that_does_not_answer_holds_messages_up_for_a_while_only),
        cmocka_unit_test(each_event_has_its_count_and_its_sum),
        cmocka_unit_test(a_book_that_changed_is_written_again_but_not_all_the_time),
        cmocka_unit_test(a_quiet_minute_is_closed_and_forgotten_and_a_late_event_begins_a_new_book),
        cmocka_unit_test(a_minute_with_a_message_on_its_way_is_never_closed),
        cmocka_unit_test(at_the_end_all_books_are_written_and_closed),
        cmocka_unit_test(memory_is_bounded_when_very_many_minutes_come),
        cmocka_unit_test(any_order_of_events_balances_in_count_and_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
