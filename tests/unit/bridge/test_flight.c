/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/flight.h"

static struct flight *flight;
static struct buffer body;
static struct flight_refs refs;

static int set_up(void **state)
{
    (void)state;
    flight = flight_new(1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flight_free(flight);
    buffer_fini(&body);
    free(refs.refs);
    refs = (struct flight_refs){0};
    return 0;
}

static enum flight_entry enter(uint32_t batch, const char *message_id, const char *ack_id,
                               uint32_t *ref)
{
    struct flight_message message = {
        .message_id = message_id,
        .message_id_size = strlen(message_id),
        .ack_id = ack_id,
        .ack_id_size = strlen(ack_id),
        .ack_id_plain = strpbrk(ack_id, "\"\\\n") == NULL,
        .size_bytes = 100,
    };

    return flight_enter(flight, batch, &message, ref);
}

static uint32_t enter_new(uint32_t batch, const char *message_id, const char *ack_id)
{
    uint32_t ref;

    assert_int_equal(enter(batch, message_id, ack_id, &ref), FLIGHT_NEW);
    return ref;
}

static void assert_acks(const char *expected)
{
    bool any = flight_take_acks(flight, &body, &refs);

    assert_int_equal(any, expected != NULL);
    if (any)
        assert_string_equal(buffer_text(&body), expected);
}

static void assert_nothing_in_flight(void)
{
    const struct flight_counts *counts = flight_counts(flight);

    assert_int_equal(counts->sending + counts->ready + counts->acking + counts->bytes, 0);
    assert_int_equal(flight_due_us(flight), INT64_MAX);
}

static void nothing_is_acknowledged_before_kafka_has_it(void **state)
{
    (void)state;
    uint32_t batch = flight_open(flight, 5, 1000);
    uint32_t first = enter_new(batch, "m1", "a1"), second = enter_new(batch, "m2", "a2");

    flight_close(flight, batch);
    assert_acks(NULL);
    flight_settle(flight, second, true);
    assert_acks("{\"ackIds\":[\"a2\"]}");
    assert_int_equal(flight_acked(flight, refs.refs[0], 25), 20);
    assert_acks(NULL);
    assert_int_equal(flight_counts(flight)->sending, 1);
    assert_int_equal(flight_counts(flight)->bytes, 100);
    flight_settle(flight, first, true);
    assert_acks("{\"ackIds\":[\"a1\"]}");
    flight_acked(flight, refs.refs[0], 30);
    assert_nothing_in_flight();
}

static void a_lost_message_is_never_acknowledged_and_its_redelivery_is_sent(void **state)
{
    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000);
    uint32_t ref = enter_new(batch, "m1", "a1");

    flight_close(flight, batch);
    flight_settle(flight, ref, false);
    assert_acks(NULL);
    assert_nothing_in_flight();
    batch = flight_open(flight, 0, 1000);
    enter_new(batch, "m1", "a2");
    flight_close(flight, batch);
}

static void the_newest_ack_id_is_used_and_the_message_is_sent_once(void **state)
{
    uint32_t duplicate;

    (void)state;
    uint32_t first = flight_open(flight, 0, 1000), second = flight_open(flight, 0, 1000);
    uint32_t ref = enter_new(first, "m1", "old");
    assert_int_equal(enter(second, "m1", "newer", &duplicate), FLIGHT_DUPLICATE);
    assert_int_equal(enter(second, "m1", "newest", &duplicate), FLIGHT_DUPLICATE);
    flight_close(flight, first);
    flight_close(flight, second);
    flight_settle(flight, ref, true);
    assert_acks("{\"ackIds\":[\"newest\"]}");
    flight_acked(flight, refs.refs[0], 0);
    assert_nothing_in_flight();
}

static void a_redelivery_after_delivery_is_acknowledged_and_not_sent(void **state)
{
    uint32_t duplicate;

    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000);
    uint32_t ref = enter_new(batch, "m1", "a1");
    flight_settle(flight, ref, true);
    /* Before its acknowledgement went out: the older id is dropped. */
    assert_int_equal(enter(batch, "m1", "a2", &duplicate), FLIGHT_DUPLICATE);
    assert_acks("{\"ackIds\":[\"a2\"]}");
    /* While it is out: the new id goes out as well. */
    assert_int_equal(enter(batch, "m1", "a3", &duplicate), FLIGHT_DUPLICATE);
    flight_acked(flight, refs.refs[0], 0);
    assert_acks("{\"ackIds\":[\"a3\"]}");
    flight_acked(flight, refs.refs[0], 0);
    /* Long after. */
    assert_int_equal(enter(batch, "m1", "a4", &duplicate), FLIGHT_DUPLICATE);
    assert_acks("{\"ackIds\":[\"a4\"]}");
    flight_acked(flight, refs.refs[0], 0);
    flight_close(flight, batch);
    assert_nothing_in_flight();
}

