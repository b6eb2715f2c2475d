/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no single key of the pipeline file can tell: whether the keys fit together.
 *
 * Runs after reading, also after problems, so it takes whatever is missing as already noted.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pipeline_reader.h"

/* Every use of a name, to find one used twice. */
struct use {
    const char *name; /* Borrowed. */
    char *path;       /* Of the key that names it. */
    bool shareable;   /* Several of this kind may share one name. */
};

struct uses {
    struct use *items;
    size_t count;
};

/* Takes path. */
static void use(struct uses *uses, const char *name, char *path, bool shareable)
{
    if (name == NULL) {
        free(path);
        return;
    }
    uses->items = memory_resize(uses->items, (uses->count + 1) * sizeof *uses->items);
    uses->items[uses->count++] = (struct use){.name = name, .path = path, .shareable = shareable};
}

static void uses_fini(struct uses *uses)
{
    for (size_t i = 0; i < uses->count; i++)
        free(uses->items[i].path);
    free(uses->items);
}

static void check_uses(struct pipeline_reader *reader, struct uses *uses, const char *what,
                       const char *hint)
{
    for (size_t i = 0; i < uses->count; i++) {
        const struct use *later = &uses->items[i];
        for (size_t j = 0; j < i; j++) {
            const struct use *first = &uses->items[j];
            if (strcmp(first->name, later->name) != 0 || (first->shareable && later->shareable))
                continue;
            pipeline_problem_at(reader, later->path, hint, "the %s %s is used by %s too", what,
                                later->name, first->path);
            break;
        }
    }
    uses_fini(uses);
}

static char *join_path(const struct pipeline_reader *reader, const struct pipeline_join *join,
                       const char *rest)
{
    const struct pipeline *pipeline = reader->pipeline;
    const struct yaml_node *node = yaml_child(reader->root, "join");

    if (node != NULL && node->kind == YAML_LIST)
        return memory_textf("join[%zu].%s", (size_t)(join - pipeline->joins), rest);
    return memory_textf("join.%s", rest);
}

static void check_topics(struct pipeline_reader *reader)
{
    const struct pipeline *pipeline = reader->pipeline;
    struct uses uses = {0};

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        use(&uses, stream->topic.name, memory_textf("streams.%s.topic", stream->name), false);
        use(&uses, stream->dead_letter, memory_textf("streams.%s.dead_letter", stream->name), true);
    }
    for (size_t i = 0; i < pipeline->join_count; i++) {
        const struct pipeline_join *join = &pipeline->joins[i];
        use(&uses, join->output.name, join_path(reader, join, "output.topic"), false);
        use(&uses, join->late_topic, join_path(reader, join, "output.late_topic"), false);
    }
    use(&uses, pipeline->ledger_topic, memory_text("ledger_topic"), false);
    check_uses(reader, &uses, "topic", "give each its own topic");
}

static void check_subscriptions(struct pipeline_reader *reader)
{
    const struct pipeline *pipeline = reader->pipeline;
    struct uses uses = {0};

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        const char *both[] = {stream->subscription, stream->audit_subscription};
        static const char *const keys[] = {"subscription", "audit_subscription"};
        for (size_t k = 0; k < 2; k++)
            use(&uses, both[k], memory_textf("streams.%s.%s", stream->name, keys[k]), false);
        if ((both[0] != NULL || both[1] != NULL) && !pipeline->has_pubsub) {
            char *path = memory_textf("streams.%s.%s", stream->name, keys[both[0] == NULL]);
            pipeline_problem_at(reader, path, "add pubsub: {project: PROJECT}",
                                "a subscription needs the section pubsub");
            free(path);
        }
    }
    check_uses(reader, &uses, "subscription",
               "readers of one subscription take each other's messages: make one for each");
}

