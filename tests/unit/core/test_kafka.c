/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/kafka.h"

#include <librdkafka/rdkafka_mock.h> /* After rdkafka.h. */

/* The pipeline file's texts are not const. */
#define TEXT(text) ((char *)(uintptr_t)(text))

static struct pipeline_kafka kafka_of(struct pipeline_property *property)
{
    return (struct pipeline_kafka){.brokers = TEXT("127.0.0.1:1"),
                                   .compression = TEXT("zstd"),
                                   .properties = property,
                                   .property_count = property != NULL};
}

static void assert_conf(const rd_kafka_conf_t *conf, const char *name, const char *expected)
{
    char value[256];
    size_t size = sizeof value;

    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
}

static void the_promises_are_set_before_anything_else(void **state)
{
    static const char *const settings[] = {"transactional.id", "t-0", "linger.ms", "7", NULL};
    struct pipeline_kafka kafka = kafka_of(NULL);
    struct error err;
    rd_kafka_conf_t *conf = kafka_conf(&kafka, "dualrun-test", settings, &err);

    (void)state;
    assert_non_null(conf);
    assert_conf(conf, "bootstrap.servers", "127.0.0.1:1");
    assert_conf(conf, "client.id", "dualrun-test");
    assert_conf(conf, "compression.codec", "zstd");
    assert_conf(conf, "enable.idempotence", "true");
    assert_conf(conf, "acks", "-1");
    assert_conf(conf, "enable.auto.commit", "false");
    assert_conf(conf, "isolation.level", "read_committed");
    assert_conf(conf, "auto.offset.reset", "error");
    assert_conf(conf, "check.crcs", "true");
    assert_conf(conf, "allow.auto.create.topics", "false");
    assert_conf(conf, "transactional.id", "t-0");
    assert_conf(conf, "linger.ms", "7");
    rd_kafka_conf_destroy(conf);
}

static void the_file_has_the_last_word_on_tuning(void **state)
{
    static const char *const settings[] = {"linger.ms", "7", NULL};
    struct pipeline_property property = {.name = TEXT("linger.ms"), .value = TEXT("50")};
    struct pipeline_kafka kafka = kafka_of(&property);
    struct error err;
    rd_kafka_conf_t *conf = kafka_conf(&kafka, "c", settings, &err);

    (void)state;
    assert_non_null(conf);
    assert_conf(conf, "linger.ms", "50");
    rd_kafka_conf_destroy(conf);
}

static void refused(struct pipeline_property property, const char *text, const char *hint)
{
    struct pipeline_kafka kafka = kafka_of(&property);
    struct error err = {0};

    assert_null(kafka_conf(&kafka, "c", NULL, &err));
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
    assert_string_equal(err.text, text);
    assert_string_equal(err.hint, hint);
}

