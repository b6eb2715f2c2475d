/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/sink_kafka.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/kafka.h"
#include "core/process.h"
#include "core/provenance.h"

/* Pub/Sub's largest message is 10 MB; the rest is for headers. */
#define WHOLE_MESSAGE_BYTES "11534336"

enum {
    ADMIN_TIMEOUT_MS = 15000,
    RECORD_OVERHEAD = 128, /* Of a batch and a record, generously. */
    HEADER_OVERHEAD = 10,
    MALLOC_MAP_BYTES = 32 << 20, /* The most that glibc takes. */
    MALLOC_TRIM_BYTES = 64 << 20,
    LARGEST_DEFAULT = 1000000, /* If the broker does not say. */
};

#define TAG_NOTE (UINT64_C(1) << 62)

struct sink_topic {
    rd_kafka_topic_t *handle;
    int32_t partition_count;
    size_t largest; /* Record, in bytes. */
    struct sink_topic *link;
};

struct sink {
    rd_kafka_t *producer;
    rd_kafka_queue_t *queue; /* Reports. */
    struct sink_topic *topics;
    struct sink_listener listener;
    int wake_fd;
    int64_t pending;
    atomic_bool fatal;
    struct buffer header_name;
};

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context)
{
    struct sink *sink = context;
    uint64_t tag = (uint64_t)(uintptr_t)message->_private;

    const char *fault =
        message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? NULL : rd_kafka_err2str(message->err);

    (void)producer;
    if (tag == 0)
        return;
    if ((tag & TAG_NOTE) != 0) {
        sink->listener.noted(sink->listener.context, tag & ~TAG_NOTE, fault);
        return;
    }
    sink->pending--;
    process_crash_point("bridge.delivered");
    sink->listener.settled(sink->listener.context, tag, fault);
}

static void on_error(rd_kafka_t *producer, int code, const char *reason, void *context)
{
    struct sink *sink = context;

    (void)producer;
    (void)reason; /* Asked for when it is told: sink_settle. */
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        atomic_store(&sink->fatal, true);
}

/*
 * librdkafka makes a zstd context of a few MiB for each batch. As a mapping of its own, or at the end of a
 * heap that is trimmed, it would be fetched from the kernel and cleared page by page every time,
 * which tells at a low rate, with a small batch every few milliseconds.
 */
static void keep_freed_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, MALLOC_MAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MALLOC_TRIM_BYTES);
}

struct sink *sink_open(const struct pipeline *pipeline, const char *transactional_id,
                       const struct sink_listener *listener, struct error *err)
{
    char queue_messages[32], queue_kbytes[32];
    const char *const settings[] = {
        "enable.idempotence",
        "true", /* No duplicate, and order kept, through every retry. */
        "acks",
        "all",
        "message.timeout.ms",
        "0", /* Never given up by time. */
        "message.max.bytes",
        WHOLE_MESSAGE_BYTES, /* Each topic's own limit is looked up. */
        "queue.buffering.max.messages",
        queue_messages,
        "queue.buffering.max.kbytes",
        queue_kbytes,
        "linger.ms",
        "5",
        "batch.num.messages",
        "10000",
        "socket.nagle.disable",
        "true",
        transactional_id != NULL ? "transactional.id" : NULL,
        transactional_id,
        "transaction.timeout.ms",
        "20000", /* A dead process holds readers up no longer. */
        NULL,
    };

    /* Twice what may be in flight: Pub/Sub's side stops first. */
    snprintf(
        queue_messages, sizeof queue_messages, "%d",
        2 * (pipeline->bridge.max_messages < 1000000 ? pipeline->bridge.max_messages : 1000000));
    int64_t kbytes = pipeline->bridge.max_bytes / 1024 * 2;
    snprintf(queue_kbytes, sizeof queue_kbytes, "%lld",
             (long long)(kbytes < 16384     ? 16384
                         : kbytes > 2097151 ? 2097151
                                            : kbytes));

    rd_kafka_conf_t *conf = kafka_conf(&pipeline->kafka, "dualrun-bridge", settings, err);
    if (conf == NULL)
        return NULL;

    struct sink *sink = memory_new(sizeof *sink);
    static const uint64_t one = 1;

    keep_freed_memory();
    sink->listener = *listener;
    rd_kafka_conf_set_opaque(conf, sink);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    sink->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sink->producer = kafka_producer(conf, err);
    if (sink->producer == NULL) {
        close(sink->wake_fd);
        free(sink);
        return NULL;
    }
    sink->queue = rd_kafka_queue_get_main(sink->producer);
    rd_kafka_queue_io_event_enable(sink->queue, sink->wake_fd, &one, sizeof one);
    if (transactional_id == NULL || kafka_transactions_init(sink->producer, err))
        return sink;
    sink_close(sink);
    return NULL;
}

