/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/joiner.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "core/http_server.h"
#include "core/log.h"
#include "core/process.h"
#include "joiner/engine.h"

enum {
    TELL_US = 1000000,
    LOG_EVERY = 10, /* Of those. */
};

/* One turn of a join, top to bottom: this is the whole data path. */
static bool joiner_turn(struct engine *engine, struct error *err)
{
    return engine_poll(engine, err)                  /* Partitions come and go. */
           && engine_join(engine, err)               /* Records in, labels into the transaction. */
           && engine_watch(engine, err)              /* A silent input must not stop time. */
           && engine_commit(engine, false, err)      /* Labels, late records and offsets at once. */
           && engine_checkpoint(engine, false, err); /* What a restart begins with. */
}

struct job { /* A join on a thread of its own: joins share nothing but the counters. */
    const struct joiner_options *options;
    struct engine *engine;
    pthread_t thread;
    bool ok;
    struct error err;
};

/* Once a second: an object on stdout, or the terminal's line; a log line every ten seconds elsewhere. */
static void tell(struct job *job, int64_t *told_us, unsigned *told_count)
{
    int64_t now_us = clock_monotonic_us(clock_real());
    struct buffer text = {0};

    if (now_us - *told_us < TELL_US)
        return;
    *told_us = now_us;
    if (job->options->json) {
        engine_status(job->engine, &text);
        printf("%s\n", buffer_text(&text));
        fflush(stdout);
    } else if (isatty(STDERR_FILENO)) {
        engine_line(job->engine, &text);
        log_status_line(buffer_text(&text));
    } else if (++*told_count % LOG_EVERY == 0) {
        engine_line(job->engine, &text);
        log_info("join", LOG_TEXT("status", buffer_text(&text)));
    }
    buffer_fini(&text);
}

static bool run(struct job *job, struct error *err)
{
    struct engine *engine = job->engine;
    int64_t told_us = clock_monotonic_us(clock_real());
    unsigned told_count = 0;
    bool done = false;

    while (!done && !process_stopping()) {
        if (!joiner_turn(engine, err)
            || (job->options->until_end && !engine_drain(engine, &done, err))) {
            struct error cause = *err;

            if (!engine_can_recover(engine, &cause) || !engine_recover(engine, &cause, err))
                return false;
        }
        tell(job, &told_us, &told_count);
    }
    return engine_commit(engine, true, err) && engine_checkpoint(engine, true, err);
}

static void *run_job(void *context)
{
    struct job *job = context;

    job->ok = run(job, &job->err);
    if (!job->ok)
        process_stop(); /* The other joins commit and end too. */
    return NULL;
}

/* --- Several joins --- */

struct jobs {
    struct job *list;
    size_t count;
};

static bool every(void *context, bool (*is)(struct engine *))
{
    const struct jobs *jobs = context;

    for (size_t i = 0; i < jobs->count; i++)
        if (!is(jobs->list[i].engine))
            return false;
    return true;
}

static bool are_alive(void *context)
{
    return every(context, engine_is_alive);
}

static bool are_ready(void *context)
{
    return every(context, engine_is_ready);
}

static void append_status(void *context, struct buffer *out)
{
    const struct jobs *jobs = context;

    buffer_append_text(out, "{\"joins\":[");
    for (size_t i = 0; i < jobs->count; i++) {
        if (i > 0)
            buffer_append_byte(out, ',');
        engine_status(jobs->list[i].engine, out);
    }
    buffer_append_text(out, "]}");
}

static bool open_jobs(struct jobs *jobs, const struct pipeline *pipeline,
                      const struct joiner_options *options, struct metrics *metrics,
                      struct error *err)
{
    jobs->list = memory_array(pipeline->join_count + 1, sizeof *jobs->list);
    for (size_t i = 0; i < pipeline->join_count; i++) {
        const struct pipeline_join *join = &pipeline->joins[i];

        if (options->join != NULL && strcmp(options->join, join->name) != 0)
            continue;
        struct job *job = &jobs->list[jobs->count];
        job->options = options;
        job->engine = engine_open(pipeline, join, metrics, err);
        if (job->engine == NULL)
            return false;
        jobs->count++;
    }
    if (jobs->count > 0)
        return true;
    error_set(err, EXIT_CODE_CONFIG, "%s: no join%s%s", pipeline->file,
              options->join != NULL ? " named " : "", options->join != NULL ? options->join : "");
    return error_hint(err, "the file's key join: describes one");
}

static bool run_jobs(struct jobs *jobs, struct error *err)
{
    size_t started = 0;
    bool ok = true;

    for (; started < jobs->count; started++)
        if (pthread_create(&jobs->list[started].thread, NULL, run_job, &jobs->list[started]) != 0) {
            ok = error_set(err, EXIT_CODE_BUG, "cannot start a thread");
            process_stop();
            break;
        }
    for (size_t i = 0; i < started; i++) {
        struct job *job = &jobs->list[i];

        pthread_join(job->thread, NULL);
        if (job->ok || !ok)
            continue;
        *err = job->err;
        ok = false;
    }
    return ok;
}

bool joiner_run(const struct pipeline *pipeline, const struct joiner_options *options,
                struct error *err)
{
    process_limit_heaps((int)pipeline->join_count);

    struct metrics *metrics = metrics_new();
    struct jobs jobs = {0};
    struct http_server *server = NULL;
    const struct http_server_callbacks callbacks = {&jobs, are_alive, are_ready, append_status};
    bool ok = open_jobs(&jobs, pipeline, options, metrics, err);

    if (ok && options->http_listen != NULL) {
        server = http_server_open(options->http_listen, metrics, &callbacks, err);
        ok = server != NULL;
    }
    ok = ok && run_jobs(&jobs, err);
    http_server_close(server);
    log_status_line(NULL);
    for (size_t i = 0; i < jobs.count; i++)
        engine_close(jobs.list[i].engine);
    free(jobs.list);
    metrics_free(metrics);
    return ok;
}
