/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of dualrun: its words, and what it calls.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/bridge.h"
#include "bridge/replay.h"
#include "cat/cat.h"
#include "cli/command.h"
#include "core/pipeline.h"
#include "core/suggest.h"
#include "export/export.h"
#include "joiner/inspect.h"
#include "joiner/joiner.h"
#include "plan/plan.h"
#include "schema/run.h"
#include "validator/report.h"
#include "validator/report_diff.h"
#include "validator/validator.h"

enum { JOINS_MAX = 64 }; /* That a hint looks at. */

static bool is_given(const struct command_arguments *arguments, const char *flag)
{
    return command_flag(arguments, flag) != NULL;
}

/* A name that a flag must have from the file. */
static bool check_join(const struct pipeline *pipeline, const char *name, struct error *err)
{
    if (pipeline->join_count == 0) {
        error_set(err, EXIT_CODE_CONFIG, "%s: the file describes no join", pipeline->file);
        return error_hint(err, "add the section join");
    }
    if (name == NULL)
        return true;
    const char *names[JOINS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < pipeline->join_count; i++) {
        if (strcmp(pipeline->joins[i].name, name) == 0)
            return true;
        if (count < JOINS_MAX)
            names[count++] = pipeline->joins[i].name;
    }
    const char *nearest = suggest_nearest(name, names, count);
    error_set(err, EXIT_CODE_USAGE, "%s: no join has the name %.100s", pipeline->file, name);
    if (nearest != NULL)
        return error_hint(err, "did you mean %s?", nearest);
    return error_hint(err, "dualrun config show %s lists the joins", pipeline->file);
}

static bool check_stream(const struct pipeline *pipeline, const char *name, struct error *err)
{
    return name == NULL || pipeline_stream(pipeline, name, err) != NULL;
}

/* Is there something to move: in the named stream, or in any? */
static bool check_bridged(const struct pipeline *pipeline, const char *name, struct error *err)
{
    if (!check_stream(pipeline, name, err))
        return false;
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &pipeline->streams[i];
        if (stream->subscription != NULL && (name == NULL || strcmp(stream->name, name) == 0))
            return true;
    }
    if (name != NULL)
        error_set(err, EXIT_CODE_CONFIG, "%s: the stream %s has no subscription", pipeline->file,
                  name);
    else
        error_set(err, EXIT_CODE_CONFIG, "%s: no stream has a subscription", pipeline->file);
    return error_hint(err, "add subscription: NAME to what shall be bridged");
}

/* Flags that exclude each other: the first of them that is given must be the only one. */
static bool check_alone(const struct command_arguments *arguments, const char *const *flags,
                        size_t count, struct error *err)
{
    const char *given = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!is_given(arguments, flags[i]))
            continue;
        if (given != NULL) {
            error_set(err, EXIT_CODE_USAGE, "%s: --%s and --%s exclude each other",
                      arguments->command->name, given, flags[i]);
            return error_hint(err, "give one of them");
        }
        given = flags[i];
    }
    return true;
}

/* bridge, join, validate */

static int run_replay(const struct command_arguments *arguments, const struct pipeline *pipeline,
                      struct error *err)
{
    struct replay_options options = {
        .stream = command_flag(arguments, "stream"),
        .reason = command_flag(arguments, "reason"),
        .dry_run = is_given(arguments, "dry-run"),
        .json = is_given(arguments, "json"),
    };
    bool all_fit;

    if (is_given(arguments, "http")) {
        error_set(err, EXIT_CODE_USAGE, "bridge: --http is of no use with --replay-dead-letters");
        error_hint(err, "a replay ends by itself and prints what it did");
        return (int)err->code;
    }
    if (!check_stream(pipeline, options.stream, err)
        || !command_time(arguments, "from", INT64_MIN, &options.from_us, err)
        || !command_time(arguments, "to", INT64_MAX, &options.to_us, err)
        || !replay_run(pipeline, &options, &all_fit, err))
        return (int)err->code;
    return all_fit ? EXIT_CODE_OK : EXIT_CODE_DIFFERENT;
}

/* What has a meaning only for a replay. */
static bool check_replay_flags(const struct command_arguments *arguments, struct error *err)
{
    static const char *const flags[] = {"reason", "from", "to", "dry-run"};

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!is_given(arguments, flags[i]))
            continue;
        error_set(err, EXIT_CODE_USAGE, "bridge: --%s needs --replay-dead-letters", flags[i]);
        return error_hint(err, "it chooses among dead letters");
    }
    return true;
}

