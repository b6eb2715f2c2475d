/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"
#include "core/pubsub.h"
#include "core/registry.h"
#include "plan/outcome.h"
#include "plan/rules.h"
#include "schema/compat.h"

enum {
    COPIES = 3,
    RETENTION_MS = 604800000
}; /* Of a topic that is not there yet: Kafka's usual ones. */

struct plan {
    const struct pipeline *pipeline;
    const struct plan_options *options;
    struct pubsub *pubsub; /* NULL: it could not be opened. */
    rd_kafka_t *client;    /* Likewise. */
    struct outcome outcome;
};

static struct findings *findings_of(struct plan *plan)
{
    return &plan->outcome.findings;
}

static void not_checked(struct plan *plan, const char *what)
{
    json_array_append_new(plan->outcome.not_checked, json_string(what));
}

/* --- Pub/Sub --- */

static json_t *permissions_of(struct plan *plan, const char *subscription, json_t *asked,
                              struct error *err)
{
    char *url =
        pubsub_subscription_url(&plan->pipeline->pubsub, subscription, "testIamPermissions");
    json_t *body = json_pack("{s:O}", "permissions", asked);
    json_t *answer = pubsub_call(plan->pubsub, "POST", url, body, err);

    json_decref(body);
    free(url);
    return answer;
}

static void check_permissions(struct plan *plan, const char *subscription)
{
    json_t *asked = json_pack("[s, s]", "pubsub.subscriptions.consume", "pubsub.subscriptions.get");
    struct error err;
    json_t *answer = permissions_of(plan, subscription, asked, &err);

    if (answer != NULL)
        rules_permissions(findings_of(plan), &plan->pipeline->pubsub, subscription, asked,
                          json_object_get(answer, "permissions"));
    else
        not_checked(plan, err.text);
    json_decref(answer);
    json_decref(asked);
}

static json_t *read_subscription(struct plan *plan, const struct pipeline_stream *stream,
                                 enum subscription_use use)
{
    const char *name = use == USE_AUDIT ? stream->audit_subscription : stream->subscription;
    char *url = pubsub_subscription_url(&plan->pipeline->pubsub, name, NULL);
    struct error err;
    char subject[320];
    json_t *config = pubsub_call(plan->pubsub, "GET", url, NULL, &err);

    free(url);
    snprintf(subject, sizeof subject, "subscription %s", name);
    if (config == NULL) {
        findings_add_error(findings_of(plan), "subscription_unreadable", subject, &err);
        return NULL;
    }
    check_permissions(plan, name);
    rules_subscription(findings_of(plan), stream, use, config);
    return config;
}

static void judge_fit(struct plan *plan, const struct outcome_stream *one, const char *subject)
{
    const struct sample *sample = &one->sample;
    const struct pipeline_stream *stream = one->stream;
    int64_t misfits = sample->messages - sample->fit;
    double share = sample->messages > 0 ? (double)misfits / (double)sample->messages : 0;

    if (sample->messages == 0) {
        findings_add(findings_of(plan), SEVERITY_INFO, "sample_empty", subject,
                     "nothing waits in the subscription: schema, key and size were not tried");
    } else if (misfits == 0) {
        findings_add(findings_of(plan), SEVERITY_OK, "sample_fits", subject,
                     "%" PRId64 " messages of the sample fit", sample->messages);
    } else {
        bool stops =
            stream->dead_letter == NULL || (stream->stop_above > 0 && share > stream->stop_above);
        struct finding *finding = findings_add(
            findings_of(plan), stops || sample->fit == 0 ? SEVERITY_ERROR : SEVERITY_WARNING,
            "sample_misfits", subject,
            "%" PRId64 " of %" PRId64 " messages do not fit; the first: %s", misfits,
            sample->messages, sample->reasons[0].text);
        finding_advise(
            finding, stops ? "the stream would stop there" : "they would become dead letters",
            "dualrun cat %s %s --pubsub shows messages; correct the schema %s, or the key",
            plan->pipeline->file, stream->name,
            stream->schema_file != NULL ? stream->schema_file : "");
    }
    if (stream->dead_letter == NULL)
        finding_advise(findings_add(findings_of(plan), SEVERITY_WARNING, "no_dead_letters", subject,
                                    "it has no dead_letter topic"),
                       "the first message that does not fit stops the stream",
                       "say dead_letter: %s-dead", stream->topic.name);
}

