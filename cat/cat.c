/* SPDX-License-Identifier: Apache-2.0 */
#include "cat/cat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cat/cat_record.h"
#include "core/pubsub_peek.h"
#include "core/suggest.h"

enum { NAMES_MAX = 256 };

struct cat {
    const struct pipeline *pipeline;
    const struct cat_options *options;
    struct registry *registry;
    int64_t printed;
    bool enough;
};

/* stdout failed. Whoever closed the pipe (head) has enough; anything else is an error. */
static bool written(struct cat *cat, struct error *err)
{
    cat->enough = true;
    if (errno != EPIPE)
        return error_set(err, EXIT_CODE_STATE, "cannot write to stdout: %s", strerror(errno));
    clearerr(stdout);
    return true;
}

static bool print_line(struct cat *cat, json_t *object, struct error *err)
{
    bool ok = json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF
              && (!cat->options->range.follow || fflush(stdout) == 0);

    json_decref(object);
    cat->printed++;
    cat->enough = cat->options->count > 0 && cat->printed >= cat->options->count;
    return ok || written(cat, err);
}

/* --- What the name means --- */

static const struct pipeline_stream *stream_of(const struct pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->stream_count; i++)
        if (strcmp(pipeline->streams[i].name, name) == 0)
            return &pipeline->streams[i];
    return NULL;
}

/* A stream's topic, a join's output, or else the name itself is a topic. */
static const char *topic_of(const struct pipeline *pipeline, const char *name)
{
    const struct pipeline_stream *stream = stream_of(pipeline, name);

    if (stream != NULL)
        return stream->topic.name;
    for (size_t i = 0; i < pipeline->join_count; i++)
        if (strcmp(pipeline->joins[i].name, name) == 0)
            return pipeline->joins[i].output.name;
    return name;
}

static void add_name(const char *names[NAMES_MAX], size_t *count, const char *name)
{
    if (name != NULL && *count < NAMES_MAX)
        names[(*count)++] = name;
}

static bool refuse_name(const struct pipeline *pipeline, const char *name, struct error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        add_name(names, &count, pipeline->streams[i].name);
        add_name(names, &count, pipeline->streams[i].topic.name);
        add_name(names, &count, pipeline->streams[i].dead_letter);
    }
    for (size_t i = 0; i < pipeline->join_count; i++) {
        add_name(names, &count, pipeline->joins[i].name);
        add_name(names, &count, pipeline->joins[i].output.name);
        add_name(names, &count, pipeline->joins[i].late_topic);
    }
    add_name(names, &count, pipeline->ledger_topic);
    const char *nearest = suggest_nearest(name, names, count);
    error_set(err, EXIT_CODE_USAGE,
              "cat: %.200s is no stream and no join of %s, and no topic of %s", name,
              pipeline->file, pipeline->kafka.brokers);
    if (nearest != NULL)
        return error_hint(err, "did you mean %s?", nearest);
    return error_hint(err, "dualrun config show %s lists streams and topics", pipeline->file);
}

/* --- Kafka --- */

static bool has_key(const rd_kafka_message_t *record, const char *key)
{
    return record->key != NULL && record->key_len == strlen(key)
           && memcmp(record->key, key, record->key_len) == 0;
}

static bool take(void *context, const rd_kafka_message_t *record, struct error *err)
{
    struct cat *cat = context;

    if (cat->options->key != NULL && !has_key(record, cat->options->key))
        return true;
    if (rd_kafka_message_timestamp(record, NULL) >= cat->options->to_ms)
        return true;
    return print_line(cat, cat_record(record, cat->registry), err);
}

static bool check_topic(struct cat *cat, const char *topic, struct error *err)
{
    rd_kafka_t *client = kafka_producer(
        kafka_conf(&cat->pipeline->kafka, "dualrun-cat", (const char *const[]){NULL}, err), err);
    int32_t count = 0;
    bool exists = false;
    bool ok = client != NULL && kafka_topic_exists(client, topic, &exists, err)
              && (exists || refuse_name(cat->pipeline, cat->options->name, err))
              && kafka_topic_partitions(client, topic, &count, err);

    if (ok && cat->options->range.partition >= count) {
        ok = error_set(err, EXIT_CODE_USAGE, "cat: topic %s has no partition %d", topic,
                       (int)cat->options->range.partition);
        error_hint(err, "it has %d, counted from 0", (int)count);
    }
    if (client != NULL)
        rd_kafka_destroy(client);
    return ok;
}

static bool cat_kafka(struct cat *cat, struct error *err)
{
    const struct pipeline_kafka *kafka = &cat->pipeline->kafka;
    const char *topic = topic_of(cat->pipeline, cat->options->name);
    struct kafka_range range = cat->options->range;
    bool schemas = kafka->registry_url != NULL || kafka->registry_directory != NULL;

    range.enough = &cat->enough;
    if (schemas && (cat->registry = registry_open(kafka, err)) == NULL)
        return false;
    bool ok =
        check_topic(cat, topic, err) && kafka_read_range(kafka, topic, &range, take, cat, err);
    registry_close(cat->registry);
    return ok;
}

/* --- Pub/Sub --- */

static bool show_message(void *context, const struct pubsub_message *message, struct error *err)
{
    struct cat *cat = context;

    return cat->enough
           || print_line(
               cat,
               cat_message(stream_of(cat->pipeline, cat->options->name)->subscription, message),
               err);
}

static bool cat_pubsub(struct cat *cat, struct error *err)
{
    const struct pipeline_stream *stream = stream_of(cat->pipeline, cat->options->name);

    if (stream == NULL || stream->subscription == NULL) {
        error_set(err, EXIT_CODE_USAGE, "cat: %.200s is no stream with a subscription",
                  cat->options->name);
        return error_hint(err, "dualrun config show %s lists the streams", cat->pipeline->file);
    }
    struct pubsub *pubsub = pubsub_new(&cat->pipeline->pubsub, err);
    if (pubsub == NULL)
        return false;
    bool ok =
        pubsub_peek(pubsub, stream->subscription, cat->options->count, show_message, cat, err);

    pubsub_free(pubsub);
    return ok;
}

bool cat_run(const struct pipeline *pipeline, const struct cat_options *options, struct error *err)
{
    struct cat cat = {.pipeline = pipeline, .options = options};
    bool ok = options->pubsub ? cat_pubsub(&cat, err) : cat_kafka(&cat, err);

    return ok && (fflush(stdout) == 0 || written(&cat, err));
}
