/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page's gates, and the figures that the gates over rates come from.
 */
#include <inttypes.h>

#include "core/clock.h"
#include "validator/html.h"

static void gate_value(FILE *out, double value)
{
    fprintf(out, value > 0 && value < 1 ? "%.6f" : "%.6g", value);
}

/* What it looks at; of one that failed also where, and what to do. */
static void gate_words(FILE *out, const json_t *gate, bool pass)
{
    fputs("<br><span class='small soft'>", out);
    html_escaped(out, html_text(gate, "meaning"));
    fputs("</span>", out);
    if (pass)
        return;
    if (*html_text(gate, "detail") != '\0') {
        fputs("<br><b class=small>", out);
        html_escaped(out, html_text(gate, "detail"));
        fputs("</b>", out);
    }
    fputs("<br><span class=small>&rarr; ", out);
    html_escaped(out, html_text(gate, "advice"));
    fputs("</span>", out);
}

static void gate_row(FILE *out, const json_t *gate)
{
    bool pass = html_is_true(gate, "pass");

    fprintf(out, "<tr><td><span class='pill %s'>%s</span> ", pass ? "PASS" : "FAIL",
            pass ? "pass" : "fail");
    html_name_words(out, html_text(gate, "name"));
    gate_words(out, gate, pass);
    fputs("<td>", out);
    html_escaped(out, html_text(gate, "comparison"));
    fputc(' ', out);
    html_escaped(out, html_text(gate, "of"));
    fputs("<td class=n>", out);
    gate_value(out, html_real(gate, "value"));
    fputs("<td class=n>", out);
    html_escaped(out, html_text(gate, "sense"));
    fputc(' ', out);
    gate_value(out, html_real(gate, "limit"));
    fputs("</tr>", out);
}

static size_t gate_rows(FILE *out, const json_t *all, bool pass)
{
    const json_t *gate;
    size_t i, shown = 0;

    json_array_foreach(all, i, gate) shown += html_is_true(gate, "pass") == pass;
    if (shown == 0)
        return 0;
    if (pass)
        fprintf(out, "<details><summary>%zu gates passed</summary>", shown);
    fputs("<div class=wrap><table><tr><th>Gate<th>Of<th class=n>Value<th class=n>Limit</tr>", out);
    json_array_foreach(all, i, gate) if (html_is_true(gate, "pass") == pass) gate_row(out, gate);
    fputs(pass ? "</table></div></details>" : "</table></div>", out);
    return shown;
}

/* What failed is in sight, what passed a click away. */
void html_gates(FILE *out, const json_t *document)
{
    const json_t *all = json_object_get(document, "gates");

    fputs("<h2>Gates</h2>", out);
    if (gate_rows(out, all, false) == 0)
        fputs("<p class=good>Every gate passed.</p>", out);
    gate_rows(out, all, true);
}

/* -- The streak -- */

static void run_row(FILE *out, const json_t *run)
{
    const char *verdict = html_text(run, "verdict");

    fputs("<tr><td>", out);
    html_escaped(out, html_text(run, "ended"));
    fputs("<td><span class='pill ", out);
    html_escaped(out, verdict);
    fputs("'>", out);
    html_escaped(out, verdict);
    fputs("</span><td class=mono>", out);
    html_escaped(out, html_text(run, "run_id"));
    fputs("<td>", out);
    html_counts(out, json_object_get(run, "causes"));
    fputs("</tr>", out);
}

void html_streak(FILE *out, const json_t *document)
{
    const json_t *streak = json_object_get(document, "streak"), *run;
    size_t i;

    if (!json_is_object(streak))
        return;
    fprintf(out, "<h2>Streak</h2><p class=%s><b>", html_is_true(streak, "holds") ? "good" : "warn");
    html_number(out, html_count(streak, "runs"));
    fputs("</b> clean runs in a row, of ", out);
    html_number(out, html_count(streak, "needed_runs"));
    fprintf(out, " needed; they judged <b>%.1f h</b> of %.1f h needed: %s.</p>",
            (double)html_count(streak, "span_ms") / 3.6e6,
            (double)html_count(streak, "needed_span_ms") / 3.6e6,
            html_is_true(streak, "holds") ? "long enough" : "not yet enough");
    fputs("<div class=wrap><table><tr><th>Run ended<th>Verdict<th>Run<th>Differences by cause</tr>",
          out);
    json_array_foreach(json_object_get(streak, "recent"), i, run) run_row(out, run);
    fputs("</table></div>", out);
}

/* -- Figures -- */

static void worst_rows(FILE *out, const json_t *list)
{
    const json_t *stretch;
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    size_t i;

    if (html_count(json_array_get(list, 0), "unexplained") == 0)
        return; /* The worst first: then none has any. */
    fputs("<h3>Worst five minutes</h3><div class=wrap><table><tr><th>Event time<th class=n>Rows<th "
          "class=n>Unexplained<th class=n>Equal or explained</tr>",
          out);
    json_array_foreach(list, i, stretch)
    {
        if (html_count(stretch, "unexplained") == 0)
            break;
        fprintf(out, "<tr><td>%s to %s<td class=n>",
                clock_format_ms(html_count(stretch, "from_ms"), from),
                clock_format_ms(html_count(stretch, "to_ms"), to));
        html_number(out, html_count(stretch, "rows"));
        fputs("<td class=n>", out);
        html_number(out, html_count(stretch, "unexplained"));
        fprintf(out, "<td class=n>%.4f%%</tr>", 100 * html_real(stretch, "share"));
    }
    fputs("</table></div>", out);
}

static void label_rows(FILE *out, const json_t *labels)
{
    const json_t *label;
    size_t i;

    if (json_array_size(labels) == 0)
        return;
    fputs("<h3>Labels</h3><div class=wrap><table><tr><th>Label<th class=n>Rows<th "
          "class=n>Expected<th class=n>Found<th class=n>Gained<th class=n>Lost<th class=n>Rate off "
          "by<th class=n>at most (95 %)</tr>",
          out);
    json_array_foreach(labels, i, label)
    {
        static const char *const counts[] = {"pairs", "expected", "found", "gained", "lost"};
        fputs("<tr><td class=mono>", out);
        html_escaped(out, html_text(label, "field"));
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            fputs("<td class=n>", out);
            html_number(out, html_count(label, counts[k]));
        }
        fprintf(out, "<td class=n>%+.4f%%<td class=n>%.4f%%</tr>",
                100 * html_real(label, "difference"), 100 * html_real(label, "bound"));
    }
    fputs("</table></div>", out);
}

void html_rates(FILE *out, const json_t *comparison)
{
    worst_rows(out, json_object_get(json_object_get(comparison, "worst_buckets"), "list"));
    label_rows(out, json_object_get(comparison, "labels"));
}