static void what_an_earlier_process_wrote_is_acknowledged_and_not_sent(void **state)
{
    uint32_t ref;

    (void)state;
    flight_remember(flight, "m1", 2);
    flight_remember(flight, "m1", 2);
    uint32_t batch = flight_open(flight, 0, 1000);
    assert_int_equal(enter(batch, "m1", "a1", &ref), FLIGHT_DUPLICATE);
    uint32_t fresh = enter_new(batch, "m2", "a2");
    assert_acks("{\"ackIds\":[\"a1\"]}");
    flight_acked(flight, refs.refs[0], 0);
    flight_settle(flight, fresh, true);
    assert_acks("{\"ackIds\":[\"a2\"]}");
    flight_acked(flight, refs.refs[0], 0);
    flight_close(flight, batch);
    assert_nothing_in_flight();
}

static void a_failed_acknowledgement_is_sent_again_unless_a_newer_one_is_known(void **state)
{
    uint32_t duplicate;

    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000);
    uint32_t first = enter_new(batch, "m1", "a1"), second = enter_new(batch, "m2", "b1");
    flight_settle(flight, first, true);
    flight_settle(flight, second, true);
    assert_acks("{\"ackIds\":[\"a1\",\"b1\"]}");
    uint32_t out[2] = {refs.refs[0], refs.refs[1]};
    assert_int_equal(enter(batch, "m2", "b2", &duplicate), FLIGHT_DUPLICATE);
    flight_ack_again(flight, out[0]);
    flight_ack_again(flight, out[1]);
    assert_acks("{\"ackIds\":[\"b2\",\"a1\"]}");
    flight_ack_lost(flight, refs.refs[0]);
    flight_acked(flight, refs.refs[1], 0);
    flight_close(flight, batch);
    assert_nothing_in_flight();
}

static void an_ack_id_that_a_refusal_does_not_name_is_sent_once_more(void **state)
{
    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000);
    flight_settle(flight, enter_new(batch, "m1", "a1"), true);
    flight_close(flight, batch);
    assert_acks("{\"ackIds\":[\"a1\"]}");
    assert_false(flight_ack_unnamed(flight, refs.refs[0]));
    assert_acks("{\"ackIds\":[\"a1\"]}");
    assert_true(flight_ack_unnamed(flight, refs.refs[0]));
    assert_nothing_in_flight();
}

static void an_ack_id_is_escaped_as_json_asks(void **state)
{
    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000);
    flight_settle(flight, enter_new(batch, "m1", "a\"\\\n"), true);
    flight_close(flight, batch);
    assert_acks("{\"ackIds\":[\"a\\\"\\\\\\u000a\"]}");
    assert_int_equal(flight_ack_id(flight, refs.refs[0]).size, 4);
    flight_acked(flight, refs.refs[0], 0);
}

static void no_request_is_larger_than_pubsub_takes(void **state)
{
    char message_id[32], ack_id[401];
    size_t total = 0;

    (void)state;
    memset(ack_id, 'x', sizeof ack_id - 1);
    ack_id[sizeof ack_id - 1] = '\0';
    for (uint32_t i = 0; i < 6000; i++) {
        uint32_t batch = flight_open(flight, 0, 1000);
        snprintf(message_id, sizeof message_id, "m%u", i);
        flight_settle(flight, enter_new(batch, message_id, ack_id), true);
        flight_close(flight, batch);
    }
    while (flight_take_acks(flight, &body, &refs)) {
        assert_in_range(body.size, 1, 524288);
        assert_in_range(refs.count, 1, FLIGHT_REQUEST_IDS_MAX);
        total += refs.count;
        for (uint32_t i = 0; i < refs.count; i++)
            flight_acked(flight, refs.refs[i], 0);
    }
    assert_int_equal(total, 6000);
    assert_nothing_in_flight();
}

