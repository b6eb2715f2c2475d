/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/log.h"
#include "core/pipeline.h"
#include "core/pipeline_table.h"

static const char base[] = "version: 1\n"
                           "pipeline: ads\n"
                           "kafka:\n"
                           "  brokers: [k1:9092, k2:9092]\n"
                           "  schema_registry: {url: 'http://registry:8081/apis/'}\n"
                           "pubsub: {project: my-project}\n"
                           "streams:\n"
                           "  views:\n"
                           "    subscription: views-to-kafka\n"
                           "    topic: {name: views, partitions: 12, replication: 3}\n"
                           "    schema: schemas/view.avsc\n"
                           "    key: user.id\n"
                           "    event_time: {field: ts, unit: rfc3339}\n"
                           "    event_id: view_id\n"
                           "    dead_letter: dead\n"
                           "  clicks:\n"
                           "    topic: clicks\n"
                           "    schema: /etc/click.avsc\n"
                           "    key: user.id\n"
                           "  shares:\n"
                           "    topic: shares\n"
                           "    schema: share.avsc\n"
                           "    key: 'attribute:user'\n"
                           "  blobs: {topic: blobs, decode: raw, key: ordering_key}\n";
static const char join[] = "join:\n"
                           "  primary: views\n"
                           "  within: {clicks: {before: 5s, after: 10m}, shares: {before: 1m}}\n"
                           "  key: {views: user.id, clicks: user.id, shares: user}\n"
                           "  output: {topic: labels}\n"
                           "  lateness: 30s\n"
                           "  fields:\n"
                           "    - views.*\n"
                           "    - views.user.id\n"
                           "    - {name: clicked, any: clicks, where: {kind: [a, 3], ok: true}}\n"
                           "    - {name: targets, list: shares.to.name, limit: 7}\n";

static struct pipeline *parse(const char *more)
{
    struct buffer text = {0};
    struct error err = {0};

    buffer_append_text(&text, base);
    buffer_append_text(&text, more);
    struct pipeline *pipeline = pipeline_parse(text.data, text.size, "dir/p.yaml", &err);
    if (pipeline == NULL)
        print_error("%s\n", err.text);
    assert_non_null(pipeline);
    buffer_fini(&text);
    return pipeline;
}

static void streams_are_read_as_written(void **state)
{
    struct pipeline *pipeline = parse("");
    const struct pipeline_stream *views = &pipeline->streams[0];
    const struct pipeline_stream *clicks = &pipeline->streams[1];
    const struct pipeline_stream *blobs = &pipeline->streams[3];

    (void)state;
    assert_string_equal(pipeline->name, "ads");
    assert_string_equal(pipeline->ledger_topic, "ads-ledger");
    assert_int_equal(pipeline->stream_count, 4);
    assert_string_equal(pipeline->kafka.brokers, "k1:9092,k2:9092");
    assert_string_equal(pipeline->kafka.registry_url, "http://registry:8081/apis");
    assert_string_equal(pipeline->kafka.compression, "zstd");
    assert_true(pipeline->has_pubsub);
    assert_string_equal(pipeline->pubsub.endpoint, "https://pubsub.googleapis.com");
    assert_int_equal(pipeline->pubsub.credentials, CREDENTIALS_DEFAULT);
    assert_string_equal(views->name, "views");
    assert_string_equal(views->subscription, "views-to-kafka");
    assert_null(views->audit_subscription);
    assert_int_equal(views->topic.partitions, 12);
    assert_int_equal(views->topic.replication, 3);
    assert_string_equal(views->schema_file, "dir/schemas/view.avsc");
    assert_int_equal(views->key_kind, KEY_FIELD);
    assert_string_equal(views->key, "user.id");
    assert_string_equal(views->event_time_field, "ts");
    assert_int_equal(views->event_time_unit, TIME_RFC3339);
    assert_string_equal(views->event_id_field, "view_id");
    assert_string_equal(views->dead_letter, "dead");
    assert_int_equal(clicks->index, 1);
    assert_int_equal(clicks->topic.partitions, 0);
    assert_string_equal(clicks->schema_file, "/etc/click.avsc");
    assert_null(clicks->event_time_field);
    assert_null(clicks->event_id_field);
    assert_int_equal(pipeline->streams[2].key_kind, KEY_ATTRIBUTE);
    assert_string_equal(pipeline->streams[2].key, "user");
    assert_int_equal(blobs->decode, DECODE_RAW);
    assert_int_equal(blobs->key_kind, KEY_ORDERING_KEY);
    assert_null(blobs->key);
    pipeline_free(pipeline);
}