static int64_t ahead_limit_ms(const struct pipeline *pipeline)
{
    int64_t limit_ms = 3600000;

    for (size_t i = 0; i < pipeline->join_count; i++)
        limit_ms = pipeline->joins[i].max_ahead_ms;
    return limit_ms;
}

/* A unit that is wrong shows as a time that is years away. */
static void judge_times(struct plan *plan, const struct outcome_stream *one, const char *subject)
{
    enum { FAR_DAYS = 3650, DAY_MS = 86400000 };
    const struct sample *sample = &one->sample;
    const char *field = one->stream->event_time_field;

    if (sample->no_time > 0)
        finding_advise(findings_add(findings_of(plan), SEVERITY_ERROR, "no_event_time", subject,
                                    "%s of %" PRId64 " messages is no time", field,
                                    sample->no_time),
                       "such a record cannot be joined and becomes a dead letter there",
                       "correct event_time: {field, unit}");
    if (sample->timed == 0)
        return;
    int64_t far_ms = FAR_DAYS * (int64_t)DAY_MS;
    if (sample->behind_ms_least < -far_ms || sample->ahead_ms_most > far_ms)
        finding_advise(findings_add(findings_of(plan), SEVERITY_ERROR, "event_time_unit", subject,
                                    "%s lies up to %" PRId64 " days from the publish time", field,
                                    (sample->ahead_ms_most > far_ms ? sample->ahead_ms_most
                                                                    : -sample->behind_ms_least)
                                        / DAY_MS),
                       "seconds that are read as milliseconds look like that",
                       "correct the unit of event_time: ms, us, s or rfc3339");
    else if (sample->ahead_ms_most > ahead_limit_ms(plan->pipeline))
        findings_add(findings_of(plan), SEVERITY_WARNING, "event_time_ahead", subject,
                     "%s is up to %" PRId64 " s after the publish time, more than max_ahead: such "
                     "records are refused by the join",
                     field, sample->ahead_ms_most / 1000);
}

static void take_sample(struct plan *plan, struct outcome_stream *one)
{
    char subject[320];
    struct error err;

    snprintf(subject, sizeof subject, "stream %s", one->stream->name);
    one->sampled = sample_take(&one->sample, plan->pubsub, plan->pipeline, one->stream,
                               plan->options->sample, &err);
    if (!one->sampled) {
        findings_add_error(findings_of(plan), "sample_failed", subject, &err);
        return;
    }
    one->cost = cost_of(&one->sample, &plan->pipeline->prices, COPIES, RETENTION_MS);
    judge_fit(plan, one, subject);
    judge_times(plan, one, subject);
}

static void check_stream_source(struct plan *plan, struct outcome_stream *one)
{
    const struct pipeline_stream *stream = one->stream;
    json_t *bridge = NULL, *audit = NULL;

    if (stream->subscription != NULL)
        bridge = read_subscription(plan, stream, USE_BRIDGE);
    if (stream->audit_subscription != NULL)
        audit = read_subscription(plan, stream, USE_AUDIT);
    if (bridge != NULL && audit != NULL)
        rules_same_messages(findings_of(plan), stream, bridge, audit);
    if (bridge != NULL && plan->options->sample > 0)
        take_sample(plan, one);
    if (stream->subscription != NULL && stream->audit_subscription == NULL) {
        char subject[320];

        snprintf(subject, sizeof subject, "stream %s", stream->name);
        finding_advise(
            findings_add(findings_of(plan), SEVERITY_WARNING, "no_audit", subject,
                         "it has no audit_subscription"),
            "the validator has no copy of its own of what was published, so it cannot prove "
            "the bridge",
            "gcloud pubsub subscriptions create %s-audit --topic=TOPIC "
            "--expiration-period=never, and say audit_subscription: %s-audit",
            stream->name, stream->name);
    }
    json_decref(bridge);
    json_decref(audit);
}

static void check_source(struct plan *plan)
{
    struct error err;

    if (!plan->pipeline->has_pubsub)
        return;
    plan->pubsub = pubsub_new(&plan->pipeline->pubsub, &err);
    if (plan->pubsub == NULL) {
        findings_add_error(findings_of(plan), "credentials", "Pub/Sub", &err);
        return;
    }
    for (size_t i = 0; i < plan->outcome.stream_count; i++)
        check_stream_source(plan, &plan->outcome.streams[i]);
}

/* --- Kafka --- */

