/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope parser against Jansson, which reads the same bytes by other code: both must take or
 * refuse an answer, and find the same in it. Mutations are seeded; the seed is printed on failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/envelope.h"
#include "tests/support/envelope/oracle.h"

static bool parse(struct envelope *envelope, struct buffer *body, const char *text, size_t size)
{
    buffer_clear(body);
    buffer_append(body, text, size);
    return envelope_parse(envelope, body);
}

static bool text_equals(const struct envelope_text *text, const char *expected)
{
    return text->size == strlen(expected) && memcmp(text->data, expected, text->size) == 0;
}

static void an_answer_gives_every_part_of_its_messages(void **state)
{
    static const char answer[] =
        "{ \"receivedMessages\" : [ {\"ackId\":\"ack-1\",\"message\":{\"data\":\"aGVsbG8=\","
        "\"attributes\":{\"k\\u00e9y\":\"v\\\"1\",\"\":\"x\"},\"messageId\":\"1001\","
        "\"publishTime\":\"2026-11-21T09:30:00.123456789Z\",\"orderingKey\":\"o\"},"
        "\"deliveryAttempt\":3},\n"
        "{\"message\":{\"publishTime\":\"1970-01-01T00:00:00Z\",\"messageId\":\"1002\","
        "\"unknown\":[1,-2.5e+3,{\"a\":[true,false,null]}],\"data\":null},"
        "\"ackId\":\"a\\\\b\"}], \"later\": 1}";
    struct envelope envelope = {0};
    struct buffer body = {0};

    (void)state;
    assert_true(parse(&envelope, &body, answer, strlen(answer)));
    assert_int_equal(envelope.message_count, 2);

    const struct envelope_message *first = &envelope.messages[0], *second = first + 1;

    assert_true(text_equals(&first->ack_id, "ack-1"));
    assert_true(first->ack_id_plain);
    assert_true(text_equals(&first->message_id, "1001"));
    assert_true(text_equals(&first->ordering_key, "o"));
    assert_int_equal(first->publish_time_us, 1795253400123456);
    assert_int_equal(first->attempt, 3);
    assert_int_equal(first->data_size, 5);
    assert_memory_equal(first->data, "hello", 5);
    assert_int_equal(first->attribute_count, 2);
    assert_true(text_equals(&envelope.attributes[first->attribute_first].name, "k\xc3\xa9y"));
    assert_true(text_equals(&envelope.attributes[first->attribute_first].value, "v\"1"));
    assert_true(text_equals(&envelope.attributes[first->attribute_first + 1].name, ""));
    assert_true(text_equals(&second->ack_id, "a\\b"));
    assert_false(second->ack_id_plain);
    assert_int_equal(second->data_size, 0);
    assert_int_equal(second->publish_time_us, 0);
    assert_int_equal(second->attempt, 0);
    buffer_fini(&body);
    envelope_fini(&envelope);
}

static void an_empty_answer_has_no_messages(void **state)
{
    static const char *const empty[] = {"{}", " {\"receivedMessages\":[]}\n",
                                        "{\"receivedMessages\":null}"};
    struct envelope envelope = {0};
    struct buffer body = {0};

    (void)state;
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        assert_true(parse(&envelope, &body, empty[i], strlen(empty[i])));
        assert_int_equal(envelope.message_count, 0);
    }
    buffer_fini(&body);
    envelope_fini(&envelope);
}

static void a_refused_answer_says_where_and_why(void **state)
{
    static const struct {
        const char *text;
        const char *fault;
        size_t offset;
    } bad[] = {
        {"", "ends too early", 0},
        {"[]", "expected an object", 0},
        {"{\"receivedMessages\":[", "ends too early", 21},
        {"{} x", "something follows the answer", 3},
        {"{\"receivedMessages\":{}}", "receivedMessages is no array", 20},
        {"{\"receivedMessages\":[{}]}", "a message lacks its ackId or messageId", 23},
        {"{\"a\":01}", "expected a comma or the end", 6},
        {"{\"a\":\"\t\"}", "control character", 6},
        {"{\"receivedMessages\":[],\"receivedMessages\":[]}", "a key comes twice", 42},
        {"{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\"}}]}",
         "a message lacks its publishTime", 62},
        {"{\"receivedMessages\":[{\"message\":{\"attributes\":{\"a\":\"1\",\"a\":\"2\"}}}]}",
         "an attribute comes twice", 62},
    };
    struct envelope envelope = {0};
    struct buffer body = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(parse(&envelope, &body, bad[i].text, strlen(bad[i].text)));
        assert_string_equal(envelope.fault, bad[i].fault);
        assert_int_equal(envelope.fault_offset, bad[i].offset);
        assert_int_equal(envelope.message_count, 0);
    }
    buffer_fini(&body);
    envelope_fini(&envelope);
}

static void content_that_is_not_base64_is_a_fault_of_its_message_alone(void **state)
{
    static const char answer[] =
        "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"data\":\"aGVsbG8\",\"messageId\":"
        "\"1\","
        "\"publishTime\":\"2026-11-21T09:30:00Z\"}},{\"ackId\":\"b\",\"message\":{\"data\":"
        "\"aGVsbG8=\",\"messageId\":\"2\",\"publishTime\":\"2026-11-21T09:30:00Z\"}}]}";
    struct envelope envelope = {0};
    struct buffer body = {0};

    (void)state;
    assert_true(parse(&envelope, &body, answer, strlen(answer)));
    assert_int_equal(envelope.message_count, 2);
    assert_true(envelope.messages[0].data_bad);
    assert_int_equal(envelope.messages[0].data_size, 7);
    assert_memory_equal(envelope.messages[0].data, "aGVsbG8", 7);
    assert_false(envelope.messages[1].data_bad);
    buffer_fini(&body);
    envelope_fini(&envelope);
}

