/* SPDX-License-Identifier: Apache-2.0 */
/* api_snapshot: snapshots, and seeking to one or to a time. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "timestamp.h"

#define LIFE_US     ((int64_t)7 * 86400 * 1000000)
#define LIFE_MIN_US ((int64_t)3600 * 1000000)

static struct snapshot *find(struct api *api, const struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    struct snapshot *snapshot = broker_snapshot(&api->broker, name);

    if (snapshot == NULL)
        api_not_found(answer, name);
    free(name);
    return snapshot;
}

static bool create(struct api *api, struct call *call, const char *name, struct answer *answer)
{
    static const char *const known[] = {"subscription", "labels", "tags", NULL};
    const char *source = json_string_value(json_object_get(call->json, "subscription"));

    if (!api_known(call->json, known, "", answer) || !api_check_name(name, "snapshots", answer)
        || !api_check_name(source != NULL ? source : "", "subscriptions", answer))
        return false;
    if (broker_snapshot(&api->broker, name) != NULL)
        return answer_fail(answer, RPC_ALREADY_EXISTS,
                           "Resource already exists in the project (resource=%s).",
                           call->segments[4]);
    struct subscription *subscription = broker_subscription(&api->broker, source);
    if (subscription == NULL)
        return api_not_found(answer, source);
    if (subscription->detached || subscription->topic == NULL)
        return answer_fail(answer, RPC_FAILED_PRECONDITION,
                           "The subscription is detached from its topic, or its topic is deleted.");

    int64_t oldest_us = queue_oldest_us(subscription->queue);
    int64_t expire_us = (oldest_us < call->now_us ? oldest_us : call->now_us) + LIFE_US;
    char text[TIMESTAMP_TEXT_SIZE];

    if (expire_us - call->now_us < LIFE_MIN_US)
        return answer_fail(answer, RPC_FAILED_PRECONDITION,
                           "The backlog in the subscription is too old: the snapshot would expire "
                           "in less than 1 hour.");
    json_t *config =
        json_pack("{s:s, s:s, s:s}", "name", name, "topic", subscription->topic->resource.name,
                  "expireTime", timestamp_format(expire_us, text));
    json_t *labels = json_object_get(call->json, "labels");
    if (json_object_size(labels) > 0)
        json_object_set(config, "labels", labels);
    broker_add_snapshot(&api->broker, name, subscription, expire_us, config);
    return answer_json(answer, api_show(call, config));
}

bool api_snapshot_create(struct api *api, struct call *call, struct answer *answer)
{
    char *name = api_name(call);

    if (api_body(call, answer))
        create(api, call, name, answer);
    free(name);
    return answer->status == 200;
}

bool api_snapshot_get(struct api *api, struct call *call, struct answer *answer)
{
    struct snapshot *snapshot = find(api, call, answer);

    return snapshot != NULL && answer_json(answer, api_show(call, snapshot->resource.config));
}

bool api_snapshot_update(struct api *api, struct call *call, struct answer *answer)
{
    struct snapshot *snapshot = find(api, call, answer);
    json_t *change;
    json_t *mask;
    int64_t expire_us = 0;

    if (snapshot == NULL || !api_update(call, "snapshot", &change, &mask, answer))
        return false;
    const char *text = json_string_value(json_object_get(change, "expireTime"));
    bool timed = api_has_text(mask, "expireTime");
    if (json_array_size(mask) != (size_t)timed + (size_t)api_has_text(mask, "labels")) {
        answer_fail(answer, RPC_INVALID_ARGUMENT,
                    "Invalid update_mask provided in the UpdateSnapshotRequest: only labels and "
                    "expire_time are mutable.");
    } else if (timed && (text == NULL || !timestamp_parse(text, &expire_us))) {
        answer_fail(answer, RPC_INVALID_ARGUMENT,
                    "Invalid value at 'snapshot.expire_time' "
                    "(type.googleapis.com/google.protobuf.Timestamp)");
    } else {
        if (timed) {
            snapshot->expire_us = expire_us;
            json_object_set(snapshot->resource.config, "expireTime",
                            json_object_get(change, "expireTime"));
        }
        if (api_has_text(mask, "labels"))
            json_object_set(snapshot->resource.config, "labels", json_object_get(change, "labels"));
        answer_json(answer, api_show(call, snapshot->resource.config));
    }
    json_decref(change);
    json_decref(mask);
    return answer->status == 200;
}

bool api_snapshot_delete(struct api *api, struct call *call, struct answer *answer)
{
    struct snapshot *snapshot = find(api, call, answer);

    if (snapshot == NULL)
        return false;
    broker_remove_snapshot(&api->broker, snapshot);
    return answer_empty(answer);
}

bool api_snapshot_list(struct api *api, struct call *call, struct answer *answer)
{
    return api_list(call, answer, &api->broker.snapshots, "snapshots", "name", NULL, false);
}

static bool seek_snapshot(struct api *api, struct subscription *subscription, const char *name,
                          struct answer *answer)
{
    struct snapshot *snapshot = broker_snapshot(&api->broker, name);

    if (snapshot == NULL)
        return api_not_found(answer, name);
    if (snapshot->topic != subscription->topic || snapshot->topic == NULL)
        return answer_fail(answer, RPC_FAILED_PRECONDITION,
                           "The snapshot and the subscription are not of the same topic.");

    /* The snapshot's subscription may have had another filter. */
    struct message **messages = memory_array(snapshot->message_count, sizeof(struct message *));
    size_t count = 0;

    for (size_t i = 0; i < snapshot->message_count; i++) {
        json_t *json = subscription->filter != NULL ? message_json(snapshot->messages[i]) : NULL;
        if (filter_matches(subscription->filter, json_object_get(json, "attributes")))
            messages[count++] = snapshot->messages[i];
        json_decref(json);
    }
    queue_seek_snapshot(subscription->queue, messages, count, snapshot->last_id);
    free(messages);
    return answer_empty(answer);
}

static bool seek(struct api *api, struct call *call, struct subscription *subscription,
                 struct answer *answer)
{
    static const char *const known[] = {"time", "snapshot", NULL};
    const json_t *time = json_object_get(call->json, "time");
    const json_t *snapshot = json_object_get(call->json, "snapshot");
    int64_t time_us;

    if (!api_known(call->json, known, "", answer))
        return false;
    if (subscription->detached)
        return answer_fail(answer, RPC_FAILED_PRECONDITION,
                           "The subscription is detached from its topic (resource=%s).",
                           call->segments[4]);
    if (json_is_string(snapshot) && time == NULL)
        return seek_snapshot(api, subscription, json_string_value(snapshot), answer);
    if (!json_is_string(time) || snapshot != NULL
        || !timestamp_parse(json_string_value(time), &time_us))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "The seek target must be either a time or a snapshot.");
    queue_seek_time(subscription->queue, call->now_us, time_us);
    return answer_empty(answer);
}

bool api_subscription_seek(struct api *api, struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    struct subscription *subscription = broker_subscription(&api->broker, name);

    if (subscription == NULL)
        api_not_found(answer, name);
    else if (api_body(call, answer))
        seek(api, call, subscription, answer);
    free(name);
    return answer->status == 200;
}
