/* SPDX-License-Identifier: Apache-2.0 */
/* The whole service over HTTP, as a client sees it: a server thread of our own, libcurl in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "server.h"

#define TOPIC        "/v1/projects/test/topics/views"
#define SUBSCRIPTION "/v1/projects/test/subscriptions/bridge"
#define TOPIC_NAME   "projects/test/topics/views"

struct fixture {
    struct emulator emulator;
    struct server *server;
    pthread_t thread;
    atomic_bool stop;
    CURL *curl;
    struct curl_slist *headers;
    char *certificate; /* PEM; NULL without TLS. Owned, as is the key. */
    char *key;
    bool joined; /* The thread has ended. */
    bool fresh;  /* libcurl silently repeats a call when a connection it kept is closed on it. */
};

struct reply {
    CURLcode code;
    long status;
    struct buffer body;
    json_t *json; /* NULL if the body is none. */
};

static void *serve(void *context)
{
    struct fixture *fixture = context;

    while (!fixture->stop)
        server_turn(fixture->server, 20);
    return NULL;
}

static char *memory_bio_text(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    char *text = memory_text_n(data, (size_t)size);

    BIO_free(bio);
    return text;
}

/* A certificate for 127.0.0.1 that signs itself. */
static void make_certificate(struct fixture *fixture)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    BIO *certificate_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_mem());

    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(certificate_text, certificate);
    PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL);
    fixture->certificate = memory_bio_text(certificate_text);
    fixture->key = memory_bio_text(key_text);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int open_with(void **state, bool require_token, bool tls)
{
    struct fixture *fixture = memory_new(sizeof *fixture);
    struct server_options options = {.listen = "127.0.0.1:0", .require_token = require_token};
    struct error err;

    emulator_init(&fixture->emulator, server_real_us());
    fixture->emulator.poll_hold_ms = 300;
    if (tls)
        make_certificate(fixture);
    options.certificate = fixture->certificate;
    options.key = fixture->key;
    fixture->server = server_open(&options, &fixture->emulator, &err);
    assert_non_null(fixture->server);
    fixture->curl = curl_easy_init();
    assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
    *state = fixture;
    return 0;
}

static int open_plain(void **state)
{
    return open_with(state, false, false);
}

static int open_guarded(void **state)
{
    return open_with(state, true, false);
}

static int open_tls(void **state)
{
    return open_with(state, false, true);
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    fixture->stop = true;
    if (!fixture->joined)
        pthread_join(fixture->thread, NULL);
    server_close(fixture->server); /* While the client still holds its connection. */
    curl_easy_cleanup(fixture->curl);
    curl_slist_free_all(fixture->headers);
    emulator_fini(&fixture->emulator);
    free(fixture->certificate);
    free(fixture->key);
    free(fixture);
    return 0;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    buffer_append(context, data, size * count);
    return size * count;
}

