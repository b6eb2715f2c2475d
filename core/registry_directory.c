/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_directory: schemas as files, for people, version control and processes at once.
 *
 * A schema is written beside its place and linked into it: link(2) fails if the place is taken, so
 * one id is never given to two schemas, and no reader sees half a file. A subject's file is changed under
 * flock(2); its last line may lack its end after a crash, and is then as if it were not there.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/registry_backend.h"

enum { FILE_SIZE_MAX = 8 << 20, FILE_NAME_MAX = 200 };

struct registry_directory {
    struct registry_backend backend; /* First. */
    char *directory;
};

static struct registry_directory *self_of(struct registry_backend *backend)
{
    return (struct registry_directory *)backend;
}

static bool fail_errno(struct error *err, const char *path)
{
    return error_set(err, EXIT_CODE_STATE, "schema registry %s: %s", path, strerror(errno));
}

/* "12.avsc" -> 12; 0 for any other name. */
static int32_t id_of(const char *name)
{
    char *end;

    if (!isdigit((unsigned char)name[0]) || name[0] == '0')
        return 0;
    errno = 0;

    long id = strtol(name, &end, 10);

    return errno == 0 && id <= INT32_MAX && strcmp(end, ".avsc") == 0 ? (int32_t)id : 0;
}

static char *id_path(const struct registry_directory *self, int32_t id)
{
    return memory_textf("%s/%" PRId32 ".avsc", self->directory, id);
}

/* The whole file behind a descriptor. */
static bool read_all(int file, struct buffer *out)
{
    ssize_t size;

    do {
        size = read(file, buffer_reserve(out, 65536), 65536);
        if (size > 0)
            out->size += (size_t)size;
    } while ((size > 0 && out->size <= FILE_SIZE_MAX) || (size < 0 && errno == EINTR));
    if (size > 0)
        errno = EFBIG;
    return size == 0;
}

static bool read_file(const char *path, struct buffer *out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return false;

    bool read = read_all(file, out);
    int saved = errno;

    close(file);
    errno = saved;
    return read;
}