static void a_property_that_breaks_a_promise_is_refused_by_name(void **state)
{
    static const struct {
        const char *name, *value, *fix;
    } bad[] = {
        {"enable.idempotence", "false", "true"},
        {"acks", "1", "all"},
        {"acks", "0", "all"},
        {"request.required.acks", "1", "all"},
        {"enable.auto.commit", "true", "false"},
        {"enable.auto.offset.store", "true", "false"},
        {"isolation.level", "read_uncommitted", "read_committed"},
        {"check.crcs", "false", "true"},
        {"queuing.strategy", "lifo", "fifo"},
        {"delivery.report.only.error", "true", "false"},
        {"allow.auto.create.topics", "true", "false"},
        {"message.timeout.ms", "300000", "0"},
        {"delivery.timeout.ms", "120000", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pipeline_property property = {.name = TEXT(bad[i].name),
                                             .value = TEXT(bad[i].value)};
        struct pipeline_kafka kafka = kafka_of(&property);
        struct error err = {0};
        char start[128], end[128];
        snprintf(start, sizeof start, "kafka.properties: %s: ", bad[i].name);
        snprintf(end, sizeof end, "remove the property, or set it to %s", bad[i].fix);
        assert_null(kafka_conf(&kafka, "c", NULL, &err));
        assert_memory_equal(err.text, start, strlen(start));
        assert_string_equal(err.hint, end);
        property.value = TEXT(bad[i].fix); /* What the hint says works. */
        rd_kafka_conf_t *conf = kafka_conf(&kafka, "c", NULL, &err);
        assert_non_null(conf);
        rd_kafka_conf_destroy(conf);
    }
    refused((struct pipeline_property){.name = TEXT("acks"), .value = TEXT("1")},
            "kafka.properties: acks: a record could be acknowledged and then lost with its broker",
            "remove the property, or set it to all");
    refused((struct pipeline_property){.name = TEXT("group.id"), .value = TEXT("mine")},
            "kafka.properties: group.id: join.group names the group", "remove the property");
    refused((struct pipeline_property){.name = TEXT("retries"), .value = TEXT("5")},
            "kafka.properties: retries: records would be given up while a broker is away",
            "remove the property");
}

static void an_unknown_property_and_a_bad_value_are_refused(void **state)
{
    char expected[128];

    (void)state;
    snprintf(expected, sizeof expected,
             "kafka.properties: sasl.user: librdkafka %s has no such property",
             rd_kafka_version_str());
    refused(
        (struct pipeline_property){.name = TEXT("sasl.user"), .value = TEXT("x")}, expected,
        "names are those of librdkafka's CONFIGURATION.md, which are not always those of Kafka's "
        "Java clients");
    refused(
        (struct pipeline_property){.name = TEXT("batch.size"), .value = TEXT("-1")},
        "kafka.properties: batch.size: Configuration property \"batch.size\" value -1 is outside "
        "allowed range 1..2147483647",
        "");
}

static void a_secret_is_in_no_message(void **state)
{
    struct pipeline_property property = {
        .name = TEXT("security.protocol"), .value = TEXT("hunter2hunter2"), .secret = true};

    (void)state;
    refused(property, "kafka.properties: security.protocol: the value is refused", "");
}

static void properties_that_do_not_fit_together_are_told_as_a_configuration_error(void **state)
{
    static const char *const settings[] = {"transactional.id",
                                           "t",
                                           "transaction.timeout.ms",
                                           "10000",
                                           "message.timeout.ms",
                                           "20000",
                                           NULL};
    struct pipeline_kafka kafka = kafka_of(NULL);
    struct error err = {0};

    (void)state;
    assert_null(kafka_producer(kafka_conf(&kafka, "c", settings, &err), &err));
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
    assert_memory_equal(err.text, "kafka: ", 7);
}

static void each_answer_has_its_class_and_a_way_out(void **state)
{
    static const struct {
        rd_kafka_resp_err_t code;
        enum error_class class;
        const char *hint; /* A part of it. */
    } expected[] = {
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERROR_RETRY, "min.insync.replicas"},
        {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ERROR_RETRY, ""},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERROR_RETRY, "kafka.brokers"},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERROR_STOP, "create the topic"},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERROR_STOP, "max.message.bytes"},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERROR_STOP, "sasl."},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERROR_STOP, "ACL"},
        {RD_KAFKA_RESP_ERR__FENCED, ERROR_STOP, "another process took over"},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, ERROR_STOP, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct error err = {0};
        char text[256];
        assert_false(kafka_fail(&err, expected[i].code, "send to topic views"));
        snprintf(text, sizeof text, "send to topic views: %s", rd_kafka_err2str(expected[i].code));
        assert_string_equal(err.text, text);
        assert_int_equal(err.code, EXIT_CODE_TARGET);
        assert_int_equal(err.class, expected[i].class);
        assert_non_null(strstr(err.hint, expected[i].hint));
    }
}

static void a_call_that_no_broker_answers_says_why(void **state)
{
    struct pipeline_kafka kafka = kafka_of(NULL);
    struct error err = {0};
    rd_kafka_t *client = kafka_producer(kafka_conf(&kafka, "c", NULL, &err), &err);
    const struct rd_kafka_metadata *metadata;

    (void)state;
    assert_non_null(client);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, 1000);
    assert_int_not_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    kafka_fail(&err, code, "connect");
    assert_int_equal(err.class, ERROR_RETRY);
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
    assert_non_null(strstr(err.text, "Connection refused"));
    rd_kafka_destroy(client);
}

/* A broker just started: for a while it does not know a topic that the cluster has. */
struct late_broker {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
    useconds_t wait_us;
};

static void *learn(void *context)
{
    struct late_broker *late = context;

    usleep(late->wait_us);
    rd_kafka_mock_topic_set_error(late->cluster, "events", RD_KAFKA_RESP_ERR_NO_ERROR);
    return NULL;
}