static void a_join_is_read_as_written(void **state)
{
    struct pipeline *pipeline = parse(join);
    const struct pipeline_join *labels = &pipeline->joins[0];

    (void)state;
    assert_int_equal(pipeline->join_count, 1);
    assert_ptr_equal(labels->primary, &pipeline->streams[0]);
    assert_string_equal(labels->primary_key, "user.id");
    assert_string_equal(labels->name, "labels");
    assert_string_equal(labels->group, "ads-labels");
    assert_string_equal(labels->output_key, "user.id");
    assert_string_equal(labels->late_topic, "labels-late");
    assert_string_equal(labels->state_directory, "dir/state/labels");
    assert_int_equal(labels->secondary_count, 2);
    assert_ptr_equal(labels->secondaries[1].stream, &pipeline->streams[2]);
    assert_string_equal(labels->secondaries[1].key, "user");
    assert_int_equal(labels->secondaries[0].before_ms, 5000);
    assert_int_equal(labels->secondaries[0].after_ms, 600000);
    assert_int_equal(labels->secondaries[1].after_ms, 0);
    assert_int_equal(labels->idle_after_ms, 60000);
    assert_int_equal(labels->max_ahead_ms, 3600000);
    assert_int_equal(labels->idle_evidence, IDLE_EVIDENCE_BRIDGE);
    assert_int_equal(labels->kind, JOIN_LEFT);
    assert_int_equal(labels->memory_bytes, 256 * 1024 * 1024);
    pipeline_free(pipeline);
}

static void fields_keep_their_order_and_their_conditions(void **state)
{
    struct pipeline *pipeline = parse(join);
    const struct pipeline_join *labels = &pipeline->joins[0];
    const struct pipeline_output_field *fields = labels->fields;

    (void)state;
    assert_int_equal(labels->field_count, 4);
    assert_int_equal(fields[0].aggregate, AGGREGATE_ALL);
    assert_ptr_equal(fields[0].stream, labels->primary);
    assert_null(fields[0].name);
    assert_int_equal(fields[1].aggregate, AGGREGATE_FIELD);
    assert_string_equal(fields[1].name, "id");
    assert_string_equal(fields[1].field, "user.id");
    assert_int_equal(fields[2].aggregate, AGGREGATE_ANY);
    assert_null(fields[2].field);
    assert_int_equal(fields[2].limit, 0);
    assert_int_equal(fields[2].condition_count, 2);
    assert_string_equal(fields[2].conditions[0].field, "kind");
    assert_int_equal(fields[2].conditions[0].value_count, 2);
    assert_string_equal(fields[2].conditions[0].values[1], "3");
    assert_string_equal(fields[2].conditions[1].values[0], "true");
    assert_int_equal(fields[3].aggregate, AGGREGATE_LIST);
    assert_string_equal(fields[3].field, "to.name");
    assert_int_equal(fields[3].limit, 7);
    pipeline_free(pipeline);
}

/* C = W - HI - L, and with attribute: latest also - LO. */
static void the_cutoff_follows_the_windows_and_the_lateness(void **state)
{
    struct pipeline *pipeline = parse(join);
    struct pipeline_join labels = pipeline->joins[0];

    (void)state;
    assert_int_equal(pipeline_join_hi_ms(&labels), 600000);
    assert_int_equal(pipeline_join_lo_ms(&labels), 60000);
    assert_int_equal(pipeline_join_cutoff_ms(&labels, 1000000), 1000000 - 600000 - 30000);
    labels.attribution = ATTRIBUTE_LATEST;
    assert_int_equal(pipeline_join_cutoff_ms(&labels, 1000000), 1000000 - 600000 - 30000 - 60000);
    assert_true(pipeline_join_cutoff_ms(&labels, INT64_MIN) == INT64_MIN);
    assert_true(pipeline_join_cutoff_ms(&labels, INT64_MIN + 5) == INT64_MIN);
    pipeline_free(pipeline);
}

static void a_secret_is_read_marked_and_hidden_from_logs(void **state)
{
    struct error err;
    struct buffer hidden = {0};
    static const char text[] =
        "version: 1\npipeline: p\nkafka:\n  brokers: [a]\n"
        "  properties: {sasl.username: u, sasl.password: '${env:T_SECRET}'}\n"
        "streams: {s: {topic: t, decode: raw, key: ordering_key}}\n";

    (void)state;
    setenv("T_SECRET", "swordfish-7", 1);
    struct pipeline *pipeline = pipeline_parse(text, sizeof text - 1, "p.yaml", &err);
    assert_non_null(pipeline);
    assert_int_equal(pipeline->kafka.property_count, 2);
    assert_false(pipeline->kafka.properties[0].secret);
    assert_true(pipeline->kafka.properties[1].secret);
    assert_string_equal(pipeline->kafka.properties[1].value, "swordfish-7");
    log_hide("password=swordfish-7", &hidden);
    assert_string_equal(buffer_text(&hidden), "password=<secret>");
    buffer_fini(&hidden);
    pipeline_free(pipeline);
    unsetenv("T_SECRET");
}

