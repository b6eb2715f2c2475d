/* SPDX-License-Identifier: Apache-2.0 */
#include "joiner/status.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/units.h"

/* --- What is held, and why --- */

const char *status_hold(const struct status *status, const struct status_task *task, char *text,
                        size_t size)
{
    const struct status_input *input = &task->inputs[task->holder];
    char after[UNITS_TEXT_SIZE];

    switch (input->idle) {
    case IDLE_READING:
        snprintf(text, size, input->lag > 0 ? "%" PRId64 " records to read" : "its records come",
                 input->lag);
        break;
    case IDLE_NOT_YET:
        snprintf(text, size, "silent for %.1f s, idle after %s", (double)input->silent_ms / 1000,
                 units_format_duration(status->idle_after_ms, after));
        break;
    case IDLE_NO_BRIDGE:
        snprintf(text, size, "silent, and no bridge says that it is alive");
        break;
    case IDLE_BEHIND:
        snprintf(text, size, "silent, and its bridge is behind");
        break;
    case IDLE_YES:
        snprintf(text, size, "every input is silent");
    }
    return text;
}

struct totals {
    int64_t lag, late_admitted, late_dropped, dead_letters, labels, restored, restore_total;
    uint64_t live_rows;
    size_t restoring;
    const struct status_task *slowest; /* The least watermark. NULL: none has one. */
};

static struct totals totals_of(const struct status *status)
{
    struct totals totals = {0};

    for (size_t i = 0; i < status->task_count; i++) {
        const struct status_task *task = &status->tasks[i];

        totals.late_admitted += task->late_admitted;
        totals.late_dropped += task->late_dropped;
        totals.dead_letters += task->dead_letters;
        totals.labels += task->labels;
        totals.live_rows += task->live_rows;
        totals.restoring += task->restoring;
        totals.restored += task->restored;
        totals.restore_total += task->restore_total;
        for (uint32_t k = 0; k < task->input_count; k++)
            totals.lag += task->inputs[k].lag > 0 ? task->inputs[k].lag : 0;
        if (task->watermark_ms != TASK_TIME_NONE
            && (totals.slowest == NULL || task->watermark_ms < totals.slowest->watermark_ms))
            totals.slowest = task;
    }
    return totals;
}

int64_t status_restore_left_ms(const struct status *status)
{
    struct totals totals = totals_of(status);

    if (totals.restoring == 0)
        return 0;
    if (totals.restored == 0 || status->restoring_ms <= 0)
        return -1;
    return (int64_t)((double)status->restoring_ms * (double)(totals.restore_total - totals.restored)
                     / (double)totals.restored);
}

/* --- JSON --- */

static json_t *known(int64_t value, int64_t unknown)
{
    return value == unknown ? json_null() : json_integer(value);
}

static json_t *input_json(const struct status_input *input)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:b, s:b}", "input", input->name, "offset",
                     (json_int_t)input->offset, "lag", known(input->lag, -1), "max_time_ms",
                     known(input->max_time_ms, TASK_TIME_NONE), "at_end", (int)input->at_end,
                     "idle", (int)(input->idle == IDLE_YES));
}

static json_t *task_json(const struct status *status, const struct status_task *task)
{
    json_t *inputs = json_array();
    char why[128];

    for (uint32_t i = 0; i < task->input_count; i++)
        json_array_append_new(inputs, input_json(&task->inputs[i]));
    json_t *json = json_pack(
        "{s:i, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "partition",
        (int)task->partition, "state", task->restoring ? "restoring" : "running", "watermark_ms",
        known(task->watermark_ms, TASK_TIME_NONE), "held_by", task->inputs[task->holder].name,
        "held_because", status_hold(status, task, why, sizeof why), "live_rows",
        (json_int_t)task->live_rows, "labels", (json_int_t)task->labels, "matches",
        (json_int_t)task->matches, "late_admitted", (json_int_t)task->late_admitted, "late_dropped",
        (json_int_t)task->late_dropped, "duplicates", (json_int_t)task->duplicates, "conflicts",
        (json_int_t)task->conflicts, "dead_letters", (json_int_t)task->dead_letters);

    if (task->restoring) {
        json_object_set_new(json, "restored", json_integer(task->restored));
        json_object_set_new(json, "restore_total", json_integer(task->restore_total));
    }
    json_object_set_new(json, "checkpoint_ms", known(task->checkpoint_ms, 0));
    json_object_set_new(json, "checkpoint_failed", json_boolean(task->checkpoint_failed));
    json_object_set_new(json, "inputs", inputs);
    return json;
}

