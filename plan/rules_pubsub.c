/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/units.h"
#include "plan/rules.h"

enum { DAY_S = 86400, EXACTLY_ONCE_DEADLINE_S = 60 };

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* "604800s", "600.5s" */
static int64_t seconds_at(const json_t *object, const char *name)
{
    return strtoll(text_at(object, name), NULL, 10);
}

static const char *short_name(const char *subscription)
{
    const char *slash = strrchr(subscription, '/');

    return slash != NULL ? slash + 1 : subscription;
}

struct view { /* A subscription that is being looked at. */
    struct findings *findings;
    const struct pipeline_stream *stream;
    const json_t *config;
    const char *name;
    char subject[320];
    bool audit;
};

static void look_at_kind(const struct view *view)
{
    static const char *const others[] = {"bigqueryConfig", "cloudStorageConfig", "bigtableConfig"};
    const char *push = text_at(json_object_get(view->config, "pushConfig"), "pushEndpoint");
    struct finding *finding;

    if (*push != '\0') {
        finding = findings_add(view->findings, SEVERITY_ERROR, "subscription_pushes", view->subject,
                               "it pushes to %.300s", push);
        finding_advise(finding, "only a pull subscription can be pulled",
                       "gcloud pubsub subscriptions modify-push-config %s --push-endpoint=\"\"",
                       view->name);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (json_object_size(json_object_get(view->config, others[i])) == 0)
            continue;
        finding = findings_add(view->findings, SEVERITY_ERROR, "subscription_exports",
                               view->subject, "it has %s", others[i]);
        finding_advise(finding, "an export subscription cannot be pulled",
                       "make another subscription of %s: gcloud pubsub subscriptions create NAME "
                       "--topic=%s",
                       text_at(view->config, "topic"), text_at(view->config, "topic"));
    }
    if (!json_is_true(json_object_get(view->config, "detached"))
        && strcmp(text_at(view->config, "topic"), "_deleted-topic_") != 0)
        return;
    finding = findings_add(view->findings, SEVERITY_ERROR, "subscription_detached", view->subject,
                           "its topic is gone, or it was detached from it");
    finding_advise(
        finding, "nothing new will ever come",
        "gcloud pubsub subscriptions create %s --topic=TOPIC, under another name or after "
        "deleting this one",
        view->name);
}

static void look_at_times(const struct view *view)
{
    int64_t retention_s = seconds_at(view->config, "messageRetentionDuration");
    int64_t deadline_s = json_integer_value(json_object_get(view->config, "ackDeadlineSeconds"));
    const json_t *expiration = json_object_get(view->config, "expirationPolicy");
    int64_t ttl_s = seconds_at(expiration, "ttl");
    char text[UNITS_TEXT_SIZE];

    if (retention_s > 0 && retention_s < DAY_S) {
        struct finding *finding = findings_add(
            view->findings, SEVERITY_WARNING, "subscription_retention_short", view->subject,
            "it keeps messages for %s", units_format_duration(retention_s * 1000, text));
        finding_advise(
            finding, "what is not read for so long is deleted; a night without anybody loses data",
            "gcloud pubsub subscriptions update %s --message-retention-duration=7d", view->name);
    }
    if (ttl_s > 0) {
        struct finding *finding = findings_add(
            view->findings, view->audit ? SEVERITY_WARNING : SEVERITY_INFO, "subscription_expires",
            view->subject, "it is deleted after %s without a reader",
            units_format_duration(ttl_s * 1000, text));
        finding_advise(
            finding,
            view->audit ? "between two validations nobody reads it, and with it the truth "
                          "is gone"
                        : "a pipeline that is stopped for so long loses its subscription",
            "gcloud pubsub subscriptions update %s --expiration-period=never", view->name);
    }
    if (json_is_true(json_object_get(view->config, "enableExactlyOnceDelivery"))
        && deadline_s < EXACTLY_ONCE_DEADLINE_S) {
        struct finding *finding =
            findings_add(view->findings, SEVERITY_INFO, "ack_deadline_short", view->subject,
                         "exactly-once delivery with a deadline of %lld s", (long long)deadline_s);
        finding_advise(finding, "the bridge extends to 60 s at once: one more call a batch",
                       "gcloud pubsub subscriptions update %s --ack-deadline=60", view->name);
    }
}

static void look_at_order(const struct view *view)
{
    bool ordered = json_is_true(json_object_get(view->config, "enableMessageOrdering"));
    bool keyed = view->stream->key_kind == KEY_ORDERING_KEY;
    struct finding *finding;

    if (view->audit)
        return;
    if (keyed && !ordered) {
        finding =
            findings_add(view->findings, SEVERITY_WARNING, "subscription_unordered", view->subject,
                         "the record key is the ordering key, but it does not order");
        finding_advise(
            finding, "Pub/Sub may deliver the messages of a key in any order",
            "ordering is chosen when a subscription is made: gcloud pubsub subscriptions "
            "create NAME --topic=%s --enable-message-ordering",
            text_at(view->config, "topic"));
    }
    if (ordered && !keyed)
        findings_add(view->findings, SEVERITY_INFO, "order_by_another_key", view->subject,
                     "it orders by ordering key; records are keyed by %s, and order holds within a "
                     "partition for messages that share both",
                     view->stream->key);
}

