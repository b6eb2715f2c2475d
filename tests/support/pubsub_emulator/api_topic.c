/* SPDX-License-Identifier: Apache-2.0 */
/* api_topic: topics and publishing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "timestamp.h"

enum {
    PUBLISH_MESSAGES_MAX = 1000,
    PUBLISH_BYTES_MAX = 10 * 1024 * 1024,
    MESSAGE_BYTES_MAX = 10 * 1000 * 1000,
    ATTRIBUTES_MAX = 100,
    ATTRIBUTE_KEY_MAX = 256,
    ATTRIBUTE_VALUE_MAX = 1024,
    ORDERING_KEY_MAX = 1024,
};

static const char *const topic_fields[] = {"name",
                                           "labels",
                                           "messageStoragePolicy",
                                           "kmsKeyName",
                                           "schemaSettings",
                                           "satisfiesPzs",
                                           "state",
                                           "tags",
                                           "messageRetentionDuration",
                                           "ingestionDataSourceSettings",
                                           "messageTransforms",
                                           NULL};

static struct topic *find_topic(struct api *api, const struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    struct topic *topic = broker_topic(&api->broker, name);

    if (topic == NULL)
        api_not_found(answer, name);
    free(name);
    return topic;
}

static bool check_retention(const json_t *json, int64_t *us, struct answer *answer)
{
    const char *text = json_string_value(json);

    *us = 0;
    if (json == NULL || json_is_null(json))
        return true;
    if (text == NULL || !duration_parse(text, us))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'topic.message_retention_duration' "
                           "(type.googleapis.com/google.protobuf.Duration), Field "
                           "'messageRetentionDuration', Illegal duration format; duration must end "
                           "with 's'");
    if (*us < (int64_t)600 * 1000000 || *us > (int64_t)31 * 86400 * 1000000)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid message retention duration given (duration=%s). The duration "
                           "must be between 10 minutes and 31 days.",
                           text);
    return true;
}

bool api_topic_create(struct api *api, struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    int64_t retention_us;

    if (!api_body(call, answer) || !api_known(call->json, topic_fields, "topic", answer)
        || !api_check_name(name, "topics", answer)
        || !check_retention(json_object_get(call->json, "messageRetentionDuration"), &retention_us,
                            answer))
        goto out;
    if (broker_topic(&api->broker, name) != NULL) {
        answer_fail(answer, RPC_ALREADY_EXISTS,
                    "Resource already exists in the project (resource=%s).", call->segments[4]);
        goto out;
    }
    json_t *config = json_deep_copy(call->json);
    json_object_set_new(config, "name", json_string(name));
    json_object_set_new(config, "state", json_string("ACTIVE"));
    struct topic *topic = broker_add_topic(&api->broker, name, config);
    topic->retention_us = retention_us;
    answer_json(answer, api_show(call, config));
out:
    free(name);
    return answer->status == 200;
}

bool api_topic_get(struct api *api, struct call *call, struct answer *answer)
{
    struct topic *topic = find_topic(api, call, answer);

    return topic != NULL && answer_json(answer, api_show(call, topic->resource.config));
}

bool api_topic_update(struct api *api, struct call *call, struct answer *answer)
{
    static const char *const mutable[] = {"labels", "messageRetentionDuration",
                                          "messageStoragePolicy", "tags", NULL};
    struct topic *topic = find_topic(api, call, answer);
    json_t *change;
    json_t *mask;
    int64_t retention_us;

    if (topic == NULL || !api_update(call, "topic", &change, &mask, answer))
        return false;
    json_t *picked = json_object();
    size_t i;
    json_t *item;
    json_array_foreach(mask, i, item)
    {
        json_t *value = json_object_get(change, json_string_value(item));
        json_object_set_new(picked, json_string_value(item),
                            value != NULL ? json_incref(value) : json_null());
    }
    if (api_known(picked, mutable, "topic", answer)
        && check_retention(json_object_get(picked, "messageRetentionDuration"), &retention_us,
                           answer)) {
        json_object_update(topic->resource.config, picked);
        if (api_has_text(mask, "messageRetentionDuration"))
            topic->retention_us = retention_us;
        broker_refresh(&api->broker, topic);
        answer_json(answer, api_show(call, topic->resource.config));
    }
    json_decref(picked);
    json_decref(change);
    json_decref(mask);
    return answer->status == 200;
}

bool api_topic_delete(struct api *api, struct call *call, struct answer *answer)
{
    struct topic *topic = find_topic(api, call, answer);

    if (topic == NULL)
        return false;
    broker_remove_topic(&api->broker, topic);
    return answer_empty(answer);
}

bool api_topic_list(struct api *api, struct call *call, struct answer *answer)
{
    return api_list(call, answer, &api->broker.topics, "topics", "name", NULL, false);
}

bool api_topic_subscriptions(struct api *api, struct call *call, struct answer *answer)
{
    struct topic *topic = find_topic(api, call, answer);

    return topic != NULL
           && api_list(call, answer, &api->broker.subscriptions, "subscriptions", "topic",
                       topic->resource.name, true);
}

bool api_topic_snapshots(struct api *api, struct call *call, struct answer *answer)
{
    struct topic *topic = find_topic(api, call, answer);

    return topic != NULL
           && api_list(call, answer, &api->broker.snapshots, "snapshots", "topic",
                       topic->resource.name, true);
}

static bool too_large(struct answer *answer, const char *what, size_t value, size_t max)
{
    return answer_fail(answer, RPC_INVALID_ARGUMENT,
                       "The value for %s is too large. You passed %zu in the request, but the "
                       "maximum value is %zu.",
                       what, value, max);
}

static bool check_attributes(json_t *attributes, struct answer *answer)
{
    const char *key;
    json_t *value;

    if (attributes == NULL)
        return true;
    if (!json_is_object(attributes))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid JSON payload received. Field attributes must be an object.");
    if (json_object_size(attributes) > ATTRIBUTES_MAX)
        return too_large(answer, "attribute_count", json_object_size(attributes), ATTRIBUTES_MAX);
    json_object_foreach(attributes, key, value)
    {
        if (!json_is_string(value))
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "Invalid value at 'messages.attributes' (TYPE_STRING): the value of "
                               "\"%s\" is no string.",
                               key);
        if (*key == '\0')
            return answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "The attribute key must not be empty.");
        if (strlen(key) > ATTRIBUTE_KEY_MAX)
            return too_large(answer, "attribute_key_size", strlen(key), ATTRIBUTE_KEY_MAX);
        if (json_string_length(value) > ATTRIBUTE_VALUE_MAX)
            return too_large(answer, "attribute_value_size", json_string_length(value),
                             ATTRIBUTE_VALUE_MAX);
    }
    return true;
}

/* Appends the message's data to text as canonical base64; offsets are of there. */
static bool read_message(json_t *json, size_t index, struct buffer *text,
                         struct message_draft *draft, struct answer *answer)
{
    static const char *const fields[] = {"data",      "attributes",  "orderingKey",
                                         "messageId", "publishTime", NULL};
    json_t *data = json_object_get(json, "data");
    json_t *key = json_object_get(json, "orderingKey");

