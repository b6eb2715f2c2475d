/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/report_diff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "validator/html.h"
#include "validator/report.h"

enum { SHOWN = 10 };

/* Everything that is being compared. */
struct diff {
    const json_t *old, *new;
    json_t *out;
    bool worse;
};

/* -- Whole runs -- */

/* Further from PASS is larger. */
static int rank(const json_t *object)
{
    static const int ranks[REPORT_VERDICTS] = {
        [EXIT_CODE_OK] = 0, [EXIT_CODE_INCONCLUSIVE] = 1, [EXIT_CODE_DIFFERENT] = 2};

    return ranks[report_verdict(object)];
}

static json_t *run_json(const json_t *document)
{
    const json_t *provenance = json_object_get(document, "provenance");

    return json_pack("{s:s, s:s, s:s}", "run_id", html_text(provenance, "run_id"), "ended",
                     html_text(provenance, "ended"), "verdict", html_text(document, "verdict"));
}

static const json_t *comparison_of(const json_t *document, const char *kind, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(document, "comparisons"), i, one)
    {
        if (strcmp(html_text(one, "kind"), kind) == 0 && strcmp(html_text(one, "name"), name) == 0)
            return one;
    }
    return NULL;
}

/* The comparisons of one report that the other has not, by name. */
static json_t *only_in(const json_t *document, const json_t *other)
{
    json_t *list = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(document, "comparisons"), i, one)
    {
        const char *kind = html_text(one, "kind"), *name = html_text(one, "name");
        if (comparison_of(other, kind, name) == NULL)
            json_array_append_new(list, json_sprintf("%s %s", kind, name));
    }
    return list;
}

static void diff_comparisons(struct diff *diff)
{
    json_t *gone = only_in(diff->old, diff->new);

    diff->worse |= json_array_size(gone) > 0;
    json_object_set_new(
        diff->out, "comparisons",
        json_pack("{s:o, s:o}", "new", only_in(diff->new, diff->old), "gone", gone));
}

/* -- Gates -- */

static const json_t *same_gate(const json_t *document, const json_t *wanted)
{
    static const char *const names[] = {"comparison", "of", "name"};
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        bool same = true;
        for (size_t k = 0; k < 3; k++)
            same &= strcmp(html_text(gate, names[k]), html_text(wanted, names[k])) == 0;
        if (same)
            return gate;
    }
    return NULL;
}

/* Gates that passed and fail now, or the other way round; a gate that is only in one report counts if it failed there. */
static void diff_gates(struct diff *diff)
{
    json_t *list = json_array();
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(diff->new, "gates"), i, gate)
    {
        const json_t *before = same_gate(diff->old, gate);
        bool passed = before == NULL || html_is_true(before, "pass");
        bool passes = html_is_true(gate, "pass");
        if (passed == passes)
            continue;
        diff->worse |= !passes;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:O?, s:O, s:O}", "comparison",
                            html_text(gate, "comparison"), "of", html_text(gate, "of"), "name",
                            html_text(gate, "name"), "pass", passes, "old",
                            json_object_get(before, "value"), "new", json_object_get(gate, "value"),
                            "limit", json_object_get(gate, "limit")));
    }
    json_object_set_new(diff->out, "gates", list);
}

/* -- Counts by kind and cause -- */

static json_int_t count_of(const json_t *comparison, const json_t *wanted)
{
    const json_t *cause;
    size_t i;

    json_array_foreach(json_object_get(comparison, "causes"), i, cause)
    {
        if (strcmp(html_text(cause, "kind"), html_text(wanted, "kind")) == 0
            && strcmp(html_text(cause, "cause"), html_text(wanted, "cause")) == 0)
            return html_count(cause, "count");
    }
    return 0;
}

static void add_count(struct diff *diff, json_t *list, const json_t *comparison,
                      const json_t *cause, json_int_t old, json_int_t new)
{
    if (old == new)
        return;
    diff->worse |= new > old && !html_is_true(cause, "explained");
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "comparison",
                                    html_text(comparison, "kind"), "of",
                                    html_text(comparison, "name"), "kind", html_text(cause, "kind"),
                                    "cause", html_text(cause, "cause"), "old", old, "new", new));
}

