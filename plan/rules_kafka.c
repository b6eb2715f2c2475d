/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/units.h"
#include "plan/rules.h"

enum {
    RESTART_MS = 86400000,        /* A join that stood still for a day shall find its records. */
    MESSAGE_BYTES_MAX = 10485760, /* Of Pub/Sub: content and attributes of one message. */
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t reach_ms(const struct pipeline_join *join)
{
    int64_t before_ms = 0, after_ms = 0;

    for (size_t i = 0; i < join->secondary_count; i++) {
        before_ms = most(before_ms, join->secondaries[i].before_ms);
        after_ms = most(after_ms, join->secondaries[i].after_ms);
    }
    return before_ms + after_ms + join->lateness_ms;
}

static bool reads(const struct pipeline_join *join, const struct pipeline_stream *stream)
{
    bool found = join->primary == stream;

    for (size_t i = 0; i < join->secondary_count; i++)
        found = found || join->secondaries[i].stream == stream;
    return found;
}

int64_t rules_retention_ms(const struct pipeline *pipeline, const struct pipeline_stream *stream)
{
    int64_t longest_ms = 0;

    for (size_t i = 0; stream != NULL && i < pipeline->join_count; i++)
        if (reads(&pipeline->joins[i], stream))
            longest_ms = most(longest_ms, reach_ms(&pipeline->joins[i]));
    return longest_ms;
}

struct topic_view {
    struct findings *findings;
    const struct pipeline *pipeline;
    const char *name;
    const json_t *settings;
    char subject[320];
};

static const char *setting(const struct topic_view *view, const char *name)
{
    const char *text = json_string_value(json_object_get(view->settings, name));

    return text != NULL ? text : "";
}

static int64_t number(const struct topic_view *view, const char *name)
{
    return strtoll(setting(view, name), NULL, 10);
}

/* How to change it, with Kafka's own tool. */
static void advise(const struct topic_view *view, struct finding *finding, const char *why,
                   const char *change)
{
    finding_advise(finding, why,
                   "kafka-configs.sh --bootstrap-server %s --alter --entity-type topics "
                   "--entity-name %s --add-config %s",
                   view->pipeline->kafka.brokers, view->name, change);
}

static void look_at_retention(const struct topic_view *view, int64_t needed_ms)
{
    int64_t retention_ms = number(view, "retention.ms"), bytes = number(view, "retention.bytes");
    char has[UNITS_TEXT_SIZE], needs[UNITS_TEXT_SIZE], change[64];

    snprintf(change, sizeof change, "retention.ms=%" PRId64, needed_ms + 7 * (int64_t)RESTART_MS);
    units_format_duration(retention_ms, has);
    units_format_duration(needed_ms, needs);
    if (retention_ms >= 0 && retention_ms < needed_ms) {
        advise(
            view,
            findings_add(view->findings, SEVERITY_ERROR, "retention_short", view->subject,
                         "it keeps records for %s; window and lateness reach back %s", has, needs),
            "a record would be deleted before its partners come, and a restart could not rebuild "
            "the join's state",
            change);
    } else if (retention_ms >= 0 && retention_ms < needed_ms + RESTART_MS) {
        advise(view,
               findings_add(
                   view->findings, SEVERITY_WARNING, "retention_without_reserve", view->subject,
                   "it keeps records for %s; window and lateness reach back %s", has, needs),
               "a join that stands still for a day cannot rebuild its state, and the validator "
               "compares what is there only",
               change);
    } else {
        findings_add(view->findings, SEVERITY_OK, "retention", view->subject,
                     "it keeps records for %s; window and lateness reach back %s",
                     retention_ms < 0 ? "ever" : has, needs);
    }
    if (bytes > 0)
        advise(view,
               findings_add(view->findings, SEVERITY_WARNING, "retention_by_size", view->subject,
                            "it keeps at most %" PRId64 " bytes a partition", bytes),
               "a burst shortens the time that records stay, and nobody is told",
               "retention.bytes=-1");
}

static void look_at_policy(const struct topic_view *view)
{
    if (strstr(setting(view, "cleanup.policy"), "compact") != NULL)
        advise(view,
               findings_add(view->findings, SEVERITY_ERROR, "stream_compacted", view->subject,
                            "cleanup.policy is %s", setting(view, "cleanup.policy")),
               "of several events with one key all but the last would be deleted",
               "cleanup.policy=delete");
    if (strcmp(setting(view, "message.timestamp.type"), "LogAppendTime") == 0)
        advise(view,
               findings_add(view->findings, SEVERITY_WARNING, "publish_time_lost", view->subject,
                            "message.timestamp.type is LogAppendTime"),
               "the broker overwrites the publish time, by which event times are checked and "
               "retention is reckoned",
               "message.timestamp.type=CreateTime");
}

static void look_at_copies(const struct topic_view *view, const struct kafka_topic_facts *facts)
{
    int64_t least = number(view, "min.insync.replicas");

    if (facts->replication == 1)
        finding_advise(
            findings_add(view->findings, SEVERITY_WARNING, "one_copy", view->subject,
                         "each partition has one copy"),
            "a message is acknowledged to Pub/Sub when one disk has it; that disk fails, "
            "and it is gone",
            "kafka-reassign-partitions.sh --bootstrap-server %s, or make the topic anew "
            "with replication: 3",
            view->pipeline->kafka.brokers);
    else if (view->settings != NULL && least < 2)
        advise(view,
               findings_add(view->findings, SEVERITY_WARNING, "one_copy_may_do", view->subject,
                            "it has %d copies, but min.insync.replicas is %" PRId64,
                            (int)facts->replication, least),
               "while the others are behind, acks=all means one disk", "min.insync.replicas=2");
    if (facts->out_of_sync > 0)
        finding_advise(findings_add(view->findings, SEVERITY_WARNING, "copies_behind",
                                    view->subject,
                                    "%d of %d partitions have a copy that is behind or down",
                                    (int)facts->out_of_sync, (int)facts->partitions),
                       "a broker is ill; moving more load onto it makes that worse",
                       "kafka-topics.sh --bootstrap-server %s --describe "
                       "--under-replicated-partitions",
                       view->pipeline->kafka.brokers);
}

static void look_at_size(const struct topic_view *view, bool dead_letters)
{
    int64_t largest = number(view, "max.message.bytes");
    char text[UNITS_TEXT_SIZE];

    if (largest == 0 || largest >= MESSAGE_BYTES_MAX)
        return;
    if (dead_letters)
        advise(view,
               findings_add(view->findings, SEVERITY_WARNING, "dead_letters_small", view->subject,
                            "it takes records of up to %s; a message of Pub/Sub may have 10 MiB",
                            units_format_size(largest, text)),
               "a message that fits neither topic stops its stream", "max.message.bytes=11534336");
    else
        findings_add(view->findings, SEVERITY_INFO, "records_limited", view->subject,
                     "it takes records of up to %s; larger messages become dead letters",
                     units_format_size(largest, text));
}

static bool is_dead_letters(const struct pipeline *pipeline, const char *topic)
{
    for (size_t i = 0; i < pipeline->stream_count; i++)
        if (pipeline->streams[i].dead_letter != NULL
            && strcmp(pipeline->streams[i].dead_letter, topic) == 0)
            return true;
    return false;
}

void rules_topic(struct findings *findings, const struct pipeline *pipeline,
                 const struct pipeline_topic *asked, const struct pipeline_stream *stream,
                 const struct kafka_topic_facts *facts, const json_t *settings)
{
    struct topic_view view = {
        .findings = findings, .pipeline = pipeline, .name = asked->name, .settings = settings};
    int64_t needed_ms = rules_retention_ms(pipeline, stream);

    snprintf(view.subject, sizeof view.subject, "topic %s", asked->name);
    if (asked->partitions > 0 && asked->partitions != facts->partitions)
        finding_advise(findings_add(findings, SEVERITY_ERROR, "partitions_differ", view.subject,
                                    "it has %d partitions, the file asks for %d",
                                    (int)facts->partitions, (int)asked->partitions),
                       "the bridge refuses it: adding partitions to it would move keys",
                       "say partitions: %d, or name another topic", (int)facts->partitions);
    else
        findings_add(findings, SEVERITY_OK, "topic_there", view.subject,
                     "it has %d partitions, %d copies each", (int)facts->partitions,
                     (int)facts->replication);
    look_at_copies(&view, facts);
    if (settings == NULL)
        return;
    if (stream != NULL) {
        look_at_policy(&view);
        if (needed_ms > 0)
            look_at_retention(&view, needed_ms);
    }
    if (stream != NULL || is_dead_letters(pipeline, asked->name))
        look_at_size(&view, stream == NULL);
    if (strcmp(asked->name, pipeline->ledger_topic) == 0
        && strcmp(setting(&view, "cleanup.policy"), "compact") != 0)
        advise(&view,
               findings_add(findings, SEVERITY_ERROR, "ledger_not_compacted", view.subject,
                            "cleanup.policy is %s", setting(&view, "cleanup.policy")),
               "books, heartbeats and the notes of replayed letters would be deleted, or pile up",
               "cleanup.policy=compact");
}

void rules_new_topic(struct findings *findings, const struct pipeline_topic *asked,
                     bool made_by_dualrun, const struct kafka_topic_facts *facts)
{
    char subject[320];

    snprintf(subject, sizeof subject, "topic %s", asked->name);
    if (!made_by_dualrun && asked->partitions == 0) {
        finding_advise(findings_add(findings, SEVERITY_ERROR, "topic_missing", subject,
                                    "it does not exist, and the file does not say how many "
                                    "partitions it shall have"),
                       NULL, "say {name: %s, partitions: N, replication: 3}, or make it",
                       asked->name);
        return;
    }
    if (asked->replication > facts->broker_count) {
        finding_advise(findings_add(findings, SEVERITY_ERROR, "too_few_brokers", subject,
                                    "the file asks for %d copies, the cluster has %d brokers",
                                    (int)asked->replication, (int)facts->broker_count),
                       NULL, "say replication: %d", (int)facts->broker_count);
        return;
    }
    findings_add(findings, SEVERITY_INFO, "topic_new", subject,
                 "it does not exist and will be made%s",
                 asked->partitions > 0 ? " with the partitions of the file" : "");
    if (asked->replication == 1)
        finding_advise(
            findings_add(findings, SEVERITY_WARNING, "one_copy", subject,
                         "the file asks for one copy of each partition"),
            "a message is acknowledged to Pub/Sub when one disk has it; that disk fails, "
            "and it is gone",
            "say replication: 3");
}
