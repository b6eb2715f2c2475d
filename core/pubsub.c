/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pubsub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/http_client.h"
#include "core/rfc3339.h"

enum {
    CALL_TIMEOUT_MS = 60000,
    /* Pub/Sub refuses acknowledge and modifyAckDeadline requests of more than 524,288 bytes. */
    REQUEST_BYTES_MAX = 500000,
    REQUEST_IDS_MAX = 2500,
};

struct pubsub {
    const struct pipeline_pubsub *config;
    struct auth *auth;
    struct http_client *http;
    struct buffer answer;
    struct buffer request;
};

struct pubsub *pubsub_new(const struct pipeline_pubsub *config, struct error *err)
{
    struct auth *auth = auth_new(config, clock_real(), err);

    if (auth == NULL)
        return NULL;

    struct pubsub *pubsub = memory_new(sizeof *pubsub);

    pubsub->config = config;
    pubsub->auth = auth;
    pubsub->http = http_client_new();
    return pubsub;
}

void pubsub_free(struct pubsub *pubsub)
{
    if (pubsub == NULL)
        return;
    auth_free(pubsub->auth);
    http_client_free(pubsub->http);
    buffer_fini(&pubsub->answer);
    buffer_fini(&pubsub->request);
    free(pubsub);
}

/* One segment of a path: all but the unreserved characters of RFC 3986 is escaped. */
static void append_segment(struct buffer *url, const char *text, size_t size)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t i = 0; i < size; i++) {
        if (memchr(unreserved, text[i], sizeof unreserved - 1) != NULL)
            buffer_append_byte(url, (uint8_t)text[i]);
        else
            buffer_appendf(url, "%%%02X", (unsigned)(unsigned char)text[i]);
    }
}

/* "projects/P/subscriptions/S" as it is, but for its names. */
static void append_resource(struct buffer *url, const char *resource)
{
    for (;;) {
        size_t size = strcspn(resource, "/");
        append_segment(url, resource, size);
        if (resource[size] == '\0')
            return;
        buffer_append_byte(url, '/');
        resource += size + 1;
    }
}

char *pubsub_subscription_url(const struct pipeline_pubsub *config, const char *subscription,
                              const char *verb)
{
    struct buffer url = {0};

    buffer_appendf(&url, "%s/v1/", config->endpoint);
    if (strncmp(subscription, "projects/", 9) == 0) {
        append_resource(&url, subscription);
    } else {
        buffer_append_text(&url, "projects/");
        append_segment(&url, config->project, strlen(config->project));
        buffer_append_text(&url, "/subscriptions/");
        append_segment(&url, subscription, strlen(subscription));
    }
    if (verb != NULL)
        buffer_appendf(&url, ":%s", verb);
    buffer_text(&url);
    return (char *)url.data;
}

/* What can be done about a status, and what it is called when the body does not say. */
struct meaning {
    long status;
    bool retry;
    const char *name;
    const char *hint;
};

static const struct meaning meanings[] = {
    {400, false, "INVALID_ARGUMENT", ""},
    {401, false, "UNAUTHENTICATED",
     "the credentials are not accepted: check pubsub.credentials, and this machine's clock"},
    {403, false, "PERMISSION_DENIED",
     "give the account of pubsub.credentials the role roles/pubsub.subscriber (and "
     "roles/pubsub.viewer for plan) on the subscription; publishing needs roles/pubsub.publisher"},
    {404, false, "NOT_FOUND",
     "check the subscription's name and pubsub.project, or create the subscription"},
    {409, false, "ALREADY_EXISTS", ""},
    {429, true, "RESOURCE_EXHAUSTED",
     "the project's Pub/Sub quota is used up: lower bridge.max_pulls, or ask for more quota"},
    {499, true, "CANCELLED", ""},
    {500, true, "INTERNAL", ""},
    {502, true, "BAD_GATEWAY", ""},
    {503, true, "UNAVAILABLE", ""},
    {504, true, "DEADLINE_EXCEEDED", ""},
};

static const struct meaning *find_meaning(long status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (meanings[i].status == status)
            return &meanings[i];
    return NULL;
}

static bool detached(long status, const char *name)
{
    return status == 400 && strcmp(name, "FAILED_PRECONDITION") == 0;
}