static void look_at_rest(const struct view *view)
{
    const json_t *dead = json_object_get(view->config, "deadLetterPolicy");
    const char *filter = text_at(view->config, "filter");

    if (*filter != '\0')
        findings_add(view->findings, SEVERITY_INFO, "subscription_filters", view->subject,
                     "only messages with %.300s come through", filter);
    if (json_object_size(dead) > 0) {
        struct finding *finding = findings_add(
            view->findings, SEVERITY_WARNING, "subscription_dead_letters", view->subject,
            "after %lld attempts Pub/Sub itself moves a message to %.200s",
            (long long)json_integer_value(json_object_get(dead, "maxDeliveryAttempts")),
            text_at(dead, "deadLetterTopic"));
        finding_advise(
            finding,
            view->audit ? "the validator would miss it, and call the bridge's copy extra"
                        : "an outage that redelivers often enough takes messages away from "
                          "the bridge, which has dead letters of its own",
            "gcloud pubsub subscriptions update %s --clear-dead-letter-policy", view->name);
    }
    if (json_is_true(json_object_get(view->config, "enableExactlyOnceDelivery")))
        findings_add(
            view->findings, SEVERITY_INFO, "subscription_exactly_once", view->subject,
            "exactly-once delivery is on: acknowledgements are confirmed one by one and cost "
            "throughput; the join drops duplicates without it");
    if (view->audit || json_is_true(json_object_get(view->config, "retainAckedMessages")))
        return;
    struct finding *finding = findings_add(view->findings, SEVERITY_INFO, "subscription_no_rewind",
                                           view->subject, "acknowledged messages are not kept");
    finding_advise(finding, "with them, a day can be bridged again by seeking back",
                   "gcloud pubsub subscriptions update %s --retain-acked-messages", view->name);
}

void rules_subscription(struct findings *findings, const struct pipeline_stream *stream,
                        enum subscription_use use, const json_t *config)
{
    const char *name = use == USE_AUDIT ? stream->audit_subscription : stream->subscription;
    struct view view = {.findings = findings,
                        .stream = stream,
                        .config = config,
                        .name = short_name(name),
                        .audit = use == USE_AUDIT};
    size_t before = findings_count(findings, SEVERITY_ERROR);

    snprintf(view.subject, sizeof view.subject, "subscription %s", view.name);
    look_at_kind(&view);
    look_at_times(&view);
    look_at_order(&view);
    look_at_rest(&view);
    if (findings_count(findings, SEVERITY_ERROR) == before)
        findings_add(findings, SEVERITY_OK, "subscription_readable", view.subject,
                     "a pull subscription of %.200s", short_name(text_at(config, "topic")));
}

void rules_same_messages(struct findings *findings, const struct pipeline_stream *stream,
                         const json_t *bridge, const json_t *audit)
{
    char subject[320];
    struct finding *finding;

    snprintf(subject, sizeof subject, "stream %s", stream->name);
    if (strcmp(text_at(bridge, "topic"), text_at(audit, "topic")) != 0) {
        finding = findings_add(findings, SEVERITY_ERROR, "audit_of_another_topic", subject,
                               "%s reads %.200s, the audit %s reads %.200s",
                               short_name(stream->subscription), text_at(bridge, "topic"),
                               short_name(stream->audit_subscription), text_at(audit, "topic"));
        finding_advise(finding, "the comparison would find everything missing and everything extra",
                       "gcloud pubsub subscriptions create %s --topic=%s, under another name",
                       short_name(stream->audit_subscription), text_at(bridge, "topic"));
    }
    if (strcmp(text_at(bridge, "filter"), text_at(audit, "filter")) == 0)
        return;
    finding =
        findings_add(findings, SEVERITY_ERROR, "audit_filters_otherwise", subject,
                     "the filter of the bridge's subscription is \"%.200s\", that of the audit "
                     "\"%.200s\"",
                     text_at(bridge, "filter"), text_at(audit, "filter"));
    finding_advise(
        finding, "what one lets through and the other does not is a false difference",
        "filters are chosen when a subscription is made: make the audit anew with the same");
}

static bool holds(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *value = json_string_value(item);
        if (value != NULL && strcmp(value, text) == 0)
            return true;
    }
    return false;
}

void rules_permissions(struct findings *findings, const struct pipeline_pubsub *pubsub,
                       const char *subscription, const json_t *asked, const json_t *granted)
{
    const json_t *permission;
    char subject[320];
    size_t i, missing = 0;

    snprintf(subject, sizeof subject, "subscription %s", short_name(subscription));
    json_array_foreach(asked, i, permission)
    {
        const char *name = json_string_value(permission);
        struct finding *finding;

        if (holds(granted, name))
            continue;
        missing++;
        finding = findings_add(findings, SEVERITY_ERROR, "permission_missing", subject,
                               "these credentials lack %s", name);
        finding_advise(finding, NULL,
                       "gcloud pubsub subscriptions add-iam-policy-binding %s --project=%s "
                       "--member=MEMBER --role=%s",
                       short_name(subscription), pubsub->project,
                       strstr(name, "consume") != NULL ? "roles/pubsub.subscriber"
                                                       : "roles/pubsub.viewer");
    }
    if (missing == 0)
        findings_add(findings, SEVERITY_OK, "permissions", subject,
                     "the credentials may read it and its settings");
}
