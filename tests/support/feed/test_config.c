/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/pipeline.h"
#include "core/schema.h"

static struct pipeline *load(const char *file)
{
    struct error err = {0};
    struct pipeline *pipeline = pipeline_load(file, &err);

    if (pipeline == NULL)
        print_error("%s\n", err.text);
    assert_non_null(pipeline);
    return pipeline;
}

static void assert_path(const struct schema *schema, const char *path)
{
    struct schema_path resolved;
    struct error err = {0};

    if (!schema_path_resolve(&resolved, schema, path, &err))
        print_error("%s\n", err.text);
    assert_string_equal(err.text, "");
}

static void assert_stream_fits_its_schema(const struct pipeline_stream *stream)
{
    struct error err = {0};
    struct schema *schema = schema_load(stream->schema_file, &err);

    if (schema == NULL)
        print_error("%s\n", err.text);
    assert_non_null(schema);
    assert_path(schema, stream->key);
    assert_path(schema, stream->event_time_field);
    if (stream->event_id_field != NULL)
        assert_path(schema, stream->event_id_field);
    schema_free(schema);
}

static void assert_output_fits(const struct pipeline_output_field *field)
{
    struct error err = {0};
    struct schema *schema = schema_load(field->stream->schema_file, &err);

    assert_non_null(schema);
    if (field->field != NULL)
        assert_path(schema, field->field);
    for (size_t i = 0; i < field->condition_count; i++)
        assert_path(schema, field->conditions[i].field);
    schema_free(schema);
}

static void assert_fits(const char *file)
{
    struct pipeline *pipeline = load(file);

    for (size_t i = 0; i < pipeline->stream_count; i++)
        assert_stream_fits_its_schema(&pipeline->streams[i]);
    for (size_t i = 0; i < pipeline->joins[0].field_count; i++)
        assert_output_fits(&pipeline->joins[0].fields[i]);
    pipeline_free(pipeline);
}

static void every_path_of_the_pipeline_files_is_in_the_schemas(void **state)
{
    (void)state;
    assert_fits("config/demo.yaml");
    assert_fits("config/open-bandit.yaml");
}

/* What feed-generator assumes when it is not told otherwise. */
static void the_demo_joins_what_the_feed_expects(void **state)
{
    struct pipeline *pipeline = load("config/demo.yaml");
    const struct pipeline_join *join = &pipeline->joins[0];

    (void)state;
    assert_string_equal(join->primary->name, "views");
    assert_int_equal(join->secondaries[0].before_ms, 2000);
    assert_int_equal(join->secondaries[0].after_ms, 10000);
    assert_int_equal(join->lateness_ms, 5000);
    assert_string_equal(pipeline->pubsub.project, "demo-project");
    pipeline_free(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_of_the_pipeline_files_is_in_the_schemas),
        cmocka_unit_test(the_demo_joins_what_the_feed_expects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
