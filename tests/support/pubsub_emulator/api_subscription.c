/* SPDX-License-Identifier: Apache-2.0 */
/* api_subscription: what a subscription is; api_delivery has what it does. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "timestamp.h"

#define SECONDS(n) ((int64_t)(n)*1000000)

static const char *const fields[] = {"name",
                                     "topic",
                                     "pushConfig",
                                     "bigqueryConfig",
                                     "cloudStorageConfig",
                                     "bigtableConfig",
                                     "ackDeadlineSeconds",
                                     "retainAckedMessages",
                                     "messageRetentionDuration",
                                     "labels",
                                     "enableMessageOrdering",
                                     "expirationPolicy",
                                     "filter",
                                     "deadLetterPolicy",
                                     "retryPolicy",
                                     "detached",
                                     "enableExactlyOnceDelivery",
                                     "topicMessageRetentionDuration",
                                     "state",
                                     "analyticsHubSubscriptionInfo",
                                     "messageTransforms",
                                     "tags",
                                     NULL};

/* A configuration, checked and in numbers. */
struct settings {
    struct queue_options options;
    struct filter *filter;
    const char *dead_topic; /* Borrowed from the configuration. */
};

static bool read_duration(const json_t *json, const char *field, int64_t min_us, int64_t max_us,
                          int64_t *us, struct answer *answer)
{
    const char *text = json_string_value(json);

    if (json == NULL)
        return true;
    if (text == NULL || !duration_parse(text, us))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'subscription.%s' "
                           "(type.googleapis.com/google.protobuf.Duration), Field '%s', Illegal "
                           "duration format; duration must end with 's'",
                           field, field);
    if (*us < min_us || *us > max_us)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid %s given (duration=%s). The duration must be between %lld and "
                           "%lld seconds.",
                           field, text, (long long)(min_us / 1000000),
                           (long long)(max_us / 1000000));
    return true;
}

static bool read_flag(const json_t *config, const char *field, bool *flag, struct answer *answer)
{
    const json_t *json = json_object_get(config, field);

    if (json != NULL && !json_is_boolean(json))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'subscription.%s' (TYPE_BOOL).", field);
    *flag = json_is_true(json);
    return true;
}

/* Sets the default in config, too. */
static bool read_deadline(json_t *config, int64_t *us, struct answer *answer)
{
    const json_t *json = json_object_get(config, "ackDeadlineSeconds");
    int64_t seconds = 0;

    if (json != NULL && !api_integer(json, &seconds))
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid value at 'subscription.ack_deadline_seconds' (TYPE_INT32).");
    if (seconds == 0)
        seconds = 10;
    if (seconds < 10 || seconds > 600)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid ack deadline given (ack_deadline=%lld). The ack deadline must "
                           "be between 10 and 600 seconds.",
                           (long long)seconds);
    *us = SECONDS(seconds);
    json_object_set_new(config, "ackDeadlineSeconds", json_integer(seconds));
    return true;
}

static bool read_dead_letter(const struct api *api, const json_t *config, struct settings *settings,
                             struct answer *answer)
{
    json_t *policy = json_object_get(config, "deadLetterPolicy");
    const char *topic = json_string_value(json_object_get(policy, "deadLetterTopic"));
    int64_t attempts = 5;

    if (!json_is_object(policy) || json_object_size(policy) == 0)
        return true;
    const json_t *json = json_object_get(policy, "maxDeliveryAttempts");
    if (json != NULL && !api_integer(json, &attempts))
        attempts = -1;
    if (attempts == 0)
        attempts = 5;
    if (attempts < 5 || attempts > 100)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "Invalid max_delivery_attempts given. The value must be between 5 and "
                           "100.");
    if (topic == NULL || !api_check_name(topic, "topics", answer))
        return answer->status != 0
               || answer_fail(answer, RPC_INVALID_ARGUMENT,
                              "The dead letter policy is missing its dead_letter_topic.");
    if (broker_topic(&api->broker, topic) == NULL)
        return api_not_found(answer, topic);
    json_object_set_new(policy, "maxDeliveryAttempts", json_integer(attempts));
    settings->options.max_attempts = (int32_t)attempts;
    settings->dead_topic = topic;
    return true;
}

static bool read_retry(const json_t *config, struct queue_options *options, struct answer *answer)
{
    const json_t *policy = json_object_get(config, "retryPolicy");

    if (!json_is_object(policy))
        return true;
    options->backoff = true;
    options->retry_min_us = SECONDS(10);
    options->retry_max_us = SECONDS(600);
    if (!read_duration(json_object_get(policy, "minimumBackoff"), "minimum_backoff", 0,
                       SECONDS(600), &options->retry_min_us, answer)
        || !read_duration(json_object_get(policy, "maximumBackoff"), "maximum_backoff", 0,
                          SECONDS(600), &options->retry_max_us, answer))
        return false;
    if (options->retry_min_us > options->retry_max_us)
        return answer_fail(answer, RPC_INVALID_ARGUMENT,
                           "The minimum_backoff must not be greater than the maximum_backoff.");
    return true;
}

