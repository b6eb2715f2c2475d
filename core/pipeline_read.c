/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the pipeline file: single values, and the sections that are not about joins.
 */
#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/pipeline_reader.h"
#include "core/pipeline_value.h"

enum { NAMES_MAX = 64 };

/* Single values. */

static const char *placeholder(const struct pipeline_reader *reader, const char *name)
{
    const struct pipeline_join *join = reader->join;

    if (strncmp(name, "<pipeline>", 10) == 0)
        return reader->pipeline->name;
    if (join == NULL)
        return NULL;
    return strncmp(name, "<join>", 6) == 0     ? join->name
           : strncmp(name, "<output>", 8) == 0 ? join->output.name
           : strncmp(name, "<key>", 5) == 0    ? join->primary_key
                                               : NULL;
}

/* False if a default stands on a value that could not be read; that has been noted already. */
static bool fill_default(const struct pipeline_reader *reader, const char *pattern,
                         struct buffer *text)
{
    while (*pattern != '\0') {
        if (*pattern != '<') {
            buffer_append_byte(text, (uint8_t)*pattern++);
            continue;
        }
        const char *value = placeholder(reader, pattern);
        if (value == NULL)
            return false;
        buffer_append_text(text, value);
        pattern = strchr(pattern, '>') + 1;
    }
    return true;
}

/* URLs are kept without a slash at the end: paths are put behind them. */
static void cut_slashes(char *url)
{
    size_t size = strlen(url);

    while (size > 0 && url[size - 1] == '/')
        url[--size] = '\0';
}

static void store(struct pipeline_reader *reader, const struct pipeline_key *key,
                  const struct yaml_node *node, const char *text, const char *origin, bool secret,
                  void *base, json_t *show)
{
    void *slot = (char *)base + key->offset;
    struct error err;

    if (!pipeline_value_read(key, text, slot, &err)) {
        assert(node != NULL); /* Defaults fit: a test reads them all. */
        if (secret)
            pipeline_problem(reader, node, NULL, "the secret of %s is no %s", origin,
                             pipeline_type_words(key->type));
        else
            pipeline_problem_error(reader, node, &err);
        return;
    }
    if (key->type == TYPE_PATH) {
        char *path = pipeline_resolve(reader, *(char **)slot);
        free(*(char **)slot);
        *(char **)slot = path;
    } else if (key->type == TYPE_URL) {
        cut_slashes(*(char **)slot);
    }
    json_t *value = secret ? json_string("<secret>") : pipeline_value_json(key, slot);
    json_object_set_new(show, key->name, pipeline_shown(value, origin));
}

static void read_default(struct pipeline_reader *reader, const struct pipeline_key *key, void *base,
                         json_t *show)
{
    struct buffer text = {0};

    if (key->default_text == NULL)
        json_object_set_new(show, key->name, pipeline_shown(json_null(), "not set"));
    else if (fill_default(reader, key->default_text, &text))
        store(reader, key, NULL, buffer_text(&text), "default", false, base, show);
    buffer_fini(&text);
}

static void read_value(struct pipeline_reader *reader, const struct pipeline_key *key,
                       const struct yaml_node *node, void *base, json_t *show)
{
    struct buffer text = {0}, origin = {0};
    bool secret;

    if (node == NULL)
        read_default(reader, key, base, show);
    else if (pipeline_take_text(reader, node, (key->flags & FLAG_SECRET) != 0, &text, &origin,
                                &secret))
        store(reader, key, node, buffer_text(&text), buffer_text(&origin), secret, base, show);
    buffer_fini(&text);
    buffer_fini(&origin);
}

/* Parts. */

static void read_mapping(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    json_t *inner = json_object();

    pipeline_read_section(reader, key->inner, node, (char *)base + key->offset, inner);
    json_object_set_new(show, key->name, inner);
}

