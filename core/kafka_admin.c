/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_admin: the administrative calls of kafka.h. Each waits for its answer, so none is for a
 * turn loop.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/kafka.h"
#include "core/units.h"

enum {
    CALL_TIMEOUT_MS = 15000,
    REFUSAL_MS = 3000, /* A broker that will not have us has said so by then. */
    READY_TIMEOUT_MS = 30000,
    READY_POLL_NS = 20000000,
    ABSENT_MS = 1000, /* A broker that came back a moment ago does not know every topic yet. */
    TEXT_SIZE = 512
};

/* What the cluster says about one topic. */
struct topic_state {
    bool exists;
    bool ready; /* Every partition has a leader. */
    int32_t partition_count;
    int32_t replication, out_of_sync;
};

static struct topic_state read_state(const rd_kafka_metadata_topic_t *topic)
{
    struct topic_state state = {.partition_count = topic->partition_cnt};

    state.exists = topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                   && topic->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    state.ready = state.exists && topic->partition_cnt > 0;
    for (int i = 0; i < topic->partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *partition = &topic->partitions[i];

        state.ready = state.ready && partition->leader >= 0;
        state.out_of_sync += partition->isr_cnt < partition->replica_cnt;
        if (i == 0 || partition->replica_cnt < state.replication)
            state.replication = partition->replica_cnt;
    }
    return state;
}

/* Who is refused need not wait for the rest of the time. */
static rd_kafka_resp_err_t ask_for_topic(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                         const struct rd_kafka_metadata **metadata)
{
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, metadata, REFUSAL_MS);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_is_refused())
        return code;
    return rd_kafka_metadata(client, 0, topic, metadata, CALL_TIMEOUT_MS - REFUSAL_MS);
}

/* Asks for this topic alone; allow.auto.create.topics is off, so asking does not make it. */
static bool topic_state(rd_kafka_t *client, const char *name, struct topic_state *state,
                        struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    char what[TEXT_SIZE];

    snprintf(what, sizeof what, "topic %s", name);

    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);

    if (topic == NULL)
        return kafka_fail(err, rd_kafka_last_error(), what);

    rd_kafka_resp_err_t code = ask_for_topic(client, topic, &metadata);

    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(err, code, what);
    assert(metadata->topic_cnt == 1);
    code = metadata->topics[0].err;
    *state = read_state(&metadata->topics[0]);
    rd_kafka_metadata_destroy(metadata);
    if (state->exists && code != RD_KAFKA_RESP_ERR_NO_ERROR
        && code != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
        return kafka_fail(err, code, what);
    return true;
}

/* Says that a topic does not exist only if the brokers have said so for a while. */
static bool settled_state(rd_kafka_t *client, const char *name, struct topic_state *state,
                          struct error *err)
{
    int64_t end_us = clock_monotonic_us(clock_real()) + ABSENT_MS * (int64_t)1000;

    while (topic_state(client, name, state, err)) {
        if (state->exists || clock_monotonic_us(clock_real()) >= end_us)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = READY_POLL_NS}, NULL);
    }
    return false;
}

static bool missing(struct error *err, const char *name)
{
    error_set(err, EXIT_CODE_TARGET, "topic %s does not exist", name);
    return error_hint(err,
                      "create it, correct its name, or give it partitions in the pipeline file "
                      "so that it is made");
}

static bool partitions_fit(const struct pipeline_topic *topic, int32_t count, struct error *err)
{
    if (topic->partitions == 0 || topic->partitions == count)
        return true;
    error_set(err, EXIT_CODE_TARGET, "topic %s has %d partitions, the pipeline file says %d",
              topic->name, count, topic->partitions);
    return error_hint(err,
                      "say partitions: %d, or use another topic: keys would change their partition "
                      "if this one were altered",
                      count);
}

/* The cluster's word on how long it keeps records, if the pipeline file says how long it must. */
static bool retention_fits(rd_kafka_t *client, const struct pipeline_topic *topic,
                           struct error *err)
{
    char has[UNITS_TEXT_SIZE], asked[UNITS_TEXT_SIZE];

    if (topic->retention_ms == 0)
        return true;

    json_t *settings = kafka_topic_settings(client, topic->name, err);
    if (settings == NULL)
        return error_wrap(err, "topic %s: is its retention as asked", topic->name);

    const char *text = json_string_value(json_object_get(settings, "retention.ms"));
    int64_t retention_ms = text != NULL ? strtoll(text, NULL, 10) : 0;
    json_decref(settings);
    if (retention_ms == topic->retention_ms)
        return true;
    error_set(err, EXIT_CODE_TARGET, "topic %s keeps its records for %s, the pipeline file says %s",
              topic->name, retention_ms < 0 ? "ever" : units_format_duration(retention_ms, has),
              units_format_duration(topic->retention_ms, asked));
    return error_hint(err,
                      "leave retention out, say what the topic has, or alter it: kafka-configs.sh "
                      "--alter --entity-type topics --entity-name %s --add-config "
                      "retention.ms=%" PRId64,
                      topic->name, topic->retention_ms);
}