/* Deterministic random numbers. */
static uint32_t random_state;

static uint32_t random_next(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static void append_random_string(struct buffer *out)
{
    static const char *const pieces[] = {"a",       "Zq9",        "\\n",
                                         "\\\"",    "\\\\",       "\\/",
                                         "\\u0041", "\\u00e9",    "é",
                                         "日本",    "\\u20AC",    "\\ud83d\\ude00",
                                         "\\u0000", "plain text", "\xf0\x9f\x98\x80"};

    buffer_append_byte(out, '"');
    for (uint32_t i = random_next(6); i > 0; i--)
        buffer_append_text(out, pieces[random_next(sizeof pieces / sizeof *pieces)]);
    buffer_append_byte(out, '"');
}

static void append_random_data(struct buffer *out)
{
    uint8_t content[200], text[300];
    int size = (int)random_next(200);

    for (int i = 0; i < size; i++)
        content[i] = (uint8_t)random_next(256);
    buffer_appendf(out, "\"data\":\"%.*s\",", EVP_EncodeBlock(text, content, size), text);
}

static void append_random_message(struct buffer *out, uint32_t id)
{
    buffer_append_text(out, "{\"ackId\":\"x");
    buffer_append_text(out, random_next(4) ? "y\"," : "\\u0079\",");
    if (random_next(3) == 0)
        buffer_appendf(out, "\"deliveryAttempt\":%u,", random_next(100000));
    buffer_append_text(out, "\"message\": {");
    if (random_next(4))
        append_random_data(out);
    if (random_next(2)) {
        buffer_append_text(out, "\"attributes\":{");
        for (uint32_t i = 0, count = random_next(4); i < count; i++) {
            buffer_appendf(out, "%s\"n%u\":", i > 0 ? "," : "", i);
            append_random_string(out);
        }
        buffer_append_text(out, "},");
    }
    if (random_next(2)) {
        buffer_append_text(out, "\"orderingKey\":");
        append_random_string(out);
        buffer_append_byte(out, ',');
    }
    buffer_appendf(out, "\"messageId\":\"%u\",\"publishTime\":\"2026-11-21T09:%02u:07.%03uZ\"}}",
                   id, random_next(60), random_next(1000));
}

static void make_answer(struct buffer *out)
{
    buffer_clear(out);
    buffer_append_text(out, "{\"receivedMessages\":[");
    for (uint32_t i = 0, count = random_next(4); i < count; i++) {
        buffer_append_text(out, i > 0 ? ",\n " : "");
        append_random_message(out, 1000 + i);
    }
    buffer_append_text(out, "]}");
}

static void mutate(struct buffer *text)
{
    static const char specials[] = "\"\\{}[],:0eE+-.nulltrue \t\n\x01\x80\xc3\xed\xff=/u";

    for (uint32_t i = 1 + random_next(3); i > 0 && text->size > 0; i--) {
        size_t at = random_next((uint32_t)text->size);
        switch (random_next(4)) {
        case 0:
            text->data[at] = (uint8_t)specials[random_next(sizeof specials - 1)];
            break;
        case 1:
            memmove(text->data + at, text->data + at + 1, text->size - at - 1);
            text->size--;
            break;
        case 2:
            text->size = random_next(20) == 0 ? at : text->size;
            break;
        default:
            buffer_append_byte(text, text->data[text->size - 1]);
            memmove(text->data + at + 1, text->data + at, text->size - at - 1);
            break;
        }
    }
}

static void any_bytes_mean_the_same_to_jansson(void **state)
{
    struct envelope envelope = {0};
    struct buffer body = {0}, text = {0};
    int taken_count = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 30000; seed++) {
        random_state = seed * 2654435761u;
        make_answer(&text);
        if (seed % 4 != 0)
            mutate(&text);
        bool taken = parse(&envelope, &body, (const char *)text.data, text.size);
        taken_count += taken;
        if (oracle_agrees((const char *)text.data, text.size, taken, &envelope) == 0) {
            print_error("seed %u, %s (%s at %zu): %.*s\n", seed, taken ? "taken" : "refused",
                        taken ? "" : envelope.fault, envelope.fault_offset, (int)text.size,
                        (const char *)text.data);
            fail();
        }
    }
    assert_in_range(taken_count, 10000, 25000); /* Both outcomes were tried. */
    buffer_fini(&text);
    buffer_fini(&body);
    envelope_fini(&envelope);
}

static void no_prefix_of_an_answer_is_an_answer(void **state)
{
    struct envelope envelope = {0};
    struct buffer body = {0}, text = {0};

    (void)state;
    random_state = 7;
    do
        make_answer(&text);
    while (text.size < 600);
    for (size_t size = 0; size < text.size; size++) {
        assert_false(parse(&envelope, &body, (const char *)text.data, size));
        assert_non_null(envelope.fault);
        assert_int_equal(envelope.message_count, 0);
    }
    buffer_fini(&text);
    buffer_fini(&body);
    envelope_fini(&envelope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_gives_every_part_of_its_messages),
        cmocka_unit_test(an_empty_answer_has_no_messages),
        cmocka_unit_test(a_refused_answer_says_where_and_why),
        cmocka_unit_test(content_that_is_not_base64_is_a_fault_of_its_message_alone),
        cmocka_unit_test(any_bytes_mean_the_same_to_jansson),
        cmocka_unit_test(no_prefix_of_an_answer_is_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