static json_t *field_json(const struct status_field *field, int64_t labels)
{
    return json_pack("{s:s, s:I, s:o}", "field", field->name, "rows", (json_int_t)field->rows,
                     "match_rate",
                     labels > 0 ? json_real((double)field->rows / (double)labels) : json_null());
}

void status_json(const struct status *status, struct buffer *out)
{
    struct totals totals = totals_of(status);
    int64_t left_ms = status_restore_left_ms(status);
    json_t *tasks = json_array(), *fields = json_array();

    for (size_t i = 0; i < status->task_count; i++)
        json_array_append_new(tasks, task_json(status, &status->tasks[i]));
    for (size_t i = 0; i < status->field_count; i++)
        json_array_append_new(fields, field_json(&status->fields[i], totals.labels));
    json_t *json = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "join",
        status->join, "slot", status->slot, "time_ms", (json_int_t)status->time_ms,
        "inputs_per_second", (json_int_t)status->inputs_per_second, "lag", (json_int_t)totals.lag,
        "live_rows", (json_int_t)totals.live_rows, "labels", (json_int_t)totals.labels,
        "late_dropped", (json_int_t)totals.late_dropped, "commits", (json_int_t)status->commits,
        "commit_ms", (json_int_t)status->commit_ms, "restoring", (json_int_t)totals.restoring,
        "restore_records_left", (json_int_t)(totals.restore_total - totals.restored),
        "restore_left_ms", known(left_ms, -1), "fields", fields, "tasks", tasks);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));

    buffer_append_text(out, text);
    free(text);
    json_decref(json);
}

/* --- A line --- */

static void restore_line(const struct status *status, const struct totals *totals,
                         struct buffer *out)
{
    int64_t left_ms = status_restore_left_ms(status);
    char left[UNITS_TEXT_SIZE];

    buffer_appendf(out, "restoring %zu of %zu tasks, %s records to replay", totals->restoring,
                   status->task_count,
                   units_format_count(totals->restore_total - totals->restored, left));
    if (left_ms >= 0)
        buffer_appendf(out, ", about %.1f s", (double)left_ms / 1000);
}

void status_line(const struct status *status, struct buffer *out)
{
    struct totals totals = totals_of(status);
    char rate[UNITS_TEXT_SIZE], lag[UNITS_TEXT_SIZE], rows[UNITS_TEXT_SIZE],
        labels[UNITS_TEXT_SIZE], why[128];

    buffer_appendf(out, "%s: ", status->join);
    if (status->task_count == 0) {
        buffer_append_text(out, "no partition: other processes have them all");
        return;
    }
    if (totals.restoring > 0) {
        restore_line(status, &totals, out);
        return;
    }
    buffer_appendf(
        out,
        "%s/s, lag %s, %s live, %s rows, %" PRId64 " late, %" PRId64 " dead, commit %" PRId64 " ms",
        units_format_count(status->inputs_per_second, rate), units_format_count(totals.lag, lag),
        units_format_count((int64_t)totals.live_rows, rows),
        units_format_count(totals.labels, labels), totals.late_admitted + totals.late_dropped,
        totals.dead_letters, status->commit_ms);
    if (totals.slowest == NULL) {
        buffer_append_text(out, ", no watermark yet");
        return;
    }
    char behind[UNITS_TEXT_SIZE];
    int64_t behind_s = (status->time_ms - totals.slowest->watermark_ms) / 1000;

    if (behind_s > 0)
        buffer_appendf(out, ", watermark %s behind now",
                       units_format_duration(behind_s * 1000, behind));
    buffer_appendf(out, ", held by %s: %s", totals.slowest->inputs[totals.slowest->holder].name,
                   status_hold(status, totals.slowest, why, sizeof why));
}