static void diff_counts(struct diff *diff)
{
    json_t *list = json_array();
    const json_t *one, *cause;
    size_t i, k;

    json_array_foreach(json_object_get(diff->new, "comparisons"), i, one)
    {
        const json_t *before =
            comparison_of(diff->old, html_text(one, "kind"), html_text(one, "name"));
        json_array_foreach(json_object_get(one, "causes"), k, cause)
            add_count(diff, list, one, cause, count_of(before, cause), html_count(cause, "count"));
        json_array_foreach(json_object_get(before, "causes"), k, cause)
        {
            if (count_of(one, cause) == 0)
                add_count(diff, list, one, cause, html_count(cause, "count"), 0);
        }
    }
    json_object_set_new(diff->out, "counts", list);
}

/* -- Single differences -- */

/* What stays the same from run to run; not the cause. Returns (caller frees). */
static char *identity(const json_t *difference)
{
    static const char *const names[] = {"comparison", "stream", "join",      "kind",
                                        "key",        "sample", "message_id"};
    struct buffer text = {0};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = html_text(difference, names[i]);
        buffer_appendf(&text, "%zu:", strlen(value)); /* No two lists give one text. */
        buffer_append_text(&text, value);
    }
    /* Copies of a record differ by their place alone. */
    buffer_append_text(&text, html_text(json_object_get(difference, "positions"), "found"));
    char *copy = memory_text(buffer_text(&text));
    buffer_fini(&text);
    return copy;
}

static json_t *by_identity(const json_t *document)
{
    json_t *map = json_object(), *difference;
    size_t i;

    json_array_foreach(json_object_get(document, "differences"), i, difference)
    {
        char *name = identity(difference);
        json_object_set(map, name, difference);
        free(name);
    }
    return map;
}

static json_t *changed(const json_t *difference, const json_t *before)
{
    json_t *copy = json_copy((json_t *)difference);

    json_object_set(copy, "old_cause", json_object_get(before, "cause"));
    return copy;
}

static bool is_unexplained(const json_t *difference)
{
    return strcmp(html_text(difference, "cause"), cause_infos[CAUSE_UNEXPLAINED].name) == 0;
}

/* Does the report list every difference that it counts? */
static bool is_complete(const json_t *document)
{
    return html_count(document, "differences_listed") == html_count(document, "differences_total");
}

static void diff_differences(struct diff *diff)
{
    json_t *old = by_identity(diff->old), *new = by_identity(diff->new), *difference;
    json_t *appeared = json_array(), *vanished = json_array(), *other_cause = json_array();
    const char *name;

    json_object_foreach(new, name, difference)
    {
        const json_t *before = json_object_get(old, name);
        if (before == NULL) {
            json_array_append(appeared, difference);
            diff->worse |= is_unexplained(difference) && is_complete(diff->old);
        } else if (strcmp(html_text(before, "cause"), html_text(difference, "cause")) != 0) {
            json_array_append_new(other_cause, changed(difference, before));
            diff->worse |= is_unexplained(difference);
        }
    }
    json_object_foreach(old, name, difference)
    {
        if (json_object_get(new, name) == NULL)
            json_array_append(vanished, difference);
    }
    json_decref(old);
    json_decref(new);
    json_object_set_new(diff->out, "differences",
                        json_pack("{s:o, s:o, s:o, s:b}", "new", appeared, "gone", vanished,
                                  "changed", other_cause, "complete",
                                  is_complete(diff->old) && is_complete(diff->new)));
}

/* -- The whole -- */

