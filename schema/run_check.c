/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "schema/compat.h"
#include "schema/run.h"

struct pair { /* The schemas of one stream. */
    struct schema *file;
    const struct schema *newest; /* NULL: the registry has none. Borrowed. */
    int32_t id;
    char subject[320];
};

static bool open_pair(struct pair *pair, struct registry *registry,
                      const struct pipeline_stream *stream, struct error *err)
{
    *pair = (struct pair){0};
    snprintf(pair->subject, sizeof pair->subject, "%s-value", stream->topic.name);
    pair->file = schema_load(stream->schema_file, err);
    if (pair->file == NULL)
        return false;
    err->text[0] = '\0';
    pair->newest = registry_latest(registry, pair->subject, &pair->id, err);
    return pair->newest != NULL || err->text[0] == '\0';
}

static json_t *problems_json(const struct compat *compat, const char *mode)
{
    json_t *list = json_array();

    for (size_t i = 0; i < compat->count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s}", "mode", mode, "field", compat->problems[i].path,
                            "fact", compat->problems[i].fact, "next", compat->problems[i].next));
    return list;
}

/* backward: new readers, old data. forward: old readers, new data. */
static json_t *compare(const struct pair *pair, enum schema_mode mode)
{
    struct compat compat = {0};
    json_t *problems = json_array(), *some;

    if (pair->newest == NULL)
        return problems;
    if (mode != MODE_FORWARD) {
        compat_reads(&compat, pair->file, pair->newest);
        some = problems_json(&compat, "backward");
        json_array_extend(problems, some);
        json_decref(some);
    }
    if (mode != MODE_BACKWARD) {
        compat.count = 0;
        compat_reads(&compat, pair->newest, pair->file);
        some = problems_json(&compat, "forward");
        json_array_extend(problems, some);
        json_decref(some);
    }
    return problems;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void tell(const struct pipeline_stream *stream, const struct pair *pair,
                 const json_t *problems)
{
    const json_t *problem;
    size_t i;

    if (pair->newest == NULL)
        printf("%s: %s is new: the registry has no schema yet\n", stream->name, pair->subject);
    else if (json_array_size(problems) == 0)
        printf("%s: %s fits schema %d\n", stream->name, stream->schema_file, (int)pair->id);
    else
        printf("%s: %s does not fit schema %d of %s\n", stream->name, stream->schema_file,
               (int)pair->id, pair->subject);
    json_array_foreach(problems, i, problem)
        printf("  %s, %s: %s\n    %s\n", text_at(problem, "mode"),
               *text_at(problem, "field") != '\0' ? text_at(problem, "field") : "the whole",
               text_at(problem, "fact"), text_at(problem, "next"));
}

static bool check_stream(struct registry *registry, const struct pipeline_stream *stream,
                         const struct schema_check_options *options, json_t *list, bool *fits,
                         struct error *err)
{
    struct pair pair;
    bool ok = open_pair(&pair, registry, stream, err);

    if (ok) {
        json_t *problems = compare(&pair, options->mode);
        *fits = *fits && json_array_size(problems) == 0;
        if (!options->json)
            tell(stream, &pair, problems);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "stream", stream->name, "subject",
                            pair.subject, "file", stream->schema_file, "newest_id",
                            pair.newest != NULL ? json_integer(pair.id) : json_null(), "fits",
                            (int)(json_array_size(problems) == 0), "problems", problems));
    }
    schema_free(pair.file);
    return ok || error_wrap(err, "stream %s", stream->name);
}

/* Those that have a schema; one that was named must have one. */
static bool is_asked(const struct pipeline_stream *stream, const char *name)
{
    return name != NULL ? strcmp(stream->name, name) == 0 : stream->schema_file != NULL;
}

static bool refuse_raw(const struct pipeline_stream *stream, struct error *err)
{
    error_set(err, EXIT_CODE_CONFIG, "stream %s has no schema", stream->name);
    return error_hint(err, "raw messages have none");
}

bool schema_check(const struct pipeline *pipeline, const struct schema_check_options *options,
                  bool *fits, struct error *err)
{
    struct registry *registry = registry_open(&pipeline->kafka, err);
    json_t *list = json_array();
    bool ok = registry != NULL;

    *fits = true;
    for (size_t i = 0; ok && i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        if (!is_asked(stream, options->stream))
            continue;
        ok = stream->schema_file != NULL ? check_stream(registry, stream, options, list, fits, err)
                                         : refuse_raw(stream, err);
    }
    if (ok && options->json) {
        json_t *document = json_pack("{s:b, s:O}", "fits", (int)*fits, "streams", list);
        json_dumpf(document, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(document);
    }
    json_decref(list);
    registry_close(registry);
    return ok;
}

static json_t *show_stream(const struct pipeline_stream *stream, const struct pair *pair,
                           bool texts)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:b}", "stream", stream->name, "subject", pair->subject,
                  "file", stream->schema_file, "newest_id",
                  pair->newest != NULL ? json_integer(pair->id) : json_null(), "same",
                  (int)(pair->newest != NULL && json_equal(pair->file->json, pair->newest->json)));

    if (texts) {
        json_object_set(json, "file_schema", pair->file->json);
        json_object_set(json, "newest_schema",
                        pair->newest != NULL ? pair->newest->json : json_null());
    }
    return json;
}

bool schema_show(const struct pipeline *pipeline, const char *name, bool json, struct error *err)
{
    struct registry *registry = registry_open(&pipeline->kafka, err);
    bool ok = registry != NULL;

    for (size_t i = 0; ok && i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        struct pair pair;

        if (!is_asked(stream, name))
            continue;
        if (stream->schema_file == NULL) {
            ok = refuse_raw(stream, err);
            break;
        }
        ok = open_pair(&pair, registry, stream, err);
        json_t *shown = ok ? show_stream(stream, &pair, name != NULL) : NULL;
        if (ok && (json || name != NULL)) {
            json_dumpf(shown, stdout, json ? JSON_COMPACT : JSON_INDENT(2));
            putchar('\n');
        } else if (ok && pair.newest == NULL) {
            printf("%-20s %s, %s: nothing registered\n", stream->name, stream->schema_file,
                   pair.subject);
        } else if (ok) {
            printf("%-20s %s, %s: schema %d, %s\n", stream->name, stream->schema_file, pair.subject,
                   (int)pair.id,
                   json_is_true(json_object_get(shown, "same")) ? "the same" : "another one");
        }
        json_decref(shown);
        schema_free(pair.file);
    }
    registry_close(registry);
    return ok || error_wrap(err, "schema show");
}
