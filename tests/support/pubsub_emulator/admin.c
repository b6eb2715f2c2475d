/* SPDX-License-Identifier: Apache-2.0 */
/* admin: what a test may see and do that no client of Pub/Sub can. Documented in README.md. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "timestamp.h"

static void set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *subscription_stats(const struct subscription *subscription)
{
    const struct queue_counts *counts = queue_counts(subscription->queue);
    json_t *json = json_object();

    set_count(json, "published", counts->published);
    set_count(json, "ready", counts->ready);
    set_count(json, "outstanding", counts->outstanding);
    set_count(json, "waiting", counts->waiting);
    set_count(json, "delivered", counts->delivered);
    set_count(json, "redelivered", counts->redelivered);
    set_count(json, "acked", counts->acked);
    set_count(json, "nacked", counts->nacked);
    set_count(json, "expired", counts->expired);
    set_count(json, "extended", counts->extended);
    set_count(json, "stale", counts->stale);
    set_count(json, "dead_lettered", counts->dead);
    set_count(json, "dropped", counts->dropped);
    set_count(json, "duplicated", counts->duplicated);
    set_count(json, "pulls", subscription->pulls);
    set_count(json, "empty_pulls", subscription->empty_pulls);
    set_count(json, "bytes", subscription->bytes);
    return json;
}

static void stats(struct emulator *emulator, struct answer *answer)
{
    const struct broker *broker = &emulator->api.broker;
    json_t *topics = json_object();
    json_t *subscriptions = json_object();

    for (size_t i = 0; i < broker->topics.count; i++) {
        const struct topic *topic = (const struct topic *)broker->topics.items[i];
        json_t *json = json_object();
        set_count(json, "published", topic->published);
        json_object_set_new(topics, topic->resource.name, json);
    }
    for (size_t i = 0; i < broker->subscriptions.count; i++) {
        const struct subscription *subscription =
            (const struct subscription *)broker->subscriptions.items[i];
        json_object_set_new(subscriptions, subscription->resource.name,
                            subscription_stats(subscription));
    }
    answer_json(answer, json_pack("{s:o, s:o}", "topics", topics, "subscriptions", subscriptions));
}

static void add_faults(struct emulator *emulator, const json_t *body, struct answer *answer)
{
    const json_t *given = json_object_get(body, "faults");
    json_t *list =
        json_is_array(given) ? json_incref((json_t *)given) : json_pack("[O]", (json_t *)body);
    json_t *ids = json_array();
    struct error err;
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        int64_t id = fault_list_add(&emulator->faults, item, &err);
        if (id == 0) {
            json_decref(ids);
            json_decref(list);
            answer_fail(answer, RPC_INVALID_ARGUMENT, "%s", err.text);
            return;
        }
        json_array_append_new(ids, json_integer(id));
    }
    json_decref(list);
    answer_json(answer, json_pack("{s:o}", "ids", ids));
}

static void show_clock(const struct emulator *emulator, int64_t real_us, struct answer *answer)
{
    char text[TIMESTAMP_TEXT_SIZE];

    answer_json(answer, json_pack("{s:s, s:f}", "now",
                                  timestamp_format(emulator_now_us(emulator, real_us), text),
                                  "rate", emulator->clock.rate));
}

static void set_clock(struct emulator *emulator, const json_t *body, int64_t real_us,
                      struct answer *answer)
{
    static const char *const known[] = {"set", "advance_ms", "rate", NULL};
    const char *set = json_string_value(json_object_get(body, "set"));
    const json_t *advance = json_object_get(body, "advance_ms");
    const json_t *rate = json_object_get(body, "rate");
    int64_t now_us = emulator_now_us(emulator, real_us);

    if (!api_known(body, known, "clock", answer))
        return;
    if ((set != NULL && !timestamp_parse(set, &now_us))
        || (advance != NULL && !json_is_integer(advance))
        || (rate != NULL && (!json_is_number(rate) || json_number_value(rate) < 0))) {
        answer_fail(answer, RPC_INVALID_ARGUMENT,
                    "clock: set must be a time as RFC 3339 has it, advance_ms a whole number, rate "
                    "a number from 0");
        return;
    }
    now_us += json_integer_value(advance) * 1000;
    emulator_clock_set(emulator, real_us, now_us,
                       rate != NULL ? json_number_value(rate) : emulator->clock.rate);
    broker_tick(&emulator->api.broker, now_us);
    show_clock(emulator, real_us, answer);
}

/* What a preload makes of each line of its file. */
struct preload {
    struct topic *topic;
    json_t *attributes;
    bool whole; /* A line is a message as the API takes it, not its data. */
    int64_t spacing_us;
    uint64_t count; /* To make; the file is read again from its start until they are made. */
    uint64_t made;
};

