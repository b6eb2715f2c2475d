/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "validator/html.h"
#include "validator/report.h"
#include "validator/report_books.h"

enum { SHOWN = 5 };

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "-";
}

static long long count(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void failing_gates(const json_t *document, FILE *out)
{
    const json_t *gate;
    size_t i;

    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        if (json_is_true(json_object_get(gate, "pass")))
            continue;
        fprintf(out, "  gate failed: %s %s: %s is %.6g, must be %s %.6g\n",
                text(gate, "comparison"), text(gate, "of"), text(gate, "name"),
                json_number_value(json_object_get(gate, "value")), text(gate, "sense"),
                json_number_value(json_object_get(gate, "limit")));
        if (*html_text(gate, "detail") != '\0')
            fprintf(out, "    %s; %s\n", html_text(gate, "detail"), html_text(gate, "advice"));
    }
}

static void lines(const json_t *list, const char *label, FILE *out)
{
    const json_t *line;
    size_t i;

    json_array_foreach(list, i, line) fprintf(out, "    %s: %s\n", label, json_string_value(line));
}

/* What the gates over rates say, also when they pass. */
static void rates(const json_t *one, FILE *out)
{
    const json_t *buckets = json_object_get(one, "worst_buckets"), *label;
    const json_t *worst = json_array_get(json_object_get(buckets, "list"), 0);
    char from[CLOCK_TEXT_SIZE];
    size_t i;

    if (worst != NULL)
        fprintf(out, "    worst five minutes: %.4f%% equal or explained, of %lld rows from %s\n",
                100 * json_number_value(json_object_get(worst, "share")), count(worst, "rows"),
                clock_format_ms(count(worst, "from_ms"), from));
    json_array_foreach(json_object_get(one, "labels"), i, label)
        fprintf(out,
                "    label %s: %lld rows gained it, %lld lost it, of %lld; the rate is off by at "
                "most %.4f%% (95 %%)\n",
                text(label, "field"), count(label, "gained"), count(label, "lost"),
                count(label, "pairs"), 100 * json_number_value(json_object_get(label, "bound")));
}

static void comparison(const json_t *one, FILE *out)
{
    const json_t *counts = json_object_get(one, "counts"), *cause, *identity;
    const json_t *label = json_object_get(one, "label");
    size_t i;

    fprintf(out, "\n  %s %s: %s\n", text(one, "kind"), text(one, "name"), text(one, "verdict"));
    fprintf(out,
            "    %lld matched of %lld; %lld different, %lld missing, %lld extra, %lld duplicate, "
            "%lld dead letters, %lld pending\n",
            count(counts, "matched"), count(counts, "reference"), count(counts, "different"),
            count(counts, "missing"), count(counts, "extra"), count(counts, "duplicate"),
            count(counts, "dead_letter"), count(counts, "pending"));
    fprintf(out, "    coverage %.4f%%", 100 * json_number_value(json_object_get(one, "coverage")));
    if (json_is_object(label))
        fprintf(out, "; %s: %.4f%% expected, %.4f%% found", text(label, "field"),
                100 * json_number_value(json_object_get(label, "expected_rate")),
                100 * json_number_value(json_object_get(label, "found_rate")));
    if (json_is_true(json_object_get(one, "second_look")))
        fprintf(out, "; a second look cleared %lld", count(counts, "transient"));
    fputc('\n', out);
    rates(one, out);
    json_array_foreach(json_object_get(one, "causes"), i, cause)
        fprintf(out, "    %lld %s: %s (%s)\n", count(cause, "count"), text(cause, "kind"),
                text(cause, "cause"), text(cause, "meaning"));
    json_array_foreach(json_object_get(one, "identities"), i,
                       identity) if (!json_is_true(json_object_get(identity, "holds")))
        fprintf(out, "    DOES NOT ADD UP: %s (%lld, %lld)\n", text(identity, "text"),
                count(identity, "left"), count(identity, "right"));
    report_books_text(one, out);
    lines(json_object_get(one, "notes"), "note", out);
    lines(json_object_get(one, "inconclusive"), "inconclusive", out);
    lines(json_object_get(one, "not_checked"), "not checked", out);
}

static bool is_explained(const json_t *difference)
{
    for (size_t cause = 0; cause < CAUSES; cause++)
        if (strcmp(text(difference, "cause"), cause_infos[cause].name) == 0)
            return cause_infos[cause].explained;
    return false;
}

