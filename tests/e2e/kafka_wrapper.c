/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_wrapper: core/kafka against a real broker. KAFKA=HOST:PORT names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/kafka.h"

#define VALUE(text) RD_KAFKA_V_VALUE((char *)(uintptr_t)(text), sizeof(text) - 1)

enum { WAIT_MS = 30000 };

static struct pipeline_kafka kafka;
static unsigned topic_count;

/* A name that no other test and no earlier run has used. */
static const char *fresh_name(char name[static 64], const char *stem)
{
    snprintf(name, 64, "wrapper-%s-%d-%u", stem, (int)getpid(), topic_count++);
    return name;
}

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

static rd_kafka_t *producer(const char *const settings[])
{
    struct error err = {0};
    rd_kafka_t *client = kafka_producer(kafka_conf(&kafka, "wrapper", settings, &err), &err);

    if (client == NULL)
        fail_msg("%s", err.text);
    return client;
}

static void a_topic_is_made_once_and_found_afterwards(void **state)
{
    static const struct kafka_topic_setting settings[] = {{"cleanup.policy", "compact"}};
    rd_kafka_t *client = producer(NULL);
    char name[64];
    struct pipeline_topic topic = {
        .name = (char *)(uintptr_t)fresh_name(name, "made"), .partitions = 5, .replication = 1};
    struct error err;
    int32_t count = 0;
    int64_t low = -1, high = -1;

    (void)state;
    CHECK(kafka_topic_ensure(client, &topic, 0, settings, 1, NULL, &err));
    CHECK(kafka_topic_ensure(client, &topic, 0, settings, 1, NULL, &err));
    CHECK(kafka_topic_partitions(client, name, &count, &err));
    assert_int_equal(count, 5);
    for (int32_t i = 0; i < 5; i++) {
        CHECK(kafka_watermarks(client, name, i, &low, &high, &err));
        assert_int_equal(low, 0);
        assert_int_equal(high, 0);
    }
    topic.partitions = 0; /* As it is. */
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    rd_kafka_destroy(client);
}

static void another_partition_count_is_an_error_with_both(void **state)
{
    rd_kafka_t *client = producer(NULL);
    char name[64], text[256];
    struct pipeline_topic topic = {
        .name = (char *)(uintptr_t)fresh_name(name, "count"), .partitions = 2, .replication = 1};
    struct error err;

    (void)state;
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    topic.partitions = 12;
    assert_false(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    snprintf(text, sizeof text, "topic %s has 2 partitions, the pipeline file says 12", name);
    assert_string_equal(err.text, text);
    assert_int_equal(err.class, ERROR_STOP);
    assert_non_null(strstr(err.hint, "partitions: 2"));
    rd_kafka_destroy(client);
}

static void another_retention_is_an_error_with_both_and_the_way_out(void **state)
{
    rd_kafka_t *client = producer(NULL);
    char name[64], text[256];
    struct pipeline_topic topic = {.name = (char *)(uintptr_t)fresh_name(name, "kept"),
                                   .partitions = 1,
                                   .replication = 1,
                                   .retention_ms = 86400000};
    struct error err = {0};

    (void)state;
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL,
                             &err)); /* It was made with that retention. */
    topic.retention_ms = 0;          /* As it is. */
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    topic.retention_ms = 3600000;
    assert_false(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    snprintf(text, sizeof text, "topic %s keeps its records for 1d, the pipeline file says 1h",
             name);
    assert_string_equal(err.text, text);
    assert_int_equal(err.class, ERROR_STOP);
    assert_non_null(strstr(err.hint, "--add-config retention.ms=3600000"));
    rd_kafka_destroy(client);
}