/* The emulator's address comes from where Google's own clients look for it. */
static void find_emulator(struct pipeline_reader *reader, const struct yaml_node *node,
                          struct pipeline_pubsub *pubsub, json_t *shown)
{
    static const char variable[] = "PUBSUB_EMULATOR_HOST";
    const char *host = getenv(variable);
    size_t mark = pipeline_enter(reader, "credentials");
    struct error err;

    if (host == NULL || host[0] == '\0') {
        pipeline_problem(reader, node, "write pubsub.endpoint: http://HOST:PORT, or export it",
                         "the emulator has no endpoint, and %s is not set", variable);
        pipeline_leave(reader, mark);
        return;
    }
    free(pubsub->endpoint);
    pubsub->endpoint = memory_textf("%s%s", strstr(host, "://") != NULL ? "" : "http://", host);
    cut_slashes(pubsub->endpoint);
    if (!pipeline_value_check(TYPE_URL, pubsub->endpoint, &err))
        pipeline_problem(reader, node, err.hint, "%s: %s", variable, err.text);
    json_object_set_new(shown, "endpoint", pipeline_shown(json_string(pubsub->endpoint), variable));
    pipeline_leave(reader, mark);
}

static void read_pubsub(struct pipeline_reader *reader, const struct pipeline_key *key,
                        const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_pubsub *pubsub = &reader->pipeline->pubsub;

    reader->pipeline->has_pubsub = true;
    read_mapping(reader, key, node, base, show);
    if (pubsub->credentials == CREDENTIALS_EMULATOR && yaml_child(node, "endpoint") == NULL)
        find_emulator(reader, yaml_child(node, "credentials"), pubsub,
                      json_object_get(show, key->name));
}

/* A short form as the mapping that it stands for: {name: VALUE}. Borrows from node. */
static struct yaml_node as_mapping(const struct yaml_node *node, struct yaml_node *only, char *name)
{
    *only = *node;
    only->key = name;
    only->key_line = node->line;
    only->key_column = node->column;

    struct yaml_node mapping = *node;
    mapping.kind = YAML_MAPPING;
    mapping.text = NULL;
    mapping.children = only;
    mapping.child_count = 1;
    return mapping;
}

static void read_topic(struct pipeline_reader *reader, const struct pipeline_key *key,
                       const struct yaml_node *node, void *base, json_t *show)
{
    char name[] = "name";
    struct yaml_node only, mapping;

    if (node->kind == YAML_TEXT && !yaml_is_null(node)) {
        mapping = as_mapping(node, &only, name);
        node = &mapping;
    }
    read_mapping(reader, key, node, base, show);
}

/* A short form that is one of some words. True if it was there or is the default. */
static bool read_short_word(struct pipeline_reader *reader, const struct pipeline_key *key,
                            const struct yaml_node *node, int *value, json_t *show)
{
    const struct pipeline_section_row *section = pipeline_section(key->inner);
    const struct pipeline_key word = {
        .type = TYPE_ENUM, .detail = section->short_list, .size = sizeof *value};
    const struct pipeline_word *first = pipeline_first_word(section->short_list);
    struct error err;

    if (node == NULL) {
        *value = first->value;
        json_object_set_new(show, key->name, pipeline_shown(json_string(first->word), "default"));
        return true;
    }
    if (node->kind != YAML_TEXT)
        return false;
    if (yaml_is_null(node))
        pipeline_expect(reader, node, YAML_TEXT);
    else if (!pipeline_value_read(&word, node->text, value, &err))
        pipeline_problem_error(reader, node, &err);
    else
        json_object_set_new(show, key->name, pipeline_shown_line(json_string(node->text), node));
    return true;
}

static void read_event_time(struct pipeline_reader *reader, const struct pipeline_key *key,
                            const struct yaml_node *node, void *base, json_t *show)
{
    int unused;

    if (!read_short_word(reader, key, node, &unused, show))
        read_mapping(reader, key, node, base, show);
}

