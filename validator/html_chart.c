/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page's charts, drawn in its own colours.
 */
#include <inttypes.h>

#include "core/clock.h"
#include "validator/html.h"

enum { CHART_WIDTH = 720, CHART_HEIGHT = 120 };

static void axis(FILE *out, const json_t *rows, int64_t width_ms)
{
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
    int64_t first = html_count(json_array_get(rows, 0), "time_ms");
    int64_t last =
        html_count(json_array_get(rows, json_array_size(rows) - 1), "time_ms") + width_ms;

    fprintf(out,
            "<text x='0' y='%d'>%s</text><text x='%d' y='%d' text-anchor='end'>%s</text></svg>",
            CHART_HEIGHT + 14, clock_format_ms(first, from), CHART_WIDTH, CHART_HEIGHT + 14,
            clock_format_ms(last, to));
}

/* Each bucket a column as high as its rows, the part that differs on top in red or amber. */
static void match_chart(FILE *out, const json_t *rows, int64_t width_ms)
{
    int64_t first = html_count(json_array_get(rows, 0), "time_ms"), most = 1;
    int64_t last = html_count(json_array_get(rows, json_array_size(rows) - 1), "time_ms");
    int64_t columns = (last - first) / width_ms + 1;
    double column = (double)CHART_WIDTH / (double)columns;
    const json_t *bucket;
    size_t i;

    json_array_foreach(rows, i, bucket) most =
        html_count(bucket, "rows") > most ? html_count(bucket, "rows") : most;
    fprintf(out, "<svg viewBox='0 0 %d %d' role=img aria-label='records per time bucket'>",
            CHART_WIDTH, CHART_HEIGHT + 18);
    json_array_foreach(rows, i, bucket)
    {
        int64_t all = html_count(bucket, "rows"), bad = html_count(bucket, "unexplained");
        int64_t explained = all - html_count(bucket, "matched") - bad;
        int64_t place = (html_count(bucket, "time_ms") - first) / width_ms;
        double x = (double)place * column;
        double scale = (double)CHART_HEIGHT / (double)most, top = CHART_HEIGHT;
        const struct {
            int64_t rows;
            const char *color;
        } parts[] = {{html_count(bucket, "matched"), "var(--blue)"},
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
    int64_t first = html_count(json_array_get(rows, 0), "time_ms");
    int64_t last = html_count(json_array_get(rows, json_array_size(rows) - 1), "time_ms");
    int64_t columns = (last - first) / width_ms + 1;
    double column = (double)CHART_WIDTH / (double)columns;
    const json_t *bucket;
    size_t i;

    fprintf(out, "<polyline fill='none' %s points='", stroke);
    json_array_foreach(rows, i, bucket)
    {
        int64_t all = html_count(bucket, "label_rows");
        if (all == 0)
            continue;
        int64_t place = (html_count(bucket, "time_ms") - first) / width_ms;
        double x = ((double)place + .5) * column;
        fprintf(out, "%.1f,%.1f ", x,
                CHART_HEIGHT * (1 - (double)html_count(bucket, name) / (double)all / highest));
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
        double all = (double)html_count(bucket, "label_rows");
        double found = (double)html_count(bucket, "label_found");
        double expected = (double)html_count(bucket, "label_expected");
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
    html_escaped(out, html_text(label, "field"));
    fprintf(out,
            "</b> per time bucket, up to %.2f%%: expected (wide, grey) %.4f%%, found (blue) "
            "%.4f%%.</p>",
            100 * highest, 100 * html_real(label, "expected_rate"),
            100 * html_real(label, "found_rate"));
}

void html_charts(FILE *out, const json_t *comparison)
{
    const json_t *buckets = json_object_get(comparison, "buckets");
    const json_t *rows = json_object_get(buckets, "rows");
    int64_t width_ms = html_count(buckets, "width_ms");

    if (json_array_size(rows) == 0 || width_ms == 0)
        return;
    match_chart(out, rows, width_ms);
    label_chart(out, comparison, rows, width_ms);
}
