/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: runs a fuzzer's code over the files of a folder, in builds without libFuzzer. Also each
 * file's beginnings, because parsers break at ends. Fails if the folder is empty.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "fuzz.h"

enum { CUTS_MAX = 64 };

/* Each input in memory of its own, so that ASan sees a read past its end. */
static void run_exactly(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static bool run_file(const char *path)
{
    struct buffer data = {0};
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((size = fread(buffer_reserve(&data, 65536), 1, 65536, file)) > 0)
        data.size += size;
    fclose(file);
    run_exactly(data.data, data.size);
    for (size_t i = 0; i < CUTS_MAX; i++)
        run_exactly(data.data, data.size * i / CUTS_MAX);
    buffer_fini(&data);
    return true;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    size_t count = 0;
    bool good = true;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = memory_textf("%s/%s", argv[1], entry->d_name);
        good = run_file(path) && good;
        free(path);
        count++;
    }
    closedir(folder);
    printf("%zu files\n", count);
    return good && count > 0 ? 0 : 1;
}
