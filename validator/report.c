/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"

static void write_json(const json_t *document, FILE *out)
{
    json_dumpf(document, out, JSON_INDENT(1));
    fputc('\n', out);
}

const struct report_format report_formats[REPORT_FORMATS] = {
    {"text", NULL, report_text},
    {"json", "report.json", write_json},
    {"html", "report.html", report_html},
    {"junit", "report.xml", report_junit},
    {"prometheus", "report.prom", report_prometheus},
};

/* Written beside its place, then moved there. */
static bool write_file(const json_t *document, const char *directory,
                       const struct report_format *format, struct error *err)
{
    char *path = memory_textf("%s/%s", directory, format->file);
    char *draft = memory_textf("%s.draft", path);
    FILE *out = fopen(draft, "we");
    bool done = out != NULL;

    if (done) {
        format->render(document, out);
        done = fflush(out) == 0 && fsync(fileno(out)) == 0;
        done = fclose(out) == 0 && done;
    }
    if (!done || rename(draft, path) != 0)
        done = error_set(err, EXIT_CODE_STATE, "write %s: %s", path, strerror(errno));
    free(draft);
    free(path);
    return done;
}

bool report_write(const json_t *document, const char *directory, struct error *err)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return error_set(err, EXIT_CODE_STATE, "make folder %s: %s", directory, strerror(errno));
    for (size_t i = 0; i < REPORT_FORMATS; i++) {
        if (report_formats[i].file != NULL
            && !write_file(document, directory, &report_formats[i], err))
            return false;
    }
    return true;
}