static int run_bridge(const struct command_arguments *arguments, struct error *err)
{
    struct bridge_options options = {
        .stream = command_flag(arguments, "stream"),
        .http_listen = command_flag(arguments, "http"),
        .log_level_given = is_given(arguments, "log-level"),
        .json = is_given(arguments, "json"),
    };
    bool replay = is_given(arguments, "replay-dead-letters");

    if (!replay && !check_replay_flags(arguments, err))
        return (int)err->code;

    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done = pipeline != NULL && check_bridged(pipeline, options.stream, err);
    int status = EXIT_CODE_OK;

    if (done && replay)
        status = run_replay(arguments, pipeline, err);
    else
        done = done && bridge_run(pipeline, &options, err);
    pipeline_free(pipeline);
    return done ? status : (int)err->code;
}

static bool inspect_joins(const struct pipeline *pipeline, const struct joiner_options *options,
                          struct error *err)
{
    for (size_t i = 0; i < pipeline->join_count; i++) {
        const struct pipeline_join *join = &pipeline->joins[i];

        if ((options->join == NULL || strcmp(options->join, join->name) == 0)
            && !inspect_join(pipeline, join, options->json, stdout, err))
            return false;
    }
    return true;
}

static int run_join(const struct command_arguments *arguments, struct error *err)
{
    struct joiner_options options = {
        .join = command_flag(arguments, "join"),
        .http_listen = command_flag(arguments, "http"),
        .json = is_given(arguments, "json"),
        .until_end = is_given(arguments, "until-end"),
    };
    bool inspect = is_given(arguments, "inspect");

    if (inspect && (options.until_end || options.http_listen != NULL)) {
        error_set(err, EXIT_CODE_USAGE, "join: --inspect goes with neither --until-end nor --http");
        error_hint(err, "it joins nothing: it prints what is there and ends");
        return (int)err->code;
    }
    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done =
        pipeline != NULL && check_join(pipeline, options.join, err)
        && (inspect ? inspect_joins(pipeline, &options, err) : joiner_run(pipeline, &options, err));

    pipeline_free(pipeline);
    return done ? EXIT_CODE_OK : (int)err->code;
}

/* Without --kind: what the file has and the other flags do not exclude. */
static bool choose_kinds(const struct command_arguments *arguments, const struct pipeline *pipeline,
                         struct validator_options *options, struct error *err)
{
    const char *kind = command_flag(arguments, "kind");

    options->bridge = kind == NULL ? options->join_name == NULL
                                   : strcmp(kind, "all") == 0 || strcmp(kind, "bridge") == 0;
    options->join = kind == NULL ? options->stream == NULL && pipeline->join_count > 0
                                 : strcmp(kind, "all") == 0 || strcmp(kind, "join") == 0;
    if (kind == NULL && options->bridge && options->stream == NULL) {
        options->bridge = false;
        for (size_t i = 0; i < pipeline->stream_count; i++)
            options->bridge |= pipeline->streams[i].audit_subscription != NULL;
    }
    bool has_legacy = pipeline->validate.legacy.files != NULL;
    options->legacy = kind == NULL
                          ? has_legacy && options->stream == NULL && options->join_name == NULL
                          : strcmp(kind, "legacy") == 0 || (has_legacy && strcmp(kind, "all") == 0);
    if (kind != NULL && !options->bridge && !options->join && !options->legacy) {
        error_set(err, EXIT_CODE_USAGE, "validate: no such kind: %.100s", kind);
        return error_hint(err, "use one of: bridge, join, legacy, all");
    }
    if (options->legacy && !has_legacy) {
        error_set(err, EXIT_CODE_CONFIG, "%s: there is no output of an old system", pipeline->file);
        return error_hint(err, "add validate.legacy: {files: PATTERN, key: FIELD}");
    }
    if (!options->bridge && !options->join && !options->legacy) {
        error_set(err, EXIT_CODE_CONFIG, "%s: there is nothing to compare", pipeline->file);
        return error_hint(err, "add audit_subscription to a stream, or a join");
    }
    return (!options->bridge || check_stream(pipeline, options->stream, err))
           && (!options->join || check_join(pipeline, options->join_name, err));
}

