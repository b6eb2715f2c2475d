/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/generate.h"

bool export_sql(const struct pipeline *pipeline, const struct pipeline_join *join,
                const struct dialect *dialect, struct buffer *out, struct error *err)
{
    struct query *query = query_new(pipeline, join, err);
    bool ok = query != NULL && generate_query(query, dialect, out, err);

    query_free(query);
    return ok;
}

static bool write_failed(const char *path, struct error *err)
{
    return error_set(err, EXIT_CODE_TARGET, "export: cannot write %s: %s", path, strerror(errno));
}

/* By way of a file beside it, so that a failure leaves what was there. */
static bool write_file(const char *path, const struct buffer *text, struct error *err)
{
    char *beside = memory_textf("%s.part", path);
    FILE *file = fopen(beside, "w");
    bool ok = file != NULL && fwrite(text->data, 1, text->size, file) == text->size;

    ok = (file == NULL || fclose(file) == 0) && ok && rename(beside, path) == 0;
    if (!ok) {
        write_failed(path, err);
        error_hint(err, "name a file in a folder that can be written to");
        unlink(beside);
    }
    free(beside);
    return ok;
}

bool export_write(const struct pipeline *pipeline, const struct pipeline_join *join,
                  const struct dialect *dialect, const char *path, struct error *err)
{
    struct buffer text = {0};
    bool ok = export_sql(pipeline, join, dialect, &text, err);

    if (ok && path != NULL)
        ok = write_file(path, &text, err);
    else if (ok && (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0))
        ok = write_failed("stdout", err);
    buffer_fini(&text);
    return ok;
}
