/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which a subscription delivers, under a told time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue.h"

#define SECOND ((int64_t)1000000)
#define START  (1800000000 * SECOND)

enum { PULL_MAX = 3000 };

/* What one pull gave. */
struct pulled {
    json_t *messages;
    size_t count;
};

static struct queue_options plain(void)
{
    return (struct queue_options){.ack_deadline_us = 10 * SECOND, .retention_us = 604800 * SECOND};
}

static void publish(struct queue *queue, uint64_t id, const char *key)
{
    struct message_draft draft = {
        .data = "aGk=", .data_size = 4, .data_bytes = 2, .ordering_key = key};
    struct message *message = message_new(&draft, id, START + (int64_t)id * SECOND);

    queue_add(queue, message);
    message_release(message);
}

static struct pulled pull(struct queue *queue, int64_t now_us, size_t max)
{
    struct buffer text = {0};
    struct pulled pulled;

    buffer_append_text(&text, "[");
    pulled.count = queue_pull(queue, now_us, max, &text);
    buffer_append_text(&text, "]");
    pulled.messages = json_loadb((const char *)text.data, text.size, 0, NULL);
    buffer_fini(&text);
    assert_non_null(pulled.messages);
    assert_int_equal(json_array_size(pulled.messages), pulled.count);
    return pulled;
}

static const char *ack_id(struct pulled pulled, size_t index)
{
    return json_string_value(json_object_get(json_array_get(pulled.messages, index), "ackId"));
}

static uint64_t id_of(struct pulled pulled, size_t index)
{
    json_t *message = json_object_get(json_array_get(pulled.messages, index), "message");

    return strtoull(json_string_value(json_object_get(message, "messageId")), NULL, 10);
}

static enum queue_result ack(struct queue *queue, int64_t now_us, const char *id)
{
    return queue_ack(queue, now_us, id, strlen(id));
}

static enum queue_result modify(struct queue *queue, int64_t now_us, const char *id,
                                int32_t seconds)
{
    return queue_modify(queue, now_us, id, strlen(id), seconds);
}

/* Pulls and demands exactly these ids, in order: "1 2 3". */
static struct pulled expect(struct queue *queue, int64_t now_us, const char *ids)
{
    struct pulled pulled = pull(queue, now_us, PULL_MAX);
    struct buffer text = {0};

    for (size_t i = 0; i < pulled.count; i++)
        buffer_appendf(&text, "%s%d", i > 0 ? " " : "", (int)id_of(pulled, i));
    assert_string_equal(buffer_text(&text), ids);
    buffer_fini(&text);
    return pulled;
}

static void expect_and_forget(struct queue *queue, int64_t now_us, const char *ids)
{
    json_decref(expect(queue, now_us, ids).messages);
}

static void a_message_is_delivered_once_while_its_lease_runs(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    publish(queue, 1, NULL);
    struct pulled first = expect(queue, START, "1");
    expect_and_forget(queue, START + 10 * SECOND - 1, "");
    assert_int_equal(ack(queue, START + 10 * SECOND - 1, ack_id(first, 0)), QUEUE_OK);
    expect_and_forget(queue, START + 1000 * SECOND, "");
    assert_int_equal(queue_counts(queue)->acked, 1);
    assert_int_equal(queue_counts(queue)->outstanding, 0);
    json_decref(first.messages);
    queue_free(queue);
}

static void a_lease_that_ran_out_brings_the_message_back_under_a_new_ack_id(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    publish(queue, 1, NULL);
    struct pulled first = expect(queue, START, "1");
    assert_int_equal(queue_due_us(queue), START + 10 * SECOND);
    struct pulled second = expect(queue, START + 10 * SECOND, "1");
    assert_string_not_equal(ack_id(first, 0), ack_id(second, 0));
    assert_int_equal(ack(queue, START + 11 * SECOND, ack_id(first, 0)), QUEUE_STALE);
    assert_int_equal(queue_counts(queue)->outstanding, 1);
    assert_int_equal(ack(queue, START + 11 * SECOND, ack_id(second, 0)), QUEUE_OK);
    assert_int_equal(ack(queue, START + 11 * SECOND, ack_id(first, 0)), QUEUE_STALE);
    assert_int_equal(queue_counts(queue)->redelivered, 1);
    assert_int_equal(queue_counts(queue)->expired, 1);
    assert_int_equal(queue_counts(queue)->stale, 2);
    json_decref(first.messages);
    json_decref(second.messages);
    queue_free(queue);
}

