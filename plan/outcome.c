/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/outcome.h"

#include <string.h>

#include "core/units.h"

/* --- The document --- */

static json_t *finding_json(const struct finding *finding)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "severity",
                     severity_names[finding->severity], "code", finding->code, "subject",
                     finding->subject, "fact", finding->fact, "why", finding->why, "next",
                     finding->next[0] != '\0' ? finding->next : NULL);
}

static json_t *reasons_json(const struct sample *sample)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sample->reason_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:I}", "reason", sample->reasons[i].text,
                                              "count", (json_int_t)sample->reasons[i].count));
    return list;
}

static json_t *cost_json(const struct cost *cost)
{
    return cost->known
               ? json_pack("{s:f, s:b, s:f, s:f}", "messages_per_second", cost->messages_per_second,
                           "rate_is_measured", (int)cost->rate_is_measured, "pubsub_month",
                           cost->pubsub_month, "kafka_month", cost->kafka_month)
               : json_null();
}

static json_t *stream_json(const struct outcome_stream *one)
{
    const struct sample *sample = &one->sample;
    json_t *json = json_pack("{s:s}", "stream", one->stream->name);

    if (!one->sampled)
        return json;
    json_object_set_new(json, "messages", json_integer(sample->messages));
    json_object_set_new(json, "fit", json_integer(sample->fit));
    json_object_set_new(json, "reasons", reasons_json(sample));
    json_object_set_new(json, "largest_bytes", json_integer(sample->largest_bytes));
    if (sample->fit > 0) {
        json_object_set_new(json, "published_bytes", json_real(one->cost.published_bytes));
        json_object_set_new(json, "stored_bytes", json_real(one->cost.stored_bytes));
        json_object_set_new(json, "saved",
                            json_real(1 - one->cost.stored_bytes / one->cost.published_bytes));
        json_object_set_new(json, "cost", cost_json(&one->cost));
    }
    return json;
}

/* Of all streams together, with what Kafka costs whatever the traffic. Null unless every cost is known. */
static json_t *total_json(const struct outcome *outcome)
{
    double pubsub = 0, kafka = outcome->pipeline->prices.kafka_month;

    for (size_t i = 0; i < outcome->stream_count; i++) {
        if (!outcome->streams[i].cost.known)
            return json_null();
        pubsub += outcome->streams[i].cost.pubsub_month;
        kafka += outcome->streams[i].cost.kafka_month;
    }
    return json_pack("{s:f, s:f}", "pubsub_month", pubsub, "kafka_month", kafka);
}

json_t *outcome_json(const struct outcome *outcome, bool passed)
{
    json_t *findings = json_array(), *streams = json_array(), *counts = json_object();
    const struct pipeline_prices *prices = &outcome->pipeline->prices;

    for (int severity = 0; severity < SEVERITIES; severity++) {
        json_object_set_new(
            counts, severity_names[severity],
            json_integer((json_int_t)findings_count(&outcome->findings, (enum severity)severity)));
        for (size_t i = 0; i < outcome->findings.count; i++)
            if ((int)outcome->findings.list[i].severity == severity)
                json_array_append_new(findings, finding_json(&outcome->findings.list[i]));
    }
    for (size_t i = 0; i < outcome->stream_count; i++)
        json_array_append_new(streams, stream_json(&outcome->streams[i]));
    return json_pack("{s:i, s:s, s:s, s:b, s:o, s:o, s:o, s:{s:f, s:f, s:f, s:f}, s:o, s:O}",
                     "version", OUTCOME_VERSION, "pipeline", outcome->pipeline->name, "file",
                     outcome->pipeline->file, "passed", (int)passed, "counts", counts, "findings",
                     findings, "streams", streams, "prices", "pubsub_tib", prices->pubsub_tib,
                     "kafka_gib", prices->kafka_gib, "kafka_gib_month", prices->kafka_gib_month,
                     "kafka_month", prices->kafka_month, "cost", total_json(outcome), "not_checked",
                     outcome->not_checked);
}

