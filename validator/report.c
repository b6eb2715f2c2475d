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

/* Written beside its place, then moved there. */
static bool write_file(const json_t *document, const char *directory, const char *name,
                       void (*render)(const json_t *, FILE *), struct error *err)
{
    char *path = memory_textf("%s/%s", directory, name);
    char *draft = memory_textf("%s.draft", path);
    FILE *out = fopen(draft, "we");
    bool done = out != NULL;

    if (done) {
        render(document, out);
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
    return write_file(document, directory, "report.json", write_json, err)
           && write_file(document, directory, "report.html", report_html, err);
}
