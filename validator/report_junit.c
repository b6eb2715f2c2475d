/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JUnit XML, for what shows test results: a suite a comparison, in it a case for the comparison and one
 * for each of its gates. FAIL is a failure, INCONCLUSIVE an error: what could not be judged must not look green.
 */
#include <inttypes.h>
#include <string.h>

#include "core/rfc3339.h"
#include "validator/html.h"
#include "validator/report.h"

/* Text for an attribute or an element. What XML 1.0 cannot hold becomes U+FFFD. JSON text is valid UTF-8. */
static void escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        bool noncharacter =
            strncmp(text, "\xef\xbf\xbe", 3) == 0 || strncmp(text, "\xef\xbf\xbf", 3) == 0;
        bool control = (unsigned char)*text < ' ' && strchr("\t\n\r", *text) == NULL;
        char one[2] = {*text, '\0'};

        if (noncharacter)
            text += 2;
        if (noncharacter || control)
            fputs("\xef\xbf\xbd", out);
        else if (strchr("\t\n\r", *text) != NULL)
            fprintf(out, "&#%d;", *text); /* A bare one would become a space in an attribute. */
        else
            html_escaped(out, one);
    }
}

static bool is_of(const json_t *gate, const json_t *one)
{
    return strcmp(html_text(gate, "comparison"), html_text(one, "kind")) == 0
           && strcmp(html_text(gate, "of"), html_text(one, "name")) == 0;
}

static void open_case(FILE *out, const json_t *one, const char *prefix, const char *name)
{
    fputs("    <testcase classname=\"dualrun.", out);
    escaped(out, html_text(one, "kind"));
    fputc('.', out);
    escaped(out, html_text(one, "name"));
    fprintf(out, "\" name=\"%s", prefix);
    escaped(out, name);
    fputs("\"", out);
}

/* -- Cases -- */

static void gate_case(FILE *out, const json_t *one, const json_t *gate)
{
    open_case(out, one, "gate ", html_text(gate, "name"));
    if (html_is_true(gate, "pass")) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <failure type=\"gate\" message=\"is %.6g, must be ",
            html_real(gate, "value"));
    escaped(out, html_text(gate, "sense"));
    fprintf(out, " %.6g\"/>\n    </testcase>\n", html_real(gate, "limit"));
}

static void unexplained(FILE *out, const json_t *one)
{
    const json_t *cause;
    size_t i;

    json_array_foreach(json_object_get(one, "causes"), i, cause)
    {
        if (html_is_true(cause, "explained"))
            continue;
        fprintf(out, "%" PRId64 " ", html_count(cause, "count"));
        escaped(out, html_text(cause, "kind"));
        fputs(": ", out);
        escaped(out, html_text(cause, "meaning"));
        fputs(". ", out);
        escaped(out, html_text(cause, "advice"));
        fputs(".\n", out);
    }
}

static void comparison_case(FILE *out, const json_t *one)
{
    const char *verdict = html_text(one, "verdict");
    bool failed = strcmp(verdict, "FAIL") == 0;
    const json_t *reasons = json_object_get(one, "inconclusive"), *reason;
    size_t i;

    open_case(out, one, "", "comparison");
    if (strcmp(verdict, "PASS") == 0) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s type=\"", failed ? "failure" : "error");
    escaped(out, verdict);
    fprintf(out, "\" message=\"%s\">",
            failed ? "a gate failed, or records differ without a cause"
                   : "not enough could be compared to judge");
    unexplained(out, one);
    json_array_foreach(reasons, i, reason)
    {
        escaped(out, json_string_value(reason));
        fputs("\n", out);
    }
    fprintf(out, "</%s>\n    </testcase>\n", failed ? "failure" : "error");
}

/* -- Suites -- */

struct tally {
    size_t tests, failures, errors;
};

static struct tally count(const json_t *document, const json_t *one)
{
    struct tally tally = {.tests = 1,
                          .failures = strcmp(html_text(one, "verdict"), "FAIL") == 0,
                          .errors = strcmp(html_text(one, "verdict"), "INCONCLUSIVE") == 0};
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        tally.tests += is_of(gate, one);
        tally.failures += is_of(gate, one) && !html_is_true(gate, "pass");
    }
    return tally;
}

static void suite(FILE *out, const json_t *document, const json_t *one)
{
    struct tally tally = count(document, one);
    const json_t *gate;
    size_t i;

    fputs("  <testsuite name=\"", out);
    escaped(out, html_text(one, "kind"));
    fputc(' ', out);
    escaped(out, html_text(one, "name"));
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" timestamp=\"",
            tally.tests, tally.failures, tally.errors);
    escaped(out, html_text(json_object_get(document, "provenance"), "started"));
    fputs("\">\n", out);
    comparison_case(out, one);
    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        if (is_of(gate, one))
            gate_case(out, one, gate);
    }
    fputs("  </testsuite>\n", out);
}

/* A run that compared nothing is an error, not an empty success. */
static void empty_suite(FILE *out)
{
    fputs("  <testsuite name=\"run\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n"
          "    <testcase classname=\"dualrun\" name=\"run\">\n"
          "      <error type=\"INCONCLUSIVE\" message=\"nothing was compared\"/>\n"
          "    </testcase>\n  </testsuite>\n",
          out);
}

static double seconds(const json_t *document)
{
    const json_t *provenance = json_object_get(document, "provenance");
    const char *started = html_text(provenance, "started"), *ended = html_text(provenance, "ended");
    int64_t from_us, to_us;

    if (!rfc3339_parse_us(started, strlen(started), &from_us)
        || !rfc3339_parse_us(ended, strlen(ended), &to_us))
        return 0;
    return (double)(to_us - from_us) / 1e6;
}

void report_junit(const json_t *document, FILE *out)
{
    const json_t *comparisons = json_object_get(document, "comparisons"), *one;
    bool empty = json_array_size(comparisons) == 0;
    struct tally all = {.tests = empty, .errors = empty};
    size_t i;

    json_array_foreach(comparisons, i, one)
    {
        struct tally tally = count(document, one);
        all.tests += tally.tests;
        all.failures += tally.failures;
        all.errors += tally.errors;
    }
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites name=\"dualrun validate\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
            "time=\"%.3f\">\n",
            all.tests, all.failures, all.errors, seconds(document));
    json_array_foreach(comparisons, i, one) suite(out, document, one);
    if (empty)
        empty_suite(out);
    fputs("</testsuites>\n", out);
}