static struct reply call_sized(struct fixture *fixture, const char *method, const char *path,
                               const void *body, size_t size)
{
    struct reply reply = {0};
    char *url = memory_textf("%s://%s%s", fixture->certificate != NULL ? "https" : "http",
                             server_address(fixture->server), path);
    struct curl_blob trusted = {.data = fixture->certificate, .flags = CURL_BLOB_COPY};

    curl_easy_reset(fixture->curl);
    if (fixture->certificate != NULL) {
        trusted.len = strlen(fixture->certificate);
        curl_easy_setopt(fixture->curl, CURLOPT_CAINFO_BLOB, &trusted);
    }
    curl_easy_setopt(fixture->curl, CURLOPT_URL, url);
    curl_easy_setopt(fixture->curl, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(fixture->curl, CURLOPT_FRESH_CONNECT, fixture->fresh ? 1L : 0L);
    curl_easy_setopt(fixture->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(fixture->curl, CURLOPT_WRITEDATA, &reply.body);
    if (body != NULL) {
        curl_easy_setopt(fixture->curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(fixture->curl, CURLOPT_POSTFIELDSIZE, (long)size);
    }
    curl_easy_setopt(fixture->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(fixture->curl, CURLOPT_HTTPHEADER, fixture->headers);
    reply.code = curl_easy_perform(fixture->curl);
    curl_easy_getinfo(fixture->curl, CURLINFO_RESPONSE_CODE, &reply.status);
    if (reply.body.size > 0)
        reply.json = json_loadb((const char *)reply.body.data, reply.body.size, 0, NULL);
    free(url);
    return reply;
}

static struct reply call(struct fixture *fixture, const char *method, const char *path,
                         const char *body)
{
    return call_sized(fixture, method, path, body, body != NULL ? strlen(body) : 0);
}

static void reply_fini(struct reply *reply)
{
    json_decref(reply->json);
    buffer_fini(&reply->body);
}

/* A call that must succeed. Returns its answer (caller decrefs). */
static json_t *good(struct fixture *fixture, const char *method, const char *path, const char *body)
{
    struct reply reply = call(fixture, method, path, body);

    if (reply.status != 200 || reply.json == NULL)
        fail_msg("%s %s: status %ld: %s", method, path, reply.status, buffer_text(&reply.body));
    json_t *json = json_incref(reply.json);
    reply_fini(&reply);
    return json;
}

static void run(struct fixture *fixture, const char *method, const char *path, const char *body)
{
    json_decref(good(fixture, method, path, body));
}

/* A call that must fail with exactly this. */
static void bad(struct fixture *fixture, const char *method, const char *path, const char *body,
                long status, const char *name, const char *message)
{
    struct reply reply = call(fixture, method, path, body);
    const json_t *error = json_object_get(reply.json, "error");

    assert_int_equal(reply.status, status);
    assert_int_equal(json_integer_value(json_object_get(error, "code")), status);
    assert_string_equal(json_string_value(json_object_get(error, "status")), name);
    assert_string_equal(json_string_value(json_object_get(error, "message")), message);
    reply_fini(&reply);
}

static void make(struct fixture *fixture, const char *subscription)
{
    run(fixture, "PUT", TOPIC, "{}");
    run(fixture, "PUT", SUBSCRIPTION, subscription);
}

static void publish(struct fixture *fixture, int count)
{
    struct buffer body = {0};

    buffer_append_text(&body, "{\"messages\":[");
    for (int i = 0; i < count; i++)
        buffer_appendf(&body, "%s{\"data\":\"aGVsbG8=\",\"attributes\":{\"n\":\"%d\"}}",
                       i > 0 ? "," : "", i);
    buffer_append_text(&body, "]}");
    run(fixture, "POST", TOPIC ":publish", buffer_text(&body));
    buffer_fini(&body);
}

/* Returns the messages (caller decrefs). */
static json_t *pull(struct fixture *fixture, int max)
{
    char body[64];

    snprintf(body, sizeof body, "{\"maxMessages\":%d,\"returnImmediately\":true}", max);
    json_t *answer = good(fixture, "POST", SUBSCRIPTION ":pull", body);
    json_t *messages = json_object_get(answer, "receivedMessages");
    messages = messages != NULL ? json_incref(messages) : json_array();
    json_decref(answer);
    return messages;
}

static const char *ack_id(const json_t *messages, size_t index)
{
    return json_string_value(json_object_get(json_array_get(messages, index), "ackId"));
}

/* {"ackIds":[...]} of all messages; extra: more fields, with a comma in front. Caller frees. */
static char *ack_body(const json_t *messages, const char *extra)
{
    struct buffer body = {0};

    buffer_append_text(&body, "{\"ackIds\":[");
    for (size_t i = 0; i < json_array_size(messages); i++)
        buffer_appendf(&body, "%s\"%s\"", i > 0 ? "," : "", ack_id(messages, i));
    buffer_appendf(&body, "]%s}", extra);
    char *text = memory_text(buffer_text(&body));
    buffer_fini(&body);
    return text;
}

static int64_t stat_of(struct fixture *fixture, const char *name)
{
    json_t *stats = good(fixture, "GET", "/admin/stats", NULL);
    const json_t *one = json_object_get(json_object_get(stats, "subscriptions"),
                                        "projects/test/subscriptions/bridge");
    int64_t value = json_integer_value(json_object_get(one, name));

    json_decref(stats);
    return value;
}

static void a_published_message_comes_out_whole_and_is_gone_once_acknowledged(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", TOPIC ":publish",
        "{\"messages\":[{\"data\":\"-_-_\",\"attributes\":{\"q\":\"\\\"\\u0001\\uD83D\\uDE00\"},"
        "\"orderingKey\":\"k\"}]}");
    json_t *messages = pull(fixture, 10);
    const json_t *message = json_object_get(json_array_get(messages, 0), "message");
    assert_int_equal(json_array_size(messages), 1);
    assert_string_equal(json_string_value(json_object_get(message, "data")), "+/+/");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(message, "attributes"), "q")),
        "\"\x01\xF0\x9F\x98\x80");
    assert_string_equal(json_string_value(json_object_get(message, "orderingKey")), "k");
    assert_int_equal(json_string_length(json_object_get(message, "messageId")), 16);
    assert_null(json_object_get(json_array_get(messages, 0), "deliveryAttempt"));
    char *body = ack_body(messages, "");
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    run(fixture, "POST", "/admin/clock", "{\"advance_ms\":60000}");
    json_t *none = pull(fixture, 10);
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(stat_of(fixture, "acked"), 1);
    free(body);
    json_decref(none);
    json_decref(messages);
}

