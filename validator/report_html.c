/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One offline page. Everything that comes from data goes through `escaped`; there is no script, so
 * that the page can be mailed, printed and opened under any content policy.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "validator/report.h"

enum {
    SAMPLES_PER_CAUSE = 8,
    CHART_WIDTH = 720,
    CHART_HEIGHT = 120,
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
    "p{margin:6px 0}.soft{color:var(--soft)}.small{font-size:13px}"
    ".mono,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}"
    ".hero{border-radius:12px;padding:22px 24px;border:1px solid "
    "var(--line);background:var(--card);"
    "border-left:6px solid var(--soft)}.hero.PASS{border-left-color:var(--good)}"
    ".hero.FAIL{border-left-color:var(--bad)}.hero.INCONCLUSIVE{border-left-color:var(--warn)}"
    ".PASS h1,.good{color:var(--good)}.FAIL h1,.bad{color:var(--bad)}"
    ".INCONCLUSIVE h1,.warn{color:var(--warn)}"
    ".hero ul{margin:12px 0;padding-left:20px}.hero li{margin:3px 0}"
    ".next{margin-top:14px;padding-top:12px;border-top:1px solid var(--line)}"
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

static void escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

static int64_t count(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* 1234567 as 1,234,567. */
static void number(FILE *out, int64_t value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" PRId64, value);

    for (int i = 0; i < size; i++) {
        if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0)
            fputc(',', out);
        fputc(digits[i], out);
    }
}

static void name_words(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(*name == '_' ? ' ' : *name, out);
}

static void list_items(FILE *out, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        fputs("<li>", out);
        escaped(out, json_string_value(item));
        fputs("</li>", out);
    }
}

/* -- First screen: what is wrong, how bad, why, what to do -- */

static void hero_cause(FILE *out, const json_t *comparison, const json_t *cause)
{
    if (is_true(cause, "explained"))
        return;
    fputs("<li><b class=bad>", out);
    number(out, count(cause, "count"));
    fputc(' ', out);
    name_words(out, text(cause, "kind"));
    fputs("</b> in ", out);
    escaped(out, text(comparison, "kind"));
    fputs(" <b>", out);
    escaped(out, text(comparison, "name"));
    fputs("</b>: ", out);
    escaped(out, text(cause, "meaning"));
    fputs("</li>", out);
}

static void hero(FILE *out, const json_t *document)
{
    const json_t *comparison, *cause;
    size_t i, j;

    fprintf(out, "<section class='hero %s'><h1>%s</h1><p>", text(document, "verdict"),
            text(document, "verdict"));
    escaped(out, text(document, "summary"));
    fputs(".</p><ul>", out);
    json_array_foreach(json_object_get(document, "comparisons"), i, comparison)
    {
        json_array_foreach(json_object_get(comparison, "causes"), j, cause)
            hero_cause(out, comparison, cause);
        list_items(out, json_object_get(comparison, "inconclusive"));
    }
    fputs("</ul><p class=next><span class=soft>Next:</span> <code>", out);
    escaped(out, text(document, "next"));
    fputs("</code></p></section>", out);
}

static void gate_value(FILE *out, double value)
{
    fprintf(out, value > 0 && value < 1 ? "%.6f" : "%.6g", value);
}

static void gates(FILE *out, const json_t *document)
{
    const json_t *gate;
    size_t i;

    fputs("<h2>Gates</h2><div class=wrap><table><tr><th>Gate<th>Of<th class=n>Value<th "
          "class=n>Limit<th></tr>",
          out);
    json_array_foreach(json_object_get(document, "gates"), i, gate)
    {
        bool pass = is_true(gate, "pass");
        fputs("<tr><td>", out);
        name_words(out, text(gate, "name"));
        fputs("<td>", out);
        escaped(out, text(gate, "comparison"));
        fputc(' ', out);
        escaped(out, text(gate, "of"));
        fputs("<td class=n>", out);
        gate_value(out, real(gate, "value"));
        fprintf(out, "<td class=n>%s ", text(gate, "sense"));
        gate_value(out, real(gate, "limit"));
        fprintf(out, "<td><span class='pill %s'>%s</span></tr>", pass ? "PASS" : "FAIL",
                pass ? "pass" : "fail");
    }
    fputs("</table></div>", out);
}