/* Returns the settings (caller decrefs), NULL if there are none to look at. */
static json_t *check_topic(struct plan *plan, const struct pipeline_topic *asked,
                           const struct pipeline_stream *stream, bool made_by_dualrun,
                           struct kafka_topic_facts *facts)
{
    char subject[320];
    struct error err;
    json_t *settings;

    *facts = (struct kafka_topic_facts){0};
    snprintf(subject, sizeof subject, "topic %s", asked->name);
    if (!kafka_topic_describe(plan->client, asked->name, facts, &err)) {
        findings_add_error(findings_of(plan), "topic_unreadable", subject, &err);
        return NULL;
    }
    if (!facts->exists) {
        rules_new_topic(findings_of(plan), asked, made_by_dualrun, facts);
        return NULL;
    }
    settings = kafka_topic_settings(plan->client, asked->name, &err);
    if (settings == NULL)
        not_checked(plan, err.text);
    rules_topic(findings_of(plan), plan->pipeline, asked, stream, facts, settings);
    return settings;
}

static void check_own_topic(struct plan *plan, const char *name)
{
    const struct pipeline_topic topic = {.name = (char *)(uintptr_t)name};
    struct kafka_topic_facts facts;

    if (name != NULL)
        json_decref(check_topic(plan, &topic, NULL, true, &facts));
}

static void check_stream_target(struct plan *plan, struct outcome_stream *one)
{
    struct kafka_topic_facts facts;
    json_t *settings = check_topic(plan, &one->stream->topic, one->stream, false, &facts);
    const char *retention = json_string_value(json_object_get(settings, "retention.ms"));
    int32_t copies = facts.exists ? facts.replication : one->stream->topic.replication;

    check_own_topic(plan, one->stream->dead_letter);
    one->cost = cost_of(&one->sample, &plan->pipeline->prices, copies > 0 ? copies : COPIES,
                        retention != NULL ? strtoll(retention, NULL, 10) : RETENTION_MS);
    json_decref(settings);
}

static void check_join_target(struct plan *plan, const struct pipeline_join *join)
{
    struct kafka_topic_facts facts, first = {0};
    char subject[320];
    struct error err;

    snprintf(subject, sizeof subject, "join %s", join->name);
    for (size_t i = 0; i <= join->secondary_count; i++) {
        const struct pipeline_stream *stream =
            i == 0 ? join->primary : join->secondaries[i - 1].stream;

        if (!kafka_topic_describe(plan->client, stream->topic.name, &facts, &err))
            continue;
        int32_t count = facts.exists ? facts.partitions : stream->topic.partitions;
        if (i == 0)
            first.partitions = count;
        if (count == first.partitions || count == 0)
            continue;
        finding_advise(findings_add(findings_of(plan), SEVERITY_ERROR, "inputs_not_aligned",
                                    subject, "%s has %d partitions, %s has %d",
                                    join->primary->topic.name, (int)first.partitions,
                                    stream->topic.name, (int)count),
                       "equal keys must lie on partitions of equal number to meet",
                       "make one of the topics anew with the partitions of the other");
    }
    struct pipeline_topic output = join->output;

    json_decref(check_topic(plan, &output, NULL, true, &facts));
    if (facts.exists && first.partitions > 0 && facts.partitions != first.partitions)
        finding_advise(findings_add(findings_of(plan), SEVERITY_ERROR, "output_not_aligned",
                                    subject, "output %s has %d partitions, the inputs have %d",
                                    output.name, (int)facts.partitions, (int)first.partitions),
                       "a row goes to the partition of its primary record",
                       "name another output topic");
    check_own_topic(plan, join->late_topic);
}

/* Readers of the new schema must be able to read what lies in the topic. */
static void judge_schema(struct plan *plan, const struct pipeline_stream *stream,
                         const char *subject, const struct schema *newest, int32_t id)
{
    struct compat compat = {0};
    struct error err;
    struct schema *schema =
        stream->schema_file != NULL ? schema_load(stream->schema_file, &err) : NULL;

    if (stream->schema_file != NULL && schema == NULL)
        findings_add_error(findings_of(plan), "schema_unreadable", subject, &err);
    else if (schema == NULL || compat_reads(&compat, schema, newest))
        findings_add(findings_of(plan), SEVERITY_OK, "schema_fits", subject,
                     "the file fits its newest schema, %d", (int)id);
    for (size_t i = 0; i < compat.count; i++)
        finding_advise(findings_add(findings_of(plan), SEVERITY_ERROR, "schema_breaks", subject,
                                    "against schema %d, %s: %s", (int)id, compat.problems[i].path,
                                    compat.problems[i].fact),
                       "readers of the new schema could not read what lies in the topic", "%s",
                       compat.problems[i].next);
    schema_free(schema);
}

