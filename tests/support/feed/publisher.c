/* SPDX-License-Identifier: Apache-2.0 */
#include "publisher.h"

#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "append.h"
#include "core/buffer.h"
#include "core/clock.h"

enum {
    BATCH_BYTES_MAX = 8 * 1000 * 1000, /* Pub/Sub takes 10 MB. */
    ANSWER_BYTES_MAX = 1024 * 1024,
    ATTEMPTS_MAX = 10,
    BACKOFF_MS = 50,
    TIMEOUT_MS = 30000,
};

enum request_state {
    REQUEST_IDLE,
    REQUEST_FILLING,
    REQUEST_SENT,
    REQUEST_WAITING, /* To be sent again at retry_ms. */
};

struct request {
    enum request_state state;
    CURL *easy;
    struct topic *topic;
    struct buffer body;
    struct buffer answer;
    uint32_t message_count;
    int attempt;
    int64_t retry_ms;
};

struct topic {
    const char *name; /* Borrowed. */
    char *url;
    struct request *requests;
    struct request *filling; /* NULL: none. */
};

struct publisher {
    struct topic *topics;
    size_t topic_count;
    uint32_t in_flight;
    CURLM *multi;
    struct curl_slist *headers;
    struct publisher_counts counts;
};

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct request *request = context;
    size_t bytes = size * count;

    if (request->answer.size + bytes > ANSWER_BYTES_MAX)
        return 0; /* Ends the transfer with an error. */
    buffer_append(&request->answer, data, bytes);
    return bytes;
}

static bool request_init(struct publisher *publisher, struct topic *topic, struct request *request)
{
    CURL *easy = curl_easy_init();

    request->topic = topic;
    request->easy = easy;
    return easy != NULL && curl_easy_setopt(easy, CURLOPT_URL, topic->url) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, publisher->headers) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS) == CURLE_OK
           && curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK;
}

static bool topic_init(struct publisher *publisher, const struct publisher_options *options,
                       size_t index)
{
    struct topic *topic = &publisher->topics[index];

    topic->name = options->topics[index];
    topic->url = memory_textf("%s/v1/projects/%s/topics/%s:publish", options->endpoint,
                              options->project, topic->name);
    topic->requests = memory_array(options->in_flight, sizeof *topic->requests);
    for (uint32_t i = 0; i < options->in_flight; i++) {
        if (!request_init(publisher, topic, &topic->requests[i]))
            return false;
    }
    return true;
}

struct publisher *publisher_new(const struct publisher_options *options, struct error *err)
{
    struct publisher *publisher = memory_new(sizeof *publisher);
    bool ok;

    assert(options->in_flight > 0);
    publisher->topics = memory_array(options->topic_count, sizeof *publisher->topics);
    publisher->topic_count = options->topic_count;
    publisher->in_flight = options->in_flight;
    publisher->multi = curl_multi_init();
    publisher->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (publisher->headers != NULL) /* No round trip before a large body. */
        curl_slist_append(publisher->headers, "Expect:");
    ok = publisher->multi != NULL && publisher->headers != NULL;
    for (size_t i = 0; ok && i < options->topic_count; i++)
        ok = topic_init(publisher, options, i);
    if (!ok) {
        error_set(err, EXIT_CODE_BUG, "publish to %s: libcurl could not be set up",
                  options->endpoint);
        publisher_free(publisher);
        return NULL;
    }
    return publisher;
}

static void request_fini(struct publisher *publisher, struct request *request)
{
    if (request->easy != NULL && request->state == REQUEST_SENT)
        curl_multi_remove_handle(publisher->multi, request->easy);
    curl_easy_cleanup(request->easy);
    buffer_fini(&request->body);
    buffer_fini(&request->answer);
}

void publisher_free(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    for (size_t i = 0; i < publisher->topic_count; i++) {
        struct topic *topic = &publisher->topics[i];
        for (uint32_t j = 0; topic->requests != NULL && j < publisher->in_flight; j++)
            request_fini(publisher, &topic->requests[j]);
        free(topic->requests);
        free(topic->url);
    }
    free(publisher->topics);
    curl_multi_cleanup(publisher->multi);
    curl_slist_free_all(publisher->headers);
    free(publisher);
}

static void request_send(struct publisher *publisher, struct request *request)
{
    buffer_clear(&request->answer);
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    curl_multi_add_handle(publisher->multi, request->easy);
    request->state = REQUEST_SENT;
    request->attempt++;
    publisher->counts.requests++;
}

static void topic_flush(struct publisher *publisher, struct topic *topic)
{
    struct request *request = topic->filling;

    if (request == NULL)
        return;
    topic->filling = NULL;
    buffer_append_text(&request->body, "]}");
    request_send(publisher, request);
}

void publisher_flush(struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->topic_count; i++)
        topic_flush(publisher, &publisher->topics[i]);
}

/* How many ids the answer holds; -1 if it is no answer to a publish request. */
static int64_t answer_id_count(const struct request *request)
{
    json_t *answer = json_loadb((const char *)request->answer.data, request->answer.size, 0, NULL);
    const json_t *ids = json_object_get(answer, "messageIds");
    int64_t count = json_is_array(ids) ? (int64_t)json_array_size(ids) : -1;

    json_decref(answer);
    return count;
}

static bool may_pass(CURLcode result, long status)
{
    return result != CURLE_OK || status == 408 || status == 429 || status >= 500;
}

