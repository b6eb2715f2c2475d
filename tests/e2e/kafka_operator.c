/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka-operator: what an operator may do to topics and to a join behind its back.
 *
 *     kafka-operator BROKERS move GROUP TOPIC PARTITION OFFSET    commits OFFSET, keeps the metadata
 *     kafka-operator BROKERS lend GROUP TOPIC PARTITION OFFSET FROM    commits OFFSET with FROM's metadata
 *     kafka-operator BROKERS forget TOPIC PARTITION OFFSET        deletes the records before OFFSET
 *     kafka-operator BROKERS renew TOPIC PARTITIONS               deletes the topic and makes it again
 *     kafka-operator BROKERS widen TOPIC PARTITIONS               adds partitions
 *     kafka-operator BROKERS fence GROUP INSTANCE TOPIC           joins the group in the place of a member
 *     kafka-operator BROKERS make TOPIC PARTITIONS [NAME=VALUE...]    makes the topic, with settings
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 20000, TRIES = 50, WAIT_US = 200000 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "kafka-operator: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(what, rd_kafka_err2str(code));
}

static rd_kafka_t *member_new(const char *brokers, const char *group, const char *instance)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text) != RD_KAFKA_CONF_OK
        || rd_kafka_conf_set(conf, "group.id", group, text, sizeof text) != RD_KAFKA_CONF_OK
        || rd_kafka_conf_set(conf, "partition.assignment.strategy", "range", text, sizeof text)
               != RD_KAFKA_CONF_OK
        || rd_kafka_conf_set(conf, "enable.auto.commit", "false", text, sizeof text)
               != RD_KAFKA_CONF_OK
        || (instance != NULL
            && rd_kafka_conf_set(conf, "group.instance.id", instance, text, sizeof text)
                   != RD_KAFKA_CONF_OK))
        fail("configuration", text);

    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);

    if (client == NULL)
        fail("client", text);
    return client;
}

static rd_kafka_t *client_new(const char *brokers, const char *group)
{
    return member_new(brokers, group, NULL);
}

static void fence(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int count = 0;

    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    check("subscribe", rd_kafka_subscribe(client, list));
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < TRIES && count == 0; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, WAIT_US / 1000);

        if (message != NULL)
            rd_kafka_message_destroy(message);
        check("assignment", rd_kafka_assignment(client, &list));
        count = list->cnt;
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (count == 0)
        fail("fence", "the group gave no partition");
    check("close", rd_kafka_consumer_close(client));
}

static void move(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, topic, partition);

    check("committed", rd_kafka_committed(client, list, TIMEOUT_MS));
    one->offset = offset;
    check("commit", rd_kafka_commit(client, list, 0));
    rd_kafka_topic_partition_list_destroy(list);
}

/* As if the offset had been kept: with the metadata that another topic of the join has. */
static void lend(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset,
                 const char *from)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, from, partition);

    check("committed", rd_kafka_committed(client, list, TIMEOUT_MS));
    rd_kafka_topic_partition_list_t *lent = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *to = rd_kafka_topic_partition_list_add(lent, topic, partition);
    to->offset = offset;
    to->metadata = one->metadata;
    to->metadata_size = one->metadata_size;
    one->metadata = NULL;
    one->metadata_size = 0;
    check("commit", rd_kafka_commit(client, lent, 0));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(lent);
}

static rd_kafka_event_t *answer(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);

    if (event == NULL)
        fail(what, "no answer");
    check(what, rd_kafka_event_error(event));
    return event;
}

static void forget(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &records, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "delete records");
    check("delete records",
          rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event))
              ->elems[0]
              .err);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
}

/* A topic that was just deleted may still be there for a moment. */
static bool create(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int partitions)
{
    char text[512];
    size_t count;
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);

    rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "create topic");
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    bool made = rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wanted);
    return made;
}

static void renew(rd_kafka_t *client, const char *topic, int partitions)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t *unwanted = rd_kafka_DeleteTopic_new(topic);
    int tries = 0;

    rd_kafka_DeleteTopics(client, &unwanted, 1, NULL, queue);
    rd_kafka_event_destroy(answer(queue, "delete topic"));
    while (!create(client, queue, topic, partitions)) {
        if (++tries == TRIES)
            fail(topic, "cannot be made again");
        usleep(WAIT_US);
    }
    rd_kafka_DeleteTopic_destroy(unwanted);
    rd_kafka_queue_destroy(queue);
}

static void make(rd_kafka_t *client, const char *topic, int partitions, char **settings, int count)
{
    char text[512];
    size_t results;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);

    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        if (value == NULL)
            fail(settings[i], "no NAME=VALUE");
        *value = '\0';
        check("setting", rd_kafka_NewTopic_set_config(wanted, settings[i], value + 1));
    }
    rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "create topic");
    check("create topic", rd_kafka_topic_result_error(rd_kafka_CreateTopics_result_topics(
                              rd_kafka_event_CreateTopics_result(event), &results)[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
}

static void widen(rd_kafka_t *client, const char *topic, size_t partitions)
{
    char text[512];
    size_t results;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewPartitions_t *wanted =
        rd_kafka_NewPartitions_new(topic, partitions, text, sizeof text);

    rd_kafka_CreatePartitions(client, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = answer(queue, "create partitions");
    check("create partitions", rd_kafka_topic_result_error(rd_kafka_CreatePartitions_result_topics(
                                   rd_kafka_event_CreatePartitions_result(event), &results)[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(wanted);
    rd_kafka_queue_destroy(queue);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[2] : "";
    rd_kafka_t *client;

    if (argc == 7 && strcmp(verb, "move") == 0) {
        client = client_new(argv[1], argv[3]);
        move(client, argv[4], (int32_t)strtol(argv[5], NULL, 10), strtoll(argv[6], NULL, 10));
    } else if (argc == 8 && strcmp(verb, "lend") == 0) {
        client = client_new(argv[1], argv[3]);
        lend(client, argv[4], (int32_t)strtol(argv[5], NULL, 10), strtoll(argv[6], NULL, 10),
             argv[7]);
    } else if (argc == 6 && strcmp(verb, "forget") == 0) {
        client = client_new(argv[1], "kafka-operator");
        forget(client, argv[3], (int32_t)strtol(argv[4], NULL, 10), strtoll(argv[5], NULL, 10));
    } else if (argc == 5 && strcmp(verb, "renew") == 0) {
        client = client_new(argv[1], "kafka-operator");
        renew(client, argv[3], (int)strtol(argv[4], NULL, 10));
    } else if (argc == 5 && strcmp(verb, "widen") == 0) {
        client = client_new(argv[1], "kafka-operator");
        widen(client, argv[3], (size_t)strtol(argv[4], NULL, 10));
    } else if (argc == 6 && strcmp(verb, "fence") == 0) {
        client = member_new(argv[1], argv[3], argv[4]);
        fence(client, argv[5]);
    } else if (argc >= 5 && strcmp(verb, "make") == 0) {
        client = client_new(argv[1], "kafka-operator");
        make(client, argv[3], (int)strtol(argv[4], NULL, 10), argv + 5, argc - 5);
    } else {
        fail("usage", "BROKERS move GROUP TOPIC PARTITION OFFSET | lend ... FROM | forget TOPIC "
                      "PARTITION OFFSET | "
                      "renew TOPIC PARTITIONS | widen TOPIC PARTITIONS | fence GROUP INSTANCE "
                      "TOPIC | make TOPIC PARTITIONS "
                      "[NAME=VALUE...]");
        return 1;
    }
    rd_kafka_destroy(client);
    return 0;
}
