/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A temporary folder with schemas and a pipeline, and records made by hand, for the validator's tests.
 */
#ifndef TESTS_UNIT_VALIDATOR_FIXTURE_H
#define TESTS_UNIT_VALIDATOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/hash.h"
#include "core/pipeline.h"
#include "core/provenance.h"
#include "core/registry.h"
#include "validator/record.h"
#include "validator/result.h"

enum { VIEW_SCHEMA = 1, ENGAGEMENT_SCHEMA = 2, LABEL_SCHEMA = 3, PARTITIONS = 4 };

static const char view_schema[] =
    "{\"type\":\"record\",\"name\":\"view\",\"fields\":["
    "{\"name\":\"view_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"user\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"score\",\"type\":\"double\",\"default\":0.5}]}";
static const char engagement_schema[] =
    "{\"type\":\"record\",\"name\":\"engagement\",\"fields\":["
    "{\"name\":\"view_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"kind\",\"symbols\":[\"like\","
    "\"share\",\"click\"]}},"
    "{\"name\":\"dwell_ms\",\"type\":[\"null\",\"int\"]}]}";
static const char label_schema[] =
    "{\"type\":\"record\",\"name\":\"label\",\"fields\":["
    "{\"name\":\"view_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"user\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"score\",\"type\":\"double\",\"default\":0.5},"
    "{\"name\":\"liked\",\"type\":\"boolean\"},{\"name\":\"events\",\"type\":\"long\"},"
    "{\"name\":\"first_kind\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"dwell_ms\",\"type\":[\"null\",\"int\"]}]}";

static const char pipeline_text[] =
    "version: 1\n"
    "pipeline: test\n"
    "pubsub:\n"
    "  project: test-project\n"
    "  endpoint: http://127.0.0.1:8085\n"
    "  credentials: emulator\n"
    "kafka:\n"
    "  brokers: [127.0.0.1:9092]\n"
    "  schema_registry: {directory: registry}\n"
    "streams:\n"
    "  views:\n"
    "    subscription: views-to-kafka\n"
    "    audit_subscription: views-audit\n"
    "    topic: {name: views, partitions: 4, replication: 1}\n"
    "    decode: json\n"
    "    schema: view.avsc\n"
    "    key: view_id\n"
    "    event_time: {field: ts, unit: ms}\n"
    "    event_id: view_id\n"
    "    dead_letter: views-dead\n"
    "  engagements:\n"
    "    subscription: engagements-to-kafka\n"
    "    topic: {name: engagements, partitions: 4, replication: 1}\n"
    "    decode: json\n"
    "    schema: engagement.avsc\n"
    "    key: view_id\n"
    "    event_time: {field: ts, unit: ms}\n"
    "    event_id: event_id\n"
    "    dead_letter: engagements-dead\n"
    "join:\n"
    "  name: labels\n"
    "  output: {topic: labels, key: view_id, late_topic: labels-late}\n"
    "  primary: views\n"
    "  key: {views: view_id, engagements: view_id}\n"
    "  within: {engagements: {before: 5s, after: 10s}}\n"
    "  lateness: 5s\n"
    "  fields:\n"
    "    - views.*\n"
    "    - {name: liked, any: engagements, where: {kind: like}}\n"
    "    - {name: events, count: engagements}\n"
    "    - {name: first_kind, first: engagements.kind}\n"
    "    - {name: dwell_ms, max: engagements.dwell_ms}\n";

struct fixture {
    char directory[256];
    struct pipeline *pipeline;
    struct registry *registry;
    struct result result;
};

static inline void fixture_file(const struct fixture *f, const char *name, const char *text)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void fixture_init(struct fixture *f, enum comparison comparison, const char *name)
{
    const char *root = getenv("TMPDIR");
    char path[512];
    struct error err = {0};

    memset(f, 0, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "%s/dualrun-validator-XXXXXX",
             root != NULL ? root : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    snprintf(path, sizeof path, "%s/registry", f->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_file(f, "view.avsc", view_schema);
    fixture_file(f, "engagement.avsc", engagement_schema);
    fixture_file(f, "registry/1.avsc", view_schema);
    fixture_file(f, "registry/2.avsc", engagement_schema);
    fixture_file(f, "registry/3.avsc", label_schema);
    fixture_file(f, "pipeline.yaml", pipeline_text);
    snprintf(path, sizeof path, "%s/pipeline.yaml", f->directory);
    f->pipeline = pipeline_load(path, &err);
    if (f->pipeline == NULL) {
        fail_msg("%s", err.text);
        abort(); /* Never reached; the analyser does not know it. */
    }
    f->pipeline->validate.memory_bytes = 1 << 20;
    f->registry = registry_open(&f->pipeline->kafka, &err);
    assert_non_null(f->registry);
    result_init(&f->result, comparison, name, NULL);
}

static inline void fixture_fini(struct fixture *f)
{
    char command[512];

    result_fini(&f->result);
    registry_close(f->registry);
    pipeline_free(f->pipeline);
    snprintf(command, sizeof command, "rm -r '%s'", f->directory);
    assert_int_equal(system(command), 0);
}

static inline void put_text(struct buffer *out, const char *text)
{
    codec_put_bytes(out, text, strlen(text));
}

static inline void put_nullable_text(struct buffer *out, const char *text)
{
    codec_put_long(out, text != NULL);
    if (text != NULL)
        put_text(out, text);
}

/* The difference listed at index i, for its texts. */
static inline const char *listed(const struct result *result, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(result->differences, i), name));
}

static inline const char *listed_field(const struct result *result, size_t i)
{
    const json_t *fields = json_object_get(json_array_get(result->differences, i), "fields");

    return json_string_value(json_object_get(json_array_get(fields, 0), "name"));
}

static inline void assert_balanced(const struct result *result)
{
    json_t *identities = result_balance(result);
    const json_t *identity;
    size_t i;

    json_array_foreach(identities, i,
                       identity) if (!json_is_true(json_object_get(identity, "holds")))
        fail_msg("%s: %lld, %lld", json_string_value(json_object_get(identity, "text")),
                 (long long)json_integer_value(json_object_get(identity, "left")),
                 (long long)json_integer_value(json_object_get(identity, "right")));
    json_decref(identities);
}

#endif