static void set_retention(rd_kafka_NewTopic_t *new, const struct pipeline_topic *topic)
{
    char text[32];

    if (topic->retention_ms == 0)
        return;
    snprintf(text, sizeof text, "%" PRId64, topic->retention_ms);
    rd_kafka_NewTopic_set_config(new, "retention.ms", text);
}

static rd_kafka_NewTopic_t *new_topic(const struct pipeline_topic *topic, int32_t partitions,
                                      const struct kafka_topic_setting *settings,
                                      size_t setting_count, struct error *err)
{
    char text[TEXT_SIZE];
    int replication = topic->replication > 0 ? topic->replication : -1; /* The broker's default. */
    rd_kafka_NewTopic_t *new =
        rd_kafka_NewTopic_new(topic->name, partitions, replication, text, sizeof text);

    if (new == NULL) {
        error_set(err, EXIT_CODE_CONFIG, "create topic %s: %s", topic->name, text);
        return NULL;
    }
    for (size_t i = 0; i < setting_count; i++)
        rd_kafka_NewTopic_set_config(new, settings[i].name, settings[i].value);
    set_retention(new, topic);
    return new;
}

/* Another process may be faster: that the topic exists is no failure here. */
static bool read_result(rd_kafka_event_t *event, const char *name, struct error *err)
{
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    char what[TEXT_SIZE];
    size_t count = 0;

    snprintf(what, sizeof what, "create topic %s", name);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(err, rd_kafka_event_error(event), what);
    assert(result != NULL);

    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);

    assert(count == 1);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[0]);
    const char *reason = rd_kafka_topic_result_error_string(topics[0]);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return true;
    if (reason != NULL)
        snprintf(what, sizeof what, "create topic %s: %s", name, reason);
    return kafka_fail(err, code, what);
}

static bool create(rd_kafka_t *client, rd_kafka_NewTopic_t *new, const char *name,
                   struct error *err)
{
    char text[TEXT_SIZE];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);

    rd_kafka_AdminOptions_set_request_timeout(options, READY_TIMEOUT_MS, text, sizeof text);
    rd_kafka_AdminOptions_set_operation_timeout(options, CALL_TIMEOUT_MS, text, sizeof text);
    rd_kafka_CreateTopics(client, &new, 1, options, queue);

    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * READY_TIMEOUT_MS);
    bool created = event != NULL
                       ? read_result(event, name, err)
                       : error_retry(err, EXIT_CODE_TARGET, "create topic %s: no answer", name);

    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return created;
}

/* True when each leader answers for its partitions: the brokers learn of a topic one after another. */
static bool leaders_answer(rd_kafka_t *client, const char *name, int32_t count)
{
    int64_t low, high;

    for (int32_t i = 0; i < count; i++)
        if (rd_kafka_query_watermark_offsets(client, name, i, &low, &high, CALL_TIMEOUT_MS)
            != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
    return true;
}

/* Until when a cluster in motion is asked again. */
static int64_t retry_end_us(void)
{
    return clock_monotonic_us(clock_real()) + READY_TIMEOUT_MS * (int64_t)1000;
}

static bool wait_ready(rd_kafka_t *client, const char *name, struct topic_state *state,
                       struct error *err)
{
    int64_t end_us = retry_end_us();

    while (clock_monotonic_us(clock_real()) < end_us) {
        if (!topic_state(client, name, state, err))
            return false;
        if (state->ready && leaders_answer(client, name, state->partition_count))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = READY_POLL_NS}, NULL);
    }
    error_retry(err, EXIT_CODE_TARGET, "topic %s: not every partition has a leader after %d s",
                name, READY_TIMEOUT_MS / 1000);
    return error_hint(err, "look at the brokers: some may be down");
}

bool kafka_topic_ensure(rd_kafka_t *client, const struct pipeline_topic *topic, int32_t fallback,
                        const struct kafka_topic_setting *settings, size_t setting_count,
                        int32_t *count, struct error *err)
{
    int32_t partitions = topic->partitions != 0 ? topic->partitions : fallback;
    struct topic_state state = {0};

    if (partitions == 0 ? !settled_state(client, topic->name, &state, err)
                        : !topic_state(client, topic->name, &state, err))
        return false;
    if (!state.exists) {
        if (partitions == 0)
            return missing(err, topic->name);

        rd_kafka_NewTopic_t *new = new_topic(topic, partitions, settings, setting_count, err);

        if (new == NULL)
            return false;
        bool created = create(client, new, topic->name, err);
        rd_kafka_NewTopic_destroy(new);
        if (!created)
            return false;
    } else if (!partitions_fit(topic, state.partition_count, err)
               || !retention_fits(client, topic, err)) {
        return false; /* Sooner than a wait for leaders that would not help. */
    }
    if (!wait_ready(client, topic->name, &state, err)
        || !partitions_fit(topic, state.partition_count, err))
        return false;
    if (count != NULL)
        *count = state.partition_count;
    return true;
}

