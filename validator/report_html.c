/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One offline page. Everything that comes from data goes through `html_escaped`; there is no script, so
 * that the page can be mailed, printed and opened under any content policy.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "validator/html.h"
#include "validator/report.h"
#include "validator/report_books.h"

enum {
    SAMPLES_PER_CAUSE = 8,
    PLACES_SHOWN = 8, /* Partitions and fields named in one line. */
};

static const char style[] =
    ":root{--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#646a73;--line:#e3e4e6;--good:#1a7f4b;"
    "--bad:#b3261e;--warn:#8a5a00;--goodbg:#e7f4ec;--badbg:#fbeae8;--warnbg:#fbf1dc;--blue:#2f5fb3}"
    "@media(prefers-color-scheme:dark){:root{--bg:#121416;--card:#1a1d20;--ink:#e8e9ea;"
    "--soft:#9aa1a9;--line:#2c3035;--good:#5cc98f;--bad:#ff8a80;--warn:#e7b45a;--goodbg:#13291d;"
    "--badbg:#331815;--warnbg:#2d2410;--blue:#8ab0f2}}"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:980px;margin:0 auto;padding:24px 16px 64px}"
    "h1{font-size:34px;line-height:1.15;margin:0 0 6px;letter-spacing:-.01em}"
    "h2{font-size:20px;margin:40px 0 12px}h3{font-size:15px;margin:24px 0 8px}"
    "h1,h2,h3,p,li,.sample{overflow-wrap:anywhere}"
    "a{color:var(--blue)}p{margin:6px 0}.soft{color:var(--soft)}.small{font-size:13px}"
    ".mono,code{overflow-wrap:anywhere;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"
    "monospace;font-size:13px}"
    ".hero{border-radius:12px;padding:22px 24px;border:1px solid "
    "var(--line);background:var(--card);"
    "border-left:6px solid var(--soft)}.hero.PASS{border-left-color:var(--good)}"
    ".hero.FAIL{border-left-color:var(--bad)}.hero.INCONCLUSIVE{border-left-color:var(--warn)}"
    ".PASS h1,.good{color:var(--good)}.FAIL h1,.bad{color:var(--bad)}"
    ".INCONCLUSIVE h1,.warn{color:var(--warn)}"
    ".hero ul{margin:12px 0;padding-left:20px}.hero li{margin:3px 0}"
    ".next{margin:10px 0 12px;padding-bottom:12px;border-bottom:1px solid var(--line)}"
    ".pill{display:inline-block;padding:1px "
    "9px;border-radius:99px;font-size:12.5px;font-weight:600}"
    ".pill.PASS{background:var(--goodbg);color:var(--good)}.pill.FAIL{background:var(--badbg);"
    "color:var(--bad)}.pill.INCONCLUSIVE{background:var(--warnbg);color:var(--warn)}"
    ".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:8px;margin:"
    "12px 0}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:9px 12px}"
    ".tile b{display:block;font-size:20px;font-variant-numeric:tabular-nums;line-height:1.25}"
    ".tile span{color:var(--soft);font-size:12.5px}"
    ".wrap{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--card)}"
    "table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:7px 12px;border-bottom:1px solid var(--line);vertical-align:top}"
    "tr:last-child td{border-bottom:0}th{font-weight:600;color:var(--soft);font-size:12.5px}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".sample{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:10px 0;"
    "padding:12px 14px}.sample header{display:flex;flex-wrap:wrap;gap:4px "
    "12px;align-items:baseline}"
    ".sample .wrap{margin-top:8px}.sample td{font-family:ui-monospace,Menlo,Consolas,monospace;"
    "font-size:12.5px;overflow-wrap:anywhere}td.want{background:var(--goodbg)}"
    "td.have{background:var(--badbg)}svg{display:block;width:100%;height:auto}"
    "svg text{fill:var(--soft);font:11px system-ui,sans-serif}"
    "details{margin:8px 0}summary{cursor:pointer;color:var(--soft)}"
    "@media(max-width:560px){.tiles{grid-template-columns:1fr 1fr}"
    "main{padding:12px 10px "
    "48px}.hero{padding:16px}h1{font-size:28px}"
    "th,td{padding:6px 9px}}"
    "@media print{body{background:#fff;color:#000}.hero,.sample,.tile,.wrap{break-inside:avoid}"
    "details:not([open])>*{display:block}}";

/* -- First screen: what is wrong, how bad, why, what to do -- */

static void hero_place(FILE *out, const json_t *place)
{
    const json_t *partitions = json_object_get(place, "partitions"), *partition, *times;
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    const char *name;
    size_t i;

    fputs("<br><span class='small soft'>", out);
    if (html_count(place, "last_ms") > 0)
        fputs(clock_format_ms(html_count(place, "first_ms"), from), out);
    if (html_count(place, "last_ms") > html_count(place, "first_ms"))
        fprintf(out, " to %s", clock_format_ms(html_count(place, "last_ms"), to));
    json_array_foreach(partitions, i, partition)
    {
        if (i == PLACES_SHOWN) {
            fputs(" ...", out);
            break;
        }
        fprintf(out, "%s%" JSON_INTEGER_FORMAT,
                i > 0                             ? ", "
                : json_array_size(partitions) > 1 ? "; partitions "
                                                  : "; partition ",
                json_integer_value(partition));
    }
    i = 0;
    json_object_foreach((json_t *)json_object_get(place, "fields"), name, times)
    {
        if (i == PLACES_SHOWN)
            break;
        if (strcmp(name, "@key") == 0 || strcmp(name, "@partition") == 0)
            continue; /* The kind of difference says it. */
        fputs(i++ == 0 ? "; field <span class=mono>" : ", <span class=mono>", out);
        html_escaped(out, name);
        fprintf(out, "</span> &times;%" JSON_INTEGER_FORMAT, json_integer_value(times));
    }
    fputs("</span>", out);
}

static void hero_cause(FILE *out, const json_t *comparison, const json_t *cause)
{
    if (html_is_true(cause, "explained"))
        return;
    fputs("<li><b class=bad>", out);
    html_number(out, html_count(cause, "count"));
    fputc(' ', out);
    html_name_words(out, html_text(cause, "kind"));
    fputs("</b> in ", out);
    html_escaped(out, html_text(comparison, "kind"));
    fputs(" <b>", out);
    html_escaped(out, html_text(comparison, "name"));
    fputs("</b>: ", out);
    html_escaped(out, html_text(cause, "meaning"));
    hero_place(out, json_object_get(cause, "place"));
    fputs("<br><span class=small>&rarr; ", out);
    html_escaped(out, html_text(cause, "advice"));
    fputs("</span>", out);
    fputs("</li>", out);
}

/* The next step stands before the list, which may be long: it must be on the first screen. */
static void hero(FILE *out, const json_t *document)
{
    const json_t *comparison, *cause;
    size_t i, j;

    fprintf(out, "<section class='hero %s'><h1>%s</h1><p>", html_text(document, "verdict"),
            html_text(document, "verdict"));
    html_escaped(out, html_text(document, "summary"));
    fputs(".</p><p class=next><span class=soft>Next:</span> <code>", out);
    html_escaped(out, html_text(document, "next"));
    fputs("</code>", out);
    if (json_array_size(json_object_get(document, "differences")) > 0)
        fputs(" <a href='#samples'>to the samples</a>", out);
    fputs("</p><ul>", out);
    json_array_foreach(json_object_get(document, "comparisons"), i, comparison)
    {
        json_array_foreach(json_object_get(comparison, "causes"), j, cause)
            hero_cause(out, comparison, cause);
        html_list_items(out, json_object_get(comparison, "inconclusive"));
    }
    fputs("</ul></section>", out);
}

/* -- A comparison -- */

static void tile(FILE *out, const json_t *counts, const char *name, const char *shown,
                 const char *class)
{
    int64_t value = html_count(counts, name);

    fprintf(out, "<div class=tile><b class='%s'>", value > 0 ? class : "");
    html_number(out, value);
    fprintf(out, "</b><span>%s</span></div>", shown);
}

static void tiles(FILE *out, const json_t *comparison)
{
    const json_t *counts = json_object_get(comparison, "counts");

    fputs("<div class=tiles>", out);
    tile(out, counts, "matched", "matched", "good");
    tile(out, counts, "different", "different", "bad");
    tile(out, counts, "missing", "missing", "bad");
    tile(out, counts, "extra", "extra", "bad");
    tile(out, counts, "duplicate", "duplicate", "bad");
    tile(out, counts, "dead_letter", "dead letters", "warn");
    tile(out, counts, "pending", "pending", "");
    if (strcmp(html_text(comparison, "kind"), comparison_names[COMPARISON_LEGACY]) == 0) {
        tile(out, counts, "old_duplicate", "duplicate in the old", "bad");
        tile(out, counts, "unreadable", "unreadable in the old", "bad");
    }
    fprintf(out, "<div class=tile><b>%.3f%%</b><span>coverage</span></div></div>",
            100 * html_real(comparison, "coverage"));
}

static void causes(FILE *out, const json_t *comparison)
{
    const json_t *cause;
    size_t i;

    if (json_array_size(json_object_get(comparison, "causes")) == 0)
        return;
    fputs("<h3>Causes</h3><div class=wrap><table><tr><th class=n>Count<th>What<th>Cause<th>What to "
          "do</tr>",
          out);
    json_array_foreach(json_object_get(comparison, "causes"), i, cause)
    {
        fputs("<tr><td class=n>", out);
        html_number(out, html_count(cause, "count"));
        fputs("<td>", out);
        html_name_words(out, html_text(cause, "kind"));
        fprintf(out, "<td><b class=%s>", html_is_true(cause, "explained") ? "warn" : "bad");
        html_name_words(out, html_text(cause, "cause"));
        fputs("</b><br><span class='small soft'>", out);
        html_escaped(out, html_text(cause, "meaning"));
        fputs("</span><td>", out);
        html_escaped(out, html_text(cause, "advice"));
        fputs("</tr>", out);
    }
    fputs("</table></div>", out);
}

static void identities(FILE *out, const json_t *comparison)
{
    const json_t *identity;
    size_t i;

    fputs("<details><summary>Counts that must add up</summary><div class=wrap><table>", out);
    json_array_foreach(json_object_get(comparison, "identities"), i, identity)
    {
        bool holds = html_is_true(identity, "holds");
        fputs("<tr><td>", out);
        html_escaped(out, html_text(identity, "text"));
        fputs("<td class=n>", out);
        html_number(out, html_count(identity, "left"));
        fputs(holds ? " = " : " &ne; ", out);
        html_number(out, html_count(identity, "right"));
        fprintf(out, "<td class=%s>%s</tr>", holds ? "good" : "bad", holds ? "holds" : "broken");
    }
    fputs("</table></div></details>", out);
}

static void partitions(FILE *out, const json_t *comparison)
{
    const json_t *partition, *read;
    size_t i;

    fputs("<details><summary>Partitions and what was read</summary><div class=wrap><table><tr>"
          "<th class=n>Partition<th class=n>Judged<th class=n>Matched<th class=n>Differences</tr>",
          out);
    json_array_foreach(json_object_get(comparison, "partitions"), i, partition)
        fprintf(out,
                "<tr><td class=n>%" PRId64 "<td class=n>%" PRId64 "<td class=n>%" PRId64
                "<td class=n>%" PRId64 "</tr>",
                html_count(partition, "partition"), html_count(partition, "rows"),
                html_count(partition, "matched"), html_count(partition, "differences"));
    fputs("</table></div><div class=wrap style='margin-top:8px'><table><tr><th>Topic<th "
          "class=n>Partition<th class=n>From<th class=n>To<th class=n>Records</tr>",
          out);
    json_array_foreach(json_object_get(comparison, "reads"), i, read)
    {
        fputs("<tr><td>", out);
        html_escaped(out, html_text(read, "topic"));
        fprintf(out,
                "<td class=n>%" PRId64 "<td class=n>%" PRId64 "<td class=n>%" PRId64
                "<td class=n>%" PRId64 "</tr>",
                html_count(read, "partition"), html_count(read, "from"), html_count(read, "to"),
                html_count(read, "records"));
    }
    fputs("</table></div></details>", out);
}

static const char *what_is_compared(const char *kind)
{
    if (strcmp(kind, comparison_names[COMPARISON_BRIDGE]) == 0)
        return "Every message of the audit subscription against the Kafka topic, by message id.";
    if (strcmp(kind, comparison_names[COMPARISON_LEGACY]) == 0)
        return "Every row of the old system's output (expected) against the join's (found), by "
               "key.";
    return "Every sample, recomputed from the source topics, against the output topic.";
}

static void comparison(FILE *out, const json_t *one)
{
    fputs("<h2>", out);
    html_name_words(out, html_text(one, "kind"));
    fputc(' ', out);
    html_escaped(out, html_text(one, "name"));
    fprintf(out, " <span class='pill %s'>%s</span></h2><p class=soft>%s</p>",
            html_text(one, "verdict"), html_text(one, "verdict"),
            what_is_compared(html_text(one, "kind")));
    tiles(out, one);
    html_charts(out, one);
    html_rates(out, one);
    causes(out, one);
    identities(out, one);
    report_books_html(one, out);
    partitions(out, one);
    if (json_array_size(json_object_get(one, "notes")) > 0) {
        fputs("<h3>Notes</h3><ul class=soft>", out);
        html_list_items(out, json_object_get(one, "notes"));
        fputs("</ul>", out);
    }
    if (json_array_size(json_object_get(one, "not_checked")) > 0) {
        fputs("<h3>Not checked</h3><ul class=soft>", out);
        html_list_items(out, json_object_get(one, "not_checked"));
        fputs("</ul>", out);
    }
}

/* -- Samples -- */

static void cell(FILE *out, const json_t *value, const char *class)
{
    char *shown = report_value(value);

    fprintf(out, "<td class=%s>", class);
    if (value == NULL)
        fputs("<span class=soft>absent</span>", out);
    html_escaped(out, shown);
    free(shown);
}

static void sample_fields(FILE *out, const json_t *fields)
{
    const json_t *field;
    size_t i;

    if (json_array_size(fields) == 0)
        return;
    fputs("<div class=wrap><table><tr><th>Field<th>Expected<th>Found</tr>", out);
    json_array_foreach(fields, i, field)
    {
        fputs("<tr><td>", out);
        html_escaped(out, html_text(field, "name"));
        cell(out, json_object_get(field, "expected"), "want");
        cell(out, json_object_get(field, "found"), "have");
        fputs("</tr>", out);
    }
    fputs("</table></div>", out);
}

/* `position` is TOPIC/PARTITION/OFFSET; no topic's name has a slash. */
static void fetch_command(FILE *out, const char *file, const char *position)
{
    const char *partition = position != NULL ? strchr(position, '/') : NULL;
    const char *offset = partition != NULL ? strchr(partition + 1, '/') : NULL;

    if (offset == NULL || offset[1] == '\0' || offset[1 + strspn(offset + 1, "0123456789")] != '\0')
        return; /* A place in a file. */
    char *command =
        memory_textf("dualrun cat %s %.*s --at %.*s:%s", file, (int)(partition - position),
                     position, (int)(offset - partition - 1), partition + 1, offset + 1);
    fputs("<br><code>", out);
    html_escaped(out, command);
    fputs("</code>", out);
    free(command);
}

static void sample(FILE *out, const json_t *document, const json_t *difference)
{
    const char *file = html_text(json_object_get(document, "provenance"), "file");
    const json_t *position;
    const char *where;
    bool bad = true;
    char when[CLOCK_TEXT_SIZE];

    for (size_t cause = 0; cause < CAUSES; cause++)
        if (strcmp(html_text(difference, "cause"), cause_infos[cause].name) == 0)
            bad = !cause_infos[cause].explained;
    fprintf(out, "<article class=sample><header><b class=%s>", bad ? "bad" : "warn");
    html_name_words(out, html_text(difference, "kind"));
    fputs("</b><span class=mono>", out);
    html_escaped(out, html_text(difference, "key"));
    fputs("</span><span class='small soft'>", out);
    html_escaped(out, html_text(difference, "comparison"));
    fputs(", ", out);
    html_name_words(out, html_text(difference, "cause"));
    if (html_count(difference, "time_ms") > 0)
        fprintf(out, ", %s", clock_format_ms(html_count(difference, "time_ms"), when));
    fputs("</span></header><p class='small soft'>", out);
    html_escaped(out, html_text(difference, "evidence"));
    json_object_foreach((json_t *)json_object_get(difference, "positions"), where, position)
    {
        fputs(" <span class=mono>", out);
        html_escaped(out, where);
        fputc('=', out);
        html_escaped(out, json_string_value(position));
        fputs("</span>", out);
    }
    if (*html_text(difference, "message_id") != '\0') {
        fputs(" <span class=mono>message=", out);
        html_escaped(out, html_text(difference, "message_id"));
        fputs("</span>", out);
    }
    fputs("</p>", out);
    sample_fields(out, json_object_get(difference, "fields"));
    if (json_object_size(json_object_get(difference, "positions")) == 0) {
        fputs("</article>", out);
        return;
    }
    fputs("<details class=small><summary>Fetch the records</summary>", out);
    json_object_foreach((json_t *)json_object_get(difference, "positions"), where, position)
        fetch_command(out, file, json_string_value(position));
    fputs("</details></article>", out);
}

/* A few of each kind and cause, the unexplained first. */
static void samples_of(FILE *out, const json_t *document, bool explained)
{
    const json_t *differences = json_object_get(document, "differences");
    size_t shown[COMPARISONS][DIFFERENCE_KINDS][CAUSES] = {0};
    const json_t *difference;
    size_t i;

    json_array_foreach(differences, i, difference)
    {
        size_t kind = 0, cause = 0;
        while (strcmp(html_text(difference, "kind"), difference_kind_names[kind]) != 0
               && kind + 1 < DIFFERENCE_KINDS)
            kind++;
        while (strcmp(html_text(difference, "cause"), cause_infos[cause].name) != 0
               && cause + 1 < CAUSES)
            cause++;
        size_t of = 0;
        while (of + 1 < COMPARISONS
               && strcmp(html_text(difference, "comparison"), comparison_names[of]) != 0)
            of++;
        if (cause_infos[cause].explained == explained
            && shown[of][kind][cause]++ < SAMPLES_PER_CAUSE)
            sample(out, document, difference);
    }
}

static void samples(FILE *out, const json_t *document)
{
    const json_t *differences = json_object_get(document, "differences");

    if (json_array_size(differences) == 0)
        return;
    fputs("<h2 id=samples>Samples</h2><p class=soft>Up to ", out);
    fprintf(out, "%d of each kind and cause; report.json lists ", SAMPLES_PER_CAUSE);
    html_number(out, html_count(document, "differences_listed"));
    fputs(" of ", out);
    html_number(out, html_count(document, "differences_total"));
    fputs(" differences.", out);
    if (strcmp(html_text(json_object_get(document, "provenance"), "show_values"), "none") == 0)
        fputs(" Values are keyed hashes: equal values have equal ones. "
              "<code>validate.show_fields</code> "
              "and <code>validate.show_values</code> show them.",
              out);
    fputs("</p>", out);
    samples_of(out, document, false);
    samples_of(out, document, true);
}

static void provenance(FILE *out, const json_t *document)
{
    const json_t *value;
    const char *name;

    fputs("<h2>Provenance</h2><div class=wrap><table>", out);
    json_object_foreach((json_t *)json_object_get(document, "provenance"), name, value)
    {
        char *shown = report_value(value);
        fputs("<tr><td class=soft>", out);
        html_name_words(out, name);
        fputs("<td class=mono>", out);
        html_escaped(out, shown);
        fputs("</tr>", out);
        free(shown);
    }
    fputs("</table></div><h3>Not checked by this run</h3><ul class=soft>", out);
    html_list_items(out, json_object_get(document, "not_checked"));
    fputs("</ul>", out);
}

void report_html(const json_t *document, FILE *out)
{
    const json_t *one;
    size_t i;

    fputs("<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
          "content='width=device-width,initial-scale=1'><meta name=color-scheme "
          "content='light dark'><title>",
          out);
    fprintf(out, "%s: ", html_text(document, "verdict"));
    html_escaped(out, html_text(json_object_get(document, "provenance"), "pipeline"));
    fprintf(out,
            "</title><style>%s</style></head><body><main><p class='small soft'>dualrun validate, "
            "pipeline ",
            style);
    html_escaped(out, html_text(json_object_get(document, "provenance"), "pipeline"));
    fputs(", ", out);
    html_escaped(out, html_text(json_object_get(document, "provenance"), "ended"));
    fputs("</p>", out);
    hero(out, document);
    html_gates(out, document);
    html_streak(out, document);
    json_array_foreach(json_object_get(document, "comparisons"), i, one) comparison(out, one);
    samples(out, document);
    provenance(out, document);
    fputs("</main></body></html>\n", out);
}
