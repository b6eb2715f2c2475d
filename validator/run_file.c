/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/run_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "core/buffer.h"

enum {
    LEVEL =
        -10, /* Keys are hashes and hardly shrink: what is left is not worth level 1 and its time. */
    WINDOW_LOG = 17, /* 128 KiB: a merge of many runs must not cost a megabyte for each. */
    PLAIN_BYTES = 64 * 1024,
    DISK_BYTES = 64 * 1024,
};

struct run_file {
    int file;
    size_t key_size;
    char *directory;
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *expander;
    struct buffer plain; /* Rows, on their way in or out. */
    size_t taken;        /* Of plain, by run_file_get. */
    struct buffer disk;  /* Compressed bytes. */
    size_t disk_taken;
    bool disk_end;
};

static bool fail(const struct run_file *run, const char *what, struct error *err)
{
    error_set(err, EXIT_CODE_STATE, "%s a sorted run in %s: %s", what, run->directory,
              strerror(errno));
    return error_hint(err, "give validate.work a folder with room for the compressed input");
}

struct run_file *run_file_create(const char *directory, size_t key_size, struct error *err)
{
    struct run_file *run = memory_new(sizeof *run);
    char *path = memory_textf("%s/run-XXXXXX", directory);

    run->key_size = key_size;
    run->directory = memory_text(directory);
    run->file = mkstemp(path);
    if (run->file < 0) {
        fail(run, "create", err);
        free(path);
        run_file_free(run);
        return NULL;
    }
    unlink(path);
    free(path);
    run->compressor = ZSTD_createCCtx();
    assert(run->compressor != NULL);
    ZSTD_CCtx_setParameter(run->compressor, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(run->compressor, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_CCtx_setParameter(run->compressor, ZSTD_c_checksumFlag, 1);
    return run;
}

void run_file_free(struct run_file *run)
{
    if (run == NULL)
        return;
    if (run->file >= 0)
        close(run->file);
    ZSTD_freeCCtx(run->compressor);
    ZSTD_freeDCtx(run->expander);
    buffer_fini(&run->plain);
    buffer_fini(&run->disk);
    free(run->directory);
    free(run);
}

static bool write_all(struct run_file *run, struct error *err)
{
    for (size_t done = 0; done < run->disk.size;) {
        ssize_t written = write(run->file, run->disk.data + done, run->disk.size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(run, "write", err);
        done += (size_t)written;
    }
    buffer_clear(&run->disk);
    return true;
}

static bool compress(struct run_file *run, ZSTD_EndDirective how, struct error *err)
{
    ZSTD_inBuffer in = {run->plain.data, run->plain.size, 0};
    size_t left;

    do {
        ZSTD_outBuffer out = {buffer_reserve(&run->disk, DISK_BYTES), DISK_BYTES, 0};
        left = ZSTD_compressStream2(run->compressor, &out, &in, how);
        assert(!ZSTD_isError(left)); /* Only a wrong call can fail here. */
        run->disk.size += out.pos;
        if (!write_all(run, err))
            return false;
    } while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
    buffer_clear(&run->plain);
    return true;
}

bool run_file_put(struct run_file *run, const struct sorter_row *row, struct error *err)
{
    uint32_t size = (uint32_t)row->size;

    buffer_append(&run->plain, row->key, run->key_size);
    buffer_append(&run->plain, &size, sizeof size);
    buffer_append(&run->plain, row->payload, row->size);
    return run->plain.size < PLAIN_BYTES || compress(run, ZSTD_e_continue, err);
}

bool run_file_rewind(struct run_file *run, uint64_t *bytes, struct error *err)
{
    if (!compress(run, ZSTD_e_end, err))
        return false;
    off_t end = lseek(run->file, 0, SEEK_CUR);
    if (end < 0 || lseek(run->file, 0, SEEK_SET) < 0)
        return fail(run, "rewind", err);
    *bytes += (uint64_t)end;
    ZSTD_freeCCtx(run->compressor);
    run->compressor = NULL;
    run->expander = ZSTD_createDCtx();
    assert(run->expander != NULL);
    buffer_fini(&run->plain);
    buffer_fini(&run->disk);
    run->taken = 0;
    return true;
}

static bool read_disk(struct run_file *run, struct error *err)
{
    buffer_clear(&run->disk);
    run->disk_taken = 0;
    ssize_t got;
    do {
        got = read(run->file, buffer_reserve(&run->disk, DISK_BYTES), DISK_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail(run, "read", err);
    run->disk.size = (size_t)got;
    run->disk_end = got == 0;
    return true;
}

/* Makes at least `size` plain bytes available, unless the run ends before. */
static bool expand(struct run_file *run, size_t size, struct error *err)
{
    if (run->taken > 0) {
        memmove(run->plain.data, run->plain.data + run->taken, run->plain.size - run->taken);
        run->plain.size -= run->taken;
        run->taken = 0;
    }
    while (run->plain.size < size) {
        if (run->disk_taken == run->disk.size && !run->disk_end && !read_disk(run, err))
            return false;
        if (run->disk_end)
            return true;
        ZSTD_inBuffer in = {run->disk.data, run->disk.size, run->disk_taken};
        ZSTD_outBuffer out = {buffer_reserve(&run->plain, PLAIN_BYTES), PLAIN_BYTES, 0};
        size_t status = ZSTD_decompressStream(run->expander, &out, &in);
        if (ZSTD_isError(status))
            return error_set(err, EXIT_CODE_STATE, "read a sorted run in %s: %s", run->directory,
                             ZSTD_getErrorName(status));
        run->disk_taken = in.pos;
        run->plain.size += out.pos;
    }
    return true;
}

static bool want(struct run_file *run, size_t size, struct error *err)
{
    return run->plain.size - run->taken >= size || expand(run, size, err);
}

bool run_file_get(struct run_file *run, struct sorter_row *row, struct error *err)
{
    size_t head = run->key_size + sizeof(uint32_t);
    uint32_t size = 0;

    *row = (struct sorter_row){0};
    if (!want(run, head, err))
        return false;
    if (run->plain.size == run->taken)
        return true;
    if (run->plain.size - run->taken >= head) {
        memcpy(&size, run->plain.data + run->taken + run->key_size, sizeof size);
        if (!want(run, head + size, err))
            return false;
    }
    if (run->plain.size - run->taken < head || run->plain.size - run->taken - head < size)
        return error_set(err, EXIT_CODE_STATE, "read a sorted run in %s: it ends within a row",
                         run->directory);
    row->key = run->plain.data + run->taken;
    row->payload = row->key + head;
    row->size = size;
    run->taken += head + size;
    return true;
}