static bool read_filter(const json_t *config, struct filter **filter, struct answer *answer)
{
    const char *text = json_string_value(json_object_get(config, "filter"));
    struct error err;

    if (text == NULL || *text == '\0')
        return true;
    if (strlen(text) > 256)
        return answer_fail(answer, RPC_INVALID_ARGUMENT, "The filter is longer than 256 bytes.");
    *filter = filter_new(text, &err);
    if (*filter == NULL)
        return answer_fail(answer, RPC_INVALID_ARGUMENT, "Invalid filter string: %s", err.text);
    return true;
}

static bool read_push(const json_t *config, struct answer *answer)
{
    const json_t *push = json_object_get(config, "pushConfig");
    const char *endpoint = json_string_value(json_object_get(push, "pushEndpoint"));

    if ((endpoint != NULL && *endpoint != '\0') || json_object_get(config, "bigqueryConfig") != NULL
        || json_object_get(config, "cloudStorageConfig") != NULL)
        return answer_fail(answer, RPC_UNIMPLEMENTED,
                           "This emulator delivers to pull subscriptions only.");
    return true;
}

static void drop_nulls(json_t *config)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(config, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(config, key);
    }
}

/* Fills defaults into config. The filter is the caller's on success. */
static bool read_settings(const struct api *api, json_t *config, struct settings *settings,
                          struct answer *answer)
{
    struct queue_options *options = &settings->options;

    *settings = (struct settings){.options.retention_us = SECONDS(7 * 86400)};
    drop_nulls(config);
    if (json_object_get(config, "messageRetentionDuration") == NULL)
        json_object_set_new(config, "messageRetentionDuration", json_string("604800s"));
    if (!api_known(config, fields, "subscription", answer) || !read_push(config, answer)
        || !read_deadline(config, &options->ack_deadline_us, answer)
        || !read_duration(json_object_get(config, "messageRetentionDuration"),
                          "message_retention_duration", SECONDS(600), SECONDS(31 * 86400),
                          &options->retention_us, answer)
        || !read_flag(config, "retainAckedMessages", &options->retain, answer)
        || !read_flag(config, "enableMessageOrdering", &options->ordered, answer)
        || !read_flag(config, "enableExactlyOnceDelivery", &options->exactly_once, answer)
        || !read_dead_letter(api, config, settings, answer) || !read_retry(config, options, answer))
        return false;
    return read_filter(config, &settings->filter, answer);
}

static struct subscription *find(struct api *api, const struct call *call, struct answer *answer)
{
    char *name = api_name(call);
    struct subscription *subscription = broker_subscription(&api->broker, name);

    if (subscription == NULL)
        api_not_found(answer, name);
    free(name);
    return subscription;
}

static json_t *show(const struct call *call, const struct subscription *subscription)
{
    json_t *shown = api_show(call, subscription->resource.config);

    if (subscription->topic != NULL && subscription->topic->retention_us > 0) {
        char text[DURATION_TEXT_SIZE];
        json_object_set_new(shown, "topicMessageRetentionDuration",
                            json_string(duration_format(subscription->topic->retention_us, text)));
    }
    return shown;
}

static void create(struct api *api, struct call *call, const char *name, struct answer *answer)
{
    const char *topic_name = json_string_value(json_object_get(call->json, "topic"));
    struct settings settings;

    if (topic_name == NULL || !api_check_name(topic_name, "topics", answer)) {
        if (topic_name == NULL)
            answer_fail(answer, RPC_INVALID_ARGUMENT, "Invalid [topics] name: (name=)");
        return;
    }
    struct topic *topic = broker_topic(&api->broker, topic_name);
    if (topic == NULL) {
        api_not_found(answer, topic_name);
        return;
    }
    json_t *config = json_deep_copy(call->json);
    if (!read_settings(api, config, &settings, answer)) {
        json_decref(config);
        return;
    }
    json_object_set_new(config, "name", json_string(name));
    json_object_set_new(config, "state", json_string("ACTIVE"));
    if (json_object_get(config, "pushConfig") == NULL)
        json_object_set_new(config, "pushConfig", json_object());
    if (json_object_get(config, "expirationPolicy") == NULL)
        json_object_set_new(config, "expirationPolicy", json_pack("{s:s}", "ttl", "2678400s"));
    struct subscription *made = broker_add_subscription(
        &api->broker, name, topic, config, &settings.options, settings.filter, settings.dead_topic);
    answer_json(answer, show(call, made));
}