/* -- A comparison -- */

static void tile(FILE *out, const json_t *counts, const char *name, const char *shown,
                 const char *class)
{
    int64_t value = count(counts, name);

    fprintf(out, "<div class=tile><b class='%s'>", value > 0 ? class : "");
    number(out, value);
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
    fprintf(out, "<div class=tile><b>%.3f%%</b><span>coverage</span></div></div>",
            100 * real(comparison, "coverage"));
}

static void axis(FILE *out, const json_t *rows, int64_t width_ms)
{
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    int64_t first = count(json_array_get(rows, 0), "time_ms");
    int64_t last = count(json_array_get(rows, json_array_size(rows) - 1), "time_ms") + width_ms;

    fprintf(out,
            "<text x='0' y='%d'>%s</text><text x='%d' y='%d' text-anchor='end'>%s</text></svg>",
            CHART_HEIGHT + 14, clock_format_ms(first, from), CHART_WIDTH, CHART_HEIGHT + 14,
            clock_format_ms(last, to));
}

/* Each bucket a column as high as its rows, the part that differs on top in red or amber. */
static void match_chart(FILE *out, const json_t *rows, int64_t width_ms)
{
    int64_t first = count(json_array_get(rows, 0), "time_ms"), most = 1;
    int64_t last = count(json_array_get(rows, json_array_size(rows) - 1), "time_ms");
    int64_t columns = (last - first) / width_ms + 1;
    double column = (double)CHART_WIDTH / (double)columns;
    const json_t *bucket;
    size_t i;

    json_array_foreach(rows, i, bucket) most =
        count(bucket, "rows") > most ? count(bucket, "rows") : most;
    fprintf(out, "<svg viewBox='0 0 %d %d' role=img aria-label='records per time bucket'>",
            CHART_WIDTH, CHART_HEIGHT + 18);
    json_array_foreach(rows, i, bucket)
    {
        int64_t all = count(bucket, "rows"), bad = count(bucket, "unexplained");
        int64_t explained = all - count(bucket, "matched") - bad;
        int64_t place = (count(bucket, "time_ms") - first) / width_ms;
        double x = (double)place * column;
        double scale = (double)CHART_HEIGHT / (double)most, top = CHART_HEIGHT;
        const struct {
            int64_t rows;
            const char *color;
        } parts[] = {{count(bucket, "matched"), "var(--blue)"},
                     {explained, "var(--warn)"},
                     {bad, "var(--bad)"}};
        for (size_t p = 0; p < 3; p++) {
            if (parts[p].rows <= 0)
                continue;
            double height = (double)parts[p].rows * scale;
            height = p > 0 && height < 4 ? 4 : height; /* One bad record must be seen. */
            top = top - height < 0 ? 0 : top - height;
            fprintf(out,
                    "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s' "
                    "opacity='%s'><title>%" PRId64 " of %" PRId64 "</title></rect>",
                    x, top, column > 2 ? column - 0.7 : column, height, parts[p].color,
                    p == 0 ? ".55" : "1", parts[p].rows, all);
        }
    }
    axis(out, rows, width_ms);
    fputs("<p class='small soft'>Records per time bucket: <span style='color:var(--blue)'>matched"
          "</span>, <span class=warn>explained</span>, <span class=bad>unexplained</span>.</p>",
          out);
}

static void line(FILE *out, const json_t *rows, int64_t width_ms, const char *name,
                 const char *stroke, double highest)
{
    int64_t first = count(json_array_get(rows, 0), "time_ms");
    int64_t last = count(json_array_get(rows, json_array_size(rows) - 1), "time_ms");
    int64_t columns = (last - first) / width_ms + 1;
    double column = (double)CHART_WIDTH / (double)columns;
    const json_t *bucket;
    size_t i;

    fprintf(out, "<polyline fill='none' %s points='", stroke);
    json_array_foreach(rows, i, bucket)
    {
        int64_t all = count(bucket, "label_rows");
        if (all == 0)
            continue;
        int64_t place = (count(bucket, "time_ms") - first) / width_ms;
        double x = ((double)place + .5) * column;
        fprintf(out, "%.1f,%.1f ", x,
                CHART_HEIGHT * (1 - (double)count(bucket, name) / (double)all / highest));
    }
    fputs("'/>", out);
}

