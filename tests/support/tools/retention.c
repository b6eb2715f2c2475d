/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention: deletes a partition's records before an offset, as a broker's retention does.
 *
 *     retention BROKERS TOPIC PARTITION OFFSET
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/kafka.h"
#include "topic.h"

enum { TIMEOUT_MS = 30000 };

static bool delete_before(rd_kafka_t *client, const char *topic, int32_t partition, int64_t offset,
                          struct error *err)
{
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);

    rd_kafka_topic_partition_list_add(before, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_DeleteRecords(client, &request, 1, NULL, queue);
    rd_kafka_event_t *answer = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    const rd_kafka_DeleteRecords_result_t *result =
        answer != NULL ? rd_kafka_event_DeleteRecords_result(answer) : NULL;
    rd_kafka_resp_err_t code =
        answer != NULL ? rd_kafka_event_error(answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && result != NULL)
        code = rd_kafka_DeleteRecords_result_offsets(result)->elems[0].err;
    if (answer != NULL)
        rd_kafka_event_destroy(answer);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(before);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_fail(err, code, topic);
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {NULL};
    struct pipeline_kafka kafka;
    struct error err = {0};

    if (argc != 5) {
        fputs("usage: retention BROKERS TOPIC PARTITION OFFSET\n", stderr);
        return EXIT_CODE_USAGE;
    }
    topic_kafka_init(&kafka, argv[1], NULL);
    rd_kafka_t *client = kafka_producer(kafka_conf(&kafka, "retention", settings, &err), &err);
    bool done = client != NULL
                && delete_before(client, argv[2], (int32_t)strtol(argv[3], NULL, 10),
                                 strtoll(argv[4], NULL, 10), &err);
    if (client != NULL)
        rd_kafka_destroy(client);
    if (!done)
        fprintf(stderr, "retention: %s\n", err.text);
    return done ? EXIT_CODE_OK : EXIT_CODE_TARGET;
}