static void check_registry(struct plan *plan)
{
    const struct pipeline_kafka *kafka = &plan->pipeline->kafka;
    struct error err;

    if (kafka->registry_url == NULL && kafka->registry_directory == NULL)
        return;
    struct registry *registry = registry_open(kafka, &err);

    for (size_t i = 0; registry != NULL && i < plan->outcome.stream_count; i++) {
        const struct pipeline_stream *stream = plan->outcome.streams[i].stream;
        char subject[320];
        int32_t id;

        snprintf(subject, sizeof subject, "%s-value", stream->topic.name);
        err.text[0] = '\0';
        const struct schema *newest = registry_latest(registry, subject, &id, &err);
        if (newest != NULL)
            judge_schema(plan, stream, subject, newest, id);
        else if (err.text[0] != '\0')
            findings_add_error(findings_of(plan), "registry", "schema registry", &err);
        else if (stream->schema_file != NULL)
            findings_add(findings_of(plan), SEVERITY_INFO, "schema_new", subject,
                         "no schema yet; %s will be registered", stream->schema_file);
        if (err.text[0] != '\0')
            break;
    }
    if (registry == NULL)
        findings_add_error(findings_of(plan), "registry", "schema registry", &err);
    registry_close(registry);
}

static void check_target(struct plan *plan)
{
    const struct pipeline *pipeline = plan->pipeline;
    struct kafka_topic_facts facts;
    struct error err;

    plan->client = kafka_producer(
        kafka_conf(&pipeline->kafka, "dualrun-plan", (const char *const[]){NULL}, &err), &err);
    if (plan->client == NULL
        || !kafka_topic_describe(plan->client, pipeline->ledger_topic, &facts, &err)) {
        findings_add_error(findings_of(plan), "kafka_unreachable", "Kafka", &err);
        return;
    }
    findings_add(findings_of(plan), SEVERITY_OK, "kafka_reachable", "Kafka", "%d brokers answer",
                 (int)facts.broker_count);
    for (size_t i = 0; i < plan->outcome.stream_count; i++)
        check_stream_target(plan, &plan->outcome.streams[i]);
    for (size_t i = 0; i < pipeline->join_count && plan->options->stream == NULL; i++)
        check_join_target(plan, &pipeline->joins[i]);
    check_own_topic(plan, pipeline->ledger_topic);
    not_checked(plan, "whether these credentials may write to Kafka's topics: that shows only when "
                      "they do");
}

/* --- Together --- */

static void choose_streams(struct plan *plan)
{
    const struct pipeline *pipeline = plan->pipeline;

    plan->outcome.streams = memory_array(pipeline->stream_count + 1, sizeof *plan->outcome.streams);
    for (size_t i = 0; i < pipeline->stream_count; i++)
        if (plan->options->stream == NULL
            || strcmp(pipeline->streams[i].name, plan->options->stream) == 0)
            plan->outcome.streams[plan->outcome.stream_count++].stream = &pipeline->streams[i];
}

static bool is_passed(struct plan *plan)
{
    for (int severity = 0; severity <= (int)plan->options->fail_on; severity++)
        if (findings_count(findings_of(plan), (enum severity)severity) > 0)
            return false;
    return true;
}

bool plan_run(const struct pipeline *pipeline, const struct plan_options *options, bool *passed,
              struct error *err)
{
    struct plan plan = {.pipeline = pipeline,
                        .options = options,
                        .outcome = {.pipeline = pipeline, .not_checked = json_array()}};

    (void)err;
    choose_streams(&plan);
    check_source(&plan);
    check_target(&plan);
    check_registry(&plan);
    *passed = is_passed(&plan);

    json_t *document = outcome_json(&plan.outcome, *passed);
    if (options->json) {
        json_dumpf(document, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
        putchar('\n');
    } else {
        outcome_text(document, stdout);
    }
    json_decref(document);
    pubsub_free(plan.pubsub);
    if (plan.client != NULL)
        rd_kafka_destroy(plan.client);
    json_decref(plan.outcome.not_checked);
    findings_fini(&plan.outcome.findings);
    free(plan.outcome.streams);
    return true;
}