bool sink_begin(struct sink *sink, struct error *err)
{
    return kafka_transaction_begin(sink->producer, err);
}

bool sink_commit(struct sink *sink, struct error *err)
{
    return kafka_transaction_commit(sink->producer, err);
}

void sink_abort(struct sink *sink)
{
    struct error ignored;

    kafka_transaction_abort(sink->producer, &ignored);
}

void sink_close(struct sink *sink)
{
    if (sink == NULL)
        return;
    rd_kafka_queue_io_event_enable(sink->queue, -1, NULL, 0);
    rd_kafka_purge(sink->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (sink->topics != NULL) {
        struct sink_topic *topic = sink->topics;
        sink->topics = topic->link;
        rd_kafka_topic_destroy(topic->handle);
        free(topic);
    }
    rd_kafka_queue_destroy(sink->queue);
    rd_kafka_destroy(sink->producer);
    close(sink->wake_fd);
    buffer_fini(&sink->header_name);
    free(sink);
}

/* max.message.bytes of the topic. Who may not ask gets the broker's default. */
static size_t topic_largest(rd_kafka_t *producer, const char *name)
{
    struct error ignored;
    json_t *settings = kafka_topic_settings(producer, name, &ignored);
    const char *text = json_string_value(json_object_get(settings, "max.message.bytes"));
    size_t largest = text != NULL ? (size_t)strtoull(text, NULL, 10) : LARGEST_DEFAULT;

    json_decref(settings);
    return largest;
}

/* A broker refuses a batch that is larger, again and again, with every record in it. */
static bool batches_fit(const struct sink *sink, const char *name, size_t largest,
                        struct error *err)
{
    char text[32] = "";
    size_t size = sizeof text;

    rd_kafka_conf_get(rd_kafka_conf(sink->producer), "batch.size", text, &size);
    size_t batch = (size_t)strtoull(text, NULL, 10);
    if (batch <= largest)
        return true;
    error_set(err, EXIT_CODE_TARGET,
              "topic %s takes batches of at most %zu bytes (max.message.bytes), and those of the "
              "bridge have up to %zu",
              name, largest, batch);
    return error_hint(err,
                      "raise max.message.bytes of the topic, or set batch.size: %zu under "
                      "kafka.properties",
                      largest);
}

static const struct sink_topic *topic_open(struct sink *sink, const struct pipeline_topic *asked,
                                           int32_t fallback,
                                           const struct kafka_topic_setting *settings,
                                           size_t setting_count, struct error *err)
{
    struct sink_topic *topic = memory_new(sizeof *topic);

    if (!kafka_topic_ensure(sink->producer, asked, fallback, settings, setting_count,
                            &topic->partition_count, err)) {
        free(topic);
        return NULL;
    }
    topic->largest = topic_largest(sink->producer, asked->name);
    if (!batches_fit(sink, asked->name, topic->largest, err)) {
        free(topic);
        return NULL;
    }
    topic->handle = rd_kafka_topic_new(sink->producer, asked->name, NULL);
    topic->link = sink->topics;
    sink->topics = topic;
    return topic;
}

const struct sink_topic *sink_topic(struct sink *sink, const struct pipeline_topic *topic,
                                    struct error *err)
{
    return topic_open(sink, topic, 0, NULL, 0, err);
}

int32_t sink_topic_partitions(const struct sink_topic *topic)
{
    return topic->partition_count;
}

bool sink_topic_ends(const struct sink *sink, const struct sink_topic *topic, int64_t *ends,
                     struct error *err)
{
    int64_t low;

    for (int32_t p = 0; p < topic->partition_count; p++)
        if (!kafka_watermarks(sink->producer, rd_kafka_topic_name(topic->handle), p, &low, &ends[p],
                              err))
            return false;
    return true;
}

/* One of the bridge's own topics: made if it is not there, else taken as it is. */
static const struct sink_topic *own_topic(struct sink *sink, const char *name, int32_t partitions,
                                          int32_t replication,
                                          const struct kafka_topic_setting *setting,
                                          struct error *err)
{
    struct pipeline_topic topic = {.name = memory_text(name), .replication = replication};
    const struct sink_topic *opened = topic_open(sink, &topic, partitions, setting, 1, err);

    free(topic.name);
    return opened;
}

const struct sink_topic *sink_dead_letters(struct sink *sink, const char *name,
                                           const struct pipeline_topic *like, struct error *err)
{
    static const struct kafka_topic_setting whole = {"max.message.bytes", WHOLE_MESSAGE_BYTES};

    return own_topic(sink, name, like->partitions > 0 ? like->partitions : 1, like->replication,
                     &whole, err);
}

const struct sink_topic *sink_ledger(struct sink *sink, const char *name, int32_t replication,
                                     struct error *err)
{
    static const struct kafka_topic_setting compacted = {"cleanup.policy", "compact"};

    return own_topic(sink, name, 1, replication, &compacted, err);
}

static size_t record_size(const struct sink_record *record)
{
    size_t size = record->key_size + record->value_size + record->source_size
                  + record->ordering_key.size + RECORD_OVERHEAD;

    if (record->reason != NULL)
        size += strlen(record->reason) + HEADER_OVERHEAD;
    if (record->replay != NULL)
        size += strlen(record->replay) + HEADER_OVERHEAD;
    for (size_t i = 0; i < record->attribute_count; i++)
        size += record->attributes[i].name.size + record->attributes[i].value.size
                + sizeof HEADER_ATTRIBUTE_PREFIX + HEADER_OVERHEAD;
    return size;
}

static void add_attribute(struct sink *sink, rd_kafka_headers_t *headers,
                          const struct envelope_attribute *attribute)
{
    const char *name = attribute->name.data;
    size_t size = attribute->name.size;

    if (size >= strlen(HEADER_PREFIX) && memcmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) == 0) {
        buffer_clear(&sink->header_name);
        buffer_append_text(&sink->header_name, HEADER_ATTRIBUTE_PREFIX);
        buffer_append(&sink->header_name, name, size);
        name = (const char *)sink->header_name.data;
        size = sink->header_name.size;
    }
    rd_kafka_header_add(headers, name, (ssize_t)size, attribute->value.data,
                        (ssize_t)attribute->value.size);
}

