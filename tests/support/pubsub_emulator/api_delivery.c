/* SPDX-License-Identifier: Apache-2.0 */
/* api_delivery: pull, acknowledge, modifyAckDeadline. The three that must be fast. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

enum { PULL_MESSAGES_MAX = 1000, ACK_BYTES_MAX = 524288 };

static struct subscription *find(struct api *api, const struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    struct subscription *subscription = broker_subscription(&api->broker, name);

    if (subscription == NULL) {
        api_not_found(answer, name);
    } else if (subscription->detached) {
        answer_fail(answer, RPC_FAILED_PRECONDITION,
                    "The subscription is detached from its topic (resource=%s).",
                    call->segments[4]);
        subscription = NULL;
    }
    free(name);
    return subscription;
}

/* A waiting pull comes here again and again: its body is read once. */
static bool pull_body(struct call *call, struct answer *answer)
{
    static const char *const known[] = {"maxMessages", "returnImmediately", NULL};

    return call->json != NULL
           || (api_body(call, answer) && api_known(call->json, known, "", answer));
}

bool api_subscription_pull(struct api *api, struct call *call, struct answer *answer)
{
    struct subscription *subscription = find(api, call, answer);
    int64_t max;

    if (subscription == NULL || !pull_body(call, answer))
        return false;
    if (!api_integer(json_object_get(call->json, "maxMessages"), &max) || max <= 0)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "You have passed an invalid argument to the service "
                           "(argument=max_messages).");
    if (max > PULL_MESSAGES_MAX)
        max = PULL_MESSAGES_MAX;

    struct buffer *body = &answer->body;

    buffer_clear(body);
    buffer_append_text(body, "{\"receivedMessages\":[");
    answer->messages = queue_pull(subscription->queue, call->now_us, (size_t)max, body);
    broker_forward_dead(&api->broker, subscription, call->now_us);
    if (answer->messages == 0) {
        answer->wait = !json_is_true(json_object_get(call->json, "returnImmediately"));
        if (!answer->wait) {
            subscription->pulls++;
            subscription->empty_pulls++;
        }
        return answer_empty(answer);
    }
    buffer_append_text(body, "]}");
    answer->wait = false;
    answer->status = 200;
    subscription->pulls++;
    subscription->bytes += body->size;
    return true;
}

/* The ack ids of a request, wherever they lie. */
struct id_list {
    const char **texts;
    size_t *sizes;
    size_t count;
    size_t capacity;
};

static void id_list_add(struct id_list *list, const char *text, size_t size)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        list->texts = memory_resize(list->texts, list->capacity * sizeof *list->texts);
        list->sizes = memory_resize(list->sizes, list->capacity * sizeof *list->sizes);
    }
    list->texts[list->count] = text;
    list->sizes[list->count++] = size;
}

static void id_list_fini(struct id_list *list)
{
    free(list->texts);
    free(list->sizes);
}

static const char *skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/*
 * Exactly {"ackIds":["…","…"]} without an escape, which is what a fast client sends by the
 * thousand. False for anything else, legal or not: Jansson reads that.
 */
static bool scan_ids(const char *p, const char *end, struct id_list *list)
{
    static const char head[] = "\"ackIds\"";

    p = skip(p, end);
    if (p == end || *p++ != '{')
        return false;
    p = skip(p, end);
    if ((size_t)(end - p) < sizeof head - 1 || memcmp(p, head, sizeof head - 1) != 0)
        return false;
    p = skip(p + sizeof head - 1, end);
    if (p == end || *p++ != ':')
        return false;
    p = skip(p, end);
    if (p == end || *p++ != '[')
        return false;
    for (char next = ','; next == ',';) {
        p = skip(p, end);
        if (p == end || *p++ != '"')
            return false;
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (quote == NULL)
            return false;
        for (const char *c = p; c < quote; c++)
            if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
                return false;
        id_list_add(list, p, (size_t)(quote - p));
        p = skip(quote + 1, end);
        if (p == end)
            return false;
        next = *p++;
        if (next != ',' && next != ']')
            return false;
    }
    p = skip(p, end);
    return p < end && *p == '}' && skip(p + 1, end) == end;
}

static bool read_ids(struct call *call, const char *const *known, struct id_list *list,
                     struct answer *answer)
{
    if (call->body_size > ACK_BYTES_MAX)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Request payload size exceeds the limit: %d bytes.", ACK_BYTES_MAX);
    if (scan_ids(call->body, call->body + call->body_size, list))
        return true;
    list->count = 0;
    if (!api_body(call, answer) || !api_known(call->json, known, "", answer))
        return false;
    const json_t *ids = json_object_get(call->json, "ackIds");
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
    {
        if (!json_is_string(id))
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "Invalid value at 'ack_ids[%zu]' (TYPE_STRING).", i);
        id_list_add(list, json_string_value(id), json_string_length(id));
    }
    if (list->count == 0)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "You have passed an invalid argument to the service "
                           "(argument=ack_ids).");
    return true;
}