json_t *report_diff(const json_t *old, const json_t *new, struct error *err)
{
    const char *was = html_text(json_object_get(old, "provenance"), "pipeline");
    const char *is = html_text(json_object_get(new, "provenance"), "pipeline");
    struct diff diff = {.old = old, .new = new, .worse = rank(new) > rank(old)};

    if (strcmp(was, is) != 0) {
        error_set(err, EXIT_CODE_USAGE,
                  "the reports are of two pipelines: the old of %.100s, the new of %.100s", was,
                  is);
        error_hint(err, "compare reports of one pipeline");
        return NULL;
    }
    diff.out = json_pack("{s:o, s:o}", "old", run_json(old), "new", run_json(new));
    diff_comparisons(&diff);
    diff_gates(&diff);
    diff_counts(&diff);
    diff_differences(&diff);
    json_object_set_new(diff.out, "worse", json_boolean(diff.worse));
    return diff.out;
}

bool report_diff_is_worse(const json_t *diff)
{
    return html_is_true(diff, "worse");
}

/* -- Text -- */

static void text_names(const json_t *list, const char *what, FILE *out)
{
    const json_t *name;
    size_t i;

    json_array_foreach(list, i, name)
        fprintf(out, "  comparison %s: %s\n", what, json_string_value(name));
}

static void text_gates(const json_t *gates, FILE *out)
{
    const json_t *gate;
    size_t i;

    json_array_foreach(gates, i, gate)
    {
        char *old = report_value(json_object_get(gate, "old"));
        fprintf(out, "  gate %s: %s %s: %s: %s -> %.6g, limit %.6g\n",
                html_is_true(gate, "pass") ? "passes now" : "FAILS NOW",
                html_text(gate, "comparison"), html_text(gate, "of"), html_text(gate, "name"), old,
                html_real(gate, "new"), html_real(gate, "limit"));
        free(old);
    }
}

static void text_counts(const json_t *counts, FILE *out)
{
    const json_t *count;
    size_t i;

    json_array_foreach(counts, i, count)
        fprintf(out, "  %s %s: %s, %s: %lld -> %lld\n", html_text(count, "comparison"),
                html_text(count, "of"), html_text(count, "kind"), html_text(count, "cause"),
                (long long)html_count(count, "old"), (long long)html_count(count, "new"));
}

static void text_differences(const json_t *differences, const char *what, FILE *out)
{
    const json_t *list = json_object_get(differences, what), *difference;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    fprintf(out, "\n  %s: %zu\n", what, json_array_size(list));
    json_array_foreach(list, i, difference)
    {
        const char *before = html_text(difference, "old_cause");
        bool has_key = json_is_string(json_object_get(difference, "key"));
        if (i == SHOWN) {
            fprintf(out, "    ... --json lists all\n");
            break;
        }
        fprintf(out, "    %s %s %s=%s %s%s%s\n", html_text(difference, "comparison"),
                html_text(difference, "kind"), has_key ? "key" : "message",
                html_text(difference, has_key ? "key" : "message_id"), before,
                *before != '\0' ? " -> " : "", html_text(difference, "cause"));
    }
}

void report_diff_text(const json_t *diff, FILE *out)
{
    const json_t *old = json_object_get(diff, "old"), *new = json_object_get(diff, "new");
    const json_t *comparisons = json_object_get(diff, "comparisons");
    const json_t *differences = json_object_get(diff, "differences");

    fprintf(out, "%s: %s (run %s, %s) -> %s (run %s, %s)\n",
            report_diff_is_worse(diff) ? "WORSE" : "not worse", html_text(old, "verdict"),
            html_text(old, "run_id"), html_text(old, "ended"), html_text(new, "verdict"),
            html_text(new, "run_id"), html_text(new, "ended"));
    text_names(json_object_get(comparisons, "new"), "new", out);
    text_names(json_object_get(comparisons, "gone"), "GONE", out);
    text_gates(json_object_get(diff, "gates"), out);
    text_counts(json_object_get(diff, "counts"), out);
    text_differences(differences, "new", out);
    text_differences(differences, "gone", out);
    text_differences(differences, "changed", out);
    if (!html_is_true(differences, "complete"))
        fputs("\n  a report lists not all of its differences: new and gone are of those that it "
              "lists\n",
              out);
}