static void a_repeated_acknowledgement_succeeds_and_counts_once(void **state)
{
    struct queue_options options = plain();

    (void)state;
    options.exactly_once = true;
    struct queue *queue = queue_new(1, &options);
    for (uint64_t i = 1; i <= PULL_MAX; i++)
        publish(queue, i, NULL);
    struct pulled all = pull(queue, START, PULL_MAX);
    assert_int_equal(all.count, PULL_MAX);
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < all.count; i++)
            assert_int_equal(ack(queue, START, ack_id(all, i)), QUEUE_OK);
    assert_int_equal(queue_counts(queue)->acked, PULL_MAX);
    assert_int_equal(modify(queue, START, ack_id(all, 0), 30), QUEUE_STALE);
    json_decref(all.messages);
    queue_free(queue);
}

static void a_deadline_can_be_moved_both_ways(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    publish(queue, 1, NULL);
    publish(queue, 2, NULL);
    struct pulled both = expect(queue, START, "1 2");
    assert_int_equal(modify(queue, START + SECOND, ack_id(both, 0), 600), QUEUE_OK);
    assert_int_equal(modify(queue, START + SECOND, ack_id(both, 1), 2), QUEUE_OK);
    expect_and_forget(queue, START + 3 * SECOND - 1, "");
    expect_and_forget(queue, START + 3 * SECOND, "2");
    expect_and_forget(queue, START + 600 * SECOND, "2");
    expect_and_forget(queue, START + 601 * SECOND, "1");
    json_decref(both.messages);
    queue_free(queue);
}

static void a_message_given_back_comes_before_new_ones(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        publish(queue, i, NULL);
    struct pulled first = pull(queue, START, 1);
    assert_int_equal(modify(queue, START, ack_id(first, 0), 0), QUEUE_OK);
    expect_and_forget(queue, START, "1 2 3");
    assert_int_equal(queue_counts(queue)->nacked, 1);
    json_decref(first.messages);
    queue_free(queue);
}

static void ack_ids_of_others_and_nonsense_are_told_apart(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);
    struct queue *other = queue_new(2, &options);
    char changed[200];

    (void)state;
    publish(queue, 1, NULL);
    publish(other, 1, NULL);
    struct pulled mine = expect(queue, START, "1");
    struct pulled theirs = expect(other, START, "1");
    assert_int_equal(strlen(ack_id(mine, 0)), 164);
    assert_int_equal(ack(queue, START, ack_id(theirs, 0)), QUEUE_FOREIGN);
    assert_int_equal(ack(queue, START, "nonsense"), QUEUE_MALFORMED);
    snprintf(changed, sizeof changed, "%s", ack_id(mine, 0));
    changed[163] = changed[163] == '0' ? '1' : '0';
    assert_int_equal(ack(queue, START, changed), QUEUE_MALFORMED);
    assert_int_equal(queue_counts(queue)->acked, 0);
    json_decref(mine.messages);
    json_decref(theirs.messages);
    queue_free(queue);
    queue_free(other);
}

static struct queue *ordered(void)
{
    struct queue_options options = plain();

    options.ordered = true;
    return queue_new(1, &options);
}

static void messages_of_a_key_come_together_in_order_or_wait(void **state)
{
    struct queue *queue = ordered();

    (void)state;
    publish(queue, 1, "a");
    publish(queue, 2, "b");
    publish(queue, 3, "a");
    publish(queue, 4, NULL);
    struct pulled first = expect(queue, START, "1 3 2 4");
    publish(queue, 5, "a");
    expect_and_forget(queue, START, "");
    assert_int_equal(ack(queue, START, ack_id(first, 0)), QUEUE_OK);
    expect_and_forget(queue, START, ""); /* 3 is still out. */
    assert_int_equal(ack(queue, START, ack_id(first, 1)), QUEUE_OK);
    expect_and_forget(queue, START, "5");
    json_decref(first.messages);
    queue_free(queue);
}