static bool preload_line(struct emulator *emulator, struct preload *preload, const char *line,
                         size_t size, int64_t now_us)
{
    struct message_draft draft = {.attributes = preload->attributes};
    struct buffer text = {0};
    json_t *json = NULL;
    bool good = true;

    if (preload->whole) {
        json = json_loadb(line, size, 0, NULL);
        const json_t *data = json_object_get(json, "data");
        good = json != NULL
               && (data == NULL
                   || message_base64(json_string_value(data), json_string_length(data), &text,
                                     &draft.data_bytes));
        draft.attributes = json_object_get(json, "attributes");
        draft.ordering_key = json_string_value(json_object_get(json, "orderingKey"));
    } else {
        message_base64_encode(line, size, &text);
        draft.data_bytes = (uint32_t)size;
    }
    if (good) {
        draft.data = (const char *)text.data;
        draft.data_size = text.size;
        broker_publish(&emulator->api.broker, preload->topic, &draft,
                       now_us + (int64_t)preload->made * preload->spacing_us);
        preload->made++;
    }
    buffer_fini(&text);
    json_decref(json);
    return good;
}

/* One pass over the file. False when a line is no message. */
static bool preload_file(struct emulator *emulator, struct preload *preload, FILE *file,
                         int64_t now_us)
{
    char *line = NULL;
    size_t capacity = 0;
    bool good = true;

    rewind(file);
    while (good && preload->made < preload->count) {
        ssize_t size = getline(&line, &capacity, file);
        if (size < 0)
            break;
        if (size > 0 && line[size - 1] == '\n')
            size--;
        if (size > 0)
            good = preload_line(emulator, preload, line, (size_t)size, now_us);
    }
    free(line);
    return good;
}

static void preload(struct emulator *emulator, const json_t *body, int64_t now_us,
                    struct answer *answer)
{
    static const char *const known[] = {"topic",      "file",       "count", "format",
                                        "spacing_us", "attributes", NULL};
    const char *topic = json_string_value(json_object_get(body, "topic"));
    const char *path = json_string_value(json_object_get(body, "file"));
    const char *format = json_string_value(json_object_get(body, "format"));
    const json_t *count = json_object_get(body, "count");
    struct preload state = {.attributes = json_object_get(body, "attributes"),
                            .whole = format != NULL && strcmp(format, "message") == 0,
                            .spacing_us = json_integer_value(json_object_get(body, "spacing_us")),
                            .count =
                                count != NULL ? (uint64_t)json_integer_value(count) : UINT64_MAX};

    if (!api_known(body, known, "preload", answer))
        return;
    state.topic = topic != NULL ? broker_topic(&emulator->api.broker, topic) : NULL;
    if (state.topic == NULL) {
        api_not_found(answer, topic != NULL ? topic : "");
        return;
    }
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    if (file == NULL) {
        answer_fail(answer, RPC_INVALID_ARGUMENT, "preload: file %s: %s",
                    path != NULL ? path : "(none)", strerror(errno));
        return;
    }
    bool good = true;
    uint64_t before;
    do {
        before = state.made;
        good = preload_file(emulator, &state, file, now_us);
    } while (good && count != NULL && state.made < state.count && state.made > before);
    fclose(file);
    if (good)
        answer_json(answer, json_pack("{s:I}", "messages", (json_int_t)state.made));
    else
        answer_fail(answer, RPC_INVALID_ARGUMENT, "preload: file %s: message %llu is not valid",
                    path, (unsigned long long)state.made + 1);
}

/* Runs each subscription that "subscription" names, or all. False if it names none. */
static bool each_subscription(struct emulator *emulator, const json_t *body, struct answer *answer,
                              void (*run)(struct subscription *subscription, const json_t *body,
                                          int64_t now_us),
                              int64_t now_us)
{
    const struct collection *all = &emulator->api.broker.subscriptions;
    const char *name = json_string_value(json_object_get(body, "subscription"));

    if (name != NULL && broker_find(all, name) == NULL)
        return api_not_found(answer, name);
    for (size_t i = 0; i < all->count; i++)
        if (name == NULL || strcmp(all->items[i]->name, name) == 0)
            run((struct subscription *)all->items[i], body, now_us);
    return answer_empty(answer);
}