    if (!json_is_object(json))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'messages[%zu]': a message must be an object.", index);
    *draft = (struct message_draft){.attributes = json_object_get(json, "attributes"),
                                    .ordering_key = json_string_value(key)};
    if (!api_known(json, fields, "messages", answer)
        || !check_attributes(draft->attributes, answer))
        return false;
    if ((data != NULL && !json_is_string(data))
        || (data != NULL
            && !message_base64(json_string_value(data), json_string_length(data), text,
                               &draft->data_bytes)))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'messages[%zu].data' (TYPE_BYTES), Base64 decoding "
                           "failed.",
                           index);
    if (key != NULL && !json_is_string(key))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'messages[%zu].ordering_key' (TYPE_STRING).", index);
    if (json_string_length(key) > ORDERING_KEY_MAX)
        return too_large(answer, "ordering_key_size", json_string_length(key), ORDERING_KEY_MAX);
    if (draft->data_bytes > MESSAGE_BYTES_MAX)
        return too_large(answer, "message_size", draft->data_bytes, MESSAGE_BYTES_MAX);
    if (draft->data_bytes == 0 && json_object_size(draft->attributes) == 0)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "One or more messages in the publish request is empty. Each message "
                           "must contain either non-empty data, or at least one attribute.");
    return true;
}

/* Either every message of the request is published or none. */
static void publish_all(struct api *api, struct topic *topic, const json_t *messages,
                        const struct call *call, struct answer *answer)
{
    size_t count = json_array_size(messages);
    struct message_draft *drafts = memory_array(count, sizeof *drafts);
    size_t *ends = memory_array(count + 1, sizeof *ends);
    struct buffer text = {0};
    bool good = true;

    for (size_t i = 0; i < count && good; i++) {
        good = read_message(json_array_get(messages, i), i, &text, &drafts[i], answer);
        ends[i + 1] = text.size;
    }
    if (good) {
        json_t *ids = json_array();
        for (size_t i = 0; i < count; i++) {
            char id[24];
            drafts[i].data = (const char *)text.data + ends[i];
            drafts[i].data_size = ends[i + 1] - ends[i];
            uint64_t number = broker_publish(&api->broker, topic, &drafts[i], call->now_us);
            snprintf(id, sizeof id, "%" PRIu64, number);
            json_array_append_new(ids, json_string(id));
        }
        answer_json(answer, json_pack("{s:o}", "messageIds", ids));
    }
    buffer_fini(&text);
    free(drafts);
    free(ends);
}

bool api_topic_publish(struct api *api, struct call *call, struct answer *answer)
{
    static const char *const fields[] = {"messages", NULL};
    struct topic *topic = find_topic(api, call, answer);

    if (topic == NULL)
        return false;
    if (call->body_size > PUBLISH_BYTES_MAX)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Request payload size exceeds the limit: %d bytes.", PUBLISH_BYTES_MAX);
    if (!api_body(call, answer) || !api_known(call->json, fields, "", answer))
        return false;

    const json_t *messages = json_object_get(call->json, "messages");
    size_t count = json_array_size(messages);

    if (count == 0)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "The value for message_count is too small. You passed 0 in the request, "
                           "but the minimum value is 1.");
    if (count > PUBLISH_MESSAGES_MAX)
        return too_large(answer, "message_count", count, PUBLISH_MESSAGES_MAX);
    publish_all(api, topic, messages, call, answer);
    return answer->status == 200;
}