static void a_keyed_redelivery_brings_back_every_later_message_acknowledged_or_not(void **state)
{
    struct queue *queue = ordered();

    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        publish(queue, i, "a");
    struct pulled first = expect(queue, START, "1 2 3 4");
    assert_int_equal(ack(queue, START, ack_id(first, 0)), QUEUE_OK);
    assert_int_equal(ack(queue, START, ack_id(first, 2)), QUEUE_OK); /* Out of order. */
    assert_int_equal(modify(queue, START, ack_id(first, 1), 0), QUEUE_OK);
    struct pulled second = expect(queue, START, "2 3 4");
    assert_int_equal(ack(queue, START, ack_id(first, 3)), QUEUE_STALE);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ack(queue, START, ack_id(second, i)), QUEUE_OK);
    expect_and_forget(queue, START + 100 * SECOND, "");
    json_decref(first.messages);
    json_decref(second.messages);
    queue_free(queue);
}

static void a_pull_that_cuts_a_key_leaves_the_rest_for_after_the_acknowledgement(void **state)
{
    struct queue *queue = ordered();

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        publish(queue, i, "a");
    struct pulled first = pull(queue, START, 2);
    assert_int_equal(first.count, 2);
    expect_and_forget(queue, START, "");
    expect_and_forget(queue, START + 10 * SECOND, "1 2 3"); /* All of it ran out. */
    json_decref(first.messages);
    queue_free(queue);
}

static void a_message_that_fails_too_often_is_dead(void **state)
{
    struct queue_options options = plain();
    struct message *dead;
    uint32_t attempts;

    (void)state;
    options.max_attempts = 5;
    struct queue *queue = queue_new(1, &options);
    publish(queue, 1, NULL);
    for (int attempt = 1; attempt <= 5; attempt++) {
        struct pulled pulled = expect(queue, START, "1");
        json_t *told = json_object_get(json_array_get(pulled.messages, 0), "deliveryAttempt");
        assert_int_equal(json_integer_value(told), attempt);
        assert_null(queue_take_dead(queue, &attempts));
        assert_int_equal(modify(queue, START, ack_id(pulled, 0), 0), QUEUE_OK);
        json_decref(pulled.messages);
    }
    expect_and_forget(queue, START, "");
    dead = queue_take_dead(queue, &attempts);
    assert_non_null(dead);
    assert_int_equal(dead->id, 1);
    assert_int_equal(attempts, 5);
    assert_null(queue_take_dead(queue, &attempts));
    message_release(dead);
    queue_free(queue);
}

static void a_retry_policy_backs_off_exponentially_up_to_its_maximum(void **state)
{
    struct queue_options options = plain();
    static const int64_t waits[] = {10, 20, 40, 60, 60};
    int64_t now_us = START;

    (void)state;
    options.backoff = true;
    options.retry_min_us = 10 * SECOND;
    options.retry_max_us = 60 * SECOND;
    options.ordered = true;
    struct queue *queue = queue_new(1, &options);
    publish(queue, 1, NULL);
    publish(queue, 2, "key");
    publish(queue, 3, "key");
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct pulled pulled = pull(queue, now_us, PULL_MAX);
        assert_int_equal(pulled.count, 3);
        for (size_t j = 0; j < 3; j++)
            modify(queue, now_us, ack_id(pulled, j), 0);
        now_us += waits[i] * SECOND;
        expect_and_forget(queue, now_us - 1, "");
        json_decref(pulled.messages);
    }
    queue_free(queue);
}

static void a_seek_to_a_time_replays_what_is_retained(void **state)
{
    struct queue_options options = plain();

    (void)state;
    options.retain = true;
    struct queue *queue = queue_new(1, &options);
    for (uint64_t i = 1; i <= 4; i++)
        publish(queue, i, NULL);
    struct pulled all = expect(queue, START, "1 2 3 4");
    for (size_t i = 0; i < 3; i++)
        ack(queue, START, ack_id(all, i));
    queue_seek_time(queue, START, START + 2 * SECOND);
    assert_int_equal(ack(queue, START, ack_id(all, 3)), QUEUE_STALE);
    expect_and_forget(queue, START, "2 3 4");
    queue_seek_time(queue, START, START + 100 * SECOND);
    expect_and_forget(queue, START, "");
    queue_seek_time(queue, START, START);
    expect_and_forget(queue, START, "1 2 3 4");
    json_decref(all.messages);
    queue_free(queue);
}