bool api_subscription_create(struct api *api, struct call *call, struct answer *answer)
{
    char *name = api_name(call);

    if (!api_body(call, answer) || !api_known(call->json, fields, "subscription", answer)
        || !api_check_name(name, "subscriptions", answer))
        goto out;
    if (broker_subscription(&api->broker, name) != NULL)
        answer_fail(answer, RPC_ALREADY_EXISTS,
                    "Resource already exists in the project (resource=%s).", call->segments[4]);
    else
        create(api, call, name, answer);
out:
    free(name);
    return answer->status == 200;
}

bool api_subscription_get(struct api *api, struct call *call, struct answer *answer)
{
    struct subscription *subscription = find(api, call, answer);

    return subscription != NULL && answer_json(answer, show(call, subscription));
}

/* The configuration with the masked fields changed; NULL if one of them may not. */
static json_t *changed(const struct subscription *subscription, const json_t *change,
                       const json_t *mask, struct answer *answer)
{
    static const char *const fixed[] = {"name",   "topic",    "enableMessageOrdering",
                                        "filter", "detached", NULL};
    json_t *config = json_deep_copy(subscription->resource.config);
    json_t *picked = json_object();
    size_t i;
    json_t *item;

    json_array_foreach(mask, i, item)
    {
        /* "deadLetterPolicy.maxDeliveryAttempts" means its whole policy. */
        const char *path = json_string_value(item);
        char *field = memory_text_n(path, strcspn(path, "."));
        json_t *value = json_object_get(change, field);
        json_object_set_new(picked, field, value != NULL ? json_incref(value) : json_null());
        free(field);
    }
    bool good = api_known(picked, fields, "subscription", answer);
    for (const char *const *name = fixed; good && *name != NULL; name++) {
        json_t *value = json_object_get(picked, *name);
        if (value != NULL && !json_equal(value, json_object_get(config, *name)))
            good = answer_fail(answer, RPC_INVALID_ARGUMENT,
                               "Invalid update_mask provided in the UpdateSubscriptionRequest: the "
                               "'%s' field in the Subscription is not mutable.",
                               *name);
    }
    if (good)
        json_object_update(config, picked);
    json_decref(picked);
    if (good)
        return config;
    json_decref(config);
    return NULL;
}

static void apply(struct api *api, struct subscription *subscription, json_t *config,
                  const struct settings *settings)
{
    struct queue_options options = settings->options;
    const struct queue_options *old = queue_options(subscription->queue);

    options.retain = old->retain;
    options.duplicate_acked = old->duplicate_acked;
    options.duplicate_leased = old->duplicate_leased;
    options.seed = old->seed;
    queue_set_options(subscription->queue, &options);
    subscription->retain_acked = settings->options.retain;
    filter_free(subscription->filter);
    subscription->filter = settings->filter;
    free(subscription->dead_topic);
    subscription->dead_topic = memory_text(settings->dead_topic);
    json_decref(subscription->resource.config);
    subscription->resource.config = config;
    if (subscription->topic != NULL) {
        broker_refresh(&api->broker, subscription->topic);
    } else {
        options.retain = subscription->retain_acked;
        queue_set_options(subscription->queue, &options);
    }
}

bool api_subscription_update(struct api *api, struct call *call, struct answer *answer)
{
    struct subscription *subscription = find(api, call, answer);
    struct settings settings;
    json_t *change;
    json_t *mask;

    if (subscription == NULL || !api_update(call, "subscription", &change, &mask, answer))
        return false;
    json_t *config = changed(subscription, change, mask, answer);
    if (config != NULL && read_settings(api, config, &settings, answer)) {
        apply(api, subscription, config, &settings);
        answer_json(answer, show(call, subscription));
    } else {
        json_decref(config);
    }
    json_decref(change);
    json_decref(mask);
    return answer->status == 200;
}

bool api_subscription_delete(struct api *api, struct call *call, struct answer *answer)
{
    struct subscription *subscription = find(api, call, answer);

    if (subscription == NULL)
        return false;
    broker_remove_subscription(&api->broker, subscription);
    return answer_empty(answer);
}

bool api_subscription_list(struct api *api, struct call *call, struct answer *answer)
{
    return api_list(call, answer, &api->broker.subscriptions, "subscriptions", "name", NULL, false);
}

bool api_subscription_detach(struct api *api, struct call *call, struct answer *answer)
{
    struct subscription *subscription = find(api, call, answer);

    if (subscription == NULL)
        return false;
    broker_detach(subscription);
    return answer_empty(answer);
}
