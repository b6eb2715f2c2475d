/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/pubsub.h"
#include "script_server.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

/* Answers in turn; the last one again and again. Keeps what it was asked. */
struct script {
    unsigned status[4];
    const char *body[4];
    size_t count;
    size_t asked;
    size_t largest;
    size_t ids;
    struct buffer log; /* "METHOD path body\n" */
};

static struct script script;
static struct script_server server;
static struct pipeline_pubsub config;
static struct pubsub *pubsub;

static unsigned answer(void *context, struct script_request *request, struct buffer *out)
{
    size_t turn = script.asked < script.count ? script.asked : script.count - 1;

    (void)context;
    script.asked++;
    script.largest = request->body.size > script.largest ? request->body.size : script.largest;
    for (const char *at = buffer_text(&request->body); (at = strstr(at, "\"ack-")) != NULL; at++)
        script.ids++;
    buffer_appendf(&script.log, "%s %s %s\n", request->method, request->path,
                   buffer_text(&request->body));
    buffer_append_text(out, script.body[turn]);
    return script.status[turn];
}

static int start(void **state)
{
    static char endpoint[64];
    struct error err;

    (void)state;
    memset(&script, 0, sizeof script);
    if (!script_server_start(&server, answer, NULL))
        return -1;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
    config = (struct pipeline_pubsub){
        .project = TEXT("my-project"), .endpoint = endpoint, .credentials = CREDENTIALS_EMULATOR};
    pubsub = pubsub_new(&config, &err);
    return pubsub != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    pubsub_free(pubsub);
    script_server_stop(&server);
    buffer_fini(&script.log);
    return 0;
}

static void script_one(unsigned status, const char *body)
{
    script.status[0] = status;
    script.body[0] = body;
    script.count = 1;
    script.asked = 0;
}

static void a_url_names_the_subscription_and_escapes_it(void **state)
{
    static const struct {
        const char *subscription, *verb, *expected;
    } cases[] = {
        {"views", NULL, "https://x/v1/projects/my-project/subscriptions/views"},
        {"views", "pull", "https://x/v1/projects/my-project/subscriptions/views:pull"},
        {"projects/other/subscriptions/s", "pull",
         "https://x/v1/projects/other/subscriptions/s:pull"},
        {"a/b?c#d%e+f~g h", NULL,
         "https://x/v1/projects/my-project/subscriptions/a%2Fb%3Fc%23d%25e%2Bf~g%20h"},
        {"projects/p:1/subscriptions/s?x", NULL, "https://x/v1/projects/p%3A1/subscriptions/s%3Fx"},
    };
    struct pipeline_pubsub elsewhere = {.project = TEXT("my-project"),
                                        .endpoint = TEXT("https://x")};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *url = pubsub_subscription_url(&elsewhere, cases[i].subscription, cases[i].verb);
        assert_string_equal(url, cases[i].expected);
        free(url);
    }
}

