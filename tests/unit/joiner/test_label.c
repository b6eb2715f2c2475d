/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/codec.h"
#include "joiner/label.h"

static const char view_schema[] = "{\"type\":\"record\",\"name\":\"View\",\"fields\":["
                                  "{\"name\":\"id\",\"type\":\"string\"},"
                                  "{\"name\":\"place\",\"type\":{\"type\":\"enum\",\"name\":"
                                  "\"Place\",\"symbols\":[\"top\",\"end\"]}},"
                                  "{\"name\":\"user\",\"type\":[\"null\",\"long\"]}]}";
static const char click_schema[] =
    "{\"type\":\"record\",\"name\":\"Click\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":"
    "\"Kind\",\"symbols\":[\"like\",\"share\"]}},"
    "{\"name\":\"dwell\",\"type\":[\"null\",\"int\"]},"
    "{\"name\":\"long_dwell\",\"type\":\"long\"},"
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":"
    "\"decimal\",\"precision\":9,\"scale\":2}},"
    "{\"name\":\"score\",\"type\":\"double\"},"
    "{\"name\":\"ratio\",\"type\":\"float\"}]}";

static const char head[] =
    "version: 1\n"
    "pipeline: test\n"
    "kafka: {brokers: [localhost:1], schema_registry: {directory: reg}}\n"
    "streams:\n"
    "  views: {topic: {name: views}, decode: json, schema: view.avsc, key: id}\n"
    "  clicks: {topic: {name: clicks}, decode: json, schema: click.avsc, key: id}\n"
    "join:\n"
    "  name: labels\n"
    "  output: {topic: labels, key: id}\n"
    "  primary: views\n"
    "  key: {views: id, clicks: id}\n"
    "  within: {clicks: {before: 1s, after: 1s}}\n"
    "  fields:\n";
static const char all_fields[] = "    - views.*\n";
static const char some_fields[] = "    - views.user\n    - views.place\n";
static const char number_fields[] =
    "    - {name: cheapest, min: clicks.price}\n"
    "    - {name: dearest, max: clicks.price}\n"
    "    - {name: tenths, count: clicks, where: {score: 0.1}}\n"
    "    - {name: ratios, count: clicks, where: {ratio: [0.1, 2.5]}}\n";
static const char aggregates[] = "    - {name: liked, any: clicks, where: {kind: like}}\n"
                                 "    - {name: shares, count: clicks, where: {kind: share}}\n"
                                 "    - {name: first_kind, first: clicks.kind}\n"
                                 "    - {name: last_kind, last: clicks.kind}\n"
                                 "    - {name: least, min: clicks.dwell}\n"
                                 "    - {name: most, max: clicks.dwell}\n"
                                 "    - {name: total, sum: clicks.long_dwell}\n"
                                 "    - {name: kinds, list: clicks.kind, limit: 2}\n";