static void label_chart(FILE *out, const json_t *comparison, const json_t *rows, int64_t width_ms)
{
    const json_t *label = json_object_get(comparison, "label"), *bucket;
    double highest = 0.0001;
    size_t i;

    if (!json_is_object(label))
        return;
    json_array_foreach(rows, i, bucket)
    {
        double all = (double)count(bucket, "label_rows");
        double found = (double)count(bucket, "label_found");
        double expected = (double)count(bucket, "label_expected");
        double larger = found > expected ? found : expected;
        if (all > 0 && larger / all > highest)
            highest = larger / all;
    }
    fprintf(out, "<svg viewBox='0 -4 %d %d' role=img aria-label='label rate per time bucket'>",
            CHART_WIDTH, CHART_HEIGHT + 22);
    line(out, rows, width_ms, "label_expected",
         "stroke='var(--soft)' stroke-width='5' opacity='.4'", highest);
    line(out, rows, width_ms, "label_found", "stroke='var(--blue)' stroke-width='1.6'", highest);
    axis(out, rows, width_ms);
    fputs("<p class='small soft'>Rate of <b>", out);
    escaped(out, text(label, "field"));
    fprintf(out,
            "</b> per time bucket, up to %.2f%%: expected (wide, grey) %.4f%%, found (blue) "
            "%.4f%%.</p>",
            100 * highest, 100 * real(label, "expected_rate"), 100 * real(label, "found_rate"));
}

static void charts(FILE *out, const json_t *comparison)
{
    const json_t *buckets = json_object_get(comparison, "buckets");
    const json_t *rows = json_object_get(buckets, "rows");
    int64_t width_ms = count(buckets, "width_ms");

    if (json_array_size(rows) == 0 || width_ms == 0)
        return;
    match_chart(out, rows, width_ms);
    label_chart(out, comparison, rows, width_ms);
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
        number(out, count(cause, "count"));
        fputs("<td>", out);
        name_words(out, text(cause, "kind"));
        fprintf(out, "<td><b class=%s>", is_true(cause, "explained") ? "warn" : "bad");
        name_words(out, text(cause, "cause"));
        fputs("</b><br><span class='small soft'>", out);
        escaped(out, text(cause, "meaning"));
        fputs("</span><td>", out);
        escaped(out, text(cause, "advice"));
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
        bool holds = is_true(identity, "holds");
        fputs("<tr><td>", out);
        escaped(out, text(identity, "text"));
        fputs("<td class=n>", out);
        number(out, count(identity, "left"));
        fputs(holds ? " = " : " &ne; ", out);
        number(out, count(identity, "right"));
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
                count(partition, "partition"), count(partition, "rows"),
                count(partition, "matched"), count(partition, "differences"));
    fputs("</table></div><div class=wrap style='margin-top:8px'><table><tr><th>Topic<th "
          "class=n>Partition<th class=n>From<th class=n>To<th class=n>Records</tr>",
          out);
    json_array_foreach(json_object_get(comparison, "reads"), i, read)
    {
        fputs("<tr><td>", out);
        escaped(out, text(read, "topic"));
        fprintf(out,
                "<td class=n>%" PRId64 "<td class=n>%" PRId64 "<td class=n>%" PRId64
                "<td class=n>%" PRId64 "</tr>",
                count(read, "partition"), count(read, "from"), count(read, "to"),
                count(read, "records"));
    }
    fputs("</table></div></details>", out);
}

static void comparison(FILE *out, const json_t *one)
{
    fputs("<h2>", out);
    name_words(out, text(one, "kind"));
    fputc(' ', out);
    escaped(out, text(one, "name"));
    fprintf(out, " <span class='pill %s'>%s</span></h2><p class=soft>%s</p>", text(one, "verdict"),
            text(one, "verdict"),
            strcmp(text(one, "kind"), "bridge") == 0
                ? "Every message of the audit subscription against the Kafka topic, by message id."
                : "Every sample, recomputed from the source topics, against the output topic.");
    tiles(out, one);
    charts(out, one);
    causes(out, one);
    identities(out, one);
    partitions(out, one);
    if (json_array_size(json_object_get(one, "not_checked")) > 0) {
        fputs("<h3>Not checked</h3><ul class=soft>", out);
        list_items(out, json_object_get(one, "not_checked"));
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
    escaped(out, shown);
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
        escaped(out, text(field, "name"));
        cell(out, json_object_get(field, "expected"), "want");
        cell(out, json_object_get(field, "found"), "have");
        fputs("</tr>", out);
    }
    fputs("</table></div>", out);
}

