/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "validator/html.h"
#include "validator/report.h"

enum { RECENT = 10, TAIL_BYTES = 4 * 1024 * 1024 };

/* -- A line -- */

static json_t *causes_of(const json_t *document)
{
    json_t *sums = json_object();
    const json_t *one, *cause;
    size_t i, k;

    json_array_foreach(json_object_get(document, "comparisons"), i, one)
    {
        json_array_foreach(json_object_get(one, "causes"), k, cause)
        {
            const char *name = html_text(cause, "cause");
            json_object_set_new(sums, name,
                                json_integer(html_count(sums, name) + html_count(cause, "count")));
        }
    }
    return sums;
}

json_t *history_line(const json_t *document)
{
    const json_t *provenance = json_object_get(document, "provenance"), *one;
    json_t *comparisons = json_array();
    size_t i;

    json_array_foreach(json_object_get(document, "comparisons"), i, one)
    {
        const json_t *judged = json_object_get(one, "judged");
        json_array_append_new(comparisons,
                              json_pack("{s:s, s:s, s:s, s:I, s:I}", "kind", html_text(one, "kind"),
                                        "name", html_text(one, "name"), "verdict",
                                        html_text(one, "verdict"), "from_ms",
                                        (json_int_t)html_count(judged, "from_ms"), "to_ms",
                                        (json_int_t)html_count(judged, "to_ms")));
    }
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:O?, s:o, s:o}", "run_id", html_text(provenance, "run_id"), "ended",
        html_text(provenance, "ended"), "verdict", html_text(document, "verdict"), "pipeline",
        html_text(provenance, "pipeline"), "file_hash", json_object_get(provenance, "file_hash"),
        "comparisons", comparisons, "causes", causes_of(document));
}

/* -- The streak -- */

static const json_t *same_comparison(const json_t *run, const json_t *wanted)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(run, "comparisons"), i, one)
    {
        if (strcmp(html_text(one, "kind"), html_text(wanted, "kind")) == 0
            && strcmp(html_text(one, "name"), html_text(wanted, "name")) == 0)
            return one;
    }
    return NULL;
}

static bool judged_all(const json_t *run, const json_t *line)
{
    const json_t *one;
    size_t i;

    if (strcmp(html_text(run, "pipeline"), html_text(line, "pipeline")) != 0)
        return false;
    json_array_foreach(json_object_get(line, "comparisons"), i, one)
    {
        if (same_comparison(run, one) == NULL)
            return false;
    }
    return true;
}

/* The time that these runs judged together in the comparison that has the least. */
static int64_t span_of(const json_t *streak, const json_t *line)
{
    int64_t least = INT64_MAX;
    const json_t *wanted, *run;
    size_t i, k;

    json_array_foreach(json_object_get(line, "comparisons"), i, wanted)
    {
        int64_t from_ms = INT64_MAX, to_ms = INT64_MIN;
        json_array_foreach(streak, k, run)
        {
            const json_t *one = same_comparison(run, wanted);
            int64_t from = html_count(one, "from_ms"), to = html_count(one, "to_ms");
            from_ms = from < from_ms ? from : from_ms;
            to_ms = to > to_ms ? to : to_ms;
        }
        if (from_ms <= to_ms && to_ms - from_ms < least)
            least = to_ms - from_ms;
    }
    return least == INT64_MAX ? 0 : least;
}

static bool is_pass(const json_t *run)
{
    return strcmp(html_text(run, "verdict"), report_verdict_names[EXIT_CODE_OK]) == 0;
}

static bool is_other(const json_t *run, const json_t *line)
{
    return json_is_object(run)
           && strcmp(html_text(run, "pipeline"), html_text(line, "pipeline")) != 0;
}

json_t *history_streak(const json_t *runs, const json_t *line, const struct pipeline_gates *gates)
{
    json_t *streak = json_array(), *recent = json_array();
    bool goes_on = is_pass(line);

    json_array_append(recent, (json_t *)line);
    if (goes_on)
        json_array_append(streak, (json_t *)line);
    for (size_t i = json_array_size(runs); i-- > 0;) {
        json_t *run = json_array_get(runs, i);
        if (is_other(run, line))
            continue;
        if (json_array_size(recent) < RECENT && json_is_object(run))
            json_array_append(recent, run);
        goes_on = goes_on && is_pass(run); /* What cannot be read is no PASS. */
        if (goes_on && judged_all(run, line))
            json_array_append(streak, run);
    }
    json_int_t count = (json_int_t)json_array_size(streak), span_ms = span_of(streak, line);
    json_t *json = json_pack(
        "{s:I, s:I, s:I, s:I, s:b, s:o}", "runs", count, "span_ms", span_ms, "needed_runs",
        (json_int_t)gates->consecutive, "needed_span_ms", (json_int_t)gates->span_ms, "holds",
        count >= gates->consecutive && span_ms >= gates->span_ms, "recent", recent);
    json_decref(streak);
    return json;
}

/* -- The file -- */

static char *path_of(const char *directory)
{
    return memory_textf("%s/history.jsonl", directory);
}

static void take_line(json_t *runs, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, 0, NULL);

    if (line != NULL && !json_is_object(line)) {
        json_decref(line);
        line = NULL;
    }
    if (size > 0)
        json_array_append_new(runs, line != NULL ? line : json_null());
}

static json_t *take_lines(const struct buffer *bytes, bool cut)
{
    const char *at = (const char *)bytes->data, *end = at + bytes->size;
    json_t *runs = json_array();

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop != NULL ? stop : end) - at);
        if (!cut) /* The first line of a tail is not whole. */
            take_line(runs, at, size);
        cut = false;
        at += size + (stop != NULL);
    }
    return runs;
}

json_t *history_read(const char *directory, struct error *err)
{
    char *path = path_of(directory);
    FILE *in = fopen(path, "re");
    struct buffer bytes = {0};
    json_t *runs = NULL;
    bool cut = in != NULL && fseek(in, -TAIL_BYTES, SEEK_END) == 0 && ftell(in) > 0;
    size_t size;

    if (in == NULL && errno == ENOENT) {
        free(path);
        return json_array();
    }
    if (in != NULL && !cut)
        rewind(in);
    while (in != NULL && (size = fread(buffer_reserve(&bytes, 65536), 1, 65536, in)) > 0)
        bytes.size += size;
    if (in == NULL || ferror(in))
        error_set(err, EXIT_CODE_STATE, "read %s: %s", path, strerror(errno));
    else
        runs = take_lines(&bytes, cut);
    if (in != NULL)
        fclose(in);
    buffer_fini(&bytes);
    free(path);
    return runs;
}

/* A line that a crash cut short is closed first, so that it spoils no other. */
static bool needs_end(int file)
{
    char last = '\n';
    off_t size = lseek(file, 0, SEEK_END);

    return size > 0 && pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

bool history_append(const char *directory, const json_t *line, struct error *err)
{
    char *path = path_of(directory), *text = json_dumps(line, JSON_COMPACT);
    int file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    char *whole = memory_textf("%s%s\n", file >= 0 && needs_end(file) ? "\n" : "", text);
    size_t size = strlen(whole);
    bool done = file >= 0 && write(file, whole, size) == (ssize_t)size && fsync(file) == 0;

    if (!done)
        error_set(err, EXIT_CODE_STATE, "write %s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    free(whole);
    free(text);
    free(path);
    return done;
}
