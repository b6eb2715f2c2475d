/* SPDX-License-Identifier: Apache-2.0 */
/* How the engine is doing, for the status server and the terminal. */
#include <stdlib.h>

#include "joiner/engine_parts.h"
#include "joiner/label.h"
#include "joiner/status.h"

enum { ALIVE_MS = 60000 };

static void describe_fields(const struct engine *engine, struct status *status,
                            struct status_field *fields)
{
    for (size_t i = 0; i < engine->join->field_count; i++) {
        int64_t rows = label_field_rows(engine->context.label, i);

        if (rows >= 0)
            fields[status->field_count++] =
                (struct status_field){engine->join->fields[i].name, rows};
    }
}

/* How fast records come in, since the last picture. */
static int64_t take_rate(struct engine *engine, int64_t now)
{
    int64_t inputs = engine_inputs_read(engine), elapsed_us = now - engine->status_us;
    int64_t rate = elapsed_us > 0 ? (inputs - engine->status_inputs) * 1000000 / elapsed_us : 0;
    engine->status_inputs = inputs;
    return rate > 0 ? rate : 0;
}

void engine_publish_status(struct engine *engine, int64_t now)
{
    struct status_task *tasks = memory_array(engine->shard_count + 1, sizeof *tasks);
    struct status_field *fields = memory_array(engine->join->field_count + 1, sizeof *fields);
    struct status status = {.join = engine->join->name,
                            .slot = engine->slot.name,
                            .time_ms = clock_wall_ms(engine->context.clock),
                            .inputs_per_second = take_rate(engine, now),
                            .commits = engine->commits,
                            .commit_ms = engine->commit_us / 1000,
                            .idle_after_ms = engine->join->idle_after_ms,
                            .tasks = tasks,
                            .task_count = engine->shard_count,
                            .fields = fields};
    bool ready = engine->assigned_once;

    for (size_t i = 0; i < engine->shard_count; i++) {
        shard_status(engine->shards[i], &tasks[i]);
        ready = ready && !tasks[i].restoring;
    }
    if (!ready && engine->assigned_once)
        status.restoring_ms = (now - engine->assigned_us) / 1000 + 1;
    describe_fields(engine, &status, fields);
    pthread_mutex_lock(&engine->mutex);
    buffer_clear(&engine->status);
    buffer_clear(&engine->line);
    status_json(&status, &engine->status);
    status_line(&status, &engine->line);
    engine->turned_us = now;
    engine->ready = ready;
    pthread_mutex_unlock(&engine->mutex);
    free(tasks);
    free(fields);
}

/* --- For other threads --- */

static void append_shared(struct engine *engine, const struct buffer *text, const char *otherwise,
                          struct buffer *out)
{
    pthread_mutex_lock(&engine->mutex);
    if (text->size > 0)
        buffer_append(out, text->data, text->size);
    else
        buffer_append_text(out, otherwise);
    pthread_mutex_unlock(&engine->mutex);
}

void engine_status(struct engine *engine, struct buffer *out)
{
    append_shared(engine, &engine->status, "{}", out);
}

void engine_line(struct engine *engine, struct buffer *out)
{
    append_shared(engine, &engine->line, "starting", out);
}

bool engine_is_alive(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool alive = engine_now_us() - engine->turned_us < (int64_t)ALIVE_MS * 1000;
    pthread_mutex_unlock(&engine->mutex);
    return alive;
}

bool engine_is_ready(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool ready = engine->ready;
    pthread_mutex_unlock(&engine->mutex);
    return ready;
}