static void a_lease_is_extended_for_what_is_not_acknowledged(void **state)
{
    struct flight_due due = {.until_us = 999};
    uint32_t duplicate;

    (void)state;
    uint32_t batch = flight_open(flight, 0, 1000), later = flight_open(flight, 0, 5000);
    uint32_t first = enter_new(batch, "m1", "a1");
    enter_new(batch, "m2", "a2");
    enter_new(batch, "m3", "a3");
    assert_int_equal(enter(later, "m3", "c3", &duplicate), FLIGHT_DUPLICATE);
    flight_settle(flight, first, true);
    flight_take_acks(flight, &body, &refs);
    flight_acked(flight, refs.refs[0], 0);
    flight_close(flight, batch);
    flight_close(flight, later);
    assert_false(flight_take_extension(flight, &due, 60, &body, &refs));
    assert_int_equal(refs.count, 0);
    due = (struct flight_due){.until_us = 1000};
    assert_true(flight_take_extension(flight, &due, 60, &body, &refs));
    assert_int_equal(refs.count, 1);
    assert_int_equal(refs.refs[0], batch);
    /* Not m1, which is acknowledged, and not the old id of m3. */
    assert_string_equal(buffer_text(&body), "{\"ackDeadlineSeconds\":60,\"ackIds\":[\"a2\"]}");
    flight_renew(flight, batch, 9000);
    assert_false(flight_take_extension(flight, &due, 60, &body, &refs));
    assert_int_equal(flight_due_us(flight), 5000);
}

/* Each id once, in as few requests as the limits allow, and every batch renewed. */
static void extensions_of_many_answers_share_requests(void **state)
{
    struct flight_due due = {.until_us = 1000};
    char id[32];
    uint32_t requests = 0, named = 0;

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t batch = flight_open(flight, 0, 1000);
        for (uint32_t j = 0; j < 100; j++) {
            snprintf(id, sizeof id, "m%u", i * 100 + j);
            enter_new(batch, id, id);
        }
        flight_close(flight, batch);
    }
    while (flight_take_extension(flight, &due, 10, &body, &refs)) {
        requests++;
        for (const char *at = buffer_text(&body); (at = strchr(at, 'm')) != NULL; at++)
            named++;
        for (uint32_t i = 0; i < refs.count; i++)
            flight_renew(flight, refs.refs[i], 9000);
    }
    assert_int_equal(named, 6000);
    assert_int_equal(requests, 3);
    assert_int_equal(flight_due_us(flight), 9000);
}

static void an_extension_stays_below_the_request_limit_in_bytes(void **state)
{
    struct flight_due due = {.until_us = 1000};
    char ack_id[600], message_id[16];
    uint32_t named = 0;

    (void)state;
    memset(ack_id, 'a', sizeof ack_id - 1);
    ack_id[sizeof ack_id - 1] = '\0';
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t batch = flight_open(flight, 0, 1000);
        snprintf(message_id, sizeof message_id, "m%u", i);
        enter_new(batch, message_id, ack_id);
        flight_close(flight, batch);
    }
    while (flight_take_extension(flight, &due, 10, &body, &refs)) {
        assert_in_range(body.size, 1, 524288);
        named += refs.count; /* One message a batch. */
        for (uint32_t i = 0; i < refs.count; i++)
            flight_renew(flight, refs.refs[i], 9000);
    }
    assert_int_equal(named, 3000);
    assert_int_equal(flight_due_us(flight), 9000);
}

static void at_the_end_everything_in_flight_is_given_back_once(void **state)
{
    (void)state;
    uint32_t first = flight_open(flight, 0, 1000), second = flight_open(flight, 0, 1000);
    enter_new(first, "m1", "a1");
    uint32_t late = enter_new(second, "m2", "a2");
    flight_close(flight, first);
    flight_close(flight, second);
    assert_true(flight_take_returns(flight, &body));
    assert_string_equal(buffer_text(&body),
                        "{\"ackDeadlineSeconds\":0,\"ackIds\":[\"a1\",\"a2\"]}");
    assert_false(flight_take_returns(flight, &body));
    flight_settle(flight, late, true); /* Kafka took it after all. */
    assert_int_equal(flight_counts(flight)->sending, 1);
}

/*
 * A server that loses acknowledgements and redelivers at random, and a Kafka that reports late and
 * now and then loses a message: each message must be sent exactly once per success, and acknowledged
 * only after one.
 */
static uint32_t random_state;