static void expire(struct subscription *subscription, const json_t *body, int64_t now_us)
{
    (void)body;
    queue_expire_all(subscription->queue, now_us);
}

static void duplicate(struct subscription *subscription, const json_t *body, int64_t now_us)
{
    struct queue_options options = *queue_options(subscription->queue);

    (void)now_us;
    options.duplicate_acked = json_number_value(json_object_get(body, "acked"));
    options.duplicate_leased = json_number_value(json_object_get(body, "leased"));
    options.seed = (uint64_t)json_integer_value(json_object_get(body, "seed"));
    queue_set_options(subscription->queue, &options);
}

static void reset(struct emulator *emulator, int64_t real_us)
{
    struct api *api = &emulator->api;
    uint64_t last_id = api->broker.last_id;

    api_fini(api);
    api_init(api, last_id);
    fault_list_clear(&emulator->faults);
    oauth_revoke_all(&emulator->oauth);
    emulator_clock_set(emulator, real_us, real_us, 1);
}

static void show_routes(struct answer *answer)
{
    json_t *array = json_array();

    for (const struct route *route = api_routes(); route->method != NULL; route++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:b}", "method", route->method,
                                               "path", route->path, "name", route->name, "absent",
                                               route->handle == NULL));
    answer_json(answer, json_pack("{s:o}", "routes", array));
}

static void deny(struct emulator *emulator, const json_t *body, struct answer *answer)
{
    json_t *denied = json_object_get(body, "deny");

    if (!json_is_array(denied)) {
        answer_fail(answer, RPC_INVALID_ARGUMENT, "permissions: deny must be an array");
        return;
    }
    json_decref(emulator->api.denied);
    emulator->api.denied = json_incref(denied);
    answer_empty(answer);
}

static bool admin_get(struct emulator *emulator, const char *what, int64_t real_us,
                      struct answer *answer)
{
    if (strcmp(what, "stats") == 0)
        stats(emulator, answer);
    else if (strcmp(what, "faults") == 0)
        answer_json(answer, json_pack("{s:o}", "faults", fault_list_json(&emulator->faults)));
    else if (strcmp(what, "clock") == 0)
        show_clock(emulator, real_us, answer);
    else if (strcmp(what, "routes") == 0)
        show_routes(answer);
    else
        return false;
    return true;
}

static bool admin_post(struct emulator *emulator, const char *what, const json_t *body,
                       int64_t real_us, struct answer *answer)
{
    int64_t now_us = emulator_now_us(emulator, real_us);

    if (strcmp(what, "faults") == 0)
        add_faults(emulator, body, answer);
    else if (strcmp(what, "clock") == 0)
        set_clock(emulator, body, real_us, answer);
    else if (strcmp(what, "preload") == 0)
        preload(emulator, body, now_us, answer);
    else if (strcmp(what, "expire") == 0)
        each_subscription(emulator, body, answer, expire, now_us);
    else if (strcmp(what, "duplicates") == 0)
        each_subscription(emulator, body, answer, duplicate, now_us);
    else if (strcmp(what, "permissions") == 0)
        deny(emulator, body, answer);
    else if (strcmp(what, "tokens") == 0)
        oauth_revoke_all(&emulator->oauth);
    else if (strcmp(what, "reset") == 0)
        reset(emulator, real_us);
    else
        return false;
    if (answer->status == 0)
        answer_empty(answer);
    return true;
}

void admin_call(struct emulator *emulator, struct call *call, int64_t real_us,
                struct answer *answer)
{
    const char *what = call->segment_count == 2 ? call->segments[1] : "";
    bool found = false;

    if (strcmp(call->method, "GET") == 0) {
        found = admin_get(emulator, what, real_us, answer);
    } else if (strcmp(call->method, "DELETE") == 0 && strcmp(what, "faults") == 0) {
        fault_list_clear(&emulator->faults);
        found = answer_empty(answer);
    } else if (strcmp(call->method, "POST") == 0) {
        json_error_t error;
        json_t *body = call->body_size > 0 ? json_loadb(call->body, call->body_size, 0, &error)
                                           : json_object();
        if (!json_is_object(body)) {
            json_decref(body);
            answer_fail(answer, RPC_INVALID_ARGUMENT, "The body must be a JSON object.");
            return;
        }
        found = admin_post(emulator, what, body, real_us, answer);
        json_decref(body);
    }
    if (!found)
        answer_fail(answer, RPC_NOT_FOUND, "No such admin call: %s /admin/%s", call->method, what);
}
