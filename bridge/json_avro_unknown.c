/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_avro_unknown: members that the schema does not have, as a map from name to JSON text.
 *
 * The text is what was published, byte for byte, with a string's quotes: {name: text} gives the member
 * back. Sorted, so that the order of the members leaves no trace.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro_run.h"
#include "core/codec.h"

bool json_run_fail_name(struct json_run *run, const uint8_t *name_at, const char *what)
{
    enum { SHOWN = 60 };
    struct json_scan scan = {.begin = run->scan.begin, .at = name_at, .end = run->scan.end};
    struct json_text name = {0};
    size_t size = 0;

    if (json_scan_string(&scan, &name) && !name.escaped) {
        size = name.size < SHOWN ? name.size : SHOWN;
        while (size < name.size && (name.data[size] & 0xc0) == 0x80)
            size--; /* Not within a character. */
    }
    return json_run_fail(run, name_at, "%.*s%s%s", (int)size,
                         size > 0 ? (const char *)name.data : "", size > 0 ? " " : "", what);
}

static int compare_names(const struct json_unknown *left, const struct json_unknown *right,
                         const uint8_t *names)
{
    size_t size = left->name_size < right->name_size ? left->name_size : right->name_size;
    int order = memcmp(names + left->name, names + right->name, size);

    return order != 0 ? order
                      : (left->name_size > right->name_size) - (left->name_size < right->name_size);
}

static int compare_members(const void *a, const void *b, void *names)
{
    const struct json_unknown *left = a, *right = b;
    int order = compare_names(left, right, names);

    if (order == 0) /* Twice: the later one is the fault. */
        order = (left->name_at > right->name_at) - (left->name_at < right->name_at);
    return order;
}

static void read_names(struct json_run *run, struct json_unknown *members, size_t count,
                       struct buffer *names)
{
    buffer_clear(names);
    buffer_reserve(names, 1); /* All names may be empty. */
    for (size_t i = 0; i < count; i++) {
        struct json_scan scan = {.begin = run->scan.begin,
                                 .at = run->scan.begin + members[i].name_at,
                                 .end = run->scan.end};
        struct json_text text = {0};
        bool read = json_scan_string(&scan, &text);

        assert(read); /* It was read before. */
        members[i].name = names->size;
        json_text_decode(&text, names);
        members[i].name_size = names->size - members[i].name;
    }
}

bool json_run_put_unknown(struct json_run *run, struct json_unknown *members, size_t count)
{
    struct buffer *names = &run->scratch[1];

    read_names(run, members, count, names);
    qsort_r(members, count, sizeof *members, compare_members, names->data);
    for (size_t i = 1; i < count; i++)
        if (compare_names(&members[i - 1], &members[i], names->data) == 0)
            return json_run_fail_name(run, run->scan.begin + members[i].name_at, "is there twice");
    codec_put_long(run->out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct json_unknown *member = &members[i];

        codec_put_bytes(run->out, names->data + member->name, member->name_size);
        codec_put_bytes(run->out, run->scan.begin + member->value_at,
                        member->value_end - member->value_at);
    }
    buffer_append_byte(run->out, 0);
    return true;
}