static void late_broker_open(struct late_broker *late, struct pipeline_kafka *kafka)
{
    struct error err = {0};

    late->client =
        kafka_producer(kafka_conf(&(struct pipeline_kafka){.brokers = TEXT("127.0.0.1:1"),
                                                           .compression = TEXT("zstd")},
                                  "mock", NULL, &err),
                       &err);
    assert_non_null(late->client);
    late->cluster = rd_kafka_mock_cluster_new(late->client, 1);
    assert_non_null(late->cluster);
    rd_kafka_mock_topic_create(late->cluster, "events", 3, 1);
    rd_kafka_mock_topic_set_error(late->cluster, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    *kafka = (struct pipeline_kafka){
        .brokers = (char *)(uintptr_t)rd_kafka_mock_cluster_bootstraps(late->cluster),
        .compression = TEXT("zstd")};
}

static void a_topic_that_a_broker_learns_of_late_does_exist(void **state)
{
    struct late_broker late = {.wait_us = 300000};
    struct pipeline_kafka kafka;
    struct error err = {0};
    pthread_t thread;
    int32_t count = 0;
    bool exists = false;

    (void)state;
    late_broker_open(&late, &kafka);
    rd_kafka_t *client = kafka_producer(kafka_conf(&kafka, "c", NULL, &err), &err);
    assert_non_null(client);

    assert_int_equal(pthread_create(&thread, NULL, learn, &late), 0);
    if (!kafka_topic_partitions(client, "events", &count, &err))
        fail_msg("%s", err.text);
    assert_int_equal(count, 3);
    pthread_join(thread, NULL);

    rd_kafka_mock_topic_set_error(late.cluster, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(pthread_create(&thread, NULL, learn, &late), 0);
    assert_true(kafka_topic_exists(client, "events", &exists, &err));
    assert_true(exists);
    pthread_join(thread, NULL);

    rd_kafka_destroy(client);
    rd_kafka_mock_cluster_destroy(late.cluster);
    rd_kafka_destroy(late.client);
}

static void ends_of_a_topic_are_asked_for_again_while_leaders_move(void **state)
{
    enum { LIST_OFFSETS = 2 };
    struct late_broker late = {0};
    struct pipeline_kafka kafka;
    struct error err = {0};
    int64_t low = -1, high = -1;

    (void)state;
    late_broker_open(&late, &kafka);
    rd_kafka_mock_topic_set_error(late.cluster, "events", RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_t *client = kafka_producer(kafka_conf(&kafka, "c", NULL, &err), &err);
    assert_non_null(client);
    rd_kafka_mock_push_request_errors(
        late.cluster, LIST_OFFSETS, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    if (!kafka_watermarks(client, "events", 1, &low, &high, &err))
        fail_msg("%s", err.text);
    assert_int_equal(low, 0);
    assert_int_equal(high, 0);
    rd_kafka_destroy(client);
    rd_kafka_mock_cluster_destroy(late.cluster);
    rd_kafka_destroy(late.client);
}

static void committed_offsets_are_asked_for_again_while_the_coordinator_moves(void **state)
{
    enum { OFFSET_FETCH = 9 }; /* The protocol's number of the request. */
    struct late_broker late = {0};
    struct pipeline_kafka kafka;
    struct error err = {0};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    (void)state;
    late_broker_open(&late, &kafka);
    rd_kafka_mock_push_request_errors(
        late.cluster, OFFSET_FETCH, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    rd_kafka_topic_partition_list_add(list, "events", 0);
    if (!kafka_committed(&kafka, "group", list, &err))
        fail_msg("%s", err.text);
    assert_int_equal(list->elems[0].offset, RD_KAFKA_OFFSET_INVALID);

    rd_kafka_mock_push_request_errors(late.cluster, OFFSET_FETCH, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_false(kafka_committed(&kafka, "group", list, &err));
    assert_non_null(strstr(err.text, "group group: "));

    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_mock_cluster_destroy(late.cluster);
    rd_kafka_destroy(late.client);
}

static void asking_for_more_leaves_the_credentials_and_comes_every_ten_milliseconds(void **state)
{
    struct pipeline_property properties[] = {
        {.name = TEXT("sasl.username"), .value = TEXT("mover")},
        {.name = TEXT("sasl.password"), .value = TEXT("s3cret"), .secret = true}};
    struct pipeline_kafka kafka = {
        .brokers = TEXT("localhost:1"), .properties = properties, .property_count = 2};
    const char *const names[] = {"sasl.username", "sasl.password"};
    const char *const values[] = {"mover", "s3cret"};
    static const char *const settings[] = {"group.id", "g", NULL};
    struct error err = {0};
    int64_t asked_us = 0;
    char text[64];

    (void)state;
    rd_kafka_t *client = kafka_consumer(kafka_conf(&kafka, "c", settings, &err), &err);
    assert_non_null(client);
    kafka_refetch(client, &asked_us);
    for (size_t i = 0; i < 2; i++) {
        size_t size = sizeof text;
        assert_int_equal(rd_kafka_conf_get(rd_kafka_conf(client), names[i], text, &size),
                         RD_KAFKA_CONF_OK);
        assert_string_equal(text, values[i]);
    }
    if (rd_kafka_version() < 0x02020000) { /* Later ones do it themselves. */
        const int64_t soon_us = INT64_MAX / 2;
        assert_true(asked_us > 0);
        asked_us = soon_us;
        kafka_refetch(client, &asked_us);
        assert_int_equal(asked_us, soon_us);
    }
    rd_kafka_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_promises_are_set_before_anything_else),
        cmocka_unit_test(the_file_has_the_last_word_on_tuning),
        cmocka_unit_test(a_property_that_breaks_a_promise_is_refused_by_name),
        cmocka_unit_test(an_unknown_property_and_a_bad_value_are_refused),
        cmocka_unit_test(a_secret_is_in_no_message),
        cmocka_unit_test(properties_that_do_not_fit_together_are_told_as_a_configuration_error),
        cmocka_unit_test(each_answer_has_its_class_and_a_way_out),
        cmocka_unit_test(a_call_that_no_broker_answers_says_why),
        cmocka_unit_test(a_topic_that_a_broker_learns_of_late_does_exist),
        cmocka_unit_test(ends_of_a_topic_are_asked_for_again_while_leaders_move),
        cmocka_unit_test(committed_offsets_are_asked_for_again_while_the_coordinator_moves),
        cmocka_unit_test(asking_for_more_leaves_the_credentials_and_comes_every_ten_milliseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
