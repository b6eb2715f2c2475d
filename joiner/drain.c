/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/drain.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/kafka.h"
#include "core/task_commit.h"
#include "joiner/record.h"

struct drain {
    rd_kafka_topic_partition_list_t *ends;
};

struct drain *drain_new(rd_kafka_t *consumer, const struct pipeline_join *join,
                        int32_t partition_count, struct error *err)
{
    struct drain *drain = memory_new(sizeof *drain);
    uint32_t input_count = (uint32_t)join->secondary_count + 1;

    drain->ends = rd_kafka_topic_partition_list_new(partition_count * (int)input_count);
    for (uint32_t input = 0; input < input_count; input++)
        for (int32_t partition = 0; partition < partition_count; partition++) {
            const char *topic = record_stream(join, input)->topic.name;
            rd_kafka_topic_partition_t *end =
                rd_kafka_topic_partition_list_add(drain->ends, topic, partition);
            int64_t low;

            if (kafka_watermarks(consumer, topic, partition, &low, &end->offset, err))
                continue;
            drain_free(drain);
            return NULL;
        }
    return drain;
}

void drain_free(struct drain *drain)
{
    if (drain == NULL)
        return;
    rd_kafka_topic_partition_list_destroy(drain->ends);
    free(drain);
}

static bool is_drained(const rd_kafka_topic_partition_t *committed, int64_t end)
{
    struct task_commit commit;
    struct error err;

    return committed->offset >= end && committed->metadata_size > 0
           && task_commit_parse(committed->metadata, committed->metadata_size, &commit, &err)
           && commit.row_count == 0;
}

bool drain_is_done(struct drain *drain, rd_kafka_t *consumer, bool *done, struct error *err)
{
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(drain->ends);
    bool known = kafka_read_committed(consumer, committed, err);

    *done = known;
    for (int i = 0; *done && i < committed->cnt; i++)
        *done = is_drained(&committed->elems[i], drain->ends->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(committed);
    return known || err->class == ERROR_RETRY || error_wrap(err, "group of join");
}
