/* SPDX-License-Identifier: Apache-2.0 */
/* Against a real HTTP server in this process whose answers the test decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/buffer.h"
#include "publisher.h"

enum { MESSAGE_COUNT = 2500 };

struct server {
    struct MHD_Daemon *daemon;
    char endpoint[64];
    unsigned int fail_status; /* Of the first fail_count requests. */
    uint32_t fail_count;
    bool cut_answer; /* The first request succeeds, but its answer has no ids. */
    uint32_t request_count;
    uint32_t seen[MESSAGE_COUNT]; /* How often a message was in a request that succeeded. */
    uint32_t largest_batch;
    bool in_order;
    uint32_t next;
};

static void take_message(struct server *server, const json_t *message, json_t *ids)
{
    const char *data = json_string_value(json_object_get(message, "data"));
    const char *key = json_string_value(json_object_get(message, "orderingKey"));
    const json_t *attributes = json_object_get(message, "attributes");
    char body[64] = {0};
    size_t size;

    assert_true(base64_read(data, strlen(data), body, &size));
    assert_string_equal(json_string_value(json_object_get(attributes, "origin")), "test");
    assert_string_equal(key, body);
    uint32_t index = (uint32_t)strtoul(body, NULL, 10);
    assert_true(index < MESSAGE_COUNT);
    server->in_order = server->in_order && index == server->next++;
    server->seen[index]++;
    json_array_append_new(ids, json_string(body));
}

static char *publish_answer(struct server *server, const struct buffer *body)
{
    json_t *request = json_loadb((const char *)body->data, body->size, 0, NULL);
    json_t *messages = json_object_get(request, "messages");
    json_t *ids = json_array();
    size_t i;
    json_t *message;

    assert_non_null(request);
    if (json_array_size(messages) > server->largest_batch)
        server->largest_batch = (uint32_t)json_array_size(messages);
    json_array_foreach(messages, i, message)
    {
        take_message(server, message, ids);
    }
    json_t *answer = json_pack("{s:o}", "messageIds", ids);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    json_decref(request);
    return text;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct server *server = context;
    struct buffer *body = *state;
    unsigned int status = MHD_HTTP_OK;
    char *text;

    (void)version;
    if (body == NULL) {
        *state = memory_new(sizeof *body);
        return MHD_YES;
    }
    if (*size > 0) {
        buffer_append(body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    assert_string_equal(method, "POST");
    assert_string_equal(url, "/v1/projects/p/topics/t:publish");
    if (server->request_count++ < server->fail_count) {
        status = server->fail_status;
        text = memory_text("{\"error\":{\"message\":\"not now\"}}");
    } else if (server->cut_answer && server->request_count == 1) {
        text = memory_text("");
    } else {
        text = publish_answer(server, body);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    buffer_fini(body);
    free(body);
    *state = NULL;
    return result;
}

/* A request that the publisher gave up half-way is never answered. */
static void forget(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct buffer *body = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (body != NULL)
        buffer_fini(body);
    free(body);
    *state = NULL;
}

static void server_start(struct server *server)
{
    server->in_order = true;
    server->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, server,
                         MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
    assert_non_null(server->daemon);
    snprintf(server->endpoint, sizeof server->endpoint, "http://127.0.0.1:%u",
             MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

static struct publisher *open_publisher(const struct server *server, uint32_t in_flight)
{
    static const char *const topic = "t";
    struct publisher_options options = {.endpoint = server->endpoint,
                                        .project = "p",
                                        .topics = &topic,
                                        .topic_count = 1,
                                        .in_flight = in_flight};
    struct error err;
    struct publisher *publisher = publisher_new(&options, &err);

    assert_non_null(publisher);
    return publisher;
}

static bool publish_all(struct publisher *publisher, struct error *err)
{
    static const struct publisher_attribute origin = {.name = "origin", .value = "test"};

    for (uint32_t i = 0; i < MESSAGE_COUNT; i++) {
        char text[16];
        struct publisher_message message = {
            .body = text, .attributes = &origin, .attribute_count = 1, .ordering_key = text};
        message.body_size = (size_t)snprintf(text, sizeof text, "%u", i);
        if (!publisher_add(publisher, 0, &message, err))
            return false;
    }
    return publisher_finish(publisher, err);
}

static void each_message_is_published_once(void **state)
{
    struct server server = {0};
    struct error err;

    (void)state;
    server_start(&server);
    struct publisher *publisher = open_publisher(&server, 3);
    assert_true(publish_all(publisher, &err));
    assert_int_equal(publisher_counts(publisher)->published, MESSAGE_COUNT);
    assert_int_equal(publisher_counts(publisher)->requests, 3);
    publisher_free(publisher);
    MHD_stop_daemon(server.daemon);
    assert_int_equal(server.largest_batch, PUBLISHER_BATCH_MAX);
    for (uint32_t i = 0; i < MESSAGE_COUNT; i++)
        assert_int_equal(server.seen[i], 1);
}

static void one_request_in_flight_keeps_the_order(void **state)
{
    struct server server = {.fail_status = 503, .fail_count = 2};
    struct error err;

    (void)state;
    server_start(&server);
    struct publisher *publisher = open_publisher(&server, 1);
    assert_true(publish_all(publisher, &err));
    assert_int_equal(publisher_counts(publisher)->retries, 2);
    publisher_free(publisher);
    MHD_stop_daemon(server.daemon);
    assert_true(server.in_order);
    assert_int_equal(server.next, MESSAGE_COUNT);
}

static void a_success_without_ids_is_sent_again(void **state)
{
    struct server server = {.cut_answer = true};
    struct error err;

    (void)state;
    server_start(&server);
    struct publisher *publisher = open_publisher(&server, 2);
    assert_true(publish_all(publisher, &err));
    assert_int_equal(publisher_counts(publisher)->retries, 1);
    publisher_free(publisher);
    MHD_stop_daemon(server.daemon);
    for (uint32_t i = 0; i < MESSAGE_COUNT; i++)
        assert_true(server.seen[i] >= 1);
}

static void a_refusal_is_told_in_the_words_of_the_server(void **state)
{
    struct server server = {.fail_status = 404, .fail_count = 1000};
    struct error err;
    char expected[300];

    (void)state;
    server_start(&server);
    struct publisher *publisher = open_publisher(&server, 2);
    assert_false(publish_all(publisher, &err));
    snprintf(expected, sizeof expected,
             "publish to topic t: %s/v1/projects/p/topics/t:publish: status 404: "
             "{\"error\":{\"message\":\"not now\"}}",
             server.endpoint);
    assert_string_equal(err.text, expected);
    assert_string_equal(err.hint, "check that the endpoint is up and that the topic exists");
    publisher_free(publisher);
    MHD_stop_daemon(server.daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_published_once),
        cmocka_unit_test(one_request_in_flight_keeps_the_order),
        cmocka_unit_test(a_success_without_ids_is_sent_again),
        cmocka_unit_test(a_refusal_is_told_in_the_words_of_the_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