static void errors_speak_googles_words(void **state)
{
    struct fixture *fixture = *state;
    char *large = memory_new(600000);

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    bad(fixture, "GET", "/v1/projects/test/topics/none", NULL, 404, "NOT_FOUND",
        "Resource not found (resource=none).");
    bad(fixture, "PUT", TOPIC, "{}", 409, "ALREADY_EXISTS",
        "Resource already exists in the project (resource=views).");
    bad(fixture, "PUT", "/v1/projects/test/topics/google", "{}", 400, "INVALID_ARGUMENT",
        "Invalid [topics] name: (name=projects/test/topics/google)");
    bad(fixture, "POST", TOPIC ":publish", "{\"messages\":[]}", 400, "INVALID_ARGUMENT",
        "The value for message_count is too small. You passed 0 in the request, but the minimum "
        "value is 1.");
    bad(fixture, "POST", TOPIC ":publish", "{\"messages\":[{}]}", 400, "INVALID_ARGUMENT",
        "One or more messages in the publish request is empty. Each message must contain either "
        "non-empty data, or at least one attribute.");
    bad(fixture, "POST", TOPIC ":publish", "{\"nonsense\":1}", 400, "INVALID_ARGUMENT",
        "Invalid JSON payload received. Unknown name \"nonsense\": Cannot find field.");
    bad(fixture, "POST", TOPIC ":publish", "{\"messages\":[{\"data\":\"a\"}]}", 400,
        "INVALID_ARGUMENT",
        "Invalid value at 'messages[0].data' (TYPE_BYTES), Base64 decoding failed.");
    bad(fixture, "POST", SUBSCRIPTION ":modifyAckDeadline",
        "{\"ackIds\":[\"x\"],\"ackDeadlineSeconds\":715}", 400, "INVALID_ARGUMENT",
        "Invalid ack deadline given (ack_deadline=715). The ack deadline must be between 0 and 600 "
        "seconds.");
    bad(fixture, "POST", SUBSCRIPTION ":acknowledge", "{\"ackIds\":[\"x\"]}", 400,
        "INVALID_ARGUMENT", "You have passed an invalid ack ID to the service (ack_id=x).");
    memset(large, ' ', 524289);
    bad(fixture, "POST", SUBSCRIPTION ":acknowledge", large, 400, "INVALID_ARGUMENT",
        "Request payload size exceeds the limit: 524288 bytes.");
    bad(fixture, "POST", SUBSCRIPTION ":modifyPushConfig", "{}", 501, "UNIMPLEMENTED",
        "subscriptions.modifyPushConfig is not implemented by this emulator.");
    bad(fixture, "GET", "/v1/projects/test/nowhere", NULL, 404, "NOT_FOUND", "Method not found.");
    free(large);
}

static void an_acknowledgement_of_the_largest_size_is_taken(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\",\"ackDeadlineSeconds\":600}");
    for (int i = 0; i < 3; i++)
        publish(fixture, 1000);
    json_t *all = json_array();
    for (int i = 0; i < 3; i++) {
        json_t *some = pull(fixture, 5000);
        assert_int_equal(json_array_size(some), 1000);
        json_array_extend(all, some);
        json_decref(some);
    }
    char *body = ack_body(all, "");
    assert_in_range(strlen(body), 480000, 524288);
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(stat_of(fixture, "acked"), 3000);
    free(body);
    json_decref(all);
}

static void an_exactly_once_subscription_names_each_id_that_failed(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\",\"enableExactlyOnceDelivery\":true}");
    publish(fixture, 2);
    json_t *old = pull(fixture, 1);
    run(fixture, "POST", "/admin/expire", "{}");
    json_t *new = pull(fixture, 10);
    assert_int_equal(json_array_size(new), 2);
    json_array_extend(new, old);
    char *body = ack_body(new, "");
    struct reply reply = call(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    const json_t *error = json_object_get(reply.json, "error");
    const json_t *info = json_array_get(json_object_get(error, "details"), 0);
    const json_t *metadata = json_object_get(info, "metadata");
    assert_int_equal(reply.status, 400);
    assert_string_equal(json_string_value(json_object_get(error, "status")), "INVALID_ARGUMENT");
    assert_string_equal(json_string_value(json_object_get(info, "reason")),
                        "EXACTLY_ONCE_ACKID_FAILURE");
    assert_int_equal(json_object_size(metadata), 1);
    assert_string_equal(json_string_value(json_object_get(metadata, ack_id(old, 0))),
                        "PERMANENT_FAILURE_INVALID_ACK_ID");
    assert_int_equal(stat_of(fixture, "acked"), 2);
    free(body);
    reply_fini(&reply);
    json_decref(old);
    json_decref(new);
}

