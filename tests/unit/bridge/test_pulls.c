/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/pulls.h"

static const struct pulls_room wide = {1000000, INT64_C(1) << 40, 1000000, INT64_C(1) << 40};

/* Starts every pull that is allowed at now_us. */
static int start_all(struct pulls *pulls, int64_t now_us, const struct pulls_room *room)
{
    int count = 0;

    for (int32_t ask; (ask = pulls_next(pulls, now_us, room)) > 0; count++)
        pulls_started(pulls, ask);
    return count;
}

static void answer(struct pulls *pulls, int64_t now_us, int32_t count, int64_t took_us,
                   int64_t age_ms)
{
    pulls_answered(pulls, now_us,
                   &(struct pulls_answer){.asked = 1000,
                                          .count = count,
                                          .bytes = (int64_t)count * 500,
                                          .took_us = took_us,
                                          .age_ms = age_ms});
}

static void a_backlog_fills_all_pulls_and_an_empty_stream_keeps_one(void **state)
{
    struct pulls pulls;

    (void)state;
    pulls_init(&pulls, 8, 1000);
    assert_int_equal(start_all(&pulls, 0, &wide), 2);
    for (int i = 0; i < 20; i++) {
        answer(&pulls, i, 1000, 10000, 60000);
        start_all(&pulls, i, &wide);
    }
    assert_int_equal(pulls.in_flight, 8);
    for (int64_t now = 0; now < 20; now++) {
        if (pulls.in_flight > 0)
            answer(&pulls, now * 1000000, 0, 900000, 0);
        start_all(&pulls, now * 1000000, &wide);
    }
    assert_int_equal(pulls.in_flight, 1);
}

/* Pub/Sub may answer with few messages although many wait. */
static void old_messages_show_a_backlog_even_in_small_answers(void **state)
{
    struct pulls pulls;

    (void)state;
    pulls_init(&pulls, 8, 1000);
    start_all(&pulls, 0, &wide);
    for (int i = 0; i < 20; i++) {
        answer(&pulls, 0, 3, 10000, 5000);
        start_all(&pulls, 0, &wide);
    }
    assert_int_equal(pulls.in_flight, 8);
}

static void immediate_empty_answers_never_make_a_busy_loop(void **state)
{
    struct pulls pulls;
    int pulls_started_count = 0;

    (void)state;
    pulls_init(&pulls, 8, 1000);
    for (int64_t now_us = 0; now_us < 10000000; now_us += 1000) {
        pulls_started_count += start_all(&pulls, now_us, &wide);
        while (pulls.in_flight > 0)
            answer(&pulls, now_us, 0, 500, 0);
    }
    assert_in_range(pulls_started_count, 15, 40); /* In ten seconds. */
    /* And never idle for ever. */
    assert_true(pulls_next(&pulls, 11000000, &wide) > 0);
}

static void a_stream_that_keeps_up_is_paced(void **state)
{
    struct pulls pulls;

    (void)state;
    pulls_init(&pulls, 8, 1000);
    start_all(&pulls, 0, &wide);
    answer(&pulls, 50, 3, 50, 1);
    answer(&pulls, 50, 3, 50, 1);
    assert_int_equal(pulls_next(&pulls, 60, &wide), 0);
    assert_int_equal(pulls_next(&pulls, 50 + PULLS_PACE_US, &wide), 1000);
    pulls_started(&pulls, 1000);
    /* One request at a time is enough for it. */
    assert_int_equal(pulls_next(&pulls, 50 + PULLS_PACE_US, &wide), 0);
}

static void what_is_asked_for_stays_within_the_room(void **state)
{
    struct pulls pulls;
    struct pulls_room room = {700, INT64_C(1) << 40, 700, INT64_C(1) << 40};

    (void)state;
    pulls_init(&pulls, 8, 1000);
    assert_int_equal(pulls_next(&pulls, 0, &room), 700);
    room.messages = 20; /* Not worth a request. */
    assert_int_equal(pulls_next(&pulls, 0, &room), 0);
    room = (struct pulls_room){1000, INT64_C(200) * 1024, 1000, INT64_C(200) * 1024};
    assert_int_equal(pulls_next(&pulls, 0, &room), 200);
    room.bytes = -5;
    assert_int_equal(pulls_next(&pulls, 0, &room), 0);
}

/* A bound for a handful, or messages so large that only a handful fits: less than a good pull, yet all there is. */
static void however_little_room_there_is_something_is_pulled(void **state)
{
    static const int64_t bounds[] = {1, 2, 5, 49, 60};
    struct pulls pulls;

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct pulls_room room = {bounds[i], INT64_C(1) << 30, bounds[i], INT64_C(1) << 30};
        pulls_init(&pulls, 1, 1000);
        assert_int_equal(pulls_next(&pulls, 0, &room), bounds[i]);
    }

    struct pulls_room room = {50000, INT64_C(128) << 20, 50000, INT64_C(128) << 20};

    pulls_init(&pulls, 1, 1000);
    pulls.mean_bytes = 3 << 20;
    assert_int_equal(pulls_next(&pulls, 0, &room), 42);
    room.bytes = INT64_C(30) << 20; /* Half of what can ever fit is worth a wait. */
    assert_int_equal(pulls_next(&pulls, 0, &room), 0);
    room = (struct pulls_room){50000, 16 << 20, 50000, 16 << 20};
    pulls.mean_bytes = 20 << 20;
    assert_int_equal(pulls_next(&pulls, 0, &room), 1);
    room.bytes--;
    assert_int_equal(pulls_next(&pulls, 0, &room), 0);
}

static void a_failed_pull_gives_its_reservation_back(void **state)
{
    struct pulls pulls;

    (void)state;
    pulls_init(&pulls, 1, 10);
    pulls_started(&pulls, pulls_next(&pulls, 0, &wide));
    assert_int_equal(pulls.asked, 10);
    assert_int_equal(pulls_reserved_bytes(&pulls), 10240);
    pulls_failed(&pulls, 10);
    assert_int_equal(pulls.asked, 0);
    assert_int_equal(pulls.in_flight, 0);
}

static void new_bounds_hold_from_the_next_pull_on(void **state)
{
    struct pulls pulls;

    (void)state;
    pulls_init(&pulls, 8, 1000);
    for (int i = 0; i < 20; i++) {
        start_all(&pulls, i, &wide);
        answer(&pulls, i, 1000, 10000, 60000);
    }
    start_all(&pulls, 20, &wide);
    assert_int_equal(pulls.in_flight, 8);
    pulls_limit(&pulls, 3, 100);
    for (int i = 21; i < 27; i++) {
        answer(&pulls, i, 1000, 10000, 60000);
        assert_int_equal(start_all(&pulls, i, &wide), i == 26);
    }
    assert_int_equal(pulls.in_flight, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backlog_fills_all_pulls_and_an_empty_stream_keeps_one),
        cmocka_unit_test(old_messages_show_a_backlog_even_in_small_answers),
        cmocka_unit_test(immediate_empty_answers_never_make_a_busy_loop),
        cmocka_unit_test(a_stream_that_keeps_up_is_paced),
        cmocka_unit_test(what_is_asked_for_stays_within_the_room),
        cmocka_unit_test(however_little_room_there_is_something_is_pulled),
        cmocka_unit_test(a_failed_pull_gives_its_reservation_back),
        cmocka_unit_test(new_bounds_hold_from_the_next_pull_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
