/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines: an object a line. Whole numbers are exact; one that 64 bits do not hold makes its line
 * unreadable, because a rounded number would be compared as if it were the old system's.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "validator/legacy_format.h"

struct json_state {
    struct legacy_bytes *bytes;
    const struct legacy_paths *paths;
    struct buffer line;
    json_t *names; /* Object: every name seen at the top. */
    int64_t number;
};

static void *json_open(struct legacy_bytes *bytes, const struct legacy_paths *paths,
                       struct error *err)
{
    struct json_state *state = memory_new(sizeof *state);

    (void)err;
    state->bytes = bytes;
    state->paths = paths;
    state->names = json_object();
    return state;
}

static void json_close(void *context)
{
    struct json_state *state = context;

    buffer_fini(&state->line);
    json_decref(state->names);
    free(state);
}

/* 1: a line, 0: the end, -1: broken. A line that is too long is read to its end and cut. */
static int read_line(struct json_state *state, struct error *err)
{
    int byte;

    buffer_clear(&state->line);
    while ((byte = legacy_bytes_next(state->bytes, err)) >= 0 && byte != '\n')
        if (state->line.size <= LEGACY_LINE_MAX)
            buffer_append_byte(&state->line, (uint8_t)byte);
    if (byte == -2)
        return -1;
    state->number++;
    return byte == '\n' || state->line.size > 0;
}

static bool is_blank(const struct buffer *line)
{
    for (size_t i = 0; i < line->size; i++)
        if (strchr(" \t\r", line->data[i]) == NULL)
            return false;
    return true;
}

const json_t *legacy_json_at(const json_t *json, const char *path)
{
    char name[256];

    while (json != NULL) {
        size_t size = strcspn(path, ".");
        if (size >= sizeof name)
            return NULL;
        memcpy(name, path, size);
        name[size] = '\0';
        json = json_object_get(json, name);
        if (path[size] == '\0')
            return json;
        path += size + 1;
    }
    return NULL;
}

static void keep_names(struct json_state *state, const json_t *json)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)json, name, value) if (json_object_size(state->names) < 10000)
        json_object_set_new(state->names, name, json_true());
}

static enum legacy_status json_next(void *context, struct arena *arena, struct legacy_row *row)
{
    struct json_state *state = context;
    struct error err;
    json_error_t problem;
    int got;

    do {
        got = read_line(state, &err);
    } while (got == 1 && is_blank(&state->line));
    row->place = state->number;
    if (got <= 0)
        return got == 0 ? LEGACY_END : legacy_refuse(row, LEGACY_BROKEN, "%.200s", err.text);
    if (state->line.size > LEGACY_LINE_MAX)
        return legacy_refuse(row, LEGACY_BAD, "the line is longer than 16 MiB");
    json_t *json = json_loadb((const char *)state->line.data, state->line.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &problem);
    if (json == NULL)
        return legacy_refuse(row, LEGACY_BAD, "no JSON: %.200s", problem.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return legacy_refuse(row, LEGACY_BAD, "no JSON object");
    }
    keep_names(state, json);
    row->cells = arena_take(arena, (state->paths->count + 1) * sizeof *row->cells);
    for (size_t i = 0; i < state->paths->count; i++) {
        const json_t *value = legacy_json_at(json, state->paths->items[i]);
        row->cells[i] = (struct legacy_cell){.present = value != NULL};
        if (value != NULL)
            cell_from_json(value, arena, &row->cells[i].cell);
    }
    json_decref(json);
    legacy_take_time(state->paths, row);
    return LEGACY_ROW;
}

static void json_names(const void *context, void (*take)(void *context, const char *name),
                       void *taker)
{
    const struct json_state *state = context;
    const char *name;
    json_t *value;

    json_object_foreach(state->names, name, value)
    {
        (void)value;
        take(taker, name);
    }
}

const struct legacy_format legacy_json = {
    .open = json_open, .close = json_close, .next = json_next, .names = json_names};