static void a_transient_failure_of_single_ids_can_be_scripted(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\",\"enableExactlyOnceDelivery\":true}");
    publish(fixture, 4);
    json_t *messages = pull(fixture, 10);
    char *body = ack_body(messages, "");
    run(fixture, "POST", "/admin/faults",
        "{\"method\":\"subscriptions.acknowledge\",\"transient_every\":2,\"calls\":1}");
    struct reply reply = call(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(reply.status, 400);
    assert_int_equal(stat_of(fixture, "acked"), 2);
    reply_fini(&reply);
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(stat_of(fixture, "acked"), 4);
    free(body);
    json_decref(messages);
}

static void a_dead_message_goes_to_the_dead_letter_topic_with_its_history(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "PUT", "/v1/projects/test/topics/dead", "{}");
    run(fixture, "PUT", "/v1/projects/test/subscriptions/dead-sub",
        "{\"topic\":\"projects/test/topics/dead\"}");
    make(fixture, "{\"topic\":\"" TOPIC_NAME
                  "\",\"deadLetterPolicy\":{\"deadLetterTopic\":\"projects/test/topics/dead\","
                  "\"maxDeliveryAttempts\":5}}");
    publish(fixture, 1);
    for (int i = 1; i <= 5; i++) {
        json_t *messages = pull(fixture, 1);
        assert_int_equal(
            json_integer_value(json_object_get(json_array_get(messages, 0), "deliveryAttempt")), i);
        char *body = ack_body(messages, ",\"ackDeadlineSeconds\":0");
        run(fixture, "POST", SUBSCRIPTION ":modifyAckDeadline", body);
        free(body);
        json_decref(messages);
    }
    json_t *answer = good(fixture, "POST", "/v1/projects/test/subscriptions/dead-sub:pull",
                          "{\"maxMessages\":9}");
    const json_t *message =
        json_object_get(json_array_get(json_object_get(answer, "receivedMessages"), 0), "message");
    const json_t *attributes = json_object_get(message, "attributes");
    assert_string_equal(json_string_value(json_object_get(message, "data")), "aGVsbG8=");
    assert_string_equal(json_string_value(json_object_get(attributes, "n")), "0");
    assert_string_equal(
        json_string_value(json_object_get(attributes, "CloudPubSubDeadLetterSourceDeliveryCount")),
        "5");
    assert_string_equal(
        json_string_value(json_object_get(attributes, "CloudPubSubDeadLetterSourceSubscription")),
        "bridge");
    json_decref(answer);
    assert_int_equal(stat_of(fixture, "dead_lettered"), 1);
}

static void a_filter_keeps_other_messages_out(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\",\"filter\":\"attributes.n = \\\"1\\\"\"}");
    publish(fixture, 3);
    json_t *messages = pull(fixture, 10);
    assert_int_equal(json_array_size(messages), 1);
    json_decref(messages);
    bad(fixture, "PUT", "/v1/projects/test/subscriptions/other",
        "{\"topic\":\"" TOPIC_NAME "\",\"filter\":\"attributes.n ~ 1\"}", 400, "INVALID_ARGUMENT",
        "Invalid filter string: column 14: expected '=' or '!='");
}

static void a_snapshot_replays_to_another_subscription_of_its_topic(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    publish(fixture, 2);
    run(fixture, "PUT", "/v1/projects/test/snapshots/before",
        "{\"subscription\":\"projects/test/subscriptions/bridge\"}");
    json_t *messages = pull(fixture, 10);
    char *body = ack_body(messages, "");
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    free(body);
    json_decref(messages);
    publish(fixture, 1);
    run(fixture, "PUT", "/v1/projects/test/subscriptions/late", "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", SUBSCRIPTION ":seek", "{\"snapshot\":\"projects/test/snapshots/before\"}");
    messages = pull(fixture, 10);
    assert_int_equal(json_array_size(messages), 3);
    json_decref(messages);
    run(fixture, "POST", "/v1/projects/test/subscriptions/late:seek",
        "{\"snapshot\":\"projects/test/snapshots/before\"}");
    json_t *answer =
        good(fixture, "POST", "/v1/projects/test/subscriptions/late:pull", "{\"maxMessages\":9}");
    assert_int_equal(json_array_size(json_object_get(answer, "receivedMessages")), 2);
    json_decref(answer);
    run(fixture, "DELETE", "/v1/projects/test/snapshots/before", NULL);
    bad(fixture, "POST", SUBSCRIPTION ":seek", "{\"snapshot\":\"projects/test/snapshots/before\"}",
        404, "NOT_FOUND", "Resource not found (resource=before).");
}

