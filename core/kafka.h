/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka: librdkafka with our configuration, our errors and the few administrative calls we need.
 *
 * Handles are librdkafka's own; callers use its API on them directly.
 */
#ifndef CORE_KAFKA_H
#define CORE_KAFKA_H

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"

/*
 * Brokers, properties and compression of the pipeline file, then `settings`: name, value, name,
 * value, NULL. The file's properties win over settings that are only tuning, and are refused where
 * they would break a promise (acks, idempotence, isolation, auto commit). NULL on error.
 */
rd_kafka_conf_t *kafka_conf(const struct pipeline_kafka *kafka, const char *client_id,
                            const char *const settings[], struct error *err);
/* Takes conf, also on error. A conf of NULL gives NULL and leaves err as kafka_conf set it. */
rd_kafka_t *kafka_producer(rd_kafka_conf_t *conf, struct error *err);
rd_kafka_t *kafka_consumer(rd_kafka_conf_t *conf, struct error *err);
/*
 * Asks for more of partitions whose queues were full and have room again. librdkafka before 2.2 looks
 * at them only when something wakes the broker's thread, so up to a second late: with short queues a
 * busy reader would stand still for most of it. Cheap, does not block, no request of its own; call it
 * again and again while records are taken. *asked_us, 0 at first, is when it last did something: every
 * 10 ms at most, and never where librdkafka does it itself.
 */
void kafka_refetch(rd_kafka_t *consumer, int64_t *asked_us);

/* Sets err from librdkafka's answer; ERROR_RETRY where another try may help. Returns false. */
bool kafka_fail(struct error *err, rd_kafka_resp_err_t code, const char *what);
/* A broker said lately what waiting does not mend: a password, a certificate, a protocol. */
bool kafka_is_refused(void);
/* The same as kafka_fail, and destroys error. */
bool kafka_fail_error(struct error *err, rd_kafka_error_t *error, const char *what);

struct kafka_topic_setting {
    const char *name;
    const char *value;
};
/* Makes the topic unless it exists; one with another partition count or retention than is asked for is an
 * error that gives both. A topic for which no count is asked is taken as it is, or made with `fallback`
 * partitions; 0: is an error if it is not there. *count: the partitions it has; may be NULL. */
bool kafka_topic_ensure(rd_kafka_t *client, const struct pipeline_topic *topic, int32_t fallback,
                        const struct kafka_topic_setting *settings, size_t setting_count,
                        int32_t *count, struct error *err);
/* Waits a second before it says that there is none: brokers learn of topics one after another. */
bool kafka_topic_exists(rd_kafka_t *client, const char *topic, bool *exists, struct error *err);
struct kafka_topic_facts {
    bool exists;
    int32_t partitions;
    int32_t replication;  /* Of the partition that has the fewest copies. */
    int32_t out_of_sync;  /* Partitions with a copy that is behind or down. */
    int32_t broker_count; /* Of the cluster. */
};
/* What one broker knows at this moment; does not wait. */
bool kafka_topic_describe(rd_kafka_t *client, const char *topic, struct kafka_topic_facts *facts,
                          struct error *err);
/* The topic's configuration, defaults included: object, name -> text. NULL on error, also for want of the
 * permission. Returns (caller decrefs). */
json_t *kafka_topic_settings(rd_kafka_t *client, const char *topic, struct error *err);
/* Fails if the topic does not exist, after the wait of kafka_topic_exists. */
bool kafka_topic_partitions(rd_kafka_t *client, const char *topic, int32_t *count,
                            struct error *err);
/* Asks again, for at most half a minute, while leaders move. For a consumer, high is the end of what
 * is committed: an open transaction holds it, and so does one that was committed a moment ago, until
 * its marker has reached the partition. */
bool kafka_watermarks(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *low,
                      int64_t *high, struct error *err);
/* Committed offsets (stable, with metadata) of client's group, into list. Asks again, for at most
 * half a minute, while the group's coordinator loads, moves or waits for an open transaction. */
bool kafka_read_committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                          struct error *err);
/* The same for a group of which the caller has no client. */
bool kafka_committed(const struct pipeline_kafka *kafka, const char *group,
                     rd_kafka_topic_partition_list_t *list, struct error *err);

/* Waits for what an earlier producer of the same transactional id left open, and fences it. */
bool kafka_transactions_init(rd_kafka_t *producer, struct error *err);
bool kafka_transaction_begin(rd_kafka_t *producer, struct error *err);
/* ERROR_RETRY means a timeout: whether it was committed is not known. The owner finds out. */
bool kafka_transaction_commit(rd_kafka_t *producer, struct error *err);
bool kafka_transaction_abort(rd_kafka_t *producer, struct error *err);

/* A committed record. Borrowed. False ends the reading, with an error. */
typedef bool kafka_take(void *context, const rd_kafka_message_t *message, struct error *err);
struct kafka_range {
    int32_t partition;   /* KAFKA_EVERY: all. */
    int64_t from_offset; /* KAFKA_EVERY: from the beginning. */
    int64_t last;        /* Instead: so many offsets before the end of each partition. 0: not so. */
    int64_t from_ms; /* Instead: from the first record of that time or later. INT64_MIN: not so. */
    bool follow;     /* Goes on behind the end, until process_stopping(). */
    const bool *enough; /* Ends the reading once it is true; set by take. NULL: never. */
};
enum { KAFKA_EVERY = -1 };

/* As kafka_read_topic, but a part of the topic. */
bool kafka_read_range(const struct pipeline_kafka *kafka, const char *topic,
                      const struct kafka_range *range, kafka_take *take, void *context,
                      struct error *err);
/*
 * Every committed record that the topic holds now, those of a partition in order; what an open
 * transaction hides is waited for. A topic that does not exist holds none. Stops early, true, once
 * process_stopping().
 */
bool kafka_read_topic(const struct pipeline_kafka *kafka, const char *topic, kafka_take *take,
                      void *context, struct error *err);

/* The value of a record's header; false if it has none of that name. Borrowed from the record. */
bool kafka_header(const rd_kafka_message_t *message, const char *name, const void **value,
                  size_t *size);

#endif
