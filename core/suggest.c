/* SPDX-License-Identifier: Apache-2.0 */
#include "core/suggest.h"

#include <string.h>

enum { NAME_SIZE_MAX = 64 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Edits that turn a into b: insert, remove, replace, swap two neighbours. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NAME_SIZE_MAX + 1];

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above_two = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smallest(replace, above[j] + 1, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smallest(row[j], above_two[j - 2] + 1, row[j]);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *suggest_nearest(const char *given, const char *const *names, size_t count)
{
    size_t size = strlen(given);
    const char *nearest = NULL;

    if (size > NAME_SIZE_MAX)
        return NULL;
    size_t best = 1 + (size + 1) / 3; /* One edit in three characters, and one at least. */
    for (size_t i = 0; i < count; i++) {
        size_t name_size = strlen(names[i]);
        if (name_size > NAME_SIZE_MAX)
            continue;
        size_t edits = distance(given, size, names[i], name_size);
        if (edits < best) {
            best = edits;
            nearest = names[i];
        }
    }
    return nearest;
}
