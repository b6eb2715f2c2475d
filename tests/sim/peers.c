/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong in other joiners, each as the shortest story that would go wrong here in the same
 * way. docs/joiner.md names the reports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "harness.h"
#include "store_memory.h"

enum { VIEW, LIKE, KEY = 7, LATENESS = 5, BEFORE = 3, AFTER = 10 };

struct story {
    struct model_join join;
    struct store *store;
    struct harness harness;
    int64_t offsets[MODEL_INPUTS_MAX];
};

static void *begin(void)
{
    static struct story story;

    story = (struct story){
        .join = {.inputs = 2, .before = {0, BEFORE}, .after = {0, AFTER}, .lateness = LATENESS}};
    story.store = store_memory_new();
    harness_start(&story.harness, &story.join, story.store);
    return &story;
}

static int set_up(void **state)
{
    *state = begin();
    return 0;
}

static int tear_down(void **state)
{
    struct story *story = *state;

    harness_stop(&story->harness);
    story->store->ops->close(story->store);
    return 0;
}

static void feed(struct story *story, int input, int key, int64_t time, int id)
{
    struct model_row row = {.input = input,
                            .key = key,
                            .time = time,
                            .id = id,
                            .kind = "x",
                            .offset = story->offsets[input]++};

    harness_feed(&story->harness, &row);
    harness_close(&story->harness);
}

/* Both inputs are past everything before it; the two rows themselves have a key of their own. */
static void time_goes_on(struct story *story, int64_t time)
{
    feed(story, VIEW, -1, time, (int)time);
    feed(story, LIKE, -2, time, (int)time);
}

static void expect(const struct story *story, size_t i, int64_t time, size_t matches)
{
    assert_true(i < story->harness.out_count);
    assert_int_equal(story->harness.out[i].time, time);
    assert_int_equal(story->harness.out[i].matches, matches);
}

static void a_match_at_the_end_of_the_window_gives_one_row_and_no_null_before_it(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    time_goes_on(story, 100 + AFTER + LATENESS); /* One short of closing. */
    assert_int_equal(story->harness.out_count, 0);
    feed(story, LIKE, KEY, 100 + AFTER, 1); /* Out of order, on time to the millisecond. */
    time_goes_on(story, 200);
    assert_int_equal(story->harness.out_count, 2); /* And the view of time_goes_on. */
    expect(story, 0, 100, 1);
}

static void a_view_between_others_that_are_closed_does_not_close_early(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    feed(story, VIEW, KEY + 1, 130, 2);
    feed(story, LIKE, KEY + 1, 131, 1);
    feed(story, VIEW, KEY, 126, 3); /* Late in order, not in time. */
    assert_int_equal(story->harness.out_count, 1);
    expect(story, 0, 100, 0);
    feed(story, LIKE, KEY, 127, 2);
    time_goes_on(story, 200);
    assert_int_equal(story->harness.out_count, 3);
    expect(story, 1, 126, 1);
    expect(story, 2, 130, 1);
}

static void looking_back_goes_as_far_as_before_and_ahead_as_far_as_after(void **state)
{
    static const struct {
        int64_t distance;
        size_t matches;
    } cases[] = {{-BEFORE - 1, 0}, {-BEFORE, 1}, {0, 1}, {AFTER, 1}, {AFTER + 1, 0}};

    for (int order = 0; order < 2; order++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct story *story = *state;

            for (int n = 0; n < 2; n++) {
                if ((n == 0) == (order == 0))
                    feed(story, VIEW, KEY, 100, 1);
                else
                    feed(story, LIKE, KEY, 100 + cases[i].distance, 1);
            }
            time_goes_on(story, 200);
            expect(story, 0, 100, cases[i].matches);
            tear_down(state);
            *state = begin();
        }
}

static void what_comes_behind_the_cutoff_is_told_and_changes_nothing(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    time_goes_on(story, 200);
    assert_int_equal(story->harness.out_count, 1);
    feed(story, LIKE, KEY, 101, 1);
    feed(story, VIEW, KEY, 100, 2);
    time_goes_on(story, 300);
    assert_int_equal(story->harness.out_count, 2); /* And the view of time_goes_on. */
    expect(story, 0, 100, 0);
    expect(story, 1, 200, 0);
    assert_int_equal(story->harness.late_count, 2);
    assert_true(story->harness.late[0].dropped && story->harness.late[1].dropped);
}

