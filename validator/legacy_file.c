/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/legacy_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/rfc3339.h"
#include "validator/legacy_format.h"

struct legacy_file {
    struct legacy_bytes *bytes;
    const struct legacy_format *format;
    void *state;
    bool ended;
};

enum legacy_status legacy_refuse(struct legacy_row *row, enum legacy_status status,
                                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(row->reason, sizeof row->reason, format, args);
    va_end(args);
    return status;
}

static bool scale(int64_t value, enum pipeline_time_unit unit, int64_t *ms)
{
    if (unit == TIME_US)
        value = value / 1000 - (value % 1000 < 0);
    else if (unit == TIME_S && __builtin_mul_overflow(value, (int64_t)1000, &value))
        return false;
    *ms = value;
    return true;
}

void legacy_take_time(const struct legacy_paths *paths, struct legacy_row *row)
{
    int64_t value;
    char *end;

    if (paths->time == SIZE_MAX || !row->cells[paths->time].present)
        return;
    const struct cell *cell = &row->cells[paths->time].cell;
    if (cell->kind == CELL_INTEGER && paths->unit != TIME_RFC3339) {
        row->has_time = scale(cell->integer, paths->unit, &row->time_ms);
    } else if (cell->kind == CELL_TEXT && cell->size > 0 && paths->unit == TIME_RFC3339) {
        row->has_time = rfc3339_parse_us((const char *)cell->bytes, cell->size, &value)
                        && scale(value, TIME_US, &row->time_ms);
    } else if (cell->kind == CELL_TEXT && cell->size > 0) { /* CSV. The arena ends it with a NUL. */
        errno = 0;
        value = strtoll((const char *)cell->bytes, &end, 10);
        row->has_time = errno == 0 && end == (const char *)cell->bytes + cell->size
                        && scale(value, paths->unit, &row->time_ms);
    }
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t length = strlen(end);

    return size > length && memcmp(text + size - length, end, length) == 0;
}

enum pipeline_legacy_format legacy_format(const char *path)
{
    size_t size = strlen(path);

    if (ends_with(path, size, ".gz"))
        size -= 3;
    else if (ends_with(path, size, ".zst"))
        size -= 4;
    if (ends_with(path, size, ".avro"))
        return LEGACY_FORMAT_AVRO;
    if (ends_with(path, size, ".json") || ends_with(path, size, ".jsonl")
        || ends_with(path, size, ".ndjson"))
        return LEGACY_FORMAT_JSON;
    return ends_with(path, size, ".csv") ? LEGACY_FORMAT_CSV : LEGACY_FORMAT_AUTO;
}

struct legacy_file *legacy_file_open(const char *path, enum pipeline_legacy_format format,
                                     const struct legacy_paths *paths, struct error *err)
{
    struct legacy_file *file = memory_new(sizeof *file);

    if (format == LEGACY_FORMAT_AUTO)
        format = legacy_format(path);
    if (format == LEGACY_FORMAT_AUTO) {
        error_set(err, EXIT_CODE_CONFIG, "%s: its name does not say what it is", path);
        error_hint(err, "write validate.legacy.format: avro, json or csv");
        free(file);
        return NULL;
    }
    file->format = format == LEGACY_FORMAT_AVRO   ? &legacy_avro
                   : format == LEGACY_FORMAT_JSON ? &legacy_json
                                                  : &legacy_csv;
    file->bytes = legacy_bytes_open(path, err);
    if (file->bytes != NULL)
        file->state = file->format->open(file->bytes, paths, err);
    if (file->state == NULL) {
        error_wrap(err, "%s", path);
        legacy_file_close(file);
        return NULL;
    }
    return file;
}

void legacy_file_close(struct legacy_file *file)
{
    if (file == NULL)
        return;
    if (file->state != NULL)
        file->format->close(file->state);
    legacy_bytes_close(file->bytes);
    free(file);
}

enum legacy_status legacy_file_next(struct legacy_file *file, struct arena *arena,
                                    struct legacy_row *row)
{
    *row = (struct legacy_row){.rows = 1};
    if (file->ended)
        return LEGACY_END;
    enum legacy_status status = file->format->next(file->state, arena, row);
    file->ended = status == LEGACY_END || status == LEGACY_BROKEN;
    return status;
}

bool legacy_file_is_untyped(const struct legacy_file *file)
{
    return file->format->untyped;
}

void legacy_file_names(const struct legacy_file *file,
                       void (*take)(void *context, const char *name), void *context)
{
    file->format->names(file->state, take, context);
}
