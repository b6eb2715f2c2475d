/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/store_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_BYTES = 256 * 1024 };

bool files_fail(struct error *err, const char *path, const char *what)
{
    return error_set(err, EXIT_CODE_STATE, "%s: %s: %s", path, what, strerror(errno));
}

bool files_make_directories(const char *path, struct error *err)
{
    char *copy = memory_text(path);
    bool ok = true;

    for (char *at = copy + 1; ok; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        ok = mkdir(copy, 0700) == 0 || errno == EEXIST;
        if (!ok)
            error_set(err, EXIT_CODE_STATE, "state directory %s: %s", copy, strerror(errno));
        *at = end;
        if (end == '\0')
            break;
    }
    free(copy);
    return ok;
}

static int order_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool files_list(const char *path, char ***names, size_t *count, struct error *err)
{
    DIR *directory = opendir(path);
    size_t capacity = 0;

    *names = NULL;
    *count = 0;
    if (directory == NULL)
        return errno == ENOENT || files_fail(err, path, "open");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            *names = memory_resize(*names, capacity * sizeof **names);
        }
        (*names)[(*count)++] = memory_text(entry->d_name);
    }
    closedir(directory);
    if (*count > 1)
        qsort(*names, *count, sizeof **names, order_names);
    return true;
}

void files_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

bool files_remove_directory(const char *path, struct error *err)
{
    char **names;
    size_t count;
    bool ok = files_list(path, &names, &count, err);

    for (size_t i = 0; ok && i < count; i++) {
        char *file = memory_textf("%s/%s", path, names[i]);

        ok = unlink(file) == 0 || errno == ENOENT || files_fail(err, file, "remove");
        free(file);
    }
    files_free_names(names, count);
    return ok && (rmdir(path) == 0 || errno == ENOENT || files_fail(err, path, "remove"));
}

bool files_link(const char *from, const char *to, struct error *err)
{
    return link(from, to) == 0 || files_fail(err, to, "link");
}

bool files_read(const char *path, struct buffer *out, struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (file < 0)
        return files_fail(err, path, "open");
    do {
        got = read(file, buffer_reserve(out, PIECE_BYTES), PIECE_BYTES);
        out->size += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    if (got < 0)
        files_fail(err, path, "read");
    close(file);
    return got == 0;
}

static bool write_all(int file, const struct buffer *bytes)
{
    for (size_t at = 0; at < bytes->size;) {
        ssize_t put = write(file, bytes->data + at, bytes->size - at);

        if (put < 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

bool files_write(const char *path, const struct buffer *bytes, struct error *err)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (file < 0)
        return files_fail(err, path, "create");
    bool ok = write_all(file, bytes) && fsync(file) == 0;
    if (!ok)
        files_fail(err, path, "write");
    close(file);
    return ok;
}

bool files_copy(const char *from, const char *to, struct error *err)
{
    struct buffer bytes = {0};
    bool ok = files_read(from, &bytes, err) && files_write(to, &bytes, err);

    buffer_fini(&bytes);
    return ok;
}

bool files_sync_directory(const char *path, struct error *err)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return files_fail(err, path, "open");
    bool ok = fsync(directory) == 0 || files_fail(err, path, "sync");
    close(directory);
    return ok;
}

bool files_hash(const char *path, int64_t *size, uint64_t *hash, struct error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (file < 0)
        return files_fail(err, path, "open");

    XXH3_state_t *state = XXH3_createState();
    uint8_t *piece = memory_new(PIECE_BYTES);

    XXH3_64bits_reset(state);
    *size = 0;
    while ((got = read(file, piece, PIECE_BYTES)) > 0) {
        XXH3_64bits_update(state, piece, (size_t)got);
        *size += got;
    }
    *hash = XXH3_64bits_digest(state);
    if (got < 0)
        files_fail(err, path, "read");
    XXH3_freeState(state);
    free(piece);
    close(file);
    return got == 0;
}

bool files_free_bytes(const char *path, int64_t *bytes, struct error *err)
{
    struct statvfs stat;

    if (statvfs(path, &stat) != 0)
        return files_fail(err, path, "ask for free space");
    *bytes = (int64_t)stat.f_bavail * (int64_t)stat.f_frsize;
    return true;
}
