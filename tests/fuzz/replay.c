/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: runs a fuzzer's entry point without libFuzzer: each file of the corpus as it is, then
 * mutations by seed, for at most eight seconds. The same every time, so that it can be a test.
 *
 *     fuzz-X CORPUS
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "tests/fuzz/fuzz.h"

enum { MUTATIONS = 100000, TIME_LIMIT_US = 8000000, FILES_MAX = 1000, SIZE_MAX_BYTES = 65536 };

static uint64_t random_state = 1;

static size_t below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % limit);
}

/* On the heap and exact, so that a read behind the end is seen. */
static void run(const struct buffer *input)
{
    uint8_t *exact = malloc(input->size + (input->size == 0));

    if (input->size > 0)
        memcpy(exact, input->data, input->size);
    LLVMFuzzerTestOneInput(exact, input->size);
    free(exact);
}

static void mutate(struct buffer *input, const struct buffer *other)
{
    size_t at = below(input->size + 1), size = 1 + below(16), from = 0;

    switch (below(5)) {
    case 0: /* Leave out. */
        if (size > input->size - at)
            size = input->size - at;
        memmove(input->data + at, input->data + at + size, input->size - at - size);
        input->size -= size;
        break;
    case 1: /* Put in from another file. */
        if (size > other->size)
            size = other->size;
        from = below(other->size - size + 1);
        buffer_reserve(input, size);
        memmove(input->data + at + size, input->data + at, input->size - at);
        memcpy(input->data + at, other->data + from, size);
        input->size += size;
        break;
    case 2: /* Cut. */
        input->size = at;
        break;
    case 3: /* Flip a bit. */
        if (at < input->size)
            input->data[at] ^= (uint8_t)(1U << below(8));
        break;
    default:
        if (at < input->size)
            input->data[at] = (uint8_t)below(256);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static size_t load(const char *folder, struct buffer *files)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);
    size_t loaded = 0;

    for (int i = 0; i < count; i++) {
        char *path = memory_textf("%s/%s", folder, entries[i]->d_name);
        FILE *stream = entries[i]->d_name[0] == '.' ? NULL : fopen(path, "re");

        if (stream != NULL && loaded < FILES_MAX) {
            struct buffer *file = &files[loaded++];

            file->size = fread(buffer_reserve(file, SIZE_MAX_BYTES), 1, SIZE_MAX_BYTES, stream);
        }
        if (stream != NULL)
            fclose(stream);
        free(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return loaded;
}

static long run_mutations(const struct buffer *files, size_t count)
{
    int64_t begin = clock_monotonic_us(clock_real());
    struct buffer input = {0};
    long done = 0;

    for (; done < MUTATIONS && clock_monotonic_us(clock_real()) - begin < TIME_LIMIT_US; done++) {
        const struct buffer *seed = &files[below(count)];

        buffer_clear(&input);
        buffer_append(&input, seed->data, seed->size);
        buffer_reserve(&input, 1);
        for (size_t times = 1 + below(4); times > 0; times--)
            mutate(&input, &files[below(count)]);
        run(&input);
    }
    buffer_fini(&input);
    return done;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 3;
    }
    struct buffer *files = memory_array(FILES_MAX, sizeof *files);
    size_t count = load(argv[1], files);

    if (count == 0) {
        fprintf(stderr, "%s: no corpus in %s\n", argv[0], argv[1]);
        return 7;
    }
    for (size_t i = 0; i < count; i++)
        run(&files[i]);

    long done = run_mutations(files, count);

    printf("%zu files, %ld mutations\n", count, done);
    for (size_t i = 0; i < count; i++)
        buffer_fini(&files[i]);
    free(files);
    return 0;
}
