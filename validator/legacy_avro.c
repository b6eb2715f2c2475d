/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro object container files: codecs null, deflate and zstandard. A block that cannot be unpacked, or
 * whose rows do not fit the schema, costs its own rows; a broken frame costs all that follows.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "core/buffer.h"
#include "core/codec.h"
#include "core/schema.h"
#include "validator/legacy_format.h"

enum {
    SYNC_SIZE = 16,
    META_MAX = 4 * 1024 * 1024,
    BLOCK_MAX = 256 * 1024 * 1024, /* Packed or not: writers make them of some 16 KiB. */
    UNPACK_STEP = 64 * 1024,
    RAW_WINDOW = -15,
};

enum avro_codec { AVRO_NULL, AVRO_DEFLATE, AVRO_ZSTANDARD };

struct avro_state {
    struct legacy_bytes *bytes;
    const struct legacy_paths *paths;
    struct schema *schema;
    struct schema_path *found; /* One per path; schema NULL: absent. */
    enum avro_codec codec;
    uint8_t sync[SYNC_SIZE];
    struct buffer packed, block;
    const uint8_t *at, *end; /* Of the block's rows. */
    int64_t left;            /* Rows of the block. */
    int64_t rows, blocks;
};

static bool take(struct avro_state *state, void *data, size_t size, struct error *err)
{
    size_t count;

    return legacy_bytes_read(state->bytes, data, size, &count, err)
           && (count == size || error_set(err, EXIT_CODE_SOURCE, "ends in its middle"));
}

/* `end` may be NULL; else it is set, and true returned, when the file ends before the number. */
static bool take_long(struct avro_state *state, int64_t *value, bool *end, struct error *err)
{
    uint64_t raw = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        int byte = legacy_bytes_next(state->bytes, err);
        if (byte == -1 && shift == 0 && end != NULL) {
            *end = true;
            return true;
        }
        if (byte < 0)
            return byte == -2 ? false : error_set(err, EXIT_CODE_SOURCE, "ends in its middle");
        raw |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
            return true;
        }
    }
    return error_set(err, EXIT_CODE_SOURCE, "holds a number of more than 64 bits");
}

static bool take_bytes(struct avro_state *state, struct buffer *out, int64_t limit,
                       struct error *err)
{
    int64_t size = 0;

    if (!take_long(state, &size, NULL, err))
        return false;
    if (size < 0 || size > limit)
        return error_set(err, EXIT_CODE_SOURCE, "holds a part of %" PRId64 " bytes", size);
    buffer_clear(out);
    /* In steps: a size that lies must not take memory that the file does not fill. */
    while (size > 0) {
        size_t step = size < UNPACK_STEP ? (size_t)size : (size_t)UNPACK_STEP;
        if (!take(state, buffer_reserve(out, step), step, err))
            return false;
        out->size += step;
        size -= (int64_t)step;
    }
    return true;
}

static bool take_codec(struct avro_state *state, struct buffer *name, struct error *err)
{
    static const char *const names[] = {"null", "deflate", "zstandard"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(buffer_text(name), names[i]) == 0) {
            state->codec = (enum avro_codec)i;
            return true;
        }
    error_set(err, EXIT_CODE_SOURCE, "its codec %.40s is not known here", buffer_text(name));
    return error_hint(err, "write it again with codec null, deflate or zstandard");
}

static bool take_entry(struct avro_state *state, struct error *err)
{
    struct buffer name = {0}, value = {0};
    bool done = take_bytes(state, &name, META_MAX, err) && take_bytes(state, &value, META_MAX, err);

    if (done && strcmp(buffer_text(&name), "avro.schema") == 0 && state->schema == NULL) {
        state->schema = schema_parse(buffer_text(&value), "avro.schema", err);
        done = state->schema != NULL;
    } else if (done && strcmp(buffer_text(&name), "avro.codec") == 0) {
        done = take_codec(state, &value, err);
    }
    buffer_fini(&name);
    buffer_fini(&value);
    return done;
}

static bool take_header(struct avro_state *state, struct error *err)
{
    uint8_t magic[4];
    int64_t count, size;
    struct error none;

    if (!take(state, magic, sizeof magic, &none) || memcmp(magic, "Obj\1", 4) != 0)
        return error_set(err, EXIT_CODE_SOURCE, "is no Avro object container file");
    for (;;) {
        if (!take_long(state, &count, NULL, err))
            return false;
        if (count == 0)
            break;
        if (count < 0 && !take_long(state, &size, NULL, err))
            return false;
        count = count < 0 ? -count : count;
        if (count < 0 || count > 10000)
            return error_set(err, EXIT_CODE_SOURCE, "its header is broken");
        while (count-- > 0)
            if (!take_entry(state, err))
                return false;
    }
    if (state->schema == NULL || state->schema->root->kind != SCHEMA_RECORD)
        return error_set(err, EXIT_CODE_SOURCE, "its schema is no record");
    return take(state, state->sync, SYNC_SIZE, err);
}

static void avro_close(void *context)
{
    struct avro_state *state = context;

    schema_free(state->schema);
    free(state->found);
    buffer_fini(&state->packed);
    buffer_fini(&state->block);
    free(state);
}

static void *avro_open(struct legacy_bytes *bytes, const struct legacy_paths *paths,
                       struct error *err)
{
    struct avro_state *state = memory_new(sizeof *state);
    struct error absent;