/* The body is a stranger's: only a status and a message of Google's form are taken from it. */
bool pubsub_fail(struct error *err, long status, const void *body, size_t size, const char *what)
{
    const struct meaning *meaning = find_meaning(status);
    const char *name = meaning != NULL ? meaning->name : NULL;
    const char *message = NULL;
    json_t *json = json_loadb(body, size, 0, NULL);

    if (json != NULL)
        json_unpack(json, "{s:{s?s, s?s}}", "error", "status", &name, "message", &message);
    error_set(err, EXIT_CODE_SOURCE, "%s: %s%s%s (HTTP %ld)", what, name != NULL ? name : "refused",
              message != NULL ? ": " : "", message != NULL ? message : "", status);
    if (meaning != NULL && meaning->retry)
        err->class = ERROR_RETRY;
    if (name != NULL && detached(status, name))
        error_hint(err,
                   "the subscription may be detached from its topic: it gives nothing any more");
    else if (meaning != NULL)
        error_hint(err, "%s", meaning->hint);
    json_decref(json);
    return false;
}

/* "POST subscriptions/views-audit:pull" */
static void describe(const char *method, const char *url, char *what, size_t size)
{
    const char *path = strstr(url, "/v1/");
    const char *kind =
        path != NULL && strncmp(path, "/v1/projects/", 13) == 0 ? strchr(path + 13, '/') : NULL;

    snprintf(what, size, "%s %s", method, kind != NULL ? kind + 1 : path != NULL ? path + 4 : url);
}

static bool send_request(struct pubsub *pubsub, const char *method, const char *url,
                         int64_t timeout_ms, long *status, struct error *err)
{
    const char *headers[] = {"Content-Type: application/json", NULL, NULL};
    const char *token = auth_header(pubsub->auth, err);

    if (token == NULL)
        return false;

    char *header = token[0] != '\0' ? memory_textf("Authorization: %s", token) : NULL;
    struct http_request request = {.method = method,
                                   .url = url,
                                   .headers = headers,
                                   .body = pubsub->request.size > 0 ? pubsub->request.data : NULL,
                                   .body_size = pubsub->request.size,
                                   .timeout_ms = timeout_ms};

    headers[1] = header;
    bool answered = http_client_run(pubsub->http, &request, status, &pubsub->answer, err);
    if (header != NULL)
        explicit_bzero(header, strlen(header));
    free(header);
    return answered;
}

/* A success is believed only with its JSON: an answer cut inside its headers is an empty 200. */
static json_t *read_answer(const struct pubsub *pubsub, const char *what, struct error *err)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)pubsub->answer.data, pubsub->answer.size, 0, &error);

    if (json_is_object(json))
        return json;
    json_decref(json);
    if (pubsub->answer.size == 0)
        error_retry(err, EXIT_CODE_SOURCE, "%s: the answer is empty, it may be cut", what);
    else
        error_retry(err, EXIT_CODE_SOURCE, "%s: the answer is no JSON object", what);
    return NULL;
}

/* The request is in pubsub->request. */
static json_t *call(struct pubsub *pubsub, const char *method, const char *url, int64_t timeout_ms,
                    struct error *err)
{
    char what[256];
    long status = 0;

    describe(method, url, what, sizeof what);
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!send_request(pubsub, method, url, timeout_ms, &status, err)) {
            error_wrap(err, "%s", what);
            return NULL;
        }
        if (status != 401)
            break;
        auth_refuse(pubsub->auth); /* It may have been revoked early: once with a new one. */
    }
    if (status >= 200 && status < 300)
        return read_answer(pubsub, what, err);
    pubsub_fail(err, status, pubsub->answer.data, pubsub->answer.size, what);
    return NULL;
}

json_t *pubsub_call(struct pubsub *pubsub, const char *method, const char *url, json_t *body,
                    struct error *err)
{
    buffer_clear(&pubsub->request);
    if (body != NULL) {
        size_t size = json_dumpb(body, NULL, 0, JSON_COMPACT);
        json_dumpb(body, (char *)buffer_reserve(&pubsub->request, size), size, JSON_COMPACT);
        pubsub->request.size = size;
    }
    return call(pubsub, method, url, CALL_TIMEOUT_MS, err);
}

static bool read_message(json_t *json, struct pubsub_message *message, struct buffer *data)
{
    const char *time, *text = "";
    size_t time_size, text_size = 0, size;

    *message = (struct pubsub_message){.ordering_key = ""};
    if (json_unpack(json, "{s:s, s?i, s:{s:s, s:s%, s?s%, s?s, s?o}}", "ackId", &message->ack_id,
                    "deliveryAttempt", &message->attempt, "message", "messageId",
                    &message->message_id, "publishTime", &time, &time_size, "data", &text,
                    &text_size, "orderingKey", &message->ordering_key, "attributes",
                    &message->attributes)
            != 0
        || (message->attributes != NULL && !json_is_object(message->attributes))
        || !rfc3339_parse_us(time, time_size, &message->publish_time_us))
        return false;

    uint8_t *place = buffer_reserve(data, BASE64_DATA_SIZE(text_size));

    if (!base64_read(text, text_size, place, &size))
        return false;
    message->data = place;
    message->data_size = size;
    data->size += size;
    return true;
}