static void sample(FILE *out, const json_t *difference)
{
    const json_t *position;
    const char *where;
    bool bad = strcmp(text(difference, "cause"), cause_infos[CAUSE_UNEXPLAINED].name) == 0;
    char when[CLOCK_TEXT_SIZE];

    fprintf(out, "<article class=sample><header><b class=%s>", bad ? "bad" : "warn");
    name_words(out, text(difference, "kind"));
    fputs("</b><span class=mono>", out);
    escaped(out, text(difference, "key"));
    fputs("</span><span class='small soft'>", out);
    escaped(out, text(difference, "comparison"));
    fputs(", ", out);
    name_words(out, text(difference, "cause"));
    if (count(difference, "time_ms") > 0)
        fprintf(out, ", %s", clock_format_ms(count(difference, "time_ms"), when));
    fputs("</span></header><p class='small soft'>", out);
    escaped(out, text(difference, "evidence"));
    json_object_foreach((json_t *)json_object_get(difference, "positions"), where, position)
    {
        fprintf(out, " <span class=mono>%s=", where);
        escaped(out, json_string_value(position));
        fputs("</span>", out);
    }
    if (*text(difference, "message_id") != '\0') {
        fputs(" <span class=mono>message=", out);
        escaped(out, text(difference, "message_id"));
        fputs("</span>", out);
    }
    fputs("</p>", out);
    sample_fields(out, json_object_get(difference, "fields"));
    fputs("</article>", out);
}

/* A few of each kind and cause, the unexplained first. */
static void samples_of(FILE *out, const json_t *differences, bool explained)
{
    size_t shown[2][DIFFERENCE_KINDS][CAUSES] = {0};
    const json_t *difference;
    size_t i;

    json_array_foreach(differences, i, difference)
    {
        size_t kind = 0, cause = 0;
        while (strcmp(text(difference, "kind"), difference_kind_names[kind]) != 0
               && kind + 1 < DIFFERENCE_KINDS)
            kind++;
        while (strcmp(text(difference, "cause"), cause_infos[cause].name) != 0
               && cause + 1 < CAUSES)
            cause++;
        size_t join = strcmp(text(difference, "comparison"), "join") == 0;
        if (cause_infos[cause].explained == explained
            && shown[join][kind][cause]++ < SAMPLES_PER_CAUSE)
            sample(out, difference);
    }
}

static void samples(FILE *out, const json_t *document)
{
    const json_t *differences = json_object_get(document, "differences");

    if (json_array_size(differences) == 0)
        return;
    fputs("<h2>Samples</h2><p class=soft>Up to ", out);
    fprintf(out, "%d of each kind and cause; report.json lists ", SAMPLES_PER_CAUSE);
    number(out, count(document, "differences_listed"));
    fputs(" of ", out);
    number(out, count(document, "differences_total"));
    fputs(" differences.</p>", out);
    samples_of(out, differences, false);
    samples_of(out, differences, true);
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
        name_words(out, name);
        fputs("<td class=mono>", out);
        escaped(out, shown);
        fputs("</tr>", out);
        free(shown);
    }
    fputs("</table></div><h3>Not checked by this run</h3><ul class=soft>", out);
    list_items(out, json_object_get(document, "not_checked"));
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
    fprintf(out, "%s: ", text(document, "verdict"));
    escaped(out, text(json_object_get(document, "provenance"), "pipeline"));
    fprintf(out,
            "</title><style>%s</style></head><body><main><p class='small soft'>dualrun validate, "
            "pipeline ",
            style);
    escaped(out, text(json_object_get(document, "provenance"), "pipeline"));
    fprintf(out, ", %s</p>", text(json_object_get(document, "provenance"), "ended"));
    hero(out, document);
    gates(out, document);
    json_array_foreach(json_object_get(document, "comparisons"), i, one) comparison(out, one);
    samples(out, document);
    provenance(out, document);
    fputs("</main></body></html>\n", out);
}