static void a_subscription_outlives_its_topic_and_can_be_detached(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    publish(fixture, 1);
    run(fixture, "DELETE", TOPIC, NULL);
    json_t *shown = good(fixture, "GET", SUBSCRIPTION, NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "topic")), "_deleted-topic_");
    json_decref(shown);
    json_t *messages = pull(fixture, 10);
    assert_int_equal(json_array_size(messages), 1);
    json_decref(messages);
    run(fixture, "POST", SUBSCRIPTION ":detach", "\"\"");
    bad(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":1}", 400, "FAILED_PRECONDITION",
        "The subscription is detached from its topic (resource=bridge).");
    run(fixture, "DELETE", SUBSCRIPTION, NULL);
    bad(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":1}", 404, "NOT_FOUND",
        "Resource not found (resource=bridge).");
}

static void an_update_changes_what_its_mask_names(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "PATCH", SUBSCRIPTION,
        "{\"subscription\":{\"ackDeadlineSeconds\":60,\"retainAckedMessages\":true},"
        "\"updateMask\":\"ack_deadline_seconds\"}");
    json_t *shown = good(fixture, "GET", SUBSCRIPTION "?%24alt=json%3Benum-encoding%3Dint", NULL);
    assert_int_equal(json_integer_value(json_object_get(shown, "ackDeadlineSeconds")), 60);
    assert_null(json_object_get(shown, "retainAckedMessages"));
    assert_int_equal(json_integer_value(json_object_get(shown, "state")), 1);
    json_decref(shown);
    bad(fixture, "PATCH", SUBSCRIPTION,
        "{\"subscription\":{\"filter\":\"attributes:x\"},\"updateMask\":\"filter\"}", 400,
        "INVALID_ARGUMENT",
        "Invalid update_mask provided in the UpdateSubscriptionRequest: the 'filter' field in the "
        "Subscription is not mutable.");
}

/* Publishes half-way through the time that a pull waits. */
static void *publish_soon(void *context)
{
    struct fixture other = {.server = ((struct fixture *)context)->server,
                            .curl = curl_easy_init()};

    usleep(100000);
    publish(&other, 1);
    curl_easy_cleanup(other.curl);
    return NULL;
}

static void a_pull_waits_for_a_first_message_and_not_for_ever(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    int64_t start_us = server_real_us();
    json_t *answer = good(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":5}");
    assert_in_range(server_real_us() - start_us, 290000, 2000000);
    assert_int_equal(json_object_size(answer), 0);
    json_decref(answer);
    pthread_create(&thread, NULL, publish_soon, fixture);
    start_us = server_real_us();
    answer = good(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":5}");
    assert_in_range(server_real_us() - start_us, 90000, 290000);
    assert_int_equal(json_array_size(json_object_get(answer, "receivedMessages")), 1);
    pthread_join(thread, NULL);
    json_decref(answer);
}

static void a_pull_whose_client_hung_up_leases_nothing(void **state)
{
    struct fixture *fixture = *state;
    char *url = memory_textf("http://%s" SUBSCRIPTION ":pull", server_address(fixture->server));
    CURL *gone = curl_easy_init();

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    curl_easy_setopt(gone, CURLOPT_URL, url);
    curl_easy_setopt(gone, CURLOPT_POSTFIELDS, "{\"maxMessages\":5}");
    curl_easy_setopt(gone, CURLOPT_TIMEOUT_MS, 50L);
    assert_int_equal(curl_easy_perform(gone), CURLE_OPERATION_TIMEDOUT);
    curl_easy_cleanup(gone);
    publish(fixture, 1);
    json_t *messages = pull(fixture, 5);
    assert_int_equal(json_array_size(messages), 1);
    assert_int_equal(stat_of(fixture, "delivered"), 1);
    json_decref(messages);
    free(url);
}

/* The fixture's teardown is what is tested here. */
static void an_end_leaves_no_call_behind_whatever_it_waits_for(void **state)
{
    struct fixture *fixture = *state;
    static const char *const urls[] = {SUBSCRIPTION ":pull", SUBSCRIPTION, TOPIC};
    CURLM *multi = curl_multi_init();
    CURL *calls[3];
    int running;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", "/admin/faults",
        "{\"faults\":[{\"method\":\"subscriptions.get\",\"bytes_per_second\":1},"
        "{\"method\":\"topics.get\",\"delay_ms\":60000}]}");
    for (size_t i = 0; i < 3; i++) {
        char *url = memory_textf("http://%s%s", server_address(fixture->server), urls[i]);
        calls[i] = curl_easy_init();
        curl_easy_setopt(calls[i], CURLOPT_URL, url);
        if (i == 0)
            curl_easy_setopt(calls[i], CURLOPT_POSTFIELDS, "{\"maxMessages\":1}");
        curl_multi_add_handle(multi, calls[i]);
        free(url);
    }
    for (int turn = 0; turn < 10; turn++) {
        curl_multi_perform(multi, &running);
        usleep(10000);
    }
    assert_int_equal(running, 3);
    for (size_t i = 0; i < 3; i++) {
        curl_multi_remove_handle(multi, calls[i]);
        curl_easy_cleanup(calls[i]);
    }
    curl_multi_cleanup(multi);
}