/* Room for all data is taken first, so that it stays where the messages point to. */
static size_t data_size_max(const json_t *list)
{
    size_t size = 1, index;
    json_t *item;

    json_array_foreach(list, index, item) size += BASE64_DATA_SIZE(
        json_string_length(json_object_get(json_object_get(item, "message"), "data")));
    return size;
}

static bool read_batch(struct pubsub_batch *batch, struct error *err)
{
    json_t *list = json_object_get(batch->answer, "receivedMessages");
    size_t index;
    json_t *item;

    if (list == NULL)
        return true;
    if (!json_is_array(list))
        return error_retry(err, EXIT_CODE_SOURCE, "receivedMessages is no list");
    batch->messages = memory_array(json_array_size(list), sizeof *batch->messages);
    buffer_reserve(&batch->data, data_size_max(list));
    json_array_foreach(list, index, item)
    {
        if (!read_message(item, &batch->messages[index], &batch->data))
            return error_retry(
                err, EXIT_CODE_SOURCE, "message %zu of %zu is not as Pub/Sub writes one (id %s)",
                index + 1, json_array_size(list),
                batch->messages[index].message_id != NULL ? batch->messages[index].message_id
                                                          : "unknown");
        batch->count++;
    }
    return true;
}

bool pubsub_pull(struct pubsub *pubsub, const char *subscription, int32_t max_messages,
                 int64_t timeout_ms, struct pubsub_batch *batch, struct error *err)
{
    char *url = pubsub_subscription_url(pubsub->config, subscription, "pull");

    memset(batch, 0, sizeof *batch);
    buffer_clear(&pubsub->request);
    buffer_appendf(&pubsub->request, "{\"maxMessages\":%d}", max_messages);
    batch->answer = call(pubsub, "POST", url, timeout_ms, err);
    free(url);
    if (batch->answer == NULL)
        return false;
    if (read_batch(batch, err))
        return true;
    pubsub_batch_fini(batch);
    return error_wrap(err, "pull from %s", subscription);
}

void pubsub_batch_fini(struct pubsub_batch *batch)
{
    json_decref(batch->answer);
    free(batch->messages);
    buffer_fini(&batch->data);
    memset(batch, 0, sizeof *batch);
}

/* Ack ids are visible ASCII; should one not be, it is escaped like any JSON text. */
static void append_id(struct buffer *body, const char *id)
{
    buffer_append_byte(body, '"');
    for (; *id != '\0'; id++) {
        if (*id == '"' || *id == '\\')
            buffer_appendf(body, "\\%c", *id);
        else if ((unsigned char)*id < 0x20)
            buffer_appendf(body, "\\u%04x", (unsigned)*id);
        else
            buffer_append_byte(body, (uint8_t)*id);
    }
    buffer_append_byte(body, '"');
}

/* As many ids as one request takes, from the first on. Returns how many. */
static size_t fill_request(struct buffer *body, const char *const *ack_ids, size_t count,
                           const char *end)
{
    size_t taken = 0;

    buffer_clear(body);
    buffer_append_text(body, "{\"ackIds\":[");
    while (taken < count && taken < REQUEST_IDS_MAX) {
        size_t before = body->size;
        if (taken > 0)
            buffer_append_byte(body, ',');
        append_id(body, ack_ids[taken]);
        if (taken > 0 && body->size + strlen(end) > REQUEST_BYTES_MAX) {
            body->size = before;
            break;
        }
        taken++;
    }
    buffer_append_text(body, end);
    return taken;
}

static bool send_ids(struct pubsub *pubsub, const char *subscription, const char *verb,
                     const char *const *ack_ids, size_t count, const char *end, struct error *err)
{
    char *url = pubsub_subscription_url(pubsub->config, subscription, verb);
    bool sent = true;

    for (size_t done = 0; done < count && sent;) {
        done += fill_request(&pubsub->request, ack_ids + done, count - done, end);
        json_t *answer = call(pubsub, "POST", url, CALL_TIMEOUT_MS, err);
        sent = answer != NULL;
        json_decref(answer);
    }
    free(url);
    return sent;
}

bool pubsub_ack(struct pubsub *pubsub, const char *subscription, const char *const *ack_ids,
                size_t count, struct error *err)
{
    return send_ids(pubsub, subscription, "acknowledge", ack_ids, count, "]}", err);
}

bool pubsub_modify_deadline(struct pubsub *pubsub, const char *subscription,
                            const char *const *ack_ids, size_t count, int32_t seconds,
                            struct error *err)
{
    char end[64];

    assert(seconds >= 0 && seconds <= 600);
    snprintf(end, sizeof end, "],\"ackDeadlineSeconds\":%d}", seconds);
    return send_ids(pubsub, subscription, "modifyAckDeadline", ack_ids, count, end, err);
}