static uint32_t random_next(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

enum { STORY_MESSAGES = 60 };

struct story {
    unsigned generation[STORY_MESSAGES]; /* Of the newest ack id. */
    bool delivered[STORY_MESSAGES];
    bool acked[STORY_MESSAGES];
    uint32_t sending[STORY_MESSAGES];
    bool is_sending[STORY_MESSAGES];
};

static void story_pull(struct story *story)
{
    uint32_t batch = flight_open(flight, 0, 1000), ref;
    char message_id[16], ack_id[32];

    for (uint32_t i = random_next(12); i > 0; i--) {
        uint32_t message = random_next(STORY_MESSAGES);
        if (story->acked[message])
            continue;
        snprintf(message_id, sizeof message_id, "m%u", message);
        snprintf(ack_id, sizeof ack_id, "%u.%u", message, ++story->generation[message]);
        enum flight_entry entry = enter(batch, message_id, ack_id, &ref);
        assert_int_equal(entry == FLIGHT_NEW,
                         !story->is_sending[message] && !story->delivered[message]);
        if (entry == FLIGHT_NEW) {
            story->is_sending[message] = true;
            story->sending[message] = ref;
        }
    }
    flight_close(flight, batch);
}

static void story_report(struct story *story)
{
    uint32_t message = random_next(STORY_MESSAGES);

    if (!story->is_sending[message])
        return;
    bool delivered = random_next(8) > 0;
    story->is_sending[message] = false;
    story->delivered[message] = delivered;
    flight_settle(flight, story->sending[message], delivered);
}

static void story_ack(struct story *story)
{
    if (!flight_take_acks(flight, &body, &refs))
        return;
    for (uint32_t i = 0; i < refs.count; i++) {
        struct flight_ack_id id = flight_ack_id(flight, refs.refs[i]);
        char text[32], *dot;
        snprintf(text, sizeof text, "%.*s", (int)id.size, id.text);
        unsigned long message = strtoul(text, &dot, 10);
        assert_int_equal(*dot, '.');
        unsigned long generation = strtoul(dot + 1, NULL, 10);
        assert_true(story->delivered[message]);
        bool valid = generation == story->generation[message];
        switch (random_next(3)) {
        case 0:
            flight_ack_again(flight, refs.refs[i]);
            break;
        case 1:
            flight_ack_lost(flight, refs.refs[i]);
            break;
        default:
            story->acked[message] = story->acked[message] || valid;
            flight_acked(flight, refs.refs[i], 0);
        }
    }
}

static void any_order_of_events_sends_once_and_acknowledges_after_delivery(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct story story = {0};
        unsigned acked = 0;

        flight_free(flight);
        flight = flight_new(1000);
        random_state = seed * 2654435761u;
        for (int step = 0; step < 6000 && acked < STORY_MESSAGES; step++) {
            void (*const events[])(struct story *) = {story_pull, story_report, story_report,
                                                      story_report, story_ack};
            events[random_next(5)](&story);
            acked = 0;
            for (int i = 0; i < STORY_MESSAGES; i++)
                acked += story.acked[i];
        }
        if (acked < STORY_MESSAGES)
            print_error("seed %u: %u acknowledged\n", seed, acked);
        assert_int_equal(acked, STORY_MESSAGES);
        while (flight_take_acks(flight, &body, &refs)) {
            for (uint32_t i = 0; i < refs.count; i++)
                flight_acked(flight, refs.refs[i], 0);
        }
        assert_nothing_in_flight();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_acknowledged_before_kafka_has_it),
        TEST(a_lost_message_is_never_acknowledged_and_its_redelivery_is_sent),
        TEST(the_newest_ack_id_is_used_and_the_message_is_sent_once),
        TEST(a_redelivery_after_delivery_is_acknowledged_and_not_sent),
        TEST(what_an_earlier_process_wrote_is_acknowledged_and_not_sent),
        TEST(a_failed_acknowledgement_is_sent_again_unless_a_newer_one_is_known),
        TEST(an_ack_id_that_a_refusal_does_not_name_is_sent_once_more),
        TEST(an_ack_id_is_escaped_as_json_asks),
        TEST(no_request_is_larger_than_pubsub_takes),
        TEST(a_lease_is_extended_for_what_is_not_acknowledged),
        TEST(extensions_of_many_answers_share_requests),
        TEST(an_extension_stays_below_the_request_limit_in_bytes),
        TEST(at_the_end_everything_in_flight_is_given_back_once),
        TEST(any_order_of_events_sends_once_and_acknowledges_after_delivery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