static void check_names(struct pipeline_reader *reader)
{
    const struct pipeline *pipeline = reader->pipeline;
    struct uses names = {0}, groups = {0}, states = {0};
    size_t problem_count = reader->problem_count;

    for (size_t i = 0; i < pipeline->join_count; i++) {
        const struct pipeline_join *join = &pipeline->joins[i];
        use(&names, join->name, join_path(reader, join, "name"), false);
        use(&groups, join->group, join_path(reader, join, "group"), false);
        use(&states, join->state_directory, join_path(reader, join, "state"), false);
    }
    check_uses(reader, &names, "name", "give each join its own name");
    if (reader->problem_count > problem_count) { /* The others follow from the names. */
        uses_fini(&groups);
        uses_fini(&states);
        return;
    }
    check_uses(reader, &groups, "group", "give each join its own group");
    check_uses(reader, &states, "folder", "give each join its own folder");
}

/* One problem of a stream's key. Takes nothing. */
static void stream_problem(struct pipeline_reader *reader, const struct pipeline_stream *stream,
                           const char *key, const char *hint, const char *what)
{
    char *path = memory_textf("streams.%s.%s", stream->name, key);

    pipeline_problem_at(reader, path, hint, "%s", what);
    free(path);
}

static void check_raw(struct pipeline_reader *reader, const struct pipeline_stream *stream)
{
    if (stream->schema_file != NULL)
        stream_problem(reader, stream, "schema", "remove it, or write decode: json",
                       "raw messages have no schema");
    if (stream->key_kind == KEY_FIELD && stream->key != NULL)
        stream_problem(reader, stream, "key", "write attribute:NAME or ordering_key",
                       "raw messages have no fields");
    if (stream->event_time_field != NULL)
        stream_problem(reader, stream, "event_time", "write event_time: publish_time",
                       "raw messages have no fields");
    if (stream->event_id_field != NULL)
        stream_problem(reader, stream, "event_id", "write event_id: message_id",
                       "raw messages have no fields");
}

/* A word that could not be read says nothing about schema and fields. */
static bool decode_is_known(const struct yaml_node *stream)
{
    const struct yaml_node *node = yaml_child(stream, "decode");

    return node == NULL
           || (node->kind == YAML_TEXT && pipeline_word(LIST_DECODE, node->text) != NULL);
}

static void check_streams(struct pipeline_reader *reader)
{
    const struct pipeline *pipeline = reader->pipeline;
    const struct yaml_node *streams = yaml_child(reader->root, "streams");
    const struct yaml_node *kafka = yaml_child(reader->root, "kafka");
    bool registry = yaml_child(kafka, "schema_registry") != NULL;

    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        const struct yaml_node *node = yaml_child(streams, stream->name);
        if (node == NULL || node->kind != YAML_MAPPING || !decode_is_known(node))
            continue;
        if (stream->stop_above > 0 && stream->dead_letter == NULL)
            stream_problem(
                reader, stream, "stop_above", "add dead_letter: TOPIC, or remove this",
                "without dead letters the first message that does not fit stops the stream");
        if (stream->decode != DECODE_JSON && stream->unknown_fields != UNKNOWN_IGNORE)
            stream_problem(reader, stream, "unknown_fields", "remove it, or write decode: json",
                           "only JSON has members that a schema does not know");
        if (stream->decode == DECODE_RAW) {
            check_raw(reader, stream);
        } else if (yaml_child(node, "schema") == NULL) {
            stream_problem(reader, stream, "schema", "add schema: FILE.avsc, or write decode: raw",
                           "this key is missing: JSON becomes Avro by a schema");
        } else if (!registry && kafka != NULL && kafka->kind == YAML_MAPPING) {
            pipeline_problem_at(reader, "kafka.schema_registry",
                                "add schema_registry: {directory: schemas}",
                                "this key is missing: the stream %s has a schema", stream->name);
            registry = true; /* Once is enough. */
        }
    }
}

static void check_registry(struct pipeline_reader *reader)
{
    const struct yaml_node *node = yaml_child(yaml_child(reader->root, "kafka"), "schema_registry");

    if (node != NULL && node->kind == YAML_MAPPING
        && (yaml_child(node, "url") != NULL) == (yaml_child(node, "directory") != NULL))
        pipeline_problem_at(reader, "kafka.schema_registry", "keep one of url and directory",
                            node->child_count == 0 ? "it names no place"
                                                   : "it needs one place, not two");
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = url + strlen("http://");

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t size = strlen(hosts[i]);
        if (strncmp(host, hosts[i], size) == 0 && strchr(":/", host[size]) != NULL)
            return true;
    }
    return false;
}