static bool write_all(int file, const void *data, size_t size)
{
    for (const uint8_t *at = data; size > 0;) {
        ssize_t written = write(file, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return fsync(file) == 0;
}

/* White space and the order of members do not make another schema. */
static bool is_same_schema(const char *path, json_t *wanted)
{
    json_t *found = json_load_file(path, JSON_DECODE_ANY, NULL);
    bool same = found != NULL && json_equal(found, wanted);

    json_decref(found);
    return same;
}

/* The id that the schema has already, or 0; and the greatest id there is. */
static bool look_up(const struct registry_directory *self, json_t *wanted, int32_t *same,
                    int32_t *greatest, struct error *err)
{
    DIR *directory = opendir(self->directory);
    const struct dirent *entry;

    *same = *greatest = 0;
    if (directory == NULL)
        return fail_errno(err, self->directory);
    while ((entry = readdir(directory)) != NULL) {
        int32_t id = id_of(entry->d_name);

        if (id == 0)
            continue;
        if (id > *greatest)
            *greatest = id;

        char *path = id_path(self, id);

        if ((*same == 0 || id < *same) && is_same_schema(path, wanted))
            *same = id;
        free(path);
    }
    closedir(directory);
    return true;
}

/* A new file with the text and a name that no other process uses; returns its path (caller frees). */
static char *write_beside(const struct registry_directory *self, const char *text,
                          struct error *err)
{
    char *path = memory_textf("%s/.new-XXXXXX", self->directory);
    int file = mkostemp(path, O_CLOEXEC);
    bool written = file >= 0 && fchmod(file, 0644) == 0 && write_all(file, text, strlen(text));

    if (!written)
        fail_errno(err, path);
    if (file >= 0)
        close(file);
    if (written)
        return path;
    if (file >= 0)
        unlink(path);
    free(path);
    return NULL;
}

/* Links the file into the first free id, unless another process brings the same schema first. */
static bool give_id(const struct registry_directory *self, const char *beside, json_t *wanted,
                    int32_t *id, struct error *err)
{
    for (;;) {
        int32_t same, greatest;

        if (!look_up(self, wanted, &same, &greatest, err))
            return false;
        if (same != 0 || greatest == INT32_MAX) {
            *id = same;
            return same != 0
                   || error_set(err, EXIT_CODE_STATE, "schema registry %s: no id is left",
                                self->directory);
        }
        *id = greatest + 1;

        char *path = id_path(self, *id);
        bool linked = link(beside, path) == 0;
        bool taken = !linked && errno == EEXIST;

        if (!linked && !taken)
            fail_errno(err, path);
        free(path);
        if (!taken)
            return linked;
    }
}

static bool register_schema(const struct registry_directory *self, const char *text, json_t *wanted,
                            int32_t *id, struct error *err)
{
    int32_t greatest;

    if (!look_up(self, wanted, id, &greatest, err))
        return false;
    if (*id != 0)
        return true;

    char *beside = write_beside(self, text, err);

    if (beside == NULL)
        return false;

    bool given = give_id(self, beside, wanted, id, err);

    unlink(beside);
    free(beside);
    return given;
}

/* Subjects may hold any character; a file name holds letters, digits and "._-", the rest as %XX. */
static char *subject_path(const struct registry_directory *self, const char *subject,
                          struct error *err)
{
    struct buffer path = {0};

    buffer_appendf(&path, "%s/subjects/", self->directory);

    size_t head = path.size;

    for (const unsigned char *at = (const unsigned char *)subject; *at != '\0'; at++) {
        if (isalnum(*at) || *at == '-' || *at == '_' || (*at == '.' && path.size > head))
            buffer_append_byte(&path, *at);
        else
            buffer_appendf(&path, "%%%02X", *at);
    }
    if (path.size == head || path.size - head > FILE_NAME_MAX) {
        error_set(err, EXIT_CODE_CONFIG,
                  "schema registry: subject '%s': expected 1 to %d characters", subject,
                  FILE_NAME_MAX);
        buffer_fini(&path);
        return NULL;
    }
    buffer_text(&path);
    return (char *)path.data;
}

struct subject_state {
    int32_t version, id; /* Of the last line. 0: no line. */
    bool has_id;         /* Some line has the wanted id. */
    size_t good_size;    /* Up to where whole lines go. */
};

static void read_lines(struct buffer *text, int32_t wanted, struct subject_state *state)
{
    const char *at = buffer_text(text), *end;

    *state = (struct subject_state){0};
    for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        char *rest, *behind;
        long version = strtol(at, &rest, 10);
        long id = strtol(rest, &behind, 10);

        if (behind != end || version < 1 || version > INT32_MAX || id < 1 || id > INT32_MAX)
            continue; /* A person's comment: not ours. */
        state->version = (int32_t)version;
        state->id = (int32_t)id;
        state->has_id = state->has_id || id == wanted;
    }
    state->good_size = (size_t)(at - (const char *)text->data);
}

/* Holds the file's lock. */
static bool add_version(int file, int32_t id)
{
    struct subject_state state;
    struct buffer text = {0};
    char line[32];
    bool added = read_all(file, &text);

    if (added) {
        read_lines(&text, id, &state);
        if (!state.has_id) {
            int size =
                snprintf(line, sizeof line, "%" PRId32 " %" PRId32 "\n", state.version + 1, id);

            added = ftruncate(file, (off_t)state.good_size) == 0 && lseek(file, 0, SEEK_END) >= 0
                    && write_all(file, line, (size_t)size);
        }
    }
    buffer_fini(&text);
    return added;
}

static bool directory_register(struct registry_backend *backend, const char *subject,
                               const char *text, int32_t *id, struct error *err)
{
    struct registry_directory *self = self_of(backend);
    char *path = subject_path(self, subject, err);
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    int file = -1;
    bool added = false;

    if (path == NULL || !register_schema(self, text, wanted, id, err))
        goto out;
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    added = file >= 0 && flock(file, LOCK_EX) == 0 && add_version(file, *id);
    if (!added)
        fail_errno(err, path);
out:
    if (file >= 0)
        close(file);
    json_decref(wanted);
    free(path);
    return added;
}

static char *directory_fetch(struct registry_backend *backend, int32_t id, struct error *err)
{
    struct registry_directory *self = self_of(backend);
    struct buffer text = {0};
    char *path = id_path(self, id);

    if (!read_file(path, &text)) {
        fail_errno(err, path);
        if (errno == ENOENT)
            error_hint(err,
                       "no schema has the id %" PRId32 ": is this the registry that the "
                       "records were written with?",
                       id);
        buffer_fini(&text);
    } else {
        buffer_text(&text);
    }
    free(path);
    return (char *)text.data;
}

static bool directory_latest(struct registry_backend *backend, const char *subject, int32_t *id,
                             struct error *err)
{
    struct registry_directory *self = self_of(backend);
    struct subject_state state = {0};
    struct buffer text = {0};
    char *path = subject_path(self, subject, err);
    bool found = path != NULL;

    if (found && read_file(path, &text))
        read_lines(&text, 0, &state);
    else if (found && errno != ENOENT)
        found = fail_errno(err, path);
    *id = state.id;
    buffer_fini(&text);
    free(path);
    return found;
}

static void directory_close(struct registry_backend *backend)
{
    free(self_of(backend)->directory);
    free(backend);
}

static const struct registry_ops directory_ops = {
    .close = directory_close,
    .register_text = directory_register,
    .fetch = directory_fetch,
    .latest = directory_latest,
};

/* Creates the folder; the one above it must be there. */
struct registry_backend *registry_directory_open(const char *directory, struct error *err)
{
    char *subjects = memory_textf("%s/subjects", directory);
    bool made = (mkdir(directory, 0755) == 0 || errno == EEXIST)
                && (mkdir(subjects, 0755) == 0 || errno == EEXIST);

    free(subjects);
    if (!made) {
        fail_errno(err, directory);
        error_hint(err, "the folder that holds it must exist and be writable");
        return NULL;
    }
    struct registry_directory *self = memory_new(sizeof *self);

    self->backend.ops = &directory_ops;
    self->directory = memory_text(directory);
    return &self->backend;
}