static void assert_refusal(long status, const char *body, enum error_class class, const char *text,
                           const char *hint)
{
    struct error err = {0};

    assert_false(pubsub_fail(&err, status, body, strlen(body), "pull"));
    assert_string_equal(err.text, text);
    assert_int_equal(err.class, class);
    assert_int_equal(err.code, EXIT_CODE_SOURCE);
    if (strstr(err.hint, hint) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", hint, err.hint);
}

static void a_refusal_is_told_in_googles_words_with_a_way_out(void **state)
{
    (void)state;
    assert_refusal(
        404,
        "{\"error\":{\"code\":404,\"message\":\"Resource not found (resource=views-audit).\","
        "\"status\":\"NOT_FOUND\"}}",
        ERROR_STOP, "pull: NOT_FOUND: Resource not found (resource=views-audit). (HTTP 404)",
        "pubsub.project");
    assert_refusal(403, "{\"error\":{\"status\":\"PERMISSION_DENIED\",\"message\":\"No.\"}}",
                   ERROR_STOP, "pull: PERMISSION_DENIED: No. (HTTP 403)",
                   "roles/pubsub.subscriber");
    assert_refusal(401, "", ERROR_STOP, "pull: UNAUTHENTICATED (HTTP 401)", "pubsub.credentials");
    assert_refusal(429, "<html>", ERROR_RETRY, "pull: RESOURCE_EXHAUSTED (HTTP 429)", "quota");
    assert_refusal(400, "{\"error\":{\"status\":\"FAILED_PRECONDITION\",\"message\":\"x\"}}",
                   ERROR_STOP, "pull: FAILED_PRECONDITION: x (HTTP 400)", "detached");
    assert_refusal(418, "{\"error\":\"teapot\"}", ERROR_STOP, "pull: refused (HTTP 418)", "");
    for (const long *status = (const long[]){499, 500, 502, 503, 504, 0}; *status != 0; status++) {
        struct error err = {0};
        pubsub_fail(&err, *status, "{}", 2, "pull");
        assert_int_equal(err.class, ERROR_RETRY);
    }
}

static void a_pull_gives_the_messages_as_they_were_published(void **state)
{
    struct pubsub_batch batch;
    struct error err;

    (void)state;
    script_one(
        200,
        "{\"receivedMessages\":["
        "{\"ackId\":\"ack-1\",\"deliveryAttempt\":3,\"message\":{\"data\":\"aGVsbG8=\","
        "\"messageId\":\"11\",\"publishTime\":\"2025-11-21T09:30:00.000123456Z\","
        "\"orderingKey\":\"k\",\"attributes\":{\"a\":\"1\"},\"later\":0}},"
        "{\"ackId\":\"ack-2\",\"message\":{\"messageId\":\"12\","
        "\"publishTime\":\"2025-11-21T09:30:00Z\",\"attributes\":{\"only\":\"attributes\"}}}]}");
    assert_true(pubsub_pull(pubsub, "views", 100, 10000, &batch, &err));
    assert_string_equal(
        buffer_text(&script.log),
        "POST /v1/projects/my-project/subscriptions/views:pull {\"maxMessages\":100}\n");
    assert_int_equal(batch.count, 2);
    assert_string_equal(batch.messages[0].ack_id, "ack-1");
    assert_string_equal(batch.messages[0].message_id, "11");
    assert_string_equal(batch.messages[0].ordering_key, "k");
    assert_int_equal(batch.messages[0].attempt, 3);
    assert_true(batch.messages[0].publish_time_us == 1763717400000123);
    assert_int_equal(batch.messages[0].data_size, 5);
    assert_memory_equal(batch.messages[0].data, "hello", 5);
    assert_string_equal(json_string_value(json_object_get(batch.messages[0].attributes, "a")), "1");
    assert_int_equal(batch.messages[1].attempt, 0);
    assert_string_equal(batch.messages[1].ordering_key, "");
    assert_int_equal(batch.messages[1].data_size, 0);
    pubsub_batch_fini(&batch);
}

static void an_empty_pull_is_no_error_but_an_answer_without_json_is(void **state)
{
    struct pubsub_batch batch;
    struct error err;

    (void)state;
    script_one(200, "{}");
    assert_true(pubsub_pull(pubsub, "views", 1, 10000, &batch, &err));
    assert_int_equal(batch.count, 0);
    pubsub_batch_fini(&batch);
    script_one(200, "");
    assert_false(pubsub_pull(pubsub, "views", 1, 10000, &batch, &err));
    assert_string_equal(err.text, "POST subscriptions/views:pull: the answer is empty, "
                                  "it may be cut");
    assert_int_equal(err.class, ERROR_RETRY);
    script_one(200, "[1]");
    assert_false(pubsub_pull(pubsub, "views", 1, 10000, &batch, &err));
    assert_int_equal(err.class, ERROR_RETRY);
}

static void a_message_that_pubsub_would_not_write_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"receivedMessages\":{}}",
        "{\"receivedMessages\":[1]}",
        "{\"receivedMessages\":[{\"message\":{\"messageId\":\"1\",\"publishTime\":\"2025-01-01T00:"
        "00:00Z\"}}]}",
        "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"publishTime\":\"2025-01-01T00:00:"
        "00Z\"}}]}",
        "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\",\"publishTime\":"
        "\"now\"}}]}",
        "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\","
        "\"publishTime\":\"2025-01-01T00:00:00Z\",\"data\":\"a-b_\"}}]}",
        "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"messageId\":\"1\","
        "\"publishTime\":\"2025-01-01T00:00:00Z\",\"attributes\":[]}}]}",
    };
    struct pubsub_batch batch;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        script_one(200, bad[i]);
        assert_false(pubsub_pull(pubsub, "views", 1, 10000, &batch, &err));
        assert_null(batch.answer);
    }
}

