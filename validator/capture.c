/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/capture.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "core/buffer.h"

enum { LEVEL = 3, NAME_SIZE = 512 };

/* A frame on disk is its two sizes, then zstd with a checksum. */
struct frame_head {
    uint32_t packed, plain;
};

enum { PLAIN_MAX = 1 << 30 };

struct message_head {
    int64_t publish_time_us;
    uint32_t id_size, ordering_key_size, attributes_size, data_size;
};

struct capture {
    int file;
    char *path;
    struct buffer plain, packed;
    ZSTD_CCtx *compressor;
};

static bool fail(const char *what, const char *path, struct error *err)
{
    error_set(err, EXIT_CODE_STATE, "%s %s: %s", what, path, strerror(errno));
    return error_hint(err, "give validate.work a folder that can be written and has room");
}

static bool sync_directory(const char *directory, struct error *err)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY);
    bool done = folder >= 0 && fsync(folder) == 0;

    if (!done)
        fail("sync folder", directory, err);
    if (folder >= 0)
        close(folder);
    return done;
}

struct capture *capture_open(const char *directory, const char *stream, struct error *err)
{
    struct capture *capture = memory_new(sizeof *capture);

    capture->file = -1;
    for (unsigned number = 1; capture->file < 0; number++) {
        free(capture->path);
        capture->path = memory_textf("%s/audit-%s-%06u.capture", directory, stream, number);
        capture->file = open(capture->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (capture->file < 0 && errno != EEXIST) {
            fail("create", capture->path, err);
            capture_close(capture);
            return NULL;
        }
    }
    capture->compressor = ZSTD_createCCtx();
    assert(capture->compressor != NULL);
    ZSTD_CCtx_setParameter(capture->compressor, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(capture->compressor, ZSTD_c_checksumFlag, 1);
    if (!sync_directory(directory, err)) {
        capture_close(capture);
        return NULL;
    }
    return capture;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL)
        return;
    if (capture->file >= 0) {
        if (lseek(capture->file, 0, SEEK_END) == 0)
            unlink(capture->path); /* Nothing was caught. */
        close(capture->file);
    }
    ZSTD_freeCCtx(capture->compressor);
    buffer_fini(&capture->plain);
    buffer_fini(&capture->packed);
    free(capture->path);
    free(capture);
}

void capture_put(struct capture *capture, const struct capture_message *message)
{
    struct message_head head = {.publish_time_us = message->publish_time_us,
                                .id_size = (uint32_t)message->id_size,
                                .ordering_key_size = (uint32_t)message->ordering_key_size,
                                .attributes_size = (uint32_t)message->attributes_size,
                                .data_size = (uint32_t)message->data_size};

    buffer_append(&capture->plain, &head, sizeof head);
    buffer_append(&capture->plain, message->id, message->id_size);
    buffer_append(&capture->plain, message->ordering_key, message->ordering_key_size);
    buffer_append(&capture->plain, message->attributes, message->attributes_size);
    buffer_append(&capture->plain, message->data, message->data_size);
}

bool capture_sync(struct capture *capture, struct error *err)
{
    if (capture->plain.size == 0)
        return true;
    size_t bound = ZSTD_compressBound(capture->plain.size);
    struct frame_head head = {.plain = (uint32_t)capture->plain.size};
    buffer_clear(&capture->packed);
    buffer_append(&capture->packed, &head, sizeof head);
    size_t size = ZSTD_compress2(capture->compressor, buffer_reserve(&capture->packed, bound),
                                 bound, capture->plain.data, capture->plain.size);
    assert(!ZSTD_isError(size));
    capture->packed.size += size;
    head.packed = (uint32_t)size;
    memcpy(capture->packed.data, &head, sizeof head);
    for (size_t done = 0; done < capture->packed.size;) {
        ssize_t written =
            write(capture->file, capture->packed.data + done, capture->packed.size - done);
        if (written < 0 && errno != EINTR)
            return fail("write", capture->path, err);
        done += written > 0 ? (size_t)written : 0;
    }
    buffer_clear(&capture->plain);
    return fdatasync(capture->file) == 0 || fail("sync", capture->path, err);
}

/* -- Reading -- */

static bool take_messages(const uint8_t *data, size_t size, capture_take *take, void *context,
                          struct error *err)
{
    const uint8_t *end = data + size;

    while (data < end) {
        struct message_head head;
        assert((size_t)(end - data) >= sizeof head); /* The checksum held. */
        memcpy(&head, data, sizeof head);
        data += sizeof head;
        struct capture_message message = {.publish_time_us = head.publish_time_us,
                                          .id = (const char *)data,
                                          .id_size = head.id_size,
                                          .ordering_key_size = head.ordering_key_size,
                                          .attributes_size = head.attributes_size,
                                          .data_size = head.data_size};
        message.ordering_key = message.id + message.id_size;
        message.attributes = message.ordering_key + message.ordering_key_size;
        message.data = message.attributes + message.attributes_size;
        data +=
            (size_t)head.id_size + head.ordering_key_size + head.attributes_size + head.data_size;
        assert(data <= end);
        if (!take(context, &message, err))
            return false;
    }
    return true;
}

/* A frame that is cut or damaged ends the file: what follows was never acknowledged. */
static bool read_frames(FILE *file, capture_take *take, void *context, struct error *err)
{
    struct buffer packed = {0}, plain = {0};
    struct frame_head head;
    bool done = true;

    while (done && fread(&head, sizeof head, 1, file) == 1) {
        if (head.plain > PLAIN_MAX || head.packed > ZSTD_compressBound(PLAIN_MAX))
            break;
        buffer_clear(&packed);
        buffer_clear(&plain);
        buffer_reserve(&packed, head.packed + 1u);
        buffer_reserve(&plain, head.plain + 1u);
        if (fread(packed.data, 1, head.packed, file) != head.packed
            || ZSTD_decompress(plain.data, head.plain, packed.data, head.packed) != head.plain)
            break;
        done = take_messages(plain.data, head.plain, take, context, err);
    }
    buffer_fini(&packed);
    buffer_fini(&plain);
    return done;
}

static bool read_file(const char *path, capture_take *take, void *context, struct error *err)
{
    FILE *file = fopen(path, "rbe");

    if (file == NULL)
        return fail("open", path, err);
    bool done = read_frames(file, take, context, err);
    if (ferror(file))
        done = fail("read", path, err);
    fclose(file);
    return done;
}

bool capture_read(const char *directory, const char *stream, capture_take *take, void *context,
                  struct error *err)
{
    char prefix[NAME_SIZE], path[NAME_SIZE * 2];
    DIR *folder = opendir(directory);
    struct dirent *entry;
    bool done = true;

    if (folder == NULL)
        return fail("open folder", directory, err);
    snprintf(prefix, sizeof prefix, "audit-%s-", stream);
    while (done && (entry = readdir(folder)) != NULL) {
        const char *rest = entry->d_name + strlen(prefix);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || strspn(rest, "0123456789") != 6
            || strcmp(rest + 6, ".capture") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        done = read_file(path, take, context, err);
    }
    closedir(folder);
    return done;
}