static void read_credentials(struct pipeline_reader *reader, const struct pipeline_key *key,
                             const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_pubsub *pubsub = base;
    int kind = CREDENTIALS_DEFAULT;

    if (read_short_word(reader, key, node, &kind, show)) {
        pubsub->credentials = (enum pipeline_credentials)kind;
        return;
    }
    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    if (node->child_count != 1) {
        pipeline_problem(reader, node, "keep one of them", "%zu kinds of credentials stand here",
                         node->child_count);
        return;
    }
    const struct pipeline_key *only = pipeline_key(key->inner, node->children[0].key);
    read_mapping(reader, key, node, base, show);
    if (only != NULL)
        pubsub->credentials = (enum pipeline_credentials)only->detail;
}

static void read_hosts(struct pipeline_reader *reader, const struct pipeline_key *key,
                       const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_kafka *kafka = base;
    struct buffer hosts = {0};
    struct error err;
    json_t *list = json_array();
    const struct yaml_node *items = node->kind == YAML_LIST ? node->children : node;
    size_t count = node->kind == YAML_LIST ? node->child_count : 1;

    if (count == 0)
        pipeline_problem(reader, node, "write [HOST:PORT]", "the list is empty");
    for (size_t i = 0; i < count; i++) {
        if (!pipeline_expect(reader, &items[i], YAML_TEXT))
            continue;
        if (!pipeline_value_check(TYPE_HOST, items[i].text, &err))
            pipeline_problem_error(reader, &items[i], &err);
        buffer_appendf(&hosts, "%s%s", i > 0 ? "," : "", items[i].text);
        json_array_append_new(list, json_string(items[i].text));
    }
    kafka->brokers = memory_text(buffer_text(&hosts));
    json_object_set_new(show, key->name, pipeline_shown_line(list, node));
    buffer_fini(&hosts);
}

static bool check_property(struct pipeline_reader *reader, const struct yaml_node *node,
                           const char *value, bool secret)
{
    static const char *const own[][2] = {
        {"bootstrap.servers", "kafka.brokers"},     {"metadata.broker.list", "kafka.brokers"},
        {"compression.codec", "kafka.compression"}, {"compression.type", "kafka.compression"},
        {"group.id", "group of the join"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256], hint[96];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, node->key, value, text, sizeof text);

    rd_kafka_conf_destroy(conf);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(node->key, own[i][0]) != 0)
            continue;
        snprintf(hint, sizeof hint, "set %s", own[i][1]);
        pipeline_problem_key(reader, node, hint, "this property has a key of its own");
        return false;
    }
    if (result == RD_KAFKA_CONF_UNKNOWN)
        pipeline_problem_key(reader, node, "see CONFIGURATION.md of librdkafka for the names",
                             "librdkafka has no such property");
    else if (result == RD_KAFKA_CONF_INVALID)
        pipeline_problem(reader, node, NULL, "%s", secret ? "librdkafka refuses the secret" : text);
    return result == RD_KAFKA_CONF_OK;
}

/* Names under which people keep secrets even without ${...}. */
static bool names_secret(const char *name)
{
    return strstr(name, "password") != NULL || strstr(name, "secret") != NULL
           || strstr(name, "oauthbearer.config") != NULL || strcmp(name, "ssl.key.pem") == 0;
}

static void read_property(struct pipeline_reader *reader, const struct yaml_node *node,
                          json_t *shown)
{
    struct pipeline_kafka *kafka = &reader->pipeline->kafka;
    struct buffer text = {0}, origin = {0};
    bool secret;

    if (pipeline_take_text(reader, node, true, &text, &origin, &secret)
        && check_property(reader, node, buffer_text(&text), secret || names_secret(node->key))) {
        if (names_secret(node->key) && !secret) {
            secret = true;
            log_redact(buffer_text(&text));
        }
        kafka->properties[kafka->property_count++] = (struct pipeline_property){
            .name = memory_text(node->key),
            .value = memory_text(buffer_text(&text)),
            .secret = secret,
        };
        json_t *value = json_string(secret ? "<secret>" : buffer_text(&text));
        json_object_set_new(shown, node->key, pipeline_shown(value, buffer_text(&origin)));
    }
    buffer_fini(&text);
    buffer_fini(&origin);
}

