/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json_avro.h"
#include "core/buffer.h"
#include "core/pubsub_peek.h"
#include "schema/run.h"

enum { TRIED_MAX = 1000 };

/* The events, and the first of them as they came: the schema is tried on those. */
struct source {
    struct infer *infer;
    int64_t most, taken;
    struct buffer texts;
    size_t ends[TRIED_MAX];
    size_t count;
};

static void take(struct source *source, const void *text, size_t size)
{
    source->taken++;
    if (!infer_add(source->infer, text, size) || source->count == TRIED_MAX)
        return;
    buffer_append(&source->texts, text, size);
    source->ends[source->count++] = source->texts.size;
}

static bool is_blank(const char *line)
{
    while (isspace((unsigned char)*line))
        line++;
    return *line == '\0';
}

static bool read_file(struct source *source, const char *name, struct error *err)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;

    if (file == NULL) {
        error_set(err, EXIT_CODE_SOURCE, "%s: %s", name, strerror(errno));
        return error_hint(err, "name a file of events, one JSON object a line, or a pipeline file "
                               "and --stream NAME");
    }
    while (source->taken < source->most && (size = getline(&line, &room, file)) >= 0)
        if (!is_blank(line))
            take(source, line, (size_t)size);
    bool ok = !ferror(file) || error_set(err, EXIT_CODE_SOURCE, "%s: %s", name, strerror(errno));

    free(line);
    if (file != stdin)
        fclose(file);
    return ok;
}

static bool take_message(void *context, const struct pubsub_message *message, struct error *err)
{
    (void)err;
    take(context, message->data, message->data_size);
    return true;
}

static bool read_stream(struct source *source, const struct schema_infer_options *options,
                        struct error *err)
{
    struct pipeline *pipeline = pipeline_load(options->file, err);
    const struct pipeline_stream *stream =
        pipeline != NULL ? pipeline_stream(pipeline, options->stream, err) : NULL;
    struct pubsub *pubsub = NULL;
    bool ok = stream != NULL;

    if (ok && stream->subscription == NULL)
        ok = error_set(err, EXIT_CODE_CONFIG, "%s: the stream %s has no subscription",
                       options->file, options->stream);
    if (ok)
        pubsub = pubsub_new(&pipeline->pubsub, err);
    ok = pubsub != NULL
         && pubsub_peek(pubsub, stream->subscription, source->most, take_message, source, err);
    pubsub_free(pubsub);
    pipeline_free(pipeline);
    return ok;
}

/* Tries what was inferred, as the bridge will: a schema that refuses its own sample is worth nothing. */
static bool try_schema(const struct source *source, json_t *result, struct error *err)
{
    char *text = json_dumps(json_object_get(result, "schema"), JSON_COMPACT);
    struct schema *schema = schema_parse(text, "inferred", err);
    struct json_avro *program = schema != NULL ? json_avro_new(schema, err) : NULL;
    struct buffer out = {0};
    size_t begin = 0, fit = 0;

    for (size_t i = 0; program != NULL && i < source->count; i++) {
        struct json_avro_fault fault;

        fit += json_avro_encode(program, source->texts.data + begin, source->ends[i] - begin, &out,
                                &fault);
        begin = source->ends[i];
        buffer_clear(&out);
    }
    bool ok = program != NULL;

    json_object_set_new(result, "tried", json_integer((json_int_t)source->count));
    json_object_set_new(result, "fit", json_integer((json_int_t)fit));
    buffer_fini(&out);
    json_avro_free(program);
    schema_free(schema);
    free(text);
    return ok || error_wrap(err, "the inferred schema");
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void tell_decision(const json_t *decision)
{
    const json_t *example;
    size_t i;

    fprintf(
        stderr, "  %-24s %s%s: %s; in %lld", text_at(decision, "path"), text_at(decision, "type"),
        json_is_true(json_object_get(decision, "nullable")) ? " or null" : "",
        text_at(decision, "why"), (long long)json_integer_value(json_object_get(decision, "seen")));
    if (json_integer_value(json_object_get(decision, "absent")) > 0)
        fprintf(stderr, ", absent in %lld",
                (long long)json_integer_value(json_object_get(decision, "absent")));
    json_array_foreach(json_object_get(decision, "examples"), i, example)
    {
        char *text = json_dumps(example, JSON_ENCODE_ANY | JSON_COMPACT);
        fprintf(stderr, "%s%s", i == 0 ? "; such as " : ", ", text);
        free(text);
    }
    fputc('\n', stderr);
    if (*text_at(decision, "advice") != '\0')
        fprintf(stderr, "  %-24s   ! %s\n", "", text_at(decision, "advice"));
}

static void tell_suggestions(const json_t *suggestions)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(suggestions, "key"), i, item)
        fprintf(stderr, "%s%s", i == 0 ? "never twice, so fit for event_id: " : ", ",
                json_string_value(item));
    if (i > 0)
        fputc('\n', stderr);
    json_array_foreach(json_object_get(suggestions, "event_time"), i, item)
        fprintf(stderr, "%s{field: %s, unit: %s}", i == 0 ? "fit for event_time: " : ", ",
                text_at(item, "field"), text_at(item, "unit"));
    if (i > 0)
        fputc('\n', stderr);
}

static void tell(const json_t *result)
{
    const json_t *decision;
    size_t i;

    fprintf(stderr,
            "%lld events, %lld that are no JSON object; the schema takes %lld of the first %lld\n",
            (long long)json_integer_value(json_object_get(result, "events")),
            (long long)json_integer_value(json_object_get(result, "refused")),
            (long long)json_integer_value(json_object_get(result, "fit")),
            (long long)json_integer_value(json_object_get(result, "tried")));
    json_array_foreach(json_object_get(result, "decisions"), i, decision) tell_decision(decision);
    tell_suggestions(json_object_get(result, "suggestions"));
    if (json_is_true(json_object_get(result, "few")))
        fputs(
            "few events: what is in each of them may still be absent later; take a larger sample\n",
            stderr);
}

bool schema_infer(const struct schema_infer_options *options, struct error *err)
{
    struct source *source = memory_new(sizeof *source);
    json_t *result = NULL;

    source->infer = infer_new();
    source->most = options->sample;
    bool ok = options->stream != NULL ? read_stream(source, options, err)
                                      : read_file(source, options->file, err);

    if (ok && source->count == 0) {
        ok = error_set(err, EXIT_CODE_INCONCLUSIVE,
                       "no event is a JSON object: nothing to infer from");
        error_hint(err, "give it one JSON object a line");
    }
    if (ok) {
        result = infer_result(source->infer, &options->infer);
        ok = try_schema(source, result, err);
    }
    if (ok) {
        json_dumpf(options->json ? result : json_object_get(result, "schema"), stdout,
                   options->json ? JSON_COMPACT : JSON_INDENT(2));
        putchar('\n');
        if (!options->json)
            tell(result);
    }
    json_decref(result);
    infer_free(source->infer);
    buffer_fini(&source->texts);
    free(source);
    return ok;
}