static rd_kafka_headers_t *headers_of(struct sink *sink, const struct sink_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->attribute_count + 4);

    rd_kafka_header_add(headers, HEADER_SOURCE, sizeof HEADER_SOURCE - 1, record->source,
                        (ssize_t)record->source_size);
    if (record->ordering_key.size > 0)
        rd_kafka_header_add(headers, HEADER_ORDERING_KEY, sizeof HEADER_ORDERING_KEY - 1,
                            record->ordering_key.data, (ssize_t)record->ordering_key.size);
    if (record->reason != NULL)
        rd_kafka_header_add(headers, HEADER_REASON, sizeof HEADER_REASON - 1, record->reason, -1);
    if (record->replay != NULL)
        rd_kafka_header_add(headers, HEADER_REPLAY, sizeof HEADER_REPLAY - 1, record->replay, -1);
    for (size_t i = 0; i < record->attribute_count; i++)
        add_attribute(sink, headers, &record->attributes[i]);
    return headers;
}

static enum sink_result refused(rd_kafka_resp_err_t code, const struct sink_topic *topic,
                                struct error *err)
{
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return SINK_FULL;
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return SINK_TOO_LARGE;
    kafka_fail(err, code, "send");
    error_wrap(err, "topic %s", rd_kafka_topic_name(topic->handle));
    return SINK_FAILED;
}

