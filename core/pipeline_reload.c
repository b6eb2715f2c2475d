/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline file read again while the bridge runs: what may change is taken over, anything else is
 * refused as a whole. Works on what `config show` prints, which has every value and its line.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/pipeline.h"
#include "core/pipeline_table.h"

enum { PATH_SIZE = 512 };

struct change { /* A value to be copied. */
    void *to;
    const void *from;
    size_t size;
};

struct reload {
    const char *file;
    struct change *changes;
    size_t count;
    struct buffer *text;
    struct error *err;
    bool refused;
};

static bool is_leaf(const json_t *node)
{
    return json_is_string(json_object_get(node, "origin"));
}

/* Without where the values come from. Returns (caller decrefs). */
static json_t *values_of(const json_t *node)
{
    const char *name;
    json_t *child;

    if (is_leaf(node))
        return json_incref(json_object_get(node, "value"));
    if (!json_is_object(node))
        return json_incref((json_t *)node);
    json_t *values = json_object();
    json_object_foreach((json_t *)node, name, child)
    {
        json_object_set_new(values, name, values_of(child));
    }
    return values;
}

static bool are_equal(const json_t *one, const json_t *other)
{
    json_t *a = one != NULL ? values_of(one) : json_null();
    json_t *b = other != NULL ? values_of(other) : json_null();
    bool equal = json_equal(a, b) != 0;

    json_decref(a);
    json_decref(b);
    return equal;
}

/* "line 12", "default", of a value or of the first inside it. */
static const char *origin_of(const json_t *node)
{
    const char *name;
    json_t *child;

    if (is_leaf(node))
        return json_string_value(json_object_get(node, "origin"));
    json_object_foreach((json_t *)node, name, child)
    {
        return origin_of(child);
    }
    return "not set";
}

static void append_value(struct buffer *out, const json_t *node)
{
    json_t *values = node != NULL ? values_of(node) : json_null();
    char *text = json_is_string(values)
                     ? memory_text(json_string_value(values))
                     : json_dumps(values, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));

    buffer_append_text(out, text);
    free(text);
    json_decref(values);
}

static void refuse(struct reload *reload, const char *path, const json_t *old, const json_t *new)
{
    struct buffer from = {0}, to = {0};

    if (reload->refused) /* One is enough to mend. */
        return;
    reload->refused = true;
    append_value(&from, old);
    append_value(&to, new);
    error_set(reload->err, EXIT_CODE_CONFIG, "%s: %s: %s cannot change while it runs: %s, was %s",
              reload->file, new != NULL ? origin_of(new) : "not set", path, buffer_text(&to),
              buffer_text(&from));
    error_hint(reload->err, "nothing was changed; take it back, or start again to apply it");
    buffer_fini(&from);
    buffer_fini(&to);
}

static void take_over(struct reload *reload, const struct pipeline_key *key, const char *path,
                      const json_t *old, const json_t *new, void *to, const void *from)
{
    assert(key->shape == SHAPE_VALUE && key->size > 0 && key->size <= sizeof(int64_t));
    reload->changes = memory_resize(reload->changes, (reload->count + 1) * sizeof *reload->changes);
    reload->changes[reload->count++] = (struct change){to, from, key->size};
    buffer_appendf(reload->text, "%s%s: ", reload->text->size > 0 ? ", " : "", path);
    append_value(reload->text, old);
    buffer_append_text(reload->text, " -> ");
    append_value(reload->text, new);
}

/* Sections that the bridge does not read. */
static bool is_of_others(const struct pipeline_key *key)
{
    return key->inner == SECTION_JOIN || key->inner == SECTION_VALIDATE
           || key->inner == SECTION_CUTOVER;
}

static void compare_section(struct reload *reload, enum pipeline_section section,
                            const char *prefix, const json_t *old, const json_t *new, char *to,
                            const char *from)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < pipeline_key_count; i++) {
        const struct pipeline_key *key = &pipeline_keys[i];
        if (key->section != section || is_of_others(key) || key->inner == SECTION_STREAM)
            continue;
        const json_t *before = json_object_get(old, key->name);
        const json_t *after = json_object_get(new, key->name);
        if (are_equal(before, after))
            continue;
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key->name);
        bool inner = key->shape == SHAPE_MAPPING && json_is_object(before) && !is_leaf(before)
                     && json_is_object(after) && !is_leaf(after);
        if (inner)
            compare_section(reload, key->inner, path, before, after, to + key->offset,
                            from + key->offset);
        else if ((key->flags & FLAG_RELOAD) != 0)
            take_over(reload, key, path, before, after, to + key->offset, from + key->offset);
        else
            refuse(reload, path, before, after);
    }
}

static struct pipeline_stream *stream_of(const struct pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        if (strcmp(pipeline->streams[i].name, name) == 0)
            return &pipeline->streams[i];
    }
    return NULL;
}

static void compare_streams(struct reload *reload, const struct pipeline *pipeline,
                            const struct pipeline *fresh)
{
    const json_t *old = json_object_get(pipeline->shown, "streams");
    const json_t *new = json_object_get(fresh->shown, "streams");
    char path[PATH_SIZE];

    for (size_t i = 0; i < fresh->stream_count; i++) {
        const char *name = fresh->streams[i].name;
        struct pipeline_stream *stream = stream_of(pipeline, name);
        snprintf(path, sizeof path, "streams.%s", name);
        if (stream == NULL)
            refuse(reload, path, NULL, json_object_get(new, name));
        else
            compare_section(reload, SECTION_STREAM, path, json_object_get(old, name),
                            json_object_get(new, name), (char *)stream,
                            (const char *)&fresh->streams[i]);
    }
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const char *name = pipeline->streams[i].name;
        snprintf(path, sizeof path, "streams.%s", name);
        if (stream_of(fresh, name) == NULL)
            refuse(reload, path, json_object_get(old, name), NULL);
    }
}

bool pipeline_reload(struct pipeline *pipeline, struct buffer *changes, struct error *err)
{
    struct pipeline *fresh = pipeline_load(pipeline->file, err);

    if (fresh == NULL)
        return false;

    struct reload reload = {.file = pipeline->file, .text = changes, .err = err};

    compare_section(&reload, SECTION_ROOT, "", pipeline->shown, fresh->shown, (char *)pipeline,
                    (const char *)fresh);
    compare_streams(&reload, pipeline, fresh);
    for (size_t i = 0; !reload.refused && i < reload.count; i++)
        memcpy(reload.changes[i].to, reload.changes[i].from, reload.changes[i].size);
    if (!reload.refused) { /* The next reading is compared with this one. */
        struct json_t *shown = pipeline->shown;
        pipeline->shown = fresh->shown;
        fresh->shown = shown;
    }
    free(reload.changes);
    pipeline_free(fresh);
    return !reload.refused;
}