static void a_call_that_arrives_at_the_very_end_is_not_suspended(void **state)
{
    struct fixture *fixture = *state;
    static const char body[] = "{\"maxMessages\":1}";
    curl_socket_t socket;
    char request[256];
    size_t sent;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    fixture->stop = true;
    pthread_join(fixture->thread, NULL);
    fixture->joined = true;
    /* An open connection of the calls above: its next request waits in the socket's buffer. */
    assert_int_equal(curl_easy_getinfo(fixture->curl, CURLINFO_ACTIVESOCKET, &socket), CURLE_OK);
    snprintf(request, sizeof request,
             "POST " SUBSCRIPTION ":pull HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    sent = (size_t)write(socket, request, strlen(request));
    assert_int_equal(sent, strlen(request));
}

static void faults_strike_the_calls_they_are_meant_for(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", "/admin/faults",
        "{\"method\":\"subscriptions.*\",\"resource\":\"*/bridge\",\"status\":503,\"skip\":1,"
        "\"every\":2,\"calls\":1}");
    run(fixture, "GET", SUBSCRIPTION, NULL);
    run(fixture, "GET", SUBSCRIPTION, NULL);
    run(fixture, "GET", TOPIC, NULL);
    bad(fixture, "GET", SUBSCRIPTION, NULL, 503, "UNAVAILABLE",
        "The service was unable to fulfill your request. Please try again. [code=8a75]");
    for (int i = 0; i < 4; i++)
        run(fixture, "GET", SUBSCRIPTION, NULL);
    bad(fixture, "POST", "/admin/faults", "{\"status\":99}", 400, "INVALID_ARGUMENT",
        "fault: status must be a whole number from 200 to 599");
    bad(fixture, "POST", "/admin/faults", "{\"method\":\"x\"}", 400, "INVALID_ARGUMENT",
        "fault: it does nothing; give status, delay_ms, truncate, truncate_head, close, "
        "drop_answer, bytes_per_second or transient_every");
}

static struct reply get_with_fault(struct fixture *fixture, const char *action)
{
    char fault[128];

    snprintf(fault, sizeof fault, "{\"method\":\"subscriptions.get\",\"calls\":1,%s}", action);
    run(fixture, "POST", "/admin/faults", fault);
    return call(fixture, "GET", SUBSCRIPTION, NULL);
}

static void faults_cut_close_and_slow_down_answers(void **state)
{
    struct fixture *fixture = *state;

    fixture->fresh = true;
    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    struct reply reply = get_with_fault(fixture, "\"truncate\":20");
    assert_int_equal(reply.code, CURLE_PARTIAL_FILE);
    assert_int_equal(reply.body.size, 20);
    reply_fini(&reply);
    reply = get_with_fault(fixture, "\"truncate_head\":40");
    assert_int_equal(reply.body.size, 0);
    reply_fini(&reply);
    reply = get_with_fault(fixture, "\"close\":true");
    assert_int_equal(reply.code, CURLE_GOT_NOTHING);
    reply_fini(&reply);
    int64_t start_us = server_real_us();
    reply = get_with_fault(fixture, "\"delay_ms\":200");
    assert_int_equal(reply.status, 200);
    assert_in_range(server_real_us() - start_us, 200000, 1000000);
    reply_fini(&reply);
    start_us = server_real_us();
    reply = get_with_fault(fixture, "\"bytes_per_second\":1000");
    assert_int_equal(reply.code, CURLE_OK);
    assert_non_null(reply.json);
    assert_in_range(server_real_us() - start_us, (int64_t)reply.body.size * 900, 2000000);
    reply_fini(&reply);
}