static int run_validate(const struct command_arguments *arguments, struct error *err)
{
    struct validator_options options = {
        .stream = command_flag(arguments, "stream"),
        .join_name = command_flag(arguments, "join"),
        .report = command_flag(arguments, "report"),
        .json = is_given(arguments, "json"),
    };
    enum exit_code verdict = EXIT_CODE_INCONCLUSIVE;
    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done = pipeline != NULL && choose_kinds(arguments, pipeline, &options, err)
                && validator_run(pipeline, &options, &verdict, err);

    pipeline_free(pipeline);
    return done ? (int)verdict : (int)err->code;
}

/* report */

static const struct report_format *read_format(const struct command_arguments *arguments,
                                               struct error *err)
{
    const char *name = command_flag(arguments, "format");

    if (name == NULL)
        name = is_given(arguments, "json") ? "json" : "text";
    for (size_t i = 0; i < REPORT_FORMATS; i++)
        if (strcmp(report_formats[i].name, name) == 0)
            return &report_formats[i];
    error_set(err, EXIT_CODE_USAGE, "report show: --format: %.100s is no format", name);
    error_hint(err, "use one of: text, json, html, junit, prometheus");
    return NULL;
}

static int run_report_show(const struct command_arguments *arguments, struct error *err)
{
    static const char *const formats[] = {"format", "json"};

    if (!check_alone(arguments, formats, 2, err))
        return (int)err->code;
    const struct report_format *format = read_format(arguments, err);
    json_t *document = format != NULL ? report_read(arguments->file, err) : NULL;
    if (document == NULL)
        return (int)err->code;
    format->render(document, stdout);
    json_decref(document);
    return EXIT_CODE_OK;
}

static int run_report_diff(const struct command_arguments *arguments, struct error *err)
{
    json_t *old = report_read(arguments->file, err);
    json_t *new = old != NULL ? report_read(arguments->operand, err) : NULL;
    json_t *diff = new != NULL ? report_diff(old, new, err) : NULL;
    int status = (int)err->code;

    if (diff != NULL) {
        status = report_diff_is_worse(diff) ? EXIT_CODE_DIFFERENT : EXIT_CODE_OK;
        if (is_given(arguments, "json")) {
            json_dumpf(diff, stdout, JSON_INDENT(1));
            putchar('\n');
        } else {
            report_diff_text(diff, stdout);
        }
    }
    json_decref(old);
    json_decref(new);
    json_decref(diff);
    return status;
}

/* plan */

static bool read_fail_on(const struct command_arguments *arguments, enum severity *severity,
                         struct error *err)
{
    const char *text = command_flag(arguments, "fail-on");

    *severity = SEVERITY_ERROR;
    if (text == NULL || strcmp(text, "error") == 0)
        return true;
    *severity = SEVERITY_WARNING;
    if (strcmp(text, "warning") == 0)
        return true;
    error_set(err, EXIT_CODE_USAGE, "plan: --fail-on: %.100s is no severity", text);
    return error_hint(err, "use one of: error, warning");
}

static int run_plan(const struct command_arguments *arguments, struct error *err)
{
    struct plan_options options = {
        .stream = command_flag(arguments, "stream"),
        .json = is_given(arguments, "json"),
    };
    bool passed = false;

    if (!command_integer(arguments, "sample", 0, 10000, 500, &options.sample, err)
        || !read_fail_on(arguments, &options.fail_on, err))
        return (int)err->code;

    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done = pipeline != NULL && check_stream(pipeline, options.stream, err)
                && plan_run(pipeline, &options, &passed, err);

    pipeline_free(pipeline);
    return !done ? (int)err->code : passed ? EXIT_CODE_OK : EXIT_CODE_DIFFERENT;
}

/* cat */

/* "3:12345": one record. */
static bool read_place(const char *text, struct kafka_range *range, struct error *err)
{
    char *end = NULL;
    long long partition = strtoll(text, &end, 10);
    bool good = *text >= '0' && *text <= '9' && *end == ':' && end[1] >= '0' && end[1] <= '9'
                && partition <= INT32_MAX;
    long long offset = good ? strtoll(end + 1, &end, 10) : 0;

    range->partition = (int32_t)partition;
    range->from_offset = offset;
    if (good && *end == '\0')
        return true;
    error_set(err, EXIT_CODE_USAGE, "cat: --at: %.100s is no place", text);
    return error_hint(err, "write PARTITION:OFFSET, like 3:12345");
}