struct world {
    char folder[64];
    struct pipeline *pipeline;
    struct registry *registry;
    struct metrics *metrics;
    struct label *label;
    int32_t view_id, click_id;
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int start_with(void **state, const char *primary_fields)
{
    struct world *world = memory_new(sizeof *world);
    const char *base = getenv("TMPDIR");
    struct error err;
    char path[128];

    snprintf(world->folder, sizeof world->folder, "%s/dualrun-label-XXXXXX",
             base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(world->folder));
    write_file(world->folder, "view.avsc", view_schema);
    write_file(world->folder, "click.avsc", click_schema);
    char *text = memory_textf("%s%s%s", head, primary_fields, aggregates);
    write_file(world->folder, "pipeline.yaml", text);
    free(text);
    snprintf(path, sizeof path, "%s/pipeline.yaml", world->folder);
    world->pipeline = pipeline_load(path, &err);
    if (world->pipeline == NULL)
        fail_msg("%s", err.text);
    world->registry = registry_open(&world->pipeline->kafka, &err);
    assert_non_null(world->registry);
    assert_true(
        registry_register(world->registry, "views-value", view_schema, &world->view_id, &err));
    assert_true(
        registry_register(world->registry, "clicks-value", click_schema, &world->click_id, &err));
    world->metrics = metrics_new();
    world->label = label_new(&world->pipeline->joins[0], world->registry, world->metrics, &err);
    if (world->label == NULL)
        fail_msg("%s", err.text);
    *state = world;
    return 0;
}

static int start(void **state)
{
    return start_with(state, all_fields);
}

static int start_with_some_fields(void **state)
{
    return start_with(state, some_fields);
}

static int start_with_numbers(void **state)
{
    return start_with(state, number_fields);
}

static int stop(void **state)
{
    struct world *world = *state;
    char *command = memory_textf("rm -r '%s'", world->folder);

    label_free(world->label);
    metrics_free(world->metrics);
    registry_close(world->registry);
    pipeline_free(world->pipeline);
    assert_int_equal(system(command), 0);
    free(command);
    free(world);
    return 0;
}

static struct row view(const struct world *world, struct buffer *out)
{
    codec_put_frame(out, world->view_id);
    codec_put_bytes(out, "v1", 2);
    codec_put_long(out, 1); /* end */
    codec_put_long(out, 1);
    codec_put_long(out, 42);
    return (struct row){
        .key = (const uint8_t *)"v1", .key_size = 2, .value = out->data, .value_size = out->size};
}

struct numbers {
    const char *price; /* The digits, of 8 bits each. */
    size_t price_size;
    double score;
    float ratio;
};

static struct row click_with(const struct world *world, struct buffer *out, int kind, int dwell,
                             int64_t long_dwell, const struct numbers *numbers)
{
    codec_put_frame(out, world->click_id);
    codec_put_bytes(out, "v1", 2);
    codec_put_long(out, kind);
    codec_put_long(out, dwell >= 0);
    if (dwell >= 0)
        codec_put_long(out, dwell);
    codec_put_long(out, long_dwell);
    codec_put_bytes(out, numbers->price, numbers->price_size);
    codec_put_double(out, numbers->score);
    codec_put_float(out, numbers->ratio);
    return (struct row){.input = 1, .value = out->data, .value_size = out->size};
}

static struct row click(const struct world *world, struct buffer *out, int kind, int dwell,
                        int64_t long_dwell)
{
    return click_with(world, out, kind, dwell, long_dwell, &(struct numbers){.price = ""});
}

/* The label as JSON, read by the schema that it names. */
static json_t *encode(struct world *world, const struct row *primary, const struct row *matches,
                      size_t count)
{
    struct buffer key = {0}, value = {0};
    struct error err;
    int32_t id;

    if (!label_encode(world->label, primary, matches, count, true, &key, &value, &err))
        fail_msg("%s", err.text);
    assert_int_equal(key.size, 2);
    assert_memory_equal(key.data, "v1", 2);
    const uint8_t *data = codec_frame(value.data, value.size, &id), *end = value.data + value.size;
    const struct schema *schema = registry_schema(world->registry, id, &err);
    assert_non_null(schema);
    assert_true(codec_check(schema->root, data, end));
    json_t *json = codec_to_json(schema->root, data, end);
    assert_non_null(json);
    buffer_fini(&key);
    buffer_fini(&value);
    return json;
}

static void assert_json(json_t *json, const char *want)
{
    char *text = json_dumps(json, JSON_COMPACT);

    assert_string_equal(text, want);
    free(text);
    json_decref(json);
}

static void a_primary_without_matches_has_empty_aggregates(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {0};
    struct row primary = view(world, &bytes);

    assert_json(encode(world, &primary, NULL, 0),
                "{\"id\":\"v1\",\"place\":\"end\",\"user\":42,\"liked\":false,"
                "\"shares\":0,\"first_kind\":null,\"last_kind\":null,\"least\":null,\"most\":null,"
                "\"total\":null,\"kinds\":[]}");
    buffer_fini(&bytes);
}

static void single_fields_of_the_primary_keep_their_types(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {0};
    struct row primary = view(world, &bytes);
    json_t *json = encode(world, &primary, NULL, 0);

    assert_int_equal(json_integer_value(json_object_get(json, "user")), 42);
    assert_string_equal(json_string_value(json_object_get(json, "place")), "end");
    assert_int_equal(json_object_size(json), 10);
    json_decref(json);
    buffer_fini(&bytes);
}

static void every_aggregate_is_over_the_matches_that_pass_its_filter(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {0}, clicks[3] = {{0}, {0}, {0}};
    struct row primary = view(world, &bytes);
    struct row matches[] = {click(world, &clicks[0], 1, 9, 5), click(world, &clicks[1], 1, -1, 6),
                            click(world, &clicks[2], 0, 3, -20)};

    assert_json(
        encode(world, &primary, matches, 3),
        "{\"id\":\"v1\",\"place\":\"end\",\"user\":42,\"liked\":true,"
        "\"shares\":2,\"first_kind\":\"share\",\"last_kind\":\"like\",\"least\":3,\"most\":9,"
        "\"total\":-9,\"kinds\":[\"share\",\"share\"]}");
    for (int i = 0; i < 3; i++)
        buffer_fini(&clicks[i]);
    buffer_fini(&bytes);
}

static void a_sum_that_overflows_is_null_and_not_wrong(void **state)
{
    struct world *world = *state;
    struct buffer bytes = {0}, clicks[2] = {{0}, {0}};
    struct row primary = view(world, &bytes);
    struct row matches[] = {click(world, &clicks[0], 1, 1, INT64_MAX),
                            click(world, &clicks[1], 1, 1, 1)};
    json_t *json = encode(world, &primary, matches, 2);

    assert_true(json_is_null(json_object_get(json, "total")));
    json_decref(json);
    buffer_fini(&clicks[0]);
    buffer_fini(&clicks[1]);
    buffer_fini(&bytes);
}

static void decimals_are_ordered_and_fractions_compared_by_their_value(void **state)
{
    static const struct numbers numbers[] = {
        {"\x03\xe8", 2, 0.1, 0.1F},  /* 10.00 */
        {"\x09", 1, 0.2, 2.5F},      /* 0.09 */
        {"\xff", 1, 0.1, 0.3F},      /* -0.01 */
        {"\xfe\x0c", 2, 1, 0.1F},    /* -5.00 */
        {"\x00\xff", 2, 0.10001, 0}, /* 2.55 */
    };
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct world *world = *state;
    struct buffer bytes = {0}, clicks[COUNT] = {{0}};
    struct row primary = view(world, &bytes), matches[COUNT];

    for (int i = 0; i < COUNT; i++)
        matches[i] = click_with(world, &clicks[i], 0, 1, 1, &numbers[i]);
    json_t *json = encode(world, &primary, matches, COUNT);
    assert_string_equal(json_string_value(json_object_get(json, "cheapest")), "-5.00");
    assert_string_equal(json_string_value(json_object_get(json, "dearest")), "10.00");
    assert_int_equal(json_integer_value(json_object_get(json, "tenths")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "ratios")), 3);
    json_decref(json);
    for (int i = 0; i < COUNT; i++)
        buffer_fini(&clicks[i]);
    buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_primary_without_matches_has_empty_aggregates, start,
                                        stop),
        cmocka_unit_test_setup_teardown(single_fields_of_the_primary_keep_their_types,
                                        start_with_some_fields, stop),
        cmocka_unit_test_setup_teardown(every_aggregate_is_over_the_matches_that_pass_its_filter,
                                        start, stop),
        cmocka_unit_test_setup_teardown(decimals_are_ordered_and_fractions_compared_by_their_value,
                                        start_with_numbers, stop),
        cmocka_unit_test_setup_teardown(a_sum_that_overflows_is_null_and_not_wrong, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