static void difference_line(const json_t *difference, FILE *out)
{
    const json_t *field, *position;
    const char *where;
    size_t i;

    bool has_key = json_is_string(json_object_get(difference, "key"));

    fprintf(out, "    %s %s %s=%s", text(difference, "comparison"), text(difference, "kind"),
            has_key ? "key" : "message", text(difference, has_key ? "key" : "message_id"));
    json_object_foreach(json_object_get(difference, "positions"), where, position)
        fprintf(out, " %s=%s", where, json_string_value(position));
    json_array_foreach(json_object_get(difference, "fields"), i, field)
    {
        char *expected = report_value(json_object_get(field, "expected"));
        char *found = report_value(json_object_get(field, "found"));
        fprintf(out, " %s: %s -> %s", text(field, "name"), expected, found);
        free(expected);
        free(found);
    }
    fputc('\n', out);
}

static void samples(const json_t *document, FILE *out)
{
    const json_t *difference;
    size_t i, shown = 0;

    json_array_foreach(json_object_get(document, "differences"), i, difference)
    {
        if (is_explained(difference) || shown == SHOWN)
            continue;
        if (shown++ == 0)
            fprintf(out, "\n  samples (expected -> found):\n");
        difference_line(difference, out);
    }
    if (shown > 0
        && strcmp(text(json_object_get(document, "provenance"), "show_values"), "none") == 0)
        fprintf(out, "    #: a keyed hash; validate.show_fields and show_values show values\n");
    if (shown > 0)
        fprintf(out,
                "    a position is TOPIC/PARTITION/OFFSET: dualrun cat %s TOPIC --at "
                "PARTITION:OFFSET\n",
                text(json_object_get(document, "provenance"), "file"));
}

static void streak_line(const json_t *streak, FILE *out)
{
    if (!json_is_object(streak))
        return;
    fprintf(out,
            "  streak: %lld clean runs in a row (%lld needed), which judged %.1f h (%.1f h "
            "needed): %s\n",
            count(streak, "runs"), count(streak, "needed_runs"),
            (double)count(streak, "span_ms") / 3.6e6,
            (double)count(streak, "needed_span_ms") / 3.6e6,
            json_is_true(json_object_get(streak, "holds")) ? "long enough" : "not yet enough");
}

/*
 * A string without what a terminal obeys: control characters, also those of C1, become U+FFFD. A line end
 * is one: what comes from the data must not look like a line of ours. JSON text is valid UTF-8.
 */
static json_t *harmless_string(const char *string)
{
    struct buffer out = {0};

    for (const char *at = string; *at != '\0'; at++) {
        bool c1 = *at == '\xc2' && (unsigned char)at[1] < 0xa0;

        if (c1 || (unsigned char)*at < ' ' || *at == '\x7f')
            buffer_append_text(&out, "\xef\xbf\xbd");
        else
            buffer_append_byte(&out, (uint8_t)*at);
        at += c1;
    }
    json_t *harmless = json_string(buffer_text(&out));
    buffer_fini(&out);
    return harmless;
}

static json_t *harmless_copy(const json_t *value)
{
    const char *name;
    json_t *child, *copy;
    size_t i;

    if (json_is_string(value))
        return harmless_string(json_string_value(value));
    if (!json_is_object(value) && !json_is_array(value))
        return json_copy((json_t *)(uintptr_t)value);
    copy = json_is_object(value) ? json_object() : json_array();
    json_object_foreach((json_t *)(uintptr_t)value, name, child)
    {
        json_t *harmless = harmless_string(name);
        json_object_set_new(copy, json_string_value(harmless), harmless_copy(child));
        json_decref(harmless);
    }
    json_array_foreach(value, i, child) json_array_append_new(copy, harmless_copy(child));
    return copy;
}

static void print_document(const json_t *document, FILE *out)
{
    const json_t *provenance = json_object_get(document, "provenance"), *one;
    size_t i;

    fprintf(out, "%s: %s\n", text(document, "verdict"), text(document, "summary"));
    failing_gates(document, out);
    json_array_foreach(json_object_get(document, "comparisons"), i, one) comparison(one, out);
    samples(document, out);
    fputc('\n', out);
    lines(json_object_get(document, "not_checked"), "not checked", out);
    streak_line(json_object_get(document, "streak"), out);
    fprintf(out, "  run %s of %s, %s to %s\n", text(provenance, "run_id"),
            text(provenance, "pipeline"), text(provenance, "started"), text(provenance, "ended"));
    fprintf(out, "  next: %s\n", text(document, "next"));
}

void report_text(const json_t *document, FILE *out)
{
    json_t *harmless = harmless_copy(document);

    print_document(harmless, out);
    json_decref(harmless);
}