static void without_retention_a_seek_brings_back_only_the_unacknowledged(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        publish(queue, i, NULL);
    struct pulled all = expect(queue, START, "1 2 3");
    ack(queue, START, ack_id(all, 1));
    queue_seek_time(queue, START, START);
    expect_and_forget(queue, START, "1 3");
    json_decref(all.messages);
    queue_free(queue);
}

static void a_snapshot_brings_back_its_backlog_and_all_that_came_later(void **state)
{
    struct queue *queue = ordered();
    struct queue_options options = *queue_options(queue);
    size_t count;

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        publish(queue, i, "a");
    struct pulled first = expect(queue, START, "1 2 3");
    ack(queue, START, ack_id(first, 0));
    struct message **snapshot = queue_unacked(queue, &count);
    assert_int_equal(count, 2);
    options.retain = true; /* What a topic with a snapshot asks of its subscriptions. */
    queue_set_options(queue, &options);
    ack(queue, START, ack_id(first, 1));
    ack(queue, START, ack_id(first, 2));
    publish(queue, 4, "a");
    struct pulled later = expect(queue, START, "4");
    ack(queue, START, ack_id(later, 0));
    queue_seek_snapshot(queue, snapshot, count, 3);
    expect_and_forget(queue, START, "2 3 4");
    for (size_t i = 0; i < count; i++)
        message_release(snapshot[i]);
    free(snapshot);
    json_decref(first.messages);
    json_decref(later.messages);
    queue_free(queue);
}

static void messages_past_their_retention_are_dropped(void **state)
{
    struct queue_options options = plain();

    (void)state;
    options.retention_us = 600 * SECOND;
    struct queue *queue = queue_new(1, &options);
    for (uint64_t i = 0; i < PULL_MAX; i++)
        publish(queue, i, NULL);
    expect_and_forget(queue, START + (600 + PULL_MAX - 3) * SECOND, "2997 2998 2999");
    assert_int_equal(queue_counts(queue)->dropped, PULL_MAX - 3);
    expect_and_forget(queue, START + 9999 * SECOND, "");
    assert_int_equal(queue_counts(queue)->outstanding, 0);
    assert_int_equal(queue_counts(queue)->ready, 0);
    queue_free(queue);
}

static void ending_every_lease_makes_everything_deliverable_again(void **state)
{
    struct queue_options options = plain();
    struct queue *queue = queue_new(1, &options);

    (void)state;
    publish(queue, 1, NULL);
    publish(queue, 2, NULL);
    struct pulled first = expect(queue, START, "1 2");
    ack(queue, START, ack_id(first, 0));
    assert_int_equal(queue_expire_all(queue, START), 1);
    expect_and_forget(queue, START, "2");
    json_decref(first.messages);
    queue_free(queue);
}

static void a_forgotten_acknowledgement_delivers_exactly_once_more(void **state)
{
    struct queue_options options = plain();

    (void)state;
    options.duplicate_acked = 1;
    struct queue *queue = queue_new(1, &options);
    publish(queue, 1, NULL);
    for (int turn = 0; turn < 2; turn++) {
        struct pulled pulled = expect(queue, START, "1");
        assert_int_equal(ack(queue, START, ack_id(pulled, 0)), QUEUE_OK);
        json_decref(pulled.messages);
    }
    expect_and_forget(queue, START + 100 * SECOND, "");
    assert_int_equal(queue_counts(queue)->duplicated, 1);
    queue_free(queue);
}

static void the_same_seed_duplicates_the_same_messages(void **state)
{
    uint64_t duplicated[3];

    (void)state;
    for (uint64_t turn = 0; turn < 3; turn++) {
        struct queue_options options = plain();
        options.duplicate_leased = 0.1;
        options.seed = turn / 2;
        struct queue *queue = queue_new(1, &options);
        uint64_t sum = 0;
        for (uint64_t i = 1; i <= PULL_MAX; i++)
            publish(queue, i, NULL);
        json_decref(pull(queue, START, PULL_MAX).messages);
        struct pulled again = pull(queue, START, PULL_MAX);
        assert_in_range(again.count, 200, 400);
        assert_int_equal(again.count, queue_counts(queue)->duplicated);
        for (size_t i = 0; i < again.count; i++)
            sum += id_of(again, i) * (i + 1);
        duplicated[turn] = sum;
        json_decref(again.messages);
        queue_free(queue);
    }
    assert_int_equal(duplicated[0], duplicated[1]);
    assert_int_not_equal(duplicated[1], duplicated[2]);
}