static void a_view_keeps_its_match_however_old_the_match_is(void **state)
{
    struct story *story = *state;

    feed(story, LIKE, KEY, 97, 1);  /* The oldest that counts. */
    feed(story, VIEW, KEY, 100, 1); /* Closes 13 later than the like would by its own time. */
    time_goes_on(story, 100 + AFTER + LATENESS);
    assert_int_equal(story->harness.out_count, 0);
    time_goes_on(story, 101 + AFTER + LATENESS);
    assert_int_equal(story->harness.out_count, 1);
    expect(story, 0, 100, 1);
}

static void an_input_without_a_record_holds_time_until_it_is_known_to_be_idle(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    feed(story, VIEW, KEY, 5000, 2);
    assert_int_equal(story->harness.out_count, 0);
    assert_true(task_watermark_ms(story->harness.task) == TASK_TIME_NONE);
    task_set_idle(story->harness.task, LIKE, true);
    harness_close(&story->harness);
    assert_int_equal(story->harness.out_count, 1);
    assert_int_equal(task_watermark_ms(story->harness.task), 5000);
}

static void time_stands_when_every_input_is_idle_and_nothing_becomes_late(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    feed(story, LIKE, KEY, 100, 1);
    task_set_idle(story->harness.task, VIEW, true);
    task_set_idle(story->harness.task, LIKE, true);
    harness_close(&story->harness);
    assert_int_equal(task_watermark_ms(story->harness.task), 100);
    assert_int_equal(story->harness.out_count, 0);
    task_set_idle(story->harness.task, LIKE, false);
    feed(story, LIKE, KEY, 101, 2);
    assert_int_equal(story->harness.late_count, 0);
    time_goes_on(story, 200);
    expect(story, 0, 100, 2);
}

static void the_last_rows_come_out_without_a_new_record(void **state)
{
    struct story *story = *state;

    feed(story, VIEW, KEY, 100, 1);
    feed(story, LIKE, KEY + 1, 100, 1);
    task_advance(story->harness.task, 101 + AFTER + LATENESS); /* By the wall clock's pace. */
    harness_close(&story->harness);
    assert_int_equal(story->harness.out_count, 1);
    expect(story, 0, 100, 0);
}

static void time_is_what_it_was_after_a_restart_and_the_last_rows_come_out(void **state)
{
    struct story *story = *state;
    struct task_commit commit;
    struct error err;

    feed(story, VIEW, KEY, 100, 1);
    feed(story, LIKE, KEY + 1, 110, 1);
    feed(story, VIEW, KEY, 110, 2);
    task_describe(story->harness.task, &commit);
    harness_stop(&story->harness);
    harness_start(&story->harness, &story->join, story->store);
    task_restore(story->harness.task, &commit);
    harness_replay(&story->harness, &(struct model_row){VIEW, KEY, 100, 1, "x", 0});
    harness_replay(&story->harness, &(struct model_row){LIKE, KEY + 1, 110, 1, "x", 0});
    harness_replay(&story->harness, &(struct model_row){VIEW, KEY, 110, 2, "x", 1});
    assert_true(task_settle(story->harness.task, &commit, &err));
    assert_int_equal(task_watermark_ms(story->harness.task), 110);
    task_advance(story->harness.task, 200);
    harness_close(&story->harness);
    assert_int_equal(story->harness.out_count, 2);
}

static void what_is_closed_leaves_nothing_behind(void **state)
{
    struct story *story = *state;

    for (int i = 0; i < 100; i++) {
        feed(story, VIEW, i % 5, 100 + i, i);
        feed(story, LIKE, i % 5, 101 + i, i);
    }
    task_advance(story->harness.task, 1000);
    harness_close(&story->harness);
    assert_int_equal(story->harness.out_count, 100);
    assert_int_equal(task_row_count(story->harness.task), 0);

    struct task_commit commit;

    task_describe(story->harness.task, &commit);
    assert_true(commit.row_hash == 0);
    for (uint32_t i = 0; i < commit.input_count; i++) /* A restart reads nothing again. */
        assert_int_equal(commit.inputs[i].replay_offset, commit.inputs[i].offset);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(a_match_at_the_end_of_the_window_gives_one_row_and_no_null_before_it),
        STORY(a_view_between_others_that_are_closed_does_not_close_early),
        STORY(looking_back_goes_as_far_as_before_and_ahead_as_far_as_after),
        STORY(what_comes_behind_the_cutoff_is_told_and_changes_nothing),
        STORY(a_view_keeps_its_match_however_old_the_match_is),
        STORY(an_input_without_a_record_holds_time_until_it_is_known_to_be_idle),
        STORY(time_stands_when_every_input_is_idle_and_nothing_becomes_late),
        STORY(the_last_rows_come_out_without_a_new_record),
        STORY(time_is_what_it_was_after_a_restart_and_the_last_rows_come_out),
        STORY(what_is_closed_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
