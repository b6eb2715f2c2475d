/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/report_books.h"

#include "core/clock.h"
#include "validator/html.h"

enum { SHOWN = 3, MINUTE_SIZE = sizeof "2026-11-21T09:30" - 1 };

static void count_line(const json_t *books, FILE *out)
{
    fprintf(out, "%lld minute%s, %lld run%s", (long long)html_count(books, "minutes"),
            html_count(books, "minutes") == 1 ? "" : "s", (long long)html_count(books, "runs"),
            html_count(books, "runs") == 1 ? "" : "s");
    if (html_count(books, "open") > 0)
        fprintf(out, ", %lld still open", (long long)html_count(books, "open"));
    if (html_count(books, "not_judged") > 0)
        fprintf(out, ", %lld deleted by retention", (long long)html_count(books, "not_judged"));
    if (html_count(books, "unbooked") > 0)
        fprintf(out, ", %lld without books", (long long)html_count(books, "unbooked"));
}

static const char *minute_of(const json_t *line, char text[static CLOCK_TEXT_SIZE])
{
    clock_format_ms(html_count(line, "minute_ms"), text);
    text[MINUTE_SIZE] = '\0';
    return text;
}

void report_books_text(const json_t *comparison, FILE *out)
{
    const json_t *books = json_object_get(comparison, "books"), *line;
    long long unbalanced = html_count(books, "unbalanced");
    char minute[CLOCK_TEXT_SIZE];
    size_t i;

    if (!json_is_object(books))
        return;
    if (unbalanced == 0)
        fputs("    books  balanced: ", out);
    else
        fprintf(out, "    books  NOT BALANCED in %lld of ", unbalanced);
    count_line(books, out);
    fputc('\n', out);
    json_array_foreach(json_object_get(books, "list"), i, line)
    {
        if (i < SHOWN)
            fprintf(out, "      %sZ  %s\n", minute_of(line, minute), html_text(line, "text"));
    }
}

static void totals(const json_t *books, FILE *out)
{
    fputs("<p class='small soft'>", out);
    html_counts(out, json_object_get(books, "totals"));
    fputs("</p>", out);
}

void report_books_html(const json_t *comparison, FILE *out)
{
    const json_t *books = json_object_get(comparison, "books"), *line;
    bool good = html_count(books, "unbalanced") == 0;
    char minute[CLOCK_TEXT_SIZE];
    size_t i;

    if (!json_is_object(books))
        return;
    fprintf(out, "<details%s><summary>Books of the bridge: <span class=%s>%s</span>, ",
            good ? "" : " open", good ? "good" : "bad", good ? "balanced" : "not balanced");
    count_line(books, out);
    fputs("</summary>", out);
    totals(books, out);
    if (json_array_size(json_object_get(books, "list")) > 0) {
        fputs("<div class=wrap><table><tr><th>Minute<th class=n>Booked<th class=n>Found<th></tr>",
              out);
        json_array_foreach(json_object_get(books, "list"), i, line)
        {
            fprintf(out, "<tr><td class=mono>%sZ<td class=n>", minute_of(line, minute));
            html_number(out, html_count(line, "booked"));
            fputs("<td class=n>", out);
            html_number(out, html_count(line, "found"));
            fputs("<td>", out);
            html_escaped(out, html_text(line, "text"));
            fputs("</tr>", out);
        }
        fputs("</table></div>", out);
    }
    fputs("</details>", out);
}