/* The tag travels through librdkafka in the place of a pointer; on_report reads it back. */
static void *opaque_of(uint64_t tag)
{
    static_assert(sizeof(void *) >= sizeof tag, "a pointer has room for a tag");

    return (void *)(uintptr_t)tag; /* NOLINT(performance-no-int-to-ptr): it never was a pointer. */
}

enum sink_result sink_send(struct sink *sink, const struct sink_record *record, struct error *err)
{
    const struct sink_topic *topic = record->topic;
    /* An empty message is an empty value: without one, compaction would take it for a tombstone. */
    const void *value = record->value != NULL ? record->value : "";

    assert(record->tag != 0 && (record->tag & TAG_NOTE) == 0);
    if (record_size(record) > topic->largest)
        return SINK_TOO_LARGE;

    int32_t partition =
        record->key != NULL
            ? hash_partition(record->key, record->key_size, topic->partition_count)
            : hash_partition(record->spread.data, record->spread.size, topic->partition_count);
    rd_kafka_headers_t *headers = headers_of(sink, record);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        sink->producer, RD_KAFKA_V_RKT(topic->handle), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record->key, record->key_size),
        RD_KAFKA_V_VALUE((void *)value, record->value_size), RD_KAFKA_V_TIMESTAMP(record->time_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(opaque_of(record->tag)), RD_KAFKA_V_END);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
        return refused(code, topic, err);
    }
    sink->pending++;
    process_crash_point("bridge.produced");
    return SINK_SENT;
}

bool sink_note(struct sink *sink, const struct sink_topic *topic, const struct buffer *key,
               const struct buffer *value, uint64_t tag)
{
    int32_t partition = hash_partition(key->data, key->size, topic->partition_count);
    void *data = value->size > 0 ? value->data : NULL;

    assert(tag == 0 || (sink->listener.noted != NULL && tag < TAG_NOTE));
    tag |= tag > 0 ? TAG_NOTE : 0;

    return rd_kafka_producev(
               sink->producer, RD_KAFKA_V_RKT(topic->handle), RD_KAFKA_V_PARTITION(partition),
               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key->data, key->size),
               RD_KAFKA_V_VALUE(data, value->size), RD_KAFKA_V_OPAQUE(opaque_of(tag)),
               RD_KAFKA_V_END)
           == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int sink_wake_fd(const struct sink *sink)
{
    return sink->wake_fd;
}

bool sink_settle(struct sink *sink, struct error *err)
{
    uint64_t count;
    ssize_t size = read(sink->wake_fd, &count, sizeof count);

    (void)size; /* Nothing there is no matter. */
    while (rd_kafka_poll(sink->producer, 0) > 0)
        ;
    if (!atomic_load(&sink->fatal))
        return true;

    char reason[512];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(sink->producer, reason, sizeof reason);
    error_set(err, EXIT_CODE_TARGET, "kafka: %s: %s", rd_kafka_err2name(code), reason);
    return error_hint(err, "start the bridge again: nothing that Kafka lacks was acknowledged");
}

bool sink_flush(struct sink *sink, int64_t timeout_ms)
{
    return rd_kafka_flush(sink->producer, (int)timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int64_t sink_pending(const struct sink *sink)
{
    return sink->pending;
}