static void check_endpoint(struct pipeline_reader *reader)
{
    const struct pipeline_pubsub *pubsub = &reader->pipeline->pubsub;

    if (pubsub->endpoint != NULL && pubsub->credentials != CREDENTIALS_EMULATOR
        && strncmp(pubsub->endpoint, "http://", 7) == 0 && !is_loopback(pubsub->endpoint))
        pipeline_problem_at(reader, "pubsub.endpoint",
                            "write https://..., or credentials: emulator",
                            "a token must not travel over http");
}

/* What a stream of a join must bring. */
static void check_input(struct pipeline_reader *reader, const struct pipeline_join *join,
                        const struct pipeline_stream *stream, const char *key)
{
    char *path;

    if (stream == NULL)
        return;
    if (stream->decode == DECODE_RAW) {
        path = join_path(reader, join, "key");
        pipeline_problem_at(reader, path, "write decode: json for that stream",
                            "the stream %s is raw: it has no fields to join by", stream->name);
        free(path);
    } else if (stream->key_kind == KEY_FIELD && stream->key != NULL && key != NULL
               && strcmp(stream->key, key) != 0) {
        char *rest = memory_textf("key.%s", stream->name);
        path = join_path(reader, join, rest);
        pipeline_problem_at(reader, path, "join by the field that is the stream's key",
                            "the topic of %s is partitioned by %s, so records with the same %s may "
                            "lie in different partitions",
                            stream->name, stream->key, key);
        free(path);
        free(rest);
    }
}

static void check_partitions(struct pipeline_reader *reader, const struct pipeline_join *join)
{
    const struct pipeline_stream *primary = join->primary;

    if (primary == NULL || primary->topic.partitions == 0)
        return;
    for (size_t i = 0; i < join->secondary_count; i++) {
        const struct pipeline_stream *stream = join->secondaries[i].stream;
        if (stream->topic.partitions == 0 || stream->topic.partitions == primary->topic.partitions)
            continue;
        char *path = memory_textf("streams.%s.topic.partitions", stream->name);
        pipeline_problem_at(reader, path, "joined topics need the same number of partitions",
                            "%d, but %s, which it is joined with, has %d", stream->topic.partitions,
                            primary->name, primary->topic.partitions);
        free(path);
    }
}

static void check_output_names(struct pipeline_reader *reader, const struct pipeline_join *join)
{
    for (size_t i = 0; i < join->field_count; i++) {
        const struct pipeline_output_field *later = &join->fields[i];
        for (size_t j = 0; j < i; j++) {
            const struct pipeline_output_field *first = &join->fields[j];
            bool both_all = first->aggregate == AGGREGATE_ALL && later->aggregate == AGGREGATE_ALL
                            && first->stream != NULL && later->stream != NULL;
            bool same =
                first->name != NULL && later->name != NULL && strcmp(first->name, later->name) == 0;
            if (!both_all && !same)
                continue;
            char *rest = memory_textf("fields[%zu]", i);
            char *path = join_path(reader, join, rest);
            pipeline_problem_at(reader, path, "give it another name, or remove it",
                                "fields[%zu] is already %s", j,
                                both_all ? "all of the primary" : later->name);
            free(path);
            free(rest);
            break;
        }
    }
}

void pipeline_check(struct pipeline_reader *reader)
{
    const struct pipeline *pipeline = reader->pipeline;

    check_streams(reader);
    check_registry(reader);
    check_endpoint(reader);
    check_subscriptions(reader);
    check_topics(reader);
    check_names(reader);
    for (size_t i = 0; i < pipeline->join_count; i++) {
        const struct pipeline_join *join = &pipeline->joins[i];
        check_input(reader, join, join->primary, join->primary_key);
        for (size_t k = 0; k < join->secondary_count; k++)
            check_input(reader, join, join->secondaries[k].stream, join->secondaries[k].key);
        check_partitions(reader, join);
        check_output_names(reader, join);
    }
}