/* One that is no ack id of this subscription spoils the whole request before anything is done. */
static bool check_ids(struct subscription *subscription, const struct id_list *list, int64_t now_us,
                      struct answer *answer)
{
    for (size_t i = 0; i < list->count; i++) {
        switch (queue_check(subscription->queue, now_us, list->texts[i], list->sizes[i])) {
        case QUEUE_FOREIGN:
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "You have passed a subscription that does not belong to the given "
                               "ack ID (resource=%s).",
                               subscription->resource.name);
        case QUEUE_MALFORMED:
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "You have passed an invalid ack ID to the service (ack_id=%.*s).",
                               (int)(list->sizes[i] < 200 ? list->sizes[i] : 200), list->texts[i]);
        case QUEUE_OK:
        case QUEUE_STALE:
            break;
        }
    }
    return true;
}

/* Exactly-once: each id that failed, with why. */
static bool fail_ids(json_t *failed, struct answer *answer)
{
    json_t *info = json_pack(
        "{s:s, s:s, s:s, s:o}", "@type", "type.googleapis.com/google.rpc.ErrorInfo", "reason",
        "EXACTLY_ONCE_ACKID_FAILURE", "domain", "pubsub.googleapis.com", "metadata", failed);

    return answer_fail_details(
        answer, rpc_http_status(RPC_INVALID_ARGUMENT), rpc_name(RPC_INVALID_ARGUMENT),
        "Some acknowledgement ids in the request were invalid. This could be "
        "because the acknowledgement ids have expired or the "
        "acknowledgement ids were malformed.",
        json_pack("[o]", info));
}

static bool is_transient(struct api *api)
{
    return api->transient_every > 0 && ++api->transient_seen % api->transient_every == 0;
}

static bool settle_exactly(struct api *api, struct subscription *subscription,
                           const struct id_list *list, int64_t now_us, int32_t seconds,
                           struct answer *answer)
{
    json_t *failed = json_object();

    for (size_t i = 0; i < list->count; i++) {
        const char *why = NULL;
        if (is_transient(api))
            why = "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE";
        else if ((seconds < 0
                      ? queue_ack(subscription->queue, now_us, list->texts[i], list->sizes[i])
                      : queue_modify(subscription->queue, now_us, list->texts[i], list->sizes[i],
                                     seconds))
                 != QUEUE_OK)
            why = "PERMANENT_FAILURE_INVALID_ACK_ID";
        if (why != NULL) {
            char *id = memory_text_n(list->texts[i], list->sizes[i]);
            json_object_set_new(failed, id, json_string(why));
            free(id);
        }
    }
    if (json_object_size(failed) > 0)
        return fail_ids(failed, answer);
    json_decref(failed);
    return answer_empty(answer);
}

/* seconds below 0 acknowledges. */
static bool settle(struct api *api, struct subscription *subscription, const struct id_list *list,
                   int64_t now_us, int32_t seconds, struct answer *answer)
{
    if (queue_options(subscription->queue)->exactly_once)
        return settle_exactly(api, subscription, list, now_us, seconds, answer);
    if (!check_ids(subscription, list, now_us, answer))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (seconds < 0)
            queue_ack(subscription->queue, now_us, list->texts[i], list->sizes[i]);
        else
            queue_modify(subscription->queue, now_us, list->texts[i], list->sizes[i], seconds);
    }
    return answer_empty(answer);
}

bool api_subscription_ack(struct api *api, struct call *call, struct answer *answer)
{
    static const char *const known[] = {"ackIds", NULL};
    struct subscription *subscription = find(api, call, answer);
    struct id_list list = {0};

    if (subscription != NULL && read_ids(call, known, &list, answer)) {
        settle(api, subscription, &list, call->now_us, -1, answer);
        broker_forward_dead(&api->broker, subscription, call->now_us);
    }
    id_list_fini(&list);
    return answer->status == 200;
}

bool api_subscription_modify(struct api *api, struct call *call, struct answer *answer)
{
    static const char *const known[] = {"ackIds", "ackDeadlineSeconds", NULL};
    struct subscription *subscription = find(api, call, answer);
    struct id_list list = {0};
    int64_t seconds = 0;

    if (subscription == NULL || !read_ids(call, known, &list, answer))
        goto out;
    const json_t *json = json_object_get(call->json, "ackDeadlineSeconds");
    if ((json != NULL && !api_integer(json, &seconds)) || seconds < 0 || seconds > 600) {
        answer_fail(answer, RPC_INVALID_ARGUMENT,
                    "Invalid ack deadline given (ack_deadline=%lld). The ack deadline must be "
                    "between 0 and 600 seconds.",
                    (long long)seconds);
        goto out;
    }
    settle(api, subscription, &list, call->now_us, (int32_t)seconds, answer);
    broker_forward_dead(&api->broker, subscription, call->now_us);
out:
    id_list_fini(&list);
    return answer->status == 200;
}
