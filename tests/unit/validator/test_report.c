/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "validator/report.h"

static const char hostile[] = "<a href='x'>&\"]]>\x1b\xef\xbf\xbf\n\xc2\x9b\x7f";

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
         *prometheus = rendered(document, "prometheus"), *text = rendered(document, "text");
    assert_null(strstr(html, "<a href='x'"));
    assert_null(strstr(html, "<img>"));
    assert_null(strstr(xml, "<a href"));
    assert_null(strstr(xml, "]]>"));
    assert_null(strchr(xml, '\x1b'));
    assert_null(strstr(xml, "\xef\xbf\xbf"));
    assert_non_null(strstr(xml, "]]&gt;\xef\xbf\xbd\xef\xbf\xbd"));
    assert_non_null(strstr(prometheus, "pipeline=\"<a href='x'>&\\\"]]>"));
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x7f'));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xef\xbf\xbf\n"));
    assert_non_null(
        strstr(text, "]]>\xef\xbf\xbd\xef\xbf\xbf\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
    free(text);
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

/* -- Gates -- */

static const json_t *gate_of(const json_t *document, const char *name)
{
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(document, "gates"), i,
                       gate) if (strcmp(json_string_value(json_object_get(gate, "name")), name)
                                 == 0) return gate;
    fail_msg("no gate %s", name);
    return NULL;
}

static const char *verdict_of(const json_t *document)
{
    return json_string_value(json_object_get(document, "verdict"));
}

static void five_minutes_that_are_just_good_enough_pass_and_one_row_more_fails(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct fixture f;
        fixture_init(&f, COMPARISON_BRIDGE, "views");
        f.pipeline->validate.gates.worst_bucket = 0.99;
        match(&f.result, 100000);
        for (int64_t i = 0; i < 100000; i++) /* The rest of the day is good. */
            result_judge(&f.result, 1763717400000 + i * 800, 0, true, false);
        for (int i = 0; i < 5000; i++)
            result_judge(&f.result, 1763900100000, 0, i >= 50 + more, i < 50 + more);
        json_t *document = document_of(&f);
        const json_t *gate = gate_of(document, "worst_bucket");
        assert_int_equal(json_is_true(json_object_get(gate, "pass")), !more);
        assert_string_equal(verdict_of(document), more ? "FAIL" : "PASS");
        if (more)
            assert_string_equal(json_string_value(json_object_get(gate, "detail")),
                                "2025-11-23T12:15:00.000Z to 2025-11-23T12:20:00.000Z: 51 of 5000 "
                                "rows differ without a cause");
        json_decref(document);
        fixture_fini(&f);
    }
}

/* A join of which some rows gained the label and some lost it. */
static json_t *labelled(struct fixture *f, int pairs, int gained, int lost, double limit)
{
    fixture_init(f, COMPARISON_JOIN, "labels");
    f->pipeline->validate.gates.label_rate_difference = limit;
    match(&f->result, pairs);
    result_add_label(&f->result, "liked");
    result_add_label(&f->result, "shared");
    for (int i = 0; i < pairs; i++)
        result_pair(&f->result, 1763717400000, i < lost ? 3 : 1,
                    i < lost            ? 1
                    : i < lost + gained ? 3
                                        : 1);
    return document_of(f);
}

static void a_label_rate_passes_only_if_its_bound_is_within_the_limit(void **state)
{
    static const double bound = 0.004469722909369024; /* Of one among 1,000: test_paired.c. */
    struct fixture f;

    (void)state;
    json_t *document = labelled(&f, 1000, 1, 0, bound * 1.000001);
    assert_true(json_is_true(json_object_get(gate_of(document, "label_rate_difference"), "pass")));
    assert_string_equal(verdict_of(document), "PASS");
    json_decref(document);
    fixture_fini(&f);

    document = labelled(&f, 1000, 1, 0, bound * 0.999999);
    assert_false(json_is_true(json_object_get(gate_of(document, "label_rate_difference"), "pass")));
    assert_string_equal(verdict_of(document), "INCONCLUSIVE");
    char *text = rendered(document, "text");
    assert_non_null(strstr(text, "shared: 1 rows gained it, 0 lost it, of 1000"));
    assert_non_null(strstr(text, "the rate of shared: 1000 rows are too few to show"));
    free(text);
    json_decref(document);
    fixture_fini(&f);
}

static void a_label_rate_that_is_off_by_more_than_the_limit_fails(void **state)
{
    struct fixture f;

    (void)state;
    json_t *document = labelled(&f, 1000, 0, 3, 0.0029);
    assert_string_equal(verdict_of(document), "FAIL");
    assert_int_equal(
        json_array_size(json_object_get(json_array_get(json_object_get(document, "comparisons"), 0),
                                        "inconclusive")),
        0);
    json_decref(document);
    fixture_fini(&f);
}

static void labels_that_moved_both_ways_are_not_taken_for_equal(void **state)
{
    struct fixture f;

    (void)state;
    json_t *document = labelled(&f, 10000, 40, 40, 0.001);
    assert_string_equal(verdict_of(document), "INCONCLUSIVE");
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
        cmocka_unit_test(five_minutes_that_are_just_good_enough_pass_and_one_row_more_fails),
        cmocka_unit_test(a_label_rate_passes_only_if_its_bound_is_within_the_limit),
        cmocka_unit_test(a_label_rate_that_is_off_by_more_than_the_limit_fails),
        cmocka_unit_test(labels_that_moved_both_ways_are_not_taken_for_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
