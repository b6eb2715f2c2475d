/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV by RFC 4180: a line of names, then rows; quotes may hold commas, line ends and doubled quotes.
 * Lines end in LF or CRLF. A field that is empty and not in quotes is null, "" is the empty text.
 */
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "validator/legacy_format.h"

struct csv_field {
    size_t start, size; /* In the row's text. */
    bool quoted;
};

struct csv_state {
    struct legacy_bytes *bytes;
    const struct legacy_paths *paths;
    struct buffer text;
    struct csv_field *fields;
    size_t field_count, field_room;
    char **names;
    size_t name_count;
    size_t *at; /* Of each path; SIZE_MAX: no such column. */
    int64_t line;
};

enum csv_read { CSV_ROW, CSV_WRONG, CSV_END, CSV_FAILED };

static void end_field(struct csv_state *state, size_t start, bool quoted)
{
    if (state->field_count == state->field_room) {
        state->field_room = state->field_room * 2 + 16;
        state->fields = memory_resize(state->fields, state->field_room * sizeof *state->fields);
    }
    state->fields[state->field_count++] =
        (struct csv_field){.start = start, .size = state->text.size - start, .quoted = quoted};
}

/* What is in quotes, to the quote that ends it. Returns the byte behind that, as legacy_bytes_next. */
static int read_quoted(struct csv_state *state, bool *wrong, struct error *err)
{
    for (;;) {
        int byte = legacy_bytes_next(state->bytes, err);
        if (byte == '"') {
            byte = legacy_bytes_next(state->bytes, err);
            if (byte != '"')
                return byte;
        } else if (byte < 0) {
            *wrong = true;
            return byte;
        }
        state->line += byte == '\n';
        if (state->text.size < LEGACY_LINE_MAX)
            buffer_append_byte(&state->text, (uint8_t)byte);
        else
            *wrong = true;
    }
}

static int read_plain(struct csv_state *state, int byte, bool *wrong, struct error *err)
{
    while (byte >= 0 && byte != ',' && byte != '\n') {
        *wrong |= byte == '"' || state->text.size >= LEGACY_LINE_MAX;
        if (state->text.size < LEGACY_LINE_MAX)
            buffer_append_byte(&state->text, (uint8_t)byte);
        byte = legacy_bytes_next(state->bytes, err);
    }
    return byte;
}

/* One row into `text` and `fields`. A wrong one is read to its end. */
static enum csv_read read_row(struct csv_state *state, struct error *err)
{
    bool wrong = false, quoted;
    int byte;

    buffer_clear(&state->text);
    state->field_count = 0;
    state->line++;
    do {
        size_t start = state->text.size;
        byte = legacy_bytes_next(state->bytes, err);
        if (byte == -1 && state->field_count == 0)
            return CSV_END;
        quoted = byte == '"';
        if (quoted) {
            byte = read_quoted(state, &wrong, err);
            if (byte == '\r')
                byte = legacy_bytes_next(state->bytes, err);
            wrong |= byte >= 0 && byte != ',' && byte != '\n';
        }
        byte = read_plain(state, byte, &wrong, err);
        if (!quoted && byte != ',' && state->text.size > start
            && state->text.data[state->text.size - 1] == '\r')
            state->text.size--;
        end_field(state, start, quoted);
    } while (byte == ',');
    return byte == -2 ? CSV_FAILED : wrong ? CSV_WRONG : CSV_ROW;
}

static bool read_names(struct csv_state *state, struct error *err)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    enum csv_read got = read_row(state, err);

    if (got == CSV_FAILED)
        return false;
    if (got != CSV_ROW) {
        error_set(err, EXIT_CODE_SOURCE, "it has no line of names");
        return error_hint(err, "CSV must begin with the names of its columns");
    }
    state->names = memory_array(state->field_count + 1, sizeof *state->names);
    for (size_t i = 0; i < state->field_count; i++) {
        struct csv_field *field = &state->fields[i];
        if (i == 0 && field->size >= sizeof mark
            && memcmp(state->text.data + field->start, mark, sizeof mark) == 0) {
            field->start += sizeof mark;
            field->size -= sizeof mark;
        }
        state->names[state->name_count++] = memory_text_n(
            field->size > 0 ? (const char *)state->text.data + field->start : "", field->size);
        for (size_t k = 0; k < i; k++)
            if (strcmp(state->names[k], state->names[i]) == 0)
                return error_set(err, EXIT_CODE_SOURCE, "two of its columns are named %s",
                                 state->names[i]);
    }
    return true;
}

static void csv_close(void *context)
{
    struct csv_state *state = context;

    for (size_t i = 0; i < state->name_count; i++)
        free(state->names[i]);
    free(state->names);
    free(state->fields);
    free(state->at);
    buffer_fini(&state->text);
    free(state);
}

static void *csv_open(struct legacy_bytes *bytes, const struct legacy_paths *paths,
                      struct error *err)
{
    struct csv_state *state = memory_new(sizeof *state);

    state->bytes = bytes;
    state->paths = paths;
    if (!read_names(state, err)) {
        csv_close(state);
        return NULL;
    }
    state->at = memory_array(paths->count + 1, sizeof *state->at);
    for (size_t i = 0; i < paths->count; i++) {
        state->at[i] = SIZE_MAX;
        for (size_t k = 0; k < state->name_count; k++)
            if (strcmp(state->names[k], paths->items[i]) == 0)
                state->at[i] = k;
    }
    return state;
}

static struct legacy_cell take_cell(const struct csv_state *state, size_t at, struct arena *arena)
{
    struct legacy_cell taken = {.present = at != SIZE_MAX};

    if (!taken.present)
        return taken;
    const struct csv_field *field = &state->fields[at];
    taken.cell.kind = field->size == 0 && !field->quoted ? CELL_NULL : CELL_TEXT;
    taken.cell.size = field->size;
    taken.cell.bytes = (const uint8_t *)arena_text(
        arena, field->size > 0 ? (const void *)(state->text.data + field->start) : "", field->size);
    return taken;
}

static enum legacy_status csv_next(void *context, struct arena *arena, struct legacy_row *row)
{
    struct csv_state *state = context;
    struct error err;

    row->place = state->line + 1;
    enum csv_read got = read_row(state, &err);
    if (got == CSV_END)
        return LEGACY_END;
    if (got == CSV_FAILED)
        return legacy_refuse(row, LEGACY_BROKEN, "%.200s", err.text);
    if (got == CSV_WRONG)
        return legacy_refuse(row, LEGACY_BAD, "its quotes do not fit RFC 4180");
    if (state->field_count != state->name_count)
        return legacy_refuse(row, LEGACY_BAD, "%zu fields, but %zu columns", state->field_count,
                             state->name_count);
    row->cells = arena_take(arena, (state->paths->count + 1) * sizeof *row->cells);
    for (size_t i = 0; i < state->paths->count; i++)
        row->cells[i] = take_cell(state, state->at[i], arena);
    legacy_take_time(state->paths, row);
    return LEGACY_ROW;
}

static void csv_names(const void *context, void (*take)(void *context, const char *name),
                      void *taker)
{
    const struct csv_state *state = context;

    for (size_t i = 0; i < state->name_count; i++)
        take(taker, state->names[i]);
}

const struct legacy_format legacy_csv = {
    .open = csv_open, .close = csv_close, .next = csv_next, .names = csv_names, .untyped = true};