    state->bytes = bytes;
    state->paths = paths;
    if (!take_header(state, err)) {
        avro_close(state);
        return NULL;
    }
    state->found = memory_array(paths->count + 1, sizeof *state->found);
    for (size_t i = 0; i < paths->count; i++)
        if (!schema_path_resolve(&state->found[i], state->schema, paths->items[i], &absent))
            state->found[i] = (struct schema_path){0};
    return state;
}

static bool inflate_block(struct avro_state *state)
{
    z_stream stream = {.next_in = state->packed.data, .avail_in = (uInt)state->packed.size};
    int code;

    if (inflateInit2(&stream, RAW_WINDOW) != Z_OK)
        return false;
    do {
        stream.next_out = buffer_reserve(&state->block, UNPACK_STEP);
        stream.avail_out = UNPACK_STEP;
        code = inflate(&stream, Z_NO_FLUSH);
        state->block.size += UNPACK_STEP - stream.avail_out;
    } while (code == Z_OK && state->block.size <= BLOCK_MAX);
    inflateEnd(&stream);
    return code == Z_STREAM_END;
}

static bool unzstd_block(struct avro_state *state)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {state->packed.data, state->packed.size, 0};
    size_t code;

    if (stream == NULL)
        return false;
    do {
        ZSTD_outBuffer out = {buffer_reserve(&state->block, UNPACK_STEP), UNPACK_STEP, 0};
        size_t before = in.pos;
        code = ZSTD_decompressStream(stream, &out, &in);
        state->block.size += out.pos;
        if (out.pos == 0 && in.pos == before)
            break; /* It wants more than there is. */
    } while (!ZSTD_isError(code) && code != 0 && state->block.size <= BLOCK_MAX);
    ZSTD_freeDStream(stream);
    return code == 0;
}

static bool unpack_block(struct avro_state *state)
{
    buffer_clear(&state->block);
    if (state->codec == AVRO_NULL)
        buffer_append(&state->block, state->packed.data, state->packed.size);
    else if (!(state->codec == AVRO_DEFLATE ? inflate_block(state) : unzstd_block(state)))
        return false;
    state->at = state->block.data;
    state->end = state->block.data + state->block.size;
    return true;
}

/* LEGACY_ROW: a block with rows is there. */
static enum legacy_status next_block(struct avro_state *state, struct legacy_row *row)
{
    uint8_t sync[SYNC_SIZE];
    struct error err;
    bool end = false;
    int64_t count = 0;

    row->block = ++state->blocks;
    row->place = state->rows + 1;
    if (!take_long(state, &count, &end, &err))
        return legacy_refuse(row, LEGACY_BROKEN, "%.200s", err.text);
    if (end)
        return LEGACY_END;
    if (count < 0 || !take_bytes(state, &state->packed, BLOCK_MAX, &err)
        || !take(state, sync, SYNC_SIZE, &err))
        return legacy_refuse(row, LEGACY_BROKEN, "%.200s",
                             count < 0 ? "a block of less than no rows" : err.text);
    if (memcmp(sync, state->sync, SYNC_SIZE) != 0)
        return legacy_refuse(row, LEGACY_BROKEN, "the block does not end in the file's mark");
    if (count > BLOCK_MAX) { /* No block holds so many; what it does hold counts as one. */
        row->rows = 1;
        state->rows++;
        return legacy_refuse(row, LEGACY_BAD, "the block claims %" PRId64 " rows", count);
    }
    state->left = count;
    if (unpack_block(state) && state->left <= state->end - state->at)
        return LEGACY_ROW; /* A row has a key, so it has a byte. */
    row->rows = state->left;
    state->rows += state->left;
    state->left = 0;
    return legacy_refuse(row, LEGACY_BAD, "the block cannot be unpacked to its %" PRId64 " rows",
                         row->rows);
}

static enum legacy_status lose_block(struct avro_state *state, struct legacy_row *row)
{
    row->rows = state->left;
    state->rows += state->left;
    state->left = 0;
    return legacy_refuse(row, LEGACY_BAD, "the row does not fit the file's schema");
}

static enum legacy_status avro_next(void *context, struct arena *arena, struct legacy_row *row)
{
    struct avro_state *state = context;

    while (state->left == 0) {
        enum legacy_status status = next_block(state, row);
        if (status != LEGACY_ROW)
            return status;
    }
    row->place = state->rows + 1;
    row->block = state->blocks;
    const uint8_t *end = codec_skip(state->schema->root, state->at, state->end);
    if (end == NULL || !codec_check(state->schema->root, state->at, end))
        return lose_block(state, row);
    row->cells = arena_take(arena, (state->paths->count + 1) * sizeof *row->cells);
    for (size_t i = 0; i < state->paths->count; i++) {
        struct codec_value value;
        row->cells[i] = (struct legacy_cell){.present = state->found[i].schema != NULL};
        if (row->cells[i].present
            && (!codec_find(&state->found[i], state->at, end, &value)
                || !cell_from_value(&value, arena, &row->cells[i].cell)))
            return lose_block(state, row);
        if (row->cells[i].present && i == state->paths->time)
            row->has_time = codec_time_ms(&value, (int)state->paths->unit, &row->time_ms);
    }
    state->at = end;
    state->left--;
    state->rows++;
    return LEGACY_ROW;
}

static void avro_names(const void *context, void (*take_name)(void *context, const char *name),
                       void *taker)
{
    const struct avro_state *state = context;

    for (size_t i = 0; i < state->schema->root->field_count; i++)
        take_name(taker, state->schema->root->fields[i].name);
}

const struct legacy_format legacy_avro = {
    .open = avro_open, .close = avro_close, .next = avro_next, .names = avro_names};