/* The server's own words are short and about the request, never about the payload. */
static bool request_fail(const struct request *request, CURLcode result, long status,
                         struct error *err)
{
    if (result != CURLE_OK)
        error_set(err, EXIT_CODE_SOURCE, "publish to topic %s: %s: %s", request->topic->name,
                  request->topic->url, curl_easy_strerror(result));
    else
        error_set(err, EXIT_CODE_SOURCE, "publish to topic %s: %s: status %ld: %.300s",
                  request->topic->name, request->topic->url, status,
                  request->answer.size == 0 ? "no body" : (const char *)request->answer.data);
    return error_hint(err, "check that the endpoint is up and that the topic exists");
}

/* An answer came, or none will come. */
static bool request_done(struct publisher *publisher, struct request *request, CURLcode result,
                         struct error *err)
{
    long status = 0;

    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(publisher->multi, request->easy);
    if (result == CURLE_OK && status == 200
        && answer_id_count(request) == (int64_t)request->message_count) {
        publisher->counts.published += request->message_count;
        request->state = REQUEST_IDLE;
        return true;
    }
    request->state = REQUEST_WAITING;
    /* A success without the ids is an answer that was cut: curl 7.88 does not tell. */
    if (request->attempt < ATTEMPTS_MAX && (status == 200 || may_pass(result, status))) {
        request->retry_ms =
            clock_monotonic_us(clock_real()) / 1000 + (BACKOFF_MS << request->attempt);
        publisher->counts.retries++;
        return true;
    }
    buffer_append_byte(&request->answer, '\0');
    return request_fail(request, result, status, err);
}

static void send_due(struct publisher *publisher)
{
    int64_t now_ms = clock_monotonic_us(clock_real()) / 1000;

    for (size_t i = 0; i < publisher->topic_count; i++) {
        for (uint32_t j = 0; j < publisher->in_flight; j++) {
            struct request *request = &publisher->topics[i].requests[j];
            if (request->state == REQUEST_WAITING && request->retry_ms <= now_ms)
                request_send(publisher, request);
        }
    }
}

bool publisher_turn(struct publisher *publisher, int timeout_ms, struct error *err)
{
    int running = 0;
    int queued = 0;
    CURLMsg *message;

    send_due(publisher);
    curl_multi_perform(publisher->multi, &running);
    if (timeout_ms > 0) {
        curl_multi_poll(publisher->multi, NULL, 0, timeout_ms, NULL);
        curl_multi_perform(publisher->multi, &running);
    }
    while ((message = curl_multi_info_read(publisher->multi, &queued)) != NULL) {
        struct request *request = NULL;
        CURLcode result = message->data.result; /* Gone once the handle is removed. */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        if (!request_done(publisher, request, result, err))
            return false;
    }
    return true;
}

static struct request *idle_request(struct publisher *publisher, const struct topic *topic)
{
    for (uint32_t i = 0; i < publisher->in_flight; i++) {
        if (topic->requests[i].state == REQUEST_IDLE)
            return &topic->requests[i];
    }
    return NULL;
}

static bool topic_fill(struct publisher *publisher, struct topic *topic, struct error *err)
{
    struct request *request = idle_request(publisher, topic);

    while (request == NULL) {
        if (!publisher_turn(publisher, 100, err))
            return false;
        request = idle_request(publisher, topic);
    }
    buffer_clear(&request->body);
    buffer_append_text(&request->body, "{\"messages\":[");
    request->message_count = 0;
    request->attempt = 0;
    request->state = REQUEST_FILLING;
    topic->filling = request;
    return true;
}

static void append_message(struct buffer *body, const struct publisher_message *message)
{
    buffer_append_text(body, "{\"data\":\"");
    append_base64(body, message->body, message->body_size);
    buffer_append_byte(body, '"');
    for (size_t i = 0; i < message->attribute_count; i++) {
        buffer_append_text(body, i == 0 ? ",\"attributes\":{\"" : ",\"");
        buffer_append_text(body, message->attributes[i].name);
        buffer_append_text(body, "\":\"");
        buffer_append_text(body, message->attributes[i].value);
        buffer_append_byte(body, '"');
    }
    if (message->attribute_count > 0)
        buffer_append_byte(body, '}');
    if (message->ordering_key != NULL) {
        buffer_append_text(body, ",\"orderingKey\":\"");
        buffer_append_text(body, message->ordering_key);
        buffer_append_byte(body, '"');
    }
    buffer_append_byte(body, '}');
}

bool publisher_add(struct publisher *publisher, size_t index,
                   const struct publisher_message *message, struct error *err)
{
    struct topic *topic = &publisher->topics[index];
    size_t size = message->body_size / 3 * 4 + 4096;

    assert(index < publisher->topic_count);
    if (topic->filling != NULL && topic->filling->body.size + size > BATCH_BYTES_MAX)
        topic_flush(publisher, topic);
    if (topic->filling == NULL && !topic_fill(publisher, topic, err))
        return false;
    if (topic->filling->message_count > 0)
        buffer_append_byte(&topic->filling->body, ',');
    append_message(&topic->filling->body, message);
    if (++topic->filling->message_count < PUBLISHER_BATCH_MAX)
        return true;
    topic_flush(publisher, topic);
    return publisher_turn(publisher, 0, err);
}

static bool all_idle(const struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->topic_count; i++) {
        for (uint32_t j = 0; j < publisher->in_flight; j++) {
            if (publisher->topics[i].requests[j].state != REQUEST_IDLE)
                return false;
        }
    }
    return true;
}

bool publisher_finish(struct publisher *publisher, struct error *err)
{
    publisher_flush(publisher);
    while (!all_idle(publisher)) {
        if (!publisher_turn(publisher, 50, err))
            return false;
    }
    return true;
}

const struct publisher_counts *publisher_counts(const struct publisher *publisher)
{
    return &publisher->counts;
}