bool kafka_topic_describe(rd_kafka_t *client, const char *topic, struct kafka_topic_facts *facts,
                          struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    struct topic_state state = {0};

    if (!topic_state(client, topic, &state, err))
        return false;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, NULL, &metadata, CALL_TIMEOUT_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(err, code, "ask for the brokers");
    *facts = (struct kafka_topic_facts){.exists = state.exists,
                                        .partitions = state.partition_count,
                                        .replication = state.replication,
                                        .out_of_sync = state.out_of_sync,
                                        .broker_count = metadata->broker_cnt};
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static json_t *read_settings(rd_kafka_event_t *event, struct error *err)
{
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    size_t count = 0, entry_count = 0;

    if (result == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_fail(err, rd_kafka_event_error(event), "describe configuration");
        return NULL;
    }
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(result, &count);
    assert(count == 1);
    if (rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_fail(err, rd_kafka_ConfigResource_error(resources[0]), "describe configuration");
        return NULL;
    }
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resources[0], &entry_count);
    json_t *settings = json_object();
    for (size_t i = 0; i < entry_count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL)
            json_object_set_new(settings, rd_kafka_ConfigEntry_name(entries[i]),
                                json_string(value));
    }
    return settings;
}

json_t *kafka_topic_settings(rd_kafka_t *client, const char *topic, struct error *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

    rd_kafka_DescribeConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CALL_TIMEOUT_MS);
    json_t *settings = event != NULL ? read_settings(event, err) : NULL;

    if (event == NULL)
        error_retry(err, EXIT_CODE_TARGET, "describe configuration: no answer");
    if (settings == NULL)
        error_wrap(err, "topic %s", topic);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    return settings;
}

bool kafka_topic_exists(rd_kafka_t *client, const char *topic, bool *exists, struct error *err)
{
    struct topic_state state = {0};

    if (!settled_state(client, topic, &state, err))
        return false;
    *exists = state.exists;
    return true;
}

bool kafka_topic_partitions(rd_kafka_t *client, const char *topic, int32_t *count,
                            struct error *err)
{
    struct topic_state state = {0};

    if (!settled_state(client, topic, &state, err))
        return false;
    if (!state.exists)
        return missing(err, topic);
    *count = state.partition_count;
    return true;
}

/* After an answer: waits, if another try is worth it. */
static bool may_retry(const struct error *err, int64_t end_us)
{
    if (err->class != ERROR_RETRY || clock_monotonic_us(clock_real()) >= end_us)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = READY_POLL_NS}, NULL);
    return true;
}

/* librdkafka asks only once: a broker that was the leader a moment ago answers that it is none. */
bool kafka_watermarks(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *low,
                      int64_t *high, struct error *err)
{
    int64_t end_us = retry_end_us();
    char what[TEXT_SIZE];

    snprintf(what, sizeof what, "offsets of topic %s, partition %d", topic, partition);
    do {
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(client, topic, partition, low, high, CALL_TIMEOUT_MS);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        kafka_fail(err, code, what);
    } while (may_retry(err, end_us));
    return false;
}

static bool committed_once(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                           struct error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(client, list, CALL_TIMEOUT_MS);
    char what[TEXT_SIZE];

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_fail(err, code, "committed offsets");
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        snprintf(what, sizeof what, "committed offset of topic %s, partition %d",
                 list->elems[i].topic, list->elems[i].partition);
        return kafka_fail(err, list->elems[i].err, what);
    }
    return true;
}

/* Likewise a coordinator that came up a moment ago. */
bool kafka_read_committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                          struct error *err)
{
    int64_t end_us = retry_end_us();

    do {
        if (committed_once(client, list, err))
            return true;
    } while (may_retry(err, end_us));
    return false;
}

bool kafka_committed(const struct pipeline_kafka *kafka, const char *group,
                     rd_kafka_topic_partition_list_t *list, struct error *err)
{
    /* read_committed, which kafka_conf sets, makes the broker wait for open transactions. */
    const char *const settings[] = {"group.id", group, NULL};
    rd_kafka_t *client = kafka_consumer(kafka_conf(kafka, "dualrun-offsets", settings, err), err);

    if (client == NULL)
        return false;

    bool ok = kafka_read_committed(client, list, err) || error_wrap(err, "group %s", group);

    rd_kafka_destroy(client);
    return ok;
}
