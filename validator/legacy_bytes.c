/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/legacy_bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "core/buffer.h"

enum { CHUNK = 128 * 1024, GZIP_WINDOW = 15 + 16 };

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct legacy_bytes {
    FILE *file;
    enum packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool within; /* A packed part has begun and not ended. */
    bool failed;
    size_t in_at, in_end;   /* Of `in`: read from the file, not yet unpacked. */
    size_t out_at, out_end; /* Of `out`: unpacked, not yet given. */
    uint8_t in[CHUNK], out[CHUNK];
};

/* Keeps what is left in `in`. False if the file cannot be read; nothing new means its end. */
static bool fill(struct legacy_bytes *bytes, struct error *err)
{
    if (bytes->in_at < bytes->in_end)
        return true;
    bytes->in_at = 0;
    bytes->in_end = fread(bytes->in, 1, sizeof bytes->in, bytes->file);
    return ferror(bytes->file) == 0
           || error_set(err, EXIT_CODE_SOURCE, "cannot be read: %s", strerror(errno));
}

static enum packing packing_of(const struct legacy_bytes *bytes)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

    if (bytes->in_end >= sizeof gzip && memcmp(bytes->in, gzip, sizeof gzip) == 0)
        return PACKING_GZIP;
    if (bytes->in_end >= sizeof zstd && memcmp(bytes->in, zstd, sizeof zstd) == 0)
        return PACKING_ZSTD;
    return PACKING_NONE;
}

struct legacy_bytes *legacy_bytes_open(const char *path, struct error *err)
{
    struct legacy_bytes *bytes = memory_new(sizeof *bytes);

    bytes->file = fopen(path, "rbe");
    if (bytes->file == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "cannot be opened: %s", strerror(errno));
        free(bytes);
        return NULL;
    }
    if (!fill(bytes, err)) {
        legacy_bytes_close(bytes);
        return NULL;
    }
    bytes->packing = packing_of(bytes);
    if (bytes->packing == PACKING_GZIP && inflateInit2(&bytes->gzip, GZIP_WINDOW) != Z_OK)
        abort(); /* Only memory can be missing. */
    if (bytes->packing == PACKING_ZSTD) {
        bytes->zstd = ZSTD_createDStream();
        if (bytes->zstd == NULL)
            abort();
    }
    return bytes;
}

void legacy_bytes_close(struct legacy_bytes *bytes)
{
    if (bytes == NULL)
        return;
    if (bytes->packing == PACKING_GZIP)
        inflateEnd(&bytes->gzip);
    ZSTD_freeDStream(bytes->zstd);
    fclose(bytes->file);
    free(bytes);
}

static bool unpack_gzip(struct legacy_bytes *bytes, struct error *err)
{
    bytes->gzip.next_in = bytes->in + bytes->in_at;
    bytes->gzip.avail_in = (uInt)(bytes->in_end - bytes->in_at);
    bytes->gzip.next_out = bytes->out;
    bytes->gzip.avail_out = sizeof bytes->out;
    int code = inflate(&bytes->gzip, Z_NO_FLUSH);
    bytes->in_at = bytes->in_end - bytes->gzip.avail_in;
    bytes->out_end = sizeof bytes->out - bytes->gzip.avail_out;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return error_set(err, EXIT_CODE_SOURCE, "cannot be unpacked: gzip: %s",
                         bytes->gzip.msg != NULL ? bytes->gzip.msg : "broken");
    bytes->within = code != Z_STREAM_END;
    if (code == Z_STREAM_END)
        inflateReset(&bytes->gzip);
    return true;
}

static bool unpack_zstd(struct legacy_bytes *bytes, struct error *err)
{
    ZSTD_inBuffer in = {bytes->in, bytes->in_end, bytes->in_at};
    ZSTD_outBuffer out = {bytes->out, sizeof bytes->out, 0};
    size_t code = ZSTD_decompressStream(bytes->zstd, &out, &in);

    bytes->in_at = in.pos;
    bytes->out_end = out.pos;
    if (ZSTD_isError(code))
        return error_set(err, EXIT_CODE_SOURCE, "cannot be unpacked: zstd: %s",
                         ZSTD_getErrorName(code));
    bytes->within = code != 0;
    return true;
}

/* More in `out`; none at the end. */
static bool unpack(struct legacy_bytes *bytes, struct error *err)
{
    bytes->out_at = bytes->out_end = 0;
    while (bytes->out_end == 0) {
        if (!fill(bytes, err))
            return false;
        bool end = bytes->in_at == bytes->in_end;
        if (end && !bytes->within)
            return true;
        if (bytes->packing == PACKING_NONE) {
            bytes->out_end = bytes->in_end - bytes->in_at;
            memcpy(bytes->out, bytes->in + bytes->in_at, bytes->out_end);
            bytes->in_at = bytes->in_end;
        } else if (!(bytes->packing == PACKING_GZIP ? unpack_gzip(bytes, err)
                                                    : unpack_zstd(bytes, err))) {
            return false;
        }
        if (end && bytes->out_end == 0 && bytes->within)
            return error_set(err, EXIT_CODE_SOURCE, "ends in the middle of its packed data");
    }
    return true;
}

static bool more(struct legacy_bytes *bytes, struct error *err)
{
    if (bytes->out_at < bytes->out_end)
        return true;
    if (bytes->failed)
        return error_set(err, EXIT_CODE_SOURCE, "cannot be read any further");
    bytes->failed = !unpack(bytes, err);
    return !bytes->failed;
}

bool legacy_bytes_read(struct legacy_bytes *bytes, void *data, size_t size, size_t *count,
                       struct error *err)
{
    *count = 0;
    while (*count < size) {
        if (!more(bytes, err))
            return false;
        size_t part = bytes->out_end - bytes->out_at;
        if (part == 0)
            return true;
        part = part < size - *count ? part : size - *count;
        memcpy((uint8_t *)data + *count, bytes->out + bytes->out_at, part);
        bytes->out_at += part;
        *count += part;
    }
    return true;
}

int legacy_bytes_next(struct legacy_bytes *bytes, struct error *err)
{
    if (bytes->out_at == bytes->out_end) {
        if (!more(bytes, err))
            return -2;
        if (bytes->out_at == bytes->out_end)
            return -1;
    }
    return bytes->out[bytes->out_at++];
}