static void read_properties(struct pipeline_reader *reader, const struct pipeline_key *key,
                            const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_kafka *kafka = base;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    kafka->properties = memory_array(node->child_count, sizeof *kafka->properties);
    for (size_t i = 0; i < node->child_count; i++) {
        size_t mark = pipeline_enter(reader, node->children[i].key);
        read_property(reader, &node->children[i], shown);
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

/* The words that stand for "no field" become none. */
static void finish_stream(struct pipeline_stream *stream)
{
    if (stream->event_id_field != NULL && strcmp(stream->event_id_field, "message_id") == 0) {
        free(stream->event_id_field);
        stream->event_id_field = NULL;
    }
    if (stream->key == NULL)
        return;
    if (strcmp(stream->key, "ordering_key") == 0) {
        stream->key_kind = KEY_ORDERING_KEY;
        free(stream->key);
        stream->key = NULL;
    } else if (strncmp(stream->key, "attribute:", 10) == 0) {
        stream->key_kind = KEY_ATTRIBUTE;
        memmove(stream->key, stream->key + 10, strlen(stream->key + 10) + 1);
    }
}

static void read_streams(struct pipeline_reader *reader, const struct pipeline_key *key,
                         const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline *pipeline = base;
    struct error err;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    if (node->child_count == 0)
        pipeline_problem(reader, node, "write NAME: {topic: TOPIC, key: FIELD, ...}",
                         "there is no stream");
    json_t *shown = json_object();
    pipeline->streams = memory_array(node->child_count, sizeof *pipeline->streams);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *child = &node->children[i];
        struct pipeline_stream *stream = &pipeline->streams[i];
        size_t mark = pipeline_enter(reader, child->key);
        json_t *inner = json_object();
        if (!pipeline_value_check(TYPE_STREAM, child->key, &err))
            pipeline_problem_key(reader, child, err.hint, "%s", err.text);
        pipeline->stream_count++;
        stream->index = i;
        stream->name = memory_text(child->key);
        pipeline_read_section(reader, key->inner, child, stream, inner);
        finish_stream(stream);
        json_object_set_new(shown, child->key, inner);
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

static void read_tolerate(struct pipeline_reader *reader, const struct pipeline_key *key,
                          const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_validate *validate = base;
    const struct pipeline_key number = {.type = TYPE_REAL, .size = sizeof(double)};
    struct error err;

    if (!pipeline_expect(reader, node, YAML_MAPPING))
        return;
    json_t *shown = json_object();
    validate->tolerances = memory_array(node->child_count, sizeof *validate->tolerances);
    for (size_t i = 0; i < node->child_count; i++) {
        const struct yaml_node *child = &node->children[i];
        struct pipeline_tolerance *tolerance = &validate->tolerances[validate->tolerance_count];
        size_t mark = pipeline_enter(reader, child->key);
        if (pipeline_expect(reader, child, YAML_TEXT)) {
            if (!pipeline_value_read(&number, child->text, &tolerance->absolute, &err))
                pipeline_problem_error(reader, child, &err);
            tolerance->field = memory_text(child->key);
            validate->tolerance_count++;
            json_object_set_new(shown, child->key,
                                pipeline_shown_line(json_real(tolerance->absolute), child));
        }
        pipeline_leave(reader, mark);
    }
    json_object_set_new(show, key->name, shown);
}

static void read_show_fields(struct pipeline_reader *reader, const struct pipeline_key *key,
                             const struct yaml_node *node, void *base, json_t *show)
{
    struct pipeline_validate *validate = base;
    struct error err;
    json_t *list = json_array();
    const struct yaml_node *items = node->kind == YAML_LIST ? node->children : node;
    size_t count = node->kind == YAML_LIST ? node->child_count : 1;

    validate->show_fields = memory_array(count + 1, sizeof *validate->show_fields);
    for (size_t i = 0; i < count; i++) {
        if (!pipeline_expect(reader, &items[i], YAML_TEXT))
            continue;
        if (!pipeline_value_check(TYPE_FIELD, items[i].text, &err))
            pipeline_problem_error(reader, &items[i], &err);
        validate->show_fields[validate->show_field_count++] = memory_text(items[i].text);
        json_array_append_new(list, json_string(items[i].text));
    }
    json_object_set_new(show, key->name, pipeline_shown_line(list, node));
}

/* Sections. */

#define read_joins       pipeline_read_joins
#define read_primary     pipeline_read_primary
#define read_within      pipeline_read_within
#define read_join_keys   pipeline_read_join_keys
#define read_fields      pipeline_read_fields
#define read_aggregate   pipeline_read_aggregate
#define read_where       pipeline_read_where
#define read_legacy      pipeline_read_legacy
#define read_moment      pipeline_read_moment
#define read_pairs       pipeline_read_pairs
#define read_allowances  pipeline_read_allowances
#define read_null_fields pipeline_read_null_fields
#define read_enums       pipeline_read_enums
#define read_rules       pipeline_read_rules

/* In the order of pipeline_keys. */
static pipeline_handler *const handlers[] = {
#define KEY(...)                                                             read_value,
#define PART(section, name, shape, type, inner, place, detail, handler, ...) read_##handler,
#include "core/pipeline.def"
};

static void problem_unknown_key(struct pipeline_reader *reader, const struct yaml_node *node,
                                enum pipeline_section section)
{
    const char *names[NAMES_MAX];
    struct error err;
    size_t mark = pipeline_enter(reader, node->key);

    error_set(&err, EXIT_CODE_CONFIG, "no such key");
    pipeline_hint_names(&err, node->key, names, pipeline_key_names(section, names, NAMES_MAX));
    pipeline_problem_key(reader, node, err.hint, "%s", err.text);
    pipeline_leave(reader, mark);
}

static void read_key(struct pipeline_reader *reader, const struct pipeline_key *key,
                     const struct yaml_node *section, const struct yaml_node *node, void *base,
                     json_t *show)
{
    size_t mark = pipeline_enter(reader, key->name);
    char hint[512];

    if (node != NULL && key->status == STATUS_SOON) {
        pipeline_problem_key(reader, node, NULL,
                             "has no effect in this version of dualrun: remove it");
    } else if (node == NULL && (key->flags & FLAG_REQUIRED) != 0 && section != NULL) {
        snprintf(hint, sizeof hint, "%s: %s", key->name, key->help);
        pipeline_problem_key(reader, section, hint, "this key is missing");
    } else if (node != NULL || key->shape == SHAPE_VALUE || (key->flags & FLAG_DEFAULTED) != 0) {
        handlers[key - pipeline_keys](reader, key, node, base, show);
    }
    pipeline_leave(reader, mark);
}

void pipeline_read_section(struct pipeline_reader *reader, enum pipeline_section section,
                           const struct yaml_node *node, void *base, json_t *show)
{
    json_t *unshown = json_object();

    if (node != NULL && !pipeline_expect(reader, node, YAML_MAPPING)) {
        json_decref(unshown);
        return;
    }
    for (size_t i = 0; node != NULL && i < node->child_count; i++) {
        if (pipeline_key(section, node->children[i].key) == NULL)
            problem_unknown_key(reader, &node->children[i], section);
    }
    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section == section)
            read_key(reader, key, node, yaml_child(node, key->name), base,
                     key->status == STATUS_LIVE ? show : unshown);
    }
    json_decref(unshown);
}
