/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/validator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/registry.h"
#include "validator/check.h"
#include "validator/history.h"
#include "validator/report.h"

/* Everything one run owns. */
struct run {
    const struct pipeline *pipeline;
    const struct validator_options *options;
    struct progress progress;
    struct redact redact;
    struct check check;
    struct result *results;
    size_t result_count;
    int lock;
    char id[17];
};

/* -- Stages -- */

static bool open_run(struct run *run, struct error *err)
{
    const char *directory = run->pipeline->validate.work_directory;
    uint64_t random = 0;

    (void)!getrandom(&random, sizeof random, 0);
    snprintf(run->id, sizeof run->id, "%016llx", (unsigned long long)random);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set(err, EXIT_CODE_STATE, "make folder %s: %s", directory, strerror(errno));
    char *path = memory_textf("%s/lock", directory);
    run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (run->lock < 0 || flock(run->lock, LOCK_EX | LOCK_NB) != 0) {
        error_set(err, EXIT_CODE_STATE, "lock %s: %s", directory, strerror(errno));
        return error_hint(err, "another validation works there: wait for it, or set validate.work");
    }
    if (!redact_open(&run->redact, &run->pipeline->validate, directory, err))
        return false;
    progress_init(&run->progress);
    const struct pipeline_kafka *kafka = &run->pipeline->kafka;
    bool schemas = kafka->registry_url != NULL || kafka->registry_directory != NULL; /* Raw only. */
    run->check = (struct check){.pipeline = run->pipeline,
                                .registry = schemas ? registry_open(kafka, err) : NULL,
                                .progress = &run->progress,
                                .work_directory = directory};
    run->results = memory_array(run->pipeline->stream_count + run->pipeline->join_count + 2,
                                sizeof *run->results);
    return !schemas || run->check.registry != NULL;
}

static bool is_chosen(const char *chosen, const char *name)
{
    return chosen == NULL || strcmp(chosen, name) == 0;
}

static bool check_streams(struct run *run, struct error *err)
{
    for (size_t i = 0; run->options->bridge && i < run->pipeline->stream_count; i++) {
        const struct pipeline_stream *stream = &run->pipeline->streams[i];
        if (stream->audit_subscription == NULL || !is_chosen(run->options->stream, stream->name))
            continue;
        struct result *result = &run->results[run->result_count++];
        result_init(result, COMPARISON_BRIDGE, stream->name, &run->redact);
        if (!check_bridge(&run->check, stream, result, err))
            return false;
    }
    return true;
}

static bool check_joins(struct run *run, struct error *err)
{
    for (size_t i = 0; run->options->join && i < run->pipeline->join_count; i++) {
        const struct pipeline_join *join = &run->pipeline->joins[i];
        if (!is_chosen(run->options->join_name, join->name))
            continue;
        struct result *result = &run->results[run->result_count++];
        result_init(result, COMPARISON_JOIN, join->name, &run->redact);
        if (!check_join(&run->check, join, result, err))
            return false;
    }
    return true;
}

static bool check_old_output(struct run *run, struct error *err)
{
    const struct pipeline_legacy *legacy = &run->pipeline->validate.legacy;

    for (size_t i = 0; run->options->legacy && i < run->pipeline->join_count; i++) {
        const struct pipeline_join *join = &run->pipeline->joins[i];
        if (!is_chosen(legacy->join, join->name))
            continue;
        struct result *result = &run->results[run->result_count++];
        result_init(result, COMPARISON_LEGACY, join->name, &run->redact);
        if (!check_legacy(&run->check, join, result, err))
            return false;
    }
    return true;
}

static bool tell(struct run *run, int64_t started_ms, enum exit_code *verdict, struct error *err)
{
    const char *directory = run->options->report != NULL ? run->options->report
                                                         : run->pipeline->validate.report_directory;
    struct report report = {.pipeline = run->pipeline,
                            .results = run->results,
                            .result_count = run->result_count,
                            .started_ms = started_ms,
                            .ended_ms = clock_wall_ms(clock_real()),
                            .run_id = run->id};
    json_t *history = directory != NULL ? history_read(directory, err) : NULL;

    if (directory != NULL && history == NULL)
        return false;
    report.history = history;
    json_t *document = report_json(&report);
    json_t *line = history_line(document);

    progress_end(&run->progress);
    *verdict = report_verdict(document);
    if (run->options->json) {
        json_dumpf(document, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        report_text(document, stdout);
        if (directory != NULL)
            printf("  report: %s/report.html\n", directory);
    }
    bool done = directory == NULL
                || (report_write(document, directory, err) && history_append(directory, line, err));
    json_decref(line);
    json_decref(document);
    json_decref(history);
    return done;
}

static void close_run(struct run *run)
{
    progress_end(&run->progress);
    for (size_t i = 0; i < run->result_count; i++)
        result_fini(&run->results[i]);
    free(run->results);
    registry_close(run->check.registry);
    if (run->lock >= 0)
        close(run->lock);
}

bool validator_run(const struct pipeline *pipeline, const struct validator_options *options,
                   enum exit_code *verdict, struct error *err)
{
    struct run run = {.pipeline = pipeline, .options = options, .lock = -1};
    int64_t started_ms = clock_wall_ms(clock_real());

    process_limit_heaps(1);
    bool done = open_run(&run, err)            /* One run at a time in the work folder. */
                && check_streams(&run, err)    /* Published against Kafka. */
                && check_joins(&run, err)      /* Recomputed against the output. */
                && check_old_output(&run, err) /* The old system's against the output. */
                && tell(&run, started_ms, verdict, err);

    close_run(&run);
    return done;
}