static bool read_cat(const struct command_arguments *arguments, struct cat_options *options,
                     struct error *err)
{
    static const char *const begins[] = {"at", "last", "from", "pubsub"};
    static const char *const sources[] = {"follow", "pubsub", "at"};
    static const char *const places[] = {"at", "partition", "pubsub"};
    const char *at = command_flag(arguments, "at");
    int64_t partition, from_us, to_us, usual = at != NULL ? 1 : options->pubsub ? 10 : 0;

    if (!check_alone(arguments, begins, 4, err) || !check_alone(arguments, sources, 3, err)
        || !check_alone(arguments, places, 3, err)
        || !command_integer(arguments, "partition", 0, INT32_MAX, KAFKA_EVERY, &partition, err)
        || !command_integer(arguments, "last", 1, INT64_MAX, 0, &options->range.last, err)
        || !command_integer(arguments, "count", 1, INT64_MAX, usual, &options->count, err)
        || !command_time(arguments, "from", INT64_MIN, &from_us, err)
        || !command_time(arguments, "to", INT64_MAX, &to_us, err))
        return false;
    options->range.partition = (int32_t)partition;
    options->range.from_offset = KAFKA_EVERY;
    options->range.from_ms = from_us == INT64_MIN ? INT64_MIN : from_us / 1000;
    options->to_ms = to_us == INT64_MAX ? INT64_MAX : to_us / 1000;
    return at == NULL || read_place(at, &options->range, err);
}

static int run_cat(const struct command_arguments *arguments, struct error *err)
{
    struct cat_options options = {
        .name = arguments->operand,
        .pubsub = is_given(arguments, "pubsub"),
        .key = command_flag(arguments, "key"),
        .range = {.follow = is_given(arguments, "follow")},
    };
    struct pipeline *pipeline = NULL;
    bool done = read_cat(arguments, &options, err)
                && (pipeline = pipeline_load(arguments->file, err)) != NULL
                && cat_run(pipeline, &options, err);

    pipeline_free(pipeline);
    return done ? EXIT_CODE_OK : (int)err->code;
}

/* export */

/* The join that is meant: the named one, or the only one. */
static const struct pipeline_join *choose_join(const struct pipeline *pipeline, const char *name,
                                               struct error *err)
{
    if (!check_join(pipeline, name, err))
        return NULL;
    if (name == NULL && pipeline->join_count > 1) {
        error_set(err, EXIT_CODE_USAGE, "%s: the file describes %zu joins", pipeline->file,
                  pipeline->join_count);
        error_hint(err, "name one: --join %s", pipeline->joins[0].name);
        return NULL;
    }
    for (size_t i = 0; i < pipeline->join_count; i++)
        if (name == NULL || strcmp(pipeline->joins[i].name, name) == 0)
            return &pipeline->joins[i];
    return NULL;
}

static int run_export(const struct command_arguments *arguments, struct error *err)
{
    const char *dialect = arguments->command->name + strlen("export ");
    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    const struct pipeline_join *join =
        pipeline != NULL ? choose_join(pipeline, command_flag(arguments, "join"), err) : NULL;
    bool done =
        join != NULL
        && export_write(pipeline, join, dialect_of(dialect), command_flag(arguments, "out"), err);

    pipeline_free(pipeline);
    return done ? EXIT_CODE_OK : (int)err->code;
}

/* schema */

static int run_schema_infer(const struct command_arguments *arguments, struct error *err)
{
    const char *name = command_flag(arguments, "name"), *stream = command_flag(arguments, "stream");
    struct schema_infer_options options = {
        .file = arguments->file,
        .stream = stream,
        .infer = {.name = name != NULL ? name : "Event",
                  .name_space = command_flag(arguments, "namespace"),
                  .enums = !is_given(arguments, "no-enums")},
        .json = is_given(arguments, "json"),
    };

    if (!command_integer(arguments, "sample", 1, 100000000, stream != NULL ? 1000 : 100000,
                         &options.sample, err)
        || !schema_infer(&options, err))
        return (int)err->code;
    return EXIT_CODE_OK;
}

