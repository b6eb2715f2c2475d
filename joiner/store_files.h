/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_files: the few things that state does with files and folders, each with its error told.
 */
#ifndef JOINER_STORE_FILES_H
#define JOINER_STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

/* Sets "PATH: what: the system's words". Returns false. */
bool files_fail(struct error *err, const char *path, const char *what);

/* With every folder above it. One that exists is fine. */
bool files_make_directories(const char *path, struct error *err);
/* A folder and the files in it; folders in it are not entered. One that does not exist is fine. */
bool files_remove_directory(const char *path, struct error *err);

/* Names of what is in a folder, sorted; none if it does not exist. Free with files_free_names. */
bool files_list(const char *path, char ***names, size_t *count, struct error *err);
void files_free_names(char **names, size_t count);

bool files_link(const char *from, const char *to, struct error *err);
bool files_copy(const char *from, const char *to, struct error *err);
/* The whole file, appended. */
bool files_read(const char *path, struct buffer *out, struct error *err);
/* Makes the file with these bytes; returns when the disk has them. */
bool files_write(const char *path, const struct buffer *bytes, struct error *err);
/* Returns when the disk has the folder's entries. */
bool files_sync_directory(const char *path, struct error *err);
/* Size and XXH3 of a file's bytes. */
bool files_hash(const char *path, int64_t *size, uint64_t *hash, struct error *err);
/* What an ordinary user may still write there. */
bool files_free_bytes(const char *path, int64_t *bytes, struct error *err);

#endif