static void a_dropped_answer_still_did_the_work(void **state)
{
    struct fixture *fixture = *state;

    fixture->fresh = true;
    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    publish(fixture, 1);
    json_t *messages = pull(fixture, 1);
    char *body = ack_body(messages, "");
    run(fixture, "POST", "/admin/faults",
        "{\"method\":\"subscriptions.acknowledge\",\"drop_answer\":true,\"calls\":1}");
    struct reply reply = call(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(reply.code, CURLE_GOT_NOTHING);
    assert_int_equal(stat_of(fixture, "acked"), 1);
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(stat_of(fixture, "acked"), 1);
    reply_fini(&reply);
    free(body);
    json_decref(messages);
}

static void gzip_goes_both_ways(void **state)
{
    struct fixture *fixture = *state;
    uint8_t text[] = "{\"messages\":[{\"data\":\"aGVsbG8=\"}]}";
    uint8_t packed[256];
    z_stream stream = {.next_in = text,
                       .avail_in = sizeof text - 1,
                       .next_out = packed,
                       .avail_out = sizeof packed};

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    fixture->headers = curl_slist_append(fixture->headers, "Content-Encoding: gzip");
    struct reply reply = call_sized(fixture, "POST", TOPIC ":publish", packed, stream.total_out);
    assert_int_equal(reply.status, 200);
    reply_fini(&reply);
    reply = call(fixture, "POST", TOPIC ":publish", "no gzip");
    assert_int_equal(reply.status, 400);
    reply_fini(&reply);
    curl_slist_free_all(fixture->headers);
    fixture->headers = curl_slist_append(NULL, "Accept-Encoding: gzip");
    fixture->headers = curl_slist_append(fixture->headers, "User-Agent: test (gzip)");
    reply = call(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":1}");
    assert_int_equal(reply.body.data[0], 0x1f);
    assert_int_equal(reply.body.data[1], 0x8b);
    reply_fini(&reply);
    curl_slist_free_all(fixture->headers);
    fixture->headers = curl_slist_append(NULL, "Accept-Encoding: gzip");
    reply = call(fixture, "GET", SUBSCRIPTION, NULL);
    assert_non_null(reply.json); /* "gzip" in Accept-Encoding alone is not enough. */
    reply_fini(&reply);
}

static void names_are_decoded_segment_by_segment(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "PUT", "/v1/projects/test/topics/a%25b%2Bc", "{}");
    json_t *shown = good(fixture, "GET", "/v1/projects/test/topics/a%25b%2bc", NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "name")),
                        "projects/test/topics/a%b+c");
    json_decref(shown);
    bad(fixture, "GET", "/v1/projects/test/topics%2Fa%25b%2Bc", NULL, 404, "NOT_FOUND",
        "Method not found.");
    bad(fixture, "GET", "/v1/projects/test/topics/a%zz", NULL, 400, "INVALID_ARGUMENT",
        "The path is malformed.");
}

static void lists_come_in_pages(void **state)
{
    struct fixture *fixture = *state;
    char path[96];

    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "/v1/projects/test/topics/topic-%d", i);
        run(fixture, "PUT", path, "{}");
    }
    run(fixture, "PUT", "/v1/projects/other/topics/topic-9", "{}");
    json_t *page = good(fixture, "GET", "/v1/projects/test/topics?pageSize=3", NULL);
    assert_int_equal(json_array_size(json_object_get(page, "topics")), 3);
    snprintf(path, sizeof path, "/v1/projects/test/topics?pageSize=3&pageToken=%s",
             json_string_value(json_object_get(page, "nextPageToken")));
    json_decref(page);
    page = good(fixture, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(page, "topics")), 2);
    assert_null(json_object_get(page, "nextPageToken"));
    json_decref(page);
}

static void a_preload_makes_as_many_messages_as_asked(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/emulator-preload-XXXXXX";
    char body[256];
    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(write(file, "one\ntwo\n", 8), 8);
    close(file);
    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    snprintf(body, sizeof body,
             "{\"topic\":\"" TOPIC_NAME "\",\"file\":\"%s\",\"count\":5,"
             "\"attributes\":{\"origin\":\"file\"}}",
             path);
    run(fixture, "POST", "/admin/preload", body);
    json_t *messages = pull(fixture, 100);
    assert_int_equal(json_array_size(messages), 5);
    const json_t *last = json_object_get(json_array_get(messages, 4), "message");
    assert_string_equal(json_string_value(json_object_get(last, "data")), "b25l");
    json_decref(messages);
    unlink(path);
}

static void a_permission_can_be_withheld(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", "/admin/permissions", "{\"deny\":[\"pubsub.subscriptions.update\"]}");
    json_t *answer = good(fixture, "POST", SUBSCRIPTION ":testIamPermissions",
                          "{\"permissions\":[\"pubsub.subscriptions.consume\","
                          "\"pubsub.subscriptions.update\"]}");
    json_t *granted = json_object_get(answer, "permissions");
    assert_int_equal(json_array_size(granted), 1);
    assert_string_equal(json_string_value(json_array_get(granted, 0)),
                        "pubsub.subscriptions.consume");
    json_decref(answer);
}

static void a_reset_forgets_everything(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    run(fixture, "POST", "/admin/faults", "{\"status\":500}");
    run(fixture, "POST", "/admin/reset", NULL);
    bad(fixture, "GET", TOPIC, NULL, 404, "NOT_FOUND", "Resource not found (resource=views).");
}

static void set_token(struct fixture *fixture, const json_t *answer)
{
    char text[128];

    snprintf(text, sizeof text, "Authorization: Bearer %s",
             json_string_value(json_object_get(answer, "access_token")));
    curl_slist_free_all(fixture->headers);
    fixture->headers = curl_slist_append(NULL, text);
}