/* --- The text --- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

static double real_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static long long count_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void finding_text(const json_t *finding, FILE *out)
{
    static const char *const marks[SEVERITIES] = {"ERROR", "WARNING", "info", "ok"};
    int severity = 0;

    while (severity + 1 < SEVERITIES
           && strcmp(text_of(finding, "severity"), severity_names[severity]) != 0)
        severity++;
    fprintf(out, "  %-8s %s: %s\n", marks[severity], text_of(finding, "subject"),
            text_of(finding, "fact"));
    if (*text_of(finding, "why") != '\0')
        fprintf(out, "           why: %s\n", text_of(finding, "why"));
    if (*text_of(finding, "next") != '\0')
        fprintf(out, "           do:  %s\n", text_of(finding, "next"));
}

static void cost_text(const json_t *cost, FILE *out)
{
    double pubsub = real_of(cost, "pubsub_month"), kafka = real_of(cost, "kafka_month");

    if (!json_is_object(cost)) {
        fprintf(out, "           cost: no rate is known; say prices: {messages_per_second: N}\n");
        return;
    }
    fprintf(out,
            "           at %.6g messages a second%s: Pub/Sub %.2f a month, Kafka %.2f (%+.0f%%)\n",
            real_of(cost, "messages_per_second"),
            json_is_true(json_object_get(cost, "rate_is_measured")) ? " (by the sample)" : "",
            pubsub, kafka, pubsub > 0 ? 100 * (kafka / pubsub - 1) : 0);
}

static void stream_text(const json_t *stream, FILE *out)
{
    const json_t *reason;
    size_t i;

    if (json_object_get(stream, "messages") == NULL)
        return;
    fprintf(out, "  %-8s %lld messages of the sample, %lld fit", text_of(stream, "stream"),
            count_of(stream, "messages"), count_of(stream, "fit"));
    if (json_object_get(stream, "stored_bytes") != NULL)
        fprintf(out, "; %.0f bytes published, %.0f stored: %.1f%% less",
                real_of(stream, "published_bytes"), real_of(stream, "stored_bytes"),
                100 * real_of(stream, "saved"));
    fputc('\n', out);
    json_array_foreach(json_object_get(stream, "reasons"), i, reason)
        fprintf(out, "           %lld: %s\n", count_of(reason, "count"), text_of(reason, "reason"));
    if (json_object_get(stream, "stored_bytes") != NULL)
        cost_text(json_object_get(stream, "cost"), out);
}

static void total_text(const json_t *cost, FILE *out)
{
    double pubsub = real_of(cost, "pubsub_month"), kafka = real_of(cost, "kafka_month");

    if (json_is_object(cost) && pubsub > 0)
        fprintf(out,
                "  together Pub/Sub %.2f a month, Kafka %.2f (%+.0f%%), at the prices of the file; "
                "while "
                "both run, the sum\n",
                pubsub, kafka, 100 * (kafka / pubsub - 1));
}

void outcome_text(const json_t *document, FILE *out)
{
    const json_t *counts = json_object_get(document, "counts"), *item;
    size_t i;

    fprintf(out, "%s of %s: %lld errors, %lld warnings, %lld good\n\n",
            json_is_true(json_object_get(document, "passed")) ? "plan" : "NOT READY: plan",
            text_of(document, "file"), count_of(counts, "error"), count_of(counts, "warning"),
            count_of(counts, "ok"));
    json_array_foreach(json_object_get(document, "findings"), i, item) finding_text(item, out);
    fputc('\n', out);
    json_array_foreach(json_object_get(document, "streams"), i, item) stream_text(item, out);
    total_text(json_object_get(document, "cost"), out);
    json_array_foreach(json_object_get(document, "not_checked"), i, item)
        fprintf(out, "  not checked: %s\n", json_string_value(item));
    fprintf(out, "\n  next: %s\n",
            json_is_true(json_object_get(document, "passed"))
                ? "dualrun bridge FILE, with an audit subscription beside it"
                : "mend what stands first, and plan again");
}