/* A thousand random runs: every message is acknowledged in the end, each key in its order. */
static void whatever_happens_nothing_is_lost_and_keys_stay_in_order(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 1000; seed++) {
        enum { COUNT = 60, KEYS = 4 };
        struct queue_options options = plain();
        bool acked[COUNT + 1] = {false};
        int64_t now_us = START;
        size_t left = COUNT;
        unsigned chance = seed;

        options.ordered = true;
        options.backoff = seed % 3 == 0;
        options.retry_min_us = SECOND;
        options.retry_max_us = 4 * SECOND;
        struct queue *queue = queue_new(seed, &options);
        for (uint64_t id = 1; id <= COUNT; id++) {
            char key[8] = "";
            if (id % (KEYS + 1) != 0)
                snprintf(key, sizeof key, "k%d", (int)(id % (KEYS + 1)));
            publish(queue, id, key);
        }
        for (int turn = 0; left > 0 && turn < 100000; turn++) {
            struct pulled pulled = pull(queue, now_us, 1 + (size_t)rand_r(&chance) % 20);
            uint64_t last[KEYS + 1] = {0};
            for (size_t i = 0; i < pulled.count; i++) {
                uint64_t id = id_of(pulled, i);
                size_t line = id % (KEYS + 1);
                if (line > 0) {
                    assert_true(last[line] < id);
                    /* Whatever was before it in its line is acknowledged, or in this answer. */
                    for (uint64_t before = id - KEYS - 1;
                         last[line] == 0 && before < id && before > 0; before -= KEYS + 1)
                        assert_true(acked[before]);
                    last[line] = id;
                }
                int choice = rand_r(&chance) % 10;
                if (choice < 6 && ack(queue, now_us, ack_id(pulled, i)) == QUEUE_OK) {
                    left -= !acked[id];
                    acked[id] = true;
                } else if (choice < 8) {
                    modify(queue, now_us, ack_id(pulled, i), choice == 6 ? 0 : 20);
                }
            }
            json_decref(pulled.messages);
            now_us += rand_r(&chance) % (3 * SECOND);
        }
        if (left > 0)
            fail_msg("seed %u: %zu messages were never acknowledged", seed, left);
        queue_free(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_delivered_once_while_its_lease_runs),
        cmocka_unit_test(a_lease_that_ran_out_brings_the_message_back_under_a_new_ack_id),
        cmocka_unit_test(a_repeated_acknowledgement_succeeds_and_counts_once),
        cmocka_unit_test(a_deadline_can_be_moved_both_ways),
        cmocka_unit_test(a_message_given_back_comes_before_new_ones),
        cmocka_unit_test(ack_ids_of_others_and_nonsense_are_told_apart),
        cmocka_unit_test(messages_of_a_key_come_together_in_order_or_wait),
        cmocka_unit_test(a_keyed_redelivery_brings_back_every_later_message_acknowledged_or_not),
        cmocka_unit_test(a_pull_that_cuts_a_key_leaves_the_rest_for_after_the_acknowledgement),
        cmocka_unit_test(a_message_that_fails_too_often_is_dead),
        cmocka_unit_test(a_retry_policy_backs_off_exponentially_up_to_its_maximum),
        cmocka_unit_test(a_seek_to_a_time_replays_what_is_retained),
        cmocka_unit_test(without_retention_a_seek_brings_back_only_the_unacknowledged),
        cmocka_unit_test(a_snapshot_brings_back_its_backlog_and_all_that_came_later),
        cmocka_unit_test(messages_past_their_retention_are_dropped),
        cmocka_unit_test(ending_every_lease_makes_everything_deliverable_again),
        cmocka_unit_test(a_forgotten_acknowledgement_delivers_exactly_once_more),
        cmocka_unit_test(the_same_seed_duplicates_the_same_messages),
        cmocka_unit_test(whatever_happens_nothing_is_lost_and_keys_stay_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