/* Ids of 176 bytes: 2500 of them are 447 KB, so the count limits; of 400 bytes the size does. */
static void acks_are_split_by_count_and_by_bytes(void **state)
{
    static char texts[6001][401];
    static const char *ids[6001];
    struct error err;

    (void)state;
    script_one(200, "{}");
    for (size_t i = 0; i < 6001; i++) {
        memset(texts[i], 'x', 176);
        memcpy(texts[i], "ack-", 4);
        texts[i][176] = '\0';
        ids[i] = texts[i];
    }
    assert_true(pubsub_ack(pubsub, "views", ids, 6001, &err));
    assert_int_equal(script.asked, 3);
    assert_int_equal(script.ids, 6001);
    for (size_t i = 0; i < 6001; i++) {
        memset(texts[i], 'x', 400);
        memcpy(texts[i], "ack-", 4);
    }
    script.asked = script.ids = script.largest = 0;
    assert_true(pubsub_modify_deadline(pubsub, "views", ids, 6001, 60, &err));
    assert_int_equal(script.asked, 5);
    assert_int_equal(script.ids, 6001);
    assert_in_range(script.largest, 499000, 500000);
    assert_non_null(strstr(buffer_text(&script.log), "],\"ackDeadlineSeconds\":60}\n"));
    script.asked = 0;
    assert_true(pubsub_ack(pubsub, "views", ids, 0, &err)); /* Nothing to say, nothing said. */
    assert_int_equal(script.asked, 0);
}

static void an_ack_that_is_refused_is_not_taken_for_done(void **state)
{
    const char *const ids[] = {"ack-\"\\\n"};
    struct error err = {0};

    (void)state;
    script_one(503, "{\"error\":{\"status\":\"UNAVAILABLE\",\"message\":\"later\"}}");
    assert_false(pubsub_ack(pubsub, "views", ids, 1, &err));
    assert_string_equal(err.text,
                        "POST subscriptions/views:acknowledge: UNAVAILABLE: later (HTTP 503)");
    assert_int_equal(err.class, ERROR_RETRY);
    assert_non_null(strstr(buffer_text(&script.log), "{\"ackIds\":[\"ack-\\\"\\\\\\u000a\"]}"));
    script_one(200, "");
    assert_false(pubsub_ack(pubsub, "views", ids, 1, &err));
    assert_int_equal(err.class, ERROR_RETRY);
}

static void a_401_is_tried_once_more_and_not_for_ever(void **state)
{
    char *url = pubsub_subscription_url(&config, "views", NULL);
    struct error err = {0};

    (void)state;
    script.status[0] = 401, script.body[0] = "{}";
    script.status[1] = 200, script.body[1] = "{\"name\":\"views\"}";
    script.count = 2;
    json_t *json = pubsub_call(pubsub, "GET", url, NULL, &err);
    assert_non_null(json);
    json_decref(json);
    script_one(401, "{}");
    assert_null(pubsub_call(pubsub, "GET", url, NULL, &err));
    assert_int_equal(script.asked, 2);
    assert_string_equal(err.text, "GET subscriptions/views: UNAUTHENTICATED (HTTP 401)");
    free(url);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_the_subscription_and_escapes_it),
        cmocka_unit_test(a_refusal_is_told_in_googles_words_with_a_way_out),
        TEST(a_pull_gives_the_messages_as_they_were_published),
        TEST(an_empty_pull_is_no_error_but_an_answer_without_json_is),
        TEST(a_message_that_pubsub_would_not_write_is_refused),
        TEST(acks_are_split_by_count_and_by_bytes),
        TEST(an_ack_that_is_refused_is_not_taken_for_done),
        TEST(a_401_is_tried_once_more_and_not_for_ever),
    };

    unsetenv("http_proxy"); /* The server here is this machine's own. */
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