static bool read_mode(const struct command_arguments *arguments, enum schema_mode *mode,
                      struct error *err)
{
    static const char *const modes[] = {"backward", "forward", "full"};
    const char *text = command_flag(arguments, "mode");

    *mode = MODE_BACKWARD;
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(text, modes[i]) == 0) {
            *mode = (enum schema_mode)i;
            return true;
        }
    error_set(err, EXIT_CODE_USAGE, "schema check: --mode: %.100s is no mode", text);
    return error_hint(err, "use one of: backward, forward, full");
}

static int run_schema_check(const struct command_arguments *arguments, struct error *err)
{
    struct schema_check_options options = {
        .stream = command_flag(arguments, "stream"),
        .json = is_given(arguments, "json"),
    };
    bool fits = false;

    if (!read_mode(arguments, &options.mode, err))
        return (int)err->code;

    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done = pipeline != NULL && check_stream(pipeline, options.stream, err)
                && schema_check(pipeline, &options, &fits, err);

    pipeline_free(pipeline);
    return !done ? (int)err->code : fits ? EXIT_CODE_OK : EXIT_CODE_DIFFERENT;
}

static int run_schema_show(const struct command_arguments *arguments, struct error *err)
{
    const char *stream = command_flag(arguments, "stream");
    struct pipeline *pipeline = pipeline_load(arguments->file, err);
    bool done = pipeline != NULL && check_stream(pipeline, stream, err)
                && schema_show(pipeline, stream, is_given(arguments, "json"), err);

    pipeline_free(pipeline);
    return done ? EXIT_CODE_OK : (int)err->code;
}

/* config */

static int run_config_show(const struct command_arguments *arguments, struct error *err)
{
    bool done = pipeline_show(arguments->file, is_given(arguments, "json"), stdout, err);

    return done ? EXIT_CODE_OK : (int)err->code;
}