/* Looking must not create: brokers make topics by themselves when a producer asks carelessly. */
static void looking_for_a_topic_does_not_make_it(void **state)
{
    rd_kafka_t *client = producer(NULL);
    char name[64], text[256];
    struct pipeline_topic topic = {.name = (char *)(uintptr_t)fresh_name(name, "absent")};
    struct error err;
    int32_t count;

    (void)state;
    snprintf(text, sizeof text, "topic %s does not exist", name);
    for (int i = 0; i < 3; i++) {
        assert_false(kafka_topic_partitions(client, name, &count, &err));
        assert_string_equal(err.text, text);
        assert_false(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
        assert_string_equal(err.text, text);
        usleep(300000);
    }
    rd_kafka_destroy(client);
}

static void what_the_broker_refuses_is_told_with_its_reason(void **state)
{
    static const struct kafka_topic_setting settings[] = {{"retention.ms", "soon"}};
    rd_kafka_t *client = producer(NULL);
    char name[64];
    struct pipeline_topic topic = {.name = (char *)(uintptr_t)fresh_name(name, "refused"),
                                   .partitions = 1,
                                   .replication = 100};
    struct error err;

    (void)state;
    assert_false(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    assert_string_equal(err.hint, "ask for no more replicas than there are brokers");
    topic.replication = 1;
    assert_false(kafka_topic_ensure(client, &topic, 0, settings, 1, NULL, &err));
    assert_non_null(strstr(err.text, "retention.ms"));
    assert_int_equal(err.class, ERROR_STOP);
    rd_kafka_destroy(client);
}

static rd_kafka_topic_partition_list_t *one_offset(const char *topic, int64_t offset,
                                                   const char *metadata)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *partition = rd_kafka_topic_partition_list_add(list, topic, 0);

    partition->offset = offset;
    if (metadata != NULL) {
        partition->metadata = strdup(metadata);
        partition->metadata_size = strlen(metadata);
    }
    return list;
}

static void commit_in_transaction(rd_kafka_t *client, rd_kafka_t *consumer, const char *topic,
                                  int64_t offset, const char *metadata)
{
    rd_kafka_topic_partition_list_t *list = one_offset(topic, offset, metadata);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
    struct error err = {0};
    rd_kafka_error_t *error = rd_kafka_begin_transaction(client);

    if (error == NULL
        && rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), VALUE("row"),
                             RD_KAFKA_V_END)
               != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail_msg("produce");
    if (error == NULL)
        error = rd_kafka_send_offsets_to_transaction(client, list, group, WAIT_MS);
    if (error == NULL)
        error = rd_kafka_commit_transaction(client, WAIT_MS);
    if (error != NULL) {
        kafka_fail_error(&err, error, "transaction");
        fail_msg("%s", err.text);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
}

static void committed_offsets_come_back_with_their_metadata(void **state)
{
    char name[64], group[64], id[64], metadata[4097];
    const char *const producing[] = {"transactional.id", fresh_name(id, "id"), NULL};
    const char *const consuming[] = {"group.id", fresh_name(group, "group"), NULL};
    struct pipeline_topic topic = {.name = (char *)(uintptr_t)fresh_name(name, "committed"),
                                   .partitions = 1,
                                   .replication = 1};
    rd_kafka_t *client = producer(producing);
    struct error err;
    rd_kafka_t *consumer = kafka_consumer(kafka_conf(&kafka, "wrapper", consuming, &err), &err);
    rd_kafka_topic_partition_list_t *list = one_offset(name, 0, NULL);

    (void)state;
    assert_non_null(consumer);
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    CHECK(kafka_committed(&kafka, group, list, &err));
    assert_int_equal(list->elems[0].offset, RD_KAFKA_OFFSET_INVALID); /* Nothing committed yet. */

    rd_kafka_error_t *error = rd_kafka_init_transactions(client, WAIT_MS);
    assert_null(error);
    memset(metadata, 'm', sizeof metadata - 1); /* As much as Kafka takes. */
    metadata[sizeof metadata - 1] = '\0';
    commit_in_transaction(client, consumer, name, 17, metadata);
    rd_kafka_topic_partition_list_destroy(list);
    list = one_offset(name, 0, NULL);
    CHECK(kafka_committed(&kafka, group, list, &err));
    assert_int_equal(list->elems[0].offset, 17);
    assert_int_equal(list->elems[0].metadata_size, sizeof metadata - 1);
    assert_memory_equal(list->elems[0].metadata, metadata, sizeof metadata - 1);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(client);
}

static void a_fenced_producer_is_told_so_and_stops(void **state)
{
    char id[64];
    const char *const settings[] = {"transactional.id", fresh_name(id, "fenced"), NULL};
    rd_kafka_t *old = producer(settings);
    rd_kafka_t *new = producer(settings);
    char name[64];
    struct pipeline_topic topic = {
        .name = (char *)(uintptr_t)fresh_name(name, "fenced"), .partitions = 1, .replication = 1};
    struct error err = {0};

    (void)state;
    CHECK(kafka_topic_ensure(old, &topic, 0, NULL, 0, NULL, &err));
    assert_null(rd_kafka_init_transactions(old, WAIT_MS));
    assert_null(rd_kafka_begin_transaction(old));
    assert_null(rd_kafka_init_transactions(new, WAIT_MS));
    assert_int_equal(rd_kafka_producev(old, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0),
                                       VALUE("row"), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);

    rd_kafka_error_t *error = rd_kafka_commit_transaction(old, WAIT_MS);
    assert_non_null(error);
    assert_false(kafka_fail_error(&err, error, "commit"));
    assert_int_equal(err.class, ERROR_STOP);
    assert_non_null(strstr(err.hint, "another process took over"));
    rd_kafka_destroy(old);
    rd_kafka_destroy(new);
}

static void consume_one(rd_kafka_t *consumer, const char *topic, rd_kafka_message_t **message)
{
    rd_kafka_topic_partition_list_t *list = one_offset(topic, 0, NULL);

    assert_int_equal(rd_kafka_assign(consumer, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    *message = rd_kafka_consumer_poll(consumer, WAIT_MS);
    assert_non_null(*message);
    assert_int_equal((*message)->err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void headers_are_found_by_name_and_the_last_of_a_name_counts(void **state)
{
    static const char *const settings[] = {"group.id", "wrapper-reader", NULL};
    rd_kafka_t *client = producer(NULL);
    char name[64];
    struct pipeline_topic topic = {
        .name = (char *)(uintptr_t)fresh_name(name, "headers"), .partitions = 1, .replication = 1};
    struct error err;
    rd_kafka_message_t *message;
    const void *value;
    size_t size;

    (void)state;
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_HEADER("a", "1", 1),
                                       RD_KAFKA_V_HEADER("empty", "", 0),
                                       RD_KAFKA_V_HEADER("a", "22", 2), VALUE("v"), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0),
                                       VALUE("bare"), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(client, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);

    rd_kafka_t *consumer = kafka_consumer(kafka_conf(&kafka, "wrapper", settings, &err), &err);
    assert_non_null(consumer);
    consume_one(consumer, name, &message);
    assert_true(kafka_header(message, "a", &value, &size));
    assert_int_equal(size, 2);
    assert_memory_equal(value, "22", 2);
    assert_true(kafka_header(message, "empty", &value, &size));
    assert_int_equal(size, 0);
    assert_false(kafka_header(message, "b", &value, &size));
    rd_kafka_message_destroy(message);
    message = rd_kafka_consumer_poll(consumer, WAIT_MS);
    assert_non_null(message);
    assert_false(kafka_header(message, "a", &value, &size));
    rd_kafka_message_destroy(message);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(client);
}

/* What follows an open transaction is not yet there for a reader of committed records. */
static void a_consumers_high_watermark_stops_before_an_open_transaction(void **state)
{
    char name[64], id[64];
    const char *const producing[] = {"transactional.id", fresh_name(id, "open"), NULL};
    static const char *const consuming[] = {"group.id", "wrapper-reader", NULL};
    struct pipeline_topic topic = {
        .name = (char *)(uintptr_t)fresh_name(name, "open"), .partitions = 1, .replication = 1};
    rd_kafka_t *client = producer(producing);
    struct error err;
    rd_kafka_t *consumer = kafka_consumer(kafka_conf(&kafka, "wrapper", consuming, &err), &err);
    int64_t low, high;

    (void)state;
    CHECK(kafka_topic_ensure(client, &topic, 0, NULL, 0, NULL, &err));
    assert_null(rd_kafka_init_transactions(client, WAIT_MS));
    assert_null(rd_kafka_begin_transaction(client));
    assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0),
                                       VALUE("row"), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(client, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(kafka_watermarks(consumer, name, 0, &low, &high, &err));
    assert_int_equal(high, 0);
    assert_null(rd_kafka_commit_transaction(client, WAIT_MS));
    /* The coordinator answers a commit before the partition has its marker. */
    for (int waited_ms = 0; high == 0 && waited_ms < WAIT_MS; waited_ms += 10) {
        usleep(10000);
        CHECK(kafka_watermarks(consumer, name, 0, &low, &high, &err));
    }
    assert_int_equal(high, 2); /* The row and the commit's marker. */
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_made_once_and_found_afterwards),
        cmocka_unit_test(another_partition_count_is_an_error_with_both),
        cmocka_unit_test(another_retention_is_an_error_with_both_and_the_way_out),
        cmocka_unit_test(looking_for_a_topic_does_not_make_it),
        cmocka_unit_test(what_the_broker_refuses_is_told_with_its_reason),
        cmocka_unit_test(committed_offsets_come_back_with_their_metadata),
        cmocka_unit_test(a_fenced_producer_is_told_so_and_stops),
        cmocka_unit_test(headers_are_found_by_name_and_the_last_of_a_name_counts),
        cmocka_unit_test(a_consumers_high_watermark_stops_before_an_open_transaction),
    };

    kafka.brokers = getenv("KAFKA");
    if (kafka.brokers == NULL) {
        fprintf(stderr, "kafka_wrapper: KAFKA=HOST:PORT must name a broker\n");
        return 2;
    }
    kafka.compression = (char *)(uintptr_t) "zstd";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