static void a_guarded_service_takes_only_live_tokens(void **state)
{
    struct fixture *fixture = *state;
    static const char path[] = "/computeMetadata/v1/instance/service-accounts/default/token";
    static const char refused[] =
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential.";

    bad(fixture, "PUT", TOPIC, "{}", 401, "UNAUTHENTICATED", refused);
    struct reply reply = call(fixture, "GET", path, NULL);
    assert_int_equal(reply.status, 403);
    reply_fini(&reply);
    fixture->headers = curl_slist_append(NULL, "Metadata-Flavor: Google");
    json_t *answer = good(fixture, "GET", path, NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "expires_in")), 3600);
    set_token(fixture, answer);
    json_decref(answer);
    run(fixture, "PUT", TOPIC, "{}");
    run(fixture, "POST", "/admin/clock", "{\"advance_ms\":3600000}");
    bad(fixture, "GET", TOPIC, NULL, 401, "UNAUTHENTICATED", refused);
}

static void a_token_exchange_needs_its_fields(void **state)
{
    struct fixture *fixture = *state;
    struct reply reply =
        call(fixture, "POST", "/v1/token",
             "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience=a");

    assert_int_equal(reply.status, 400);
    assert_string_equal(json_string_value(json_object_get(reply.json, "error")), "invalid_request");
    reply_fini(&reply);
    json_t *answer =
        good(fixture, "POST", "/v1/token",
             "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience=a&"
             "subject_token=s&subject_token_type=t&"
             "requested_token_type=urn:ietf:params:oauth:token-type:access_token");
    set_token(fixture, answer);
    json_decref(answer);
    run(fixture, "PUT", TOPIC, "{}");
}

static void tls_carries_large_answers_waits_and_faults(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, "{\"topic\":\"" TOPIC_NAME "\"}");
    publish(fixture, 1000);
    json_t *messages = pull(fixture, 1000);
    assert_int_equal(json_array_size(messages), 1000);
    char *body = ack_body(messages, "");
    run(fixture, "POST", SUBSCRIPTION ":acknowledge", body);
    assert_int_equal(stat_of(fixture, "acked"), 1000);
    json_t *none = good(fixture, "POST", SUBSCRIPTION ":pull", "{\"maxMessages\":1}");
    assert_int_equal(json_object_size(none), 0);
    fixture->fresh = true;
    struct reply reply = get_with_fault(fixture, "\"truncate\":20");
    assert_int_not_equal(reply.code, CURLE_OK);
    reply_fini(&reply);
    reply = get_with_fault(fixture, "\"bytes_per_second\":2000");
    assert_int_equal(reply.code, CURLE_OK);
    assert_non_null(reply.json);
    reply_fini(&reply);
    json_decref(none);
    json_decref(messages);
    free(body);
}

int main(void)
{
#define PLAIN(test)   cmocka_unit_test_setup_teardown(test, open_plain, close_fixture)
#define GUARDED(test) cmocka_unit_test_setup_teardown(test, open_guarded, close_fixture)
    const struct CMUnitTest tests[] = {
        PLAIN(a_published_message_comes_out_whole_and_is_gone_once_acknowledged),
        PLAIN(errors_speak_googles_words),
        PLAIN(an_acknowledgement_of_the_largest_size_is_taken),
        PLAIN(an_exactly_once_subscription_names_each_id_that_failed),
        PLAIN(a_transient_failure_of_single_ids_can_be_scripted),
        PLAIN(a_dead_message_goes_to_the_dead_letter_topic_with_its_history),
        PLAIN(a_filter_keeps_other_messages_out),
        PLAIN(a_snapshot_replays_to_another_subscription_of_its_topic),
        PLAIN(a_subscription_outlives_its_topic_and_can_be_detached),
        PLAIN(an_update_changes_what_its_mask_names),
        PLAIN(a_pull_waits_for_a_first_message_and_not_for_ever),
        PLAIN(a_pull_whose_client_hung_up_leases_nothing),
        PLAIN(a_call_that_arrives_at_the_very_end_is_not_suspended),
        PLAIN(an_end_leaves_no_call_behind_whatever_it_waits_for),
        PLAIN(faults_strike_the_calls_they_are_meant_for),
        PLAIN(faults_cut_close_and_slow_down_answers),
        PLAIN(a_dropped_answer_still_did_the_work),
        PLAIN(gzip_goes_both_ways),
        PLAIN(names_are_decoded_segment_by_segment),
        PLAIN(lists_come_in_pages),
        PLAIN(a_preload_makes_as_many_messages_as_asked),
        PLAIN(a_permission_can_be_withheld),
        PLAIN(a_reset_forgets_everything),
        cmocka_unit_test_setup_teardown(tls_carries_large_answers_waits_and_faults, open_tls,
                                        close_fixture),
        GUARDED(a_guarded_service_takes_only_live_tokens),
        GUARDED(a_token_exchange_needs_its_fields),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