static int run_config_check(const struct command_arguments *arguments, struct error *err)
{
    struct pipeline *pipeline = pipeline_load(arguments->file, err);

    if (pipeline == NULL)
        return (int)err->code;
    if (is_given(arguments, "json")) {
        json_t *found = json_pack("{s:s, s:s, s:I, s:I}", "file", pipeline->file, "pipeline",
                                  pipeline->name, "streams", (json_int_t)pipeline->stream_count,
                                  "joins", (json_int_t)pipeline->join_count);
        json_dumpf(found, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(found);
    } else {
        printf("%s: good: pipeline %s, streams: %zu, joins: %zu\n", pipeline->file, pipeline->name,
               pipeline->stream_count, pipeline->join_count);
    }
    pipeline_free(pipeline);
    return EXIT_CODE_OK;
}

static int run_config_schema(const struct command_arguments *arguments, struct error *err)
{
    (void)arguments;
    (void)err;
    pipeline_schema(stdout);
    return EXIT_CODE_OK;
}

/* The rest. */

static int run_version(const struct command_arguments *arguments, struct error *err)
{
    (void)err;
    printf(is_given(arguments, "json") ? "{\"version\":\"%s\"}\n" : "dualrun %s\n",
           DUALRUN_VERSION);
    return EXIT_CODE_OK;
}

static int run_help(const struct command_arguments *arguments, struct error *err)
{
    (void)arguments;
    (void)err;
    command_help_all(stdout);
    return EXIT_CODE_OK;
}

static int run_reference(const struct command_arguments *arguments, struct error *err)
{
    (void)arguments;
    (void)err;
    command_reference(stdout);
    return EXIT_CODE_OK;
}

static int run_completion(const struct command_arguments *arguments, struct error *err)
{
    (void)arguments;
    (void)err;
    command_completion(stdout);
    return EXIT_CODE_OK;
}

/* Of what runs until it is stopped. */
#define HTTP_FLAG                                                                                  \
    {                                                                                              \
        "http", "HOST:PORT", "serve /status, /metrics, /livez and /readyz there"                   \
    }

#define EXPORT_FLAGS                                                                               \
    {"join", "NAME", "this join; needed where the file has several"},                              \
    {                                                                                              \
        "out", "PATH", "write there instead of to stdout"                                          \
    }

const struct command_flag command_common_flags[] = {
    {"json", NULL, "results as JSON on stdout"},
    {"log-level", "LEVEL", "debug, info (default), warn or error"},
    {"log-json", NULL, "messages on stderr as JSON"},
    {"help", NULL, "this text"},
};
const size_t command_common_flag_count = sizeof command_common_flags / sizeof *command_common_flags;

const struct command commands[] = {
    {.name = "plan",
     .summary = "look at both ends, move nothing",
     .text = "Connects to Pub/Sub, Kafka and the schema registry and tells what would go wrong, "
             "with the\n"
             "reason and the way out: permissions, subscriptions, topics, retention against the "
             "join's\n"
             "window, and whether a sample of live messages fits schema and key. Projects bytes "
             "and cost.\n"
             "Writes, creates and acknowledges nothing; the sample is given back, which Pub/Sub "
             "counts\n"
             "as a delivery attempt. Status 1 says that there are errors.",
     .takes_file = true,
     .examples = {"dualrun plan pipeline.yaml",
                  "dualrun plan pipeline.yaml --stream views --sample 2000",
                  "dualrun plan pipeline.yaml --fail-on warning --json"},
     .flags = {{"stream", "NAME", "only this stream"},
               {"sample", "N", "messages to pull of each stream (500); 0: none"},
               {"fail-on", "SEVERITY", "error (default) or warning: what makes the status 1"}},
     .run = run_plan},
    {.name = "bridge",
     .summary = "move events from Pub/Sub to Kafka",
     .text =
         "Moves every stream of the file from Pub/Sub to Kafka until it is stopped. Nothing is\n"
         "acknowledged to Pub/Sub before Kafka has it. Messages that do not fit go to the\n"
         "dead-letter topic with the reason. With --replay-dead-letters those are delivered "
         "again,\n"
         "after the schema or the key was mended; status 1 says that some failed again.",
     .takes_file = true,
     .examples = {"dualrun bridge pipeline.yaml",
                  "dualrun bridge pipeline.yaml --stream views --http 127.0.0.1:9600",
                  "dualrun bridge pipeline.yaml --replay-dead-letters --dry-run",
                  "dualrun bridge pipeline.yaml --replay-dead-letters --reason DECODE"},
     .flags = {{"stream", "NAME", "only this stream"},
               {"replay-dead-letters", NULL,
                "deliver the dead letters that are there now, each once, and end"},
               {"reason", "TEXT", "of those, whose reason begins so: DECODE, KEY, SIZE"},
               {"from", "TIME", "of those, published at 2026-11-21T09:30:00Z or later"},
               {"to", "TIME", "of those, published before"},
               {"dry-run", NULL, "count them by reason, write nothing"},
               HTTP_FLAG},
     .run = run_bridge},
    {.name = "join",
     .summary = "join the streams, one row per primary record",
     .text =
         "Joins the streams as the file says until it is stopped. Rows, late records and offsets\n"
         "commit in one Kafka transaction. Several processes share the partitions.",
     .takes_file = true,
     .examples = {"dualrun join pipeline.yaml", "dualrun join pipeline.yaml --until-end",
                  "dualrun join pipeline.yaml --inspect --json"},
     .flags = {{"join", "NAME", "only this join"},
               {"until-end", NULL, "read what is there now, close every row, end"},
               {"inspect", NULL, "show positions, watermarks, state and checkpoints, and end"},
               HTTP_FLAG},
     .run = run_join},
    {.name = "validate",
     .summary = "recompute, compare and judge",
     .text =
         "Compares the audit subscription with the topic, a recomputed join with the joiner's\n"
         "output, and the old system's files with that output, record by record. Says PASS\n"
         "(status 0), FAIL (1) or INCONCLUSIVE (2), and writes report.json, report.html (a page),\n"
         "report.xml (JUnit) and report.prom (Prometheus).",
     .takes_file = true,
     .examples = {"dualrun validate pipeline.yaml",
                  "dualrun validate pipeline.yaml --kind join --report out",
                  "dualrun validate pipeline.yaml --kind bridge --stream views --json"},
     .flags = {{"kind", "KIND", "bridge, join, legacy or all; default: what the file has"},
               {"stream", "NAME", "only this stream of the bridge comparison"},
               {"join", "NAME", "only this join of the join comparison"},
               {"report", "DIR", "the report's folder instead of the file's"}},
     .run = run_validate},
    {.name = "report show",
     .summary = "a report again, in any form",
     .text =
         "Shows a report that dualrun validate wrote; FILE is report.json or the folder that has "
         "it.\n"
         "Whatever the verdict was, the status is 0 if the report could be read.",
     .takes_file = true,
     .examples = {"dualrun report show report",
                  "dualrun report show report --format html > page.html",
                  "dualrun report show old/report.json --format junit"},
     .flags = {{"format", "FORMAT", "text (default), json, html, junit or prometheus"}},
     .run = run_report_show},
    {.name = "report diff",
     .summary = "what changed from one report to another",
     .text =
         "Compares two reports of one pipeline, FILE the old and NEW the later one: gates that no "
         "longer\n"
         "pass or pass now, counts by kind and cause, and the differences that are new, gone or "
         "have\n"
         "another cause. Status 1 says that the new one is worse: its verdict, a gate, a "
         "comparison "
         "that\n"
         "is gone, or more that is unexplained.",
     .takes_file = true,
     .operand = "NEW",
     .examples = {"dualrun report diff monday/report.json report",
                  "dualrun report diff monday tuesday --json | jq .counts"},
     .run = run_report_diff},
    {.name = "cat",
     .summary = "print records, one decoded record a line",
     .text =
         "Prints what lies in a topic, or waits in a subscription: one JSON object a line with "
         "its\n"
         "place, key, headers, provenance and decoded value. NAME is a stream, a join (its "
         "output)\n"
         "or a topic: dead letters, late records, the ledger. Reads to the present end. Kafka is\n"
         "read without a group; with --pubsub messages are pulled, shown and given back, which\n"
         "Pub/Sub counts as a delivery attempt.",
     .takes_file = true,
     .operand = "NAME",
     .examples = {"dualrun cat pipeline.yaml views --last 3",
                  "dualrun cat pipeline.yaml views-dead --at 0:12345",
                  "dualrun cat pipeline.yaml labels --key 7adc0b46 | jq .value",
                  "dualrun cat pipeline.yaml views --pubsub --count 5"},
     .flags = {{"at", "PARTITION:OFFSET", "the record there"},
               {"partition", "N", "only this partition"},
               {"last", "N", "only the last N offsets of each partition"},
               {"from", "TIME", "from the first record of 2026-11-21T09:30:00Z or later on"},
               {"to", "TIME", "only records from before"},
               {"key", "TEXT", "only records with this key"},
               {"count", "N", "at most N (with --at 1, with --pubsub 10)"},
               {"follow", NULL, "go on behind the end until it is stopped"},
               {"pubsub", NULL, "from the stream's subscription instead of its topic"}},
     .run = run_cat},
    {.name = "export bigquery-sql",
     .summary = "the join as a query for BigQuery",
     .text =
         "Writes the join of the file as one query over tables that hold the lines of dualrun cat; "
         "its head\n"
         "says how to load them. Connects to nothing. What the query cannot say exactly is refused "
         "with key\n"
         "and line.",
     .takes_file = true,
     .examples = {"dualrun export bigquery-sql pipeline.yaml > labels.sql",
                  "dualrun export bigquery-sql pipeline.yaml --join labels --out labels.sql"},
     .flags = {EXPORT_FLAGS},
     .run = run_export},
    {.name = "export duckdb-sql",
     .summary = "the join as a query for DuckDB",
     .text = "Writes the join of the file as one query over files that dualrun cat wrote: what the "
             "joiner\n"
             "writes when no record is late, row by row, with the same sample ids. Connects to "
             "nothing; "
             "reads\n"
             "the file and its schemas. What the query cannot say exactly is refused with key and "
             "line.",
     .takes_file = true,
     .examples = {"dualrun export duckdb-sql pipeline.yaml > labels.sql",
                  "dualrun export duckdb-sql pipeline.yaml --join labels --out labels.sql"},
     .flags = {EXPORT_FLAGS},
     .run = run_export},
    {.name = "export flink-sql",
     .summary = "the join as a query for Flink",
     .text = "Writes the join of the file as a continuous query over its topics: tables with "
             "watermarks, interval\n"
             "joins, aggregates. Its head says how Flink's answer differs on the way. Connects to "
             "nothing. What\n"
             "the query cannot say exactly is refused with key and line.",
     .takes_file = true,
     .examples = {"dualrun export flink-sql pipeline.yaml > labels.sql",
                  "dualrun export flink-sql pipeline.yaml --join labels --out labels.sql"},
     .flags = {EXPORT_FLAGS},
     .run = run_export},
    {.name = "schema infer",
     .summary = "an Avro schema from sample events",
     .text =
         "Prints an Avro schema that takes all of the events, and tells on stderr why each field "
         "is\n"
         "what it is, with counts and examples. FILE holds events, one JSON object a line (- is\n"
         "stdin); with --stream it is a pipeline file, and messages that wait in the stream's\n"
         "subscription are looked at and given back. The schema is tried on the events as the\n"
         "bridge would.",
     .takes_file = true,
     .examples = {"dualrun schema infer events.jsonl --name View > view.avsc",
                  "dualrun schema infer pipeline.yaml --stream views --sample 5000"},
     .flags = {{"stream", "NAME", "take a live sample of this stream of the pipeline file"},
               {"sample", "N", "at most N events (100000; of a stream 1000)"},
               {"name", "NAME", "of the record (Event)"},
               {"namespace", "NAME", "of the record"},
               {"no-enums", NULL, "few different words stay a string"}},
     .run = run_schema_infer},
    {.name = "schema check",
     .summary = "the file's schemas against the registry's",
     .text =
         "Compares the schema of each stream with the newest one under its subject: backward, new\n"
         "readers of old records; forward, old readers of new records; full, both. Names the "
         "field\n"
         "that breaks it and the way out. Status 1 says that one does not fit.",
     .takes_file = true,
     .examples = {"dualrun schema check pipeline.yaml",
                  "dualrun schema check pipeline.yaml --stream views --mode full --json"},
     .flags = {{"stream", "NAME", "only this stream"},
               {"mode", "MODE", "backward (default), forward or full"}},
     .run = run_schema_check},
    {.name = "schema show",
     .summary = "what the file says and the registry holds",
     .text =
         "Lists for each stream its schema file, its subject, the newest id, and whether they are\n"
         "the same; with --stream both texts.",
     .takes_file = true,
     .examples = {"dualrun schema show pipeline.yaml",
                  "dualrun schema show pipeline.yaml --stream views"},
     .flags = {{"stream", "NAME", "this stream, with both schemas"}},
     .run = run_schema_show},
    {.name = "config show",
     .summary = "the file with every default and where it comes from",
     .text =
         "Prints the file as dualrun understands it: every key, its value, and whether that comes\n"
         "from a line, a default or the environment. Secrets are not shown.",
     .takes_file = true,
     .examples = {"dualrun config show pipeline.yaml",
                  "dualrun config show pipeline.yaml --json | jq .join.lateness"},
     .run = run_config_show},
    {.name = "config check",
     .summary = "read the file, say what is wrong",
     .text = "Reads and checks the file and nothing else: no connection is made. Every problem is "
             "told\n"
             "with line, column, key and a way out.",
     .takes_file = true,
     .examples = {"dualrun config check pipeline.yaml"},
     .run = run_config_check},
    {.name = "config schema",
     .summary = "the JSON Schema of the file, for editors",
     .text =
         "Prints a JSON Schema (2020-12) of the pipeline file. Editors complete and check with it.",
     .examples = {"dualrun config schema > pipeline.schema.json"},
     .run = run_config_schema},
    {.name = "version",
     .summary = "the version",
     .text = "Prints the version.",
     .examples = {"dualrun version"},
     .run = run_version},
    {.name = "help",
     .summary = "this list, or the help of a command",
     .text = "Prints the list of commands; help COMMAND prints what COMMAND --help does.",
     .examples = {"dualrun help", "dualrun help join"},
     .run = run_help},
    {.name = "reference",
     .summary = "docs/reference.md",
     .text = "Prints docs/reference.md.",
     .hidden = true,
     .examples = {"dualrun reference > docs/reference.md"},
     .run = run_reference},
    {.name = "completion",
     .summary = "completion for bash",
     .text = "Prints cli/dualrun.bash.",
     .hidden = true,
     .examples = {"dualrun completion > cli/dualrun.bash"},
     .run = run_completion},
};
const size_t command_count = sizeof commands / sizeof *commands;