static void a_stream_that_is_not_there_is_told_with_a_way_out(void **state)
{
    struct pipeline *pipeline = parse("");
    struct error err = {0};

    (void)state;
    assert_ptr_equal(pipeline_stream(pipeline, "clicks", &err), &pipeline->streams[1]);
    assert_null(pipeline_stream(pipeline, "click", &err));
    assert_string_equal(err.text, "dir/p.yaml: no stream has the name click");
    assert_string_equal(err.hint, "did you mean clicks?");
    assert_int_equal(err.code, EXIT_CODE_USAGE);
    pipeline_free(pipeline);
    pipeline_free(NULL);
}

static void problems_come_in_the_order_of_the_file_each_with_its_hint(void **state)
{
    static const char text[] = "version: 1\npipeline: p\nkafka: {brokers: [a]}\n"
                               "streams: {s: {topic: t, decode: row, key: ordering_key}}\n"
                               "bridge: {max_pulls: 0}\n"
                               "ledger_topic: a b\n";
    struct error err = {0};

    (void)state;
    assert_null(pipeline_parse(text, sizeof text - 1, "p.yaml", &err));
    assert_string_equal(err.text, "p.yaml:4:33: streams.s.decode: row is not one of the words "
                                  "allowed here\nhint: did you mean raw?\n"
                                  "p.yaml:5:21: bridge.max_pulls: 0 is out of range\n"
                                  "hint: use a value from 1 to 1000\n"
                                  "p.yaml:6:15: ledger_topic: \"a b\" is no topic");
    assert_string_equal(
        err.hint, "Kafka allows letters, digits, dot, underscore and dash, at most 249 of them");
    assert_int_equal(err.code, EXIT_CODE_CONFIG);
}

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    print(out);
    fclose(out);
    return text;
}

static void every_key_is_in_the_reference_and_the_live_ones_in_the_schema(void **state)
{
    char *reference = printed(pipeline_reference);
    char *schema = printed(pipeline_schema);
    char wanted[300];

    (void)state;
    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        snprintf(wanted, sizeof wanted, "| `%s` | ", key->name);
        assert_non_null(strstr(reference, wanted));
        assert_non_null(strstr(reference, key->help));
        assert_int_equal(key->help[strlen(key->help) - 1], '.');
        if (key->section == SECTION_CUTOVER || key->section == SECTION_LEGACY)
            continue;
        bool found = strstr(schema, key->help) != NULL;
        assert_int_equal(found, key->status == STATUS_LIVE);
    }
    free(reference);
    free(schema);
}

/* Writes text to the file and returns (caller frees) what is shown of it, without the origins. */
static char *shown(const char *file, const char *text)
{
    struct error err = {0};
    char *all = NULL;
    size_t size = 0;
    FILE *out = fopen(file, "we");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    out = open_memstream(&all, &size);
    if (!pipeline_show(file, false, out, &err))
        fail_msg("%s", err.text);
    fclose(out);
    char *end = all;
    for (const char *c = all; *c != '\0'; c++) {
        if (*c == '#')
            c += strcspn(c, "\n");
        *end++ = *c;
    }
    *end = '\0';
    return all;
}

/* What `config show` prints is again a file, and means the same. */
static void what_is_shown_reads_back_the_same(void **state)
{
    char folder[] = "/tmp/dualrun-pipeline.XXXXXX";
    char file[64], text[8192];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/p.yaml", folder);
    snprintf(text, sizeof text, "%s%s", base, join);
    char *first = shown(file, text);
    char *second = shown(file, first);
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "lateness: 30s"));
    free(first);
    free(second);
    unlink(file);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_as_written),
        cmocka_unit_test(a_join_is_read_as_written),
        cmocka_unit_test(fields_keep_their_order_and_their_conditions),
        cmocka_unit_test(the_cutoff_follows_the_windows_and_the_lateness),
        cmocka_unit_test(a_secret_is_read_marked_and_hidden_from_logs),
        cmocka_unit_test(a_stream_that_is_not_there_is_told_with_a_way_out),
        cmocka_unit_test(problems_come_in_the_order_of_the_file_each_with_its_hint),
        cmocka_unit_test(every_key_is_in_the_reference_and_the_live_ones_in_the_schema),
        cmocka_unit_test(what_is_shown_reads_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
