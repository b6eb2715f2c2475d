/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "validator/report.h"

static const char hostile[] = "<a href='x'>&\"]]>\x1b\xef\xbf\xbf";

/* What one format makes of a document. Returns (caller frees). */
static char *rendered(const json_t *document, const char *format)
{
    char *text = NULL;
    size_t size = 0, i = 0;
    FILE *out = open_memstream(&text, &size);

    while (strcmp(report_formats[i].name, format) != 0)
        i++;
    report_formats[i].render(document, out);
    fclose(out);
    return text;
}

static json_t *document_of(const struct fixture *f)
{
    const struct report report = {.pipeline = f->pipeline,
                                  .results = &f->result,
                                  .result_count = 1,
                                  .started_ms = 1795835783948,
                                  .ended_ms = 1795835799511,
                                  .run_id = "0123456789abcdef"};

    return report_json(&report);
}

/* Of a document that is found broken when it is read: the error. */
static void read_back(const struct fixture *f, const json_t *document, struct error *err)
{
    char path[512];

    snprintf(path, sizeof path, "%s/report.json", f->directory);
    assert_int_equal(json_dump_file(document, path, 0), 0);
    json_t *read = report_read(f->directory, err);
    if (read != NULL)
        assert_true(json_equal(read, document));
    json_decref(read);
}

static void match(struct result *result, int64_t count)
{
    result->counts.reference = result->counts.candidate = result->counts.matched = count;
}

static void what_failed_is_a_failure_in_junit(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, COMPARISON_BRIDGE, "views");
    match(&f.result, 1000);
    f.result.counts.reference++;
    f.result.counts.missing++;
    result_add(&f.result, &(struct difference){.kind = DIFFERENCE_MISSING,
                                               .cause = CAUSE_UNEXPLAINED,
                                               .partition = -1});
    json_t *document = document_of(&f);
    char *text = rendered(document, "junit");
    assert_non_null(strstr(text, "name=\"bridge views\" tests=\"8\" failures=\"3\" errors=\"0\""));
    assert_non_null(strstr(text, "<failure type=\"FAIL\""));
    assert_non_null(strstr(text, "<failure type=\"gate\" message=\"is 1, must be at most 0\"/>"));
    free(text);
    json_decref(document);
    fixture_fini(&f);
}

static void what_could_not_be_judged_is_an_error_in_junit_and_no_success(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, COMPARISON_BRIDGE, "views");
    match(&f.result, 1000);
    result_note(f.result.inconclusive, "the audit <subscription> is behind");
    json_t *document = document_of(&f);
    char *text = rendered(document, "junit");
    assert_non_null(strstr(text, "tests=\"8\" failures=\"0\" errors=\"1\""));
    assert_non_null(strstr(text, "the audit &lt;subscription&gt; is behind"));
    free(text);
    json_array_clear(json_object_get(document, "comparisons"));
    text = rendered(document, "junit");
    assert_non_null(strstr(text, "tests=\"1\" failures=\"0\" errors=\"1\""));
    free(text);
    json_decref(document);
    fixture_fini(&f);
}

static void a_series_is_there_also_when_it_is_zero(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, COMPARISON_BRIDGE, "views");
    match(&f.result, 1000);
    json_t *document = document_of(&f);
    char *text = rendered(document, "prometheus");
    assert_non_null(strstr(text, "\ndualrun_validate_differences{pipeline=\"test\",comparison="
                                 "\"bridge\",of=\"views\",kind=\"missing\",cause=\"unexplained\"} 0"
                                 "\n"));
    assert_non_null(
        strstr(text, "\ndualrun_validate_verdict{pipeline=\"test\",verdict=\"PASS\"} 1\n"));
    assert_non_null(
        strstr(text, "\ndualrun_validate_verdict{pipeline=\"test\",verdict=\"FAIL\"} 0\n"));
    assert_non_null(strstr(text, "\ndualrun_validate_ended_timestamp_seconds{pipeline=\"test\"} "
                                 "1795835799.511\n"));
    free(text);
    json_decref(document);
    fixture_fini(&f);
}

/* Puts the hostile text wherever a document has text that no closed list holds. */
static void poison(json_t *value)
{
    const char *name;
    json_t *child;
    size_t i;

    json_object_foreach(value, name, child)
    {
        if (json_is_string(child) && strcmp(name, "verdict") != 0)
            json_object_set_new(value, name, json_string(hostile));
        else
            poison(child);
    }
    json_array_foreach(value, i, child)
    {
        if (json_is_string(child))
            json_array_set_new(value, i, json_string(hostile));
        else
            poison(child);
    }
}

static void what_a_document_says_breaks_out_of_no_form(void **state)
{
    struct fixture f;
    json_t *positions = json_pack("{s:s}", "<img>", hostile);
    json_t *fields = json_array();

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    match(&f.result, 1000);
    f.result.counts.different = 1;
    f.result.counts.reference++;
    f.result.counts.candidate++;
    json_array_append_new(fields,
                          result_field("<img>", json_string(hostile), json_string(hostile)));
    result_add(&f.result, &(struct difference){.kind = DIFFERENCE_ALTERED,
                                               .cause = CAUSE_UNEXPLAINED,
                                               .key = hostile,
                                               .key_size = sizeof hostile - 1,
                                               .id = hostile,
                                               .positions = positions,
                                               .fields = fields,
                                               .evidence = hostile});
    json_t *document = document_of(&f);
    poison(document);
    char *html = rendered(document, "html"), *xml = rendered(document, "junit"),
         *prometheus = rendered(document, "prometheus");
    assert_null(strstr(html, "<a href='x'"));
    assert_null(strstr(html, "<img>"));
    assert_null(strstr(xml, "<a href"));
    assert_null(strstr(xml, "]]>"));
    assert_null(strchr(xml, '\x1b'));
    assert_null(strstr(xml, "\xef\xbf\xbf"));
    assert_non_null(strstr(xml, "]]&gt;\xef\xbf\xbd\xef\xbf\xbd"));
    assert_non_null(strstr(prometheus, "pipeline=\"<a href='x'>&\\\"]]>"));
    free(html);
    free(xml);
    free(prometheus);
    json_decref(document);
    fixture_fini(&f);
}

static void a_report_is_read_as_it_was_written_and_a_broken_one_refused(void **state)
{
    struct fixture f;
    struct error err = {0};

    (void)state;
    fixture_init(&f, COMPARISON_JOIN, "labels");
    match(&f.result, 1000);
    json_t *document = document_of(&f);
    read_back(&f, document, &err);
    assert_string_equal(err.text, "");
    json_object_set_new(json_array_get(json_object_get(document, "gates"), 2), "pass",
                        json_integer(1));
    read_back(&f, document, &err);
    assert_non_null(strstr(err.text, "gates[2].pass is missing or of another type"));
    json_object_set_new(document, "schema_version", json_integer(REPORT_SCHEMA_VERSION + 1));
    read_back(&f, document, &err);
    assert_non_null(strstr(err.text, "the report has version"));
    assert_non_null(strstr(err.hint, "or newer"));
    json_decref(document);
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_failed_is_a_failure_in_junit),
        cmocka_unit_test(what_could_not_be_judged_is_an_error_in_junit_and_no_success),
        cmocka_unit_test(a_series_is_there_also_when_it_is_zero),
        cmocka_unit_test(what_a_document_says_breaks_out_of_no_form),
        cmocka_unit_test(a_report_is_read_as_it_was_written_and_a_broken_one_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
