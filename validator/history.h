/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history: a line a run in history.jsonl of the report's folder, and the streak of clean runs that it shows.
 *
 * A line is {run_id, ended, verdict, pipeline, file_hash, comparisons: [{kind, name, verdict, from_ms, to_ms}], causes:
 * {CAUSE: how many differences}}; from_ms and to_ms are the first and the last time that was judged.
 */
#ifndef VALIDATOR_HISTORY_H
#define VALIDATOR_HISTORY_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline.h"

/* The line of a report's document. Returns (caller decrefs). */
json_t *history_line(const json_t *document);

/*
 * {runs, span_ms, needed_runs, needed_span_ms, holds, recent}: how many runs in a row were a PASS, up to `line`, which
 * is not among `runs`, and how long a time they judged together: of the comparison that has the least. A run of another pipeline, or one that did not judge
 * all that `line` judged, neither counts nor breaks the streak; any verdict but PASS breaks it, and so does null: a line that cannot be read.
 * `recent` are the last lines, the newest first. Returns (caller decrefs).
 */
json_t *history_streak(const json_t *runs, const json_t *line, const struct pipeline_gates *gates);

/* Array of lines, the oldest first, null for what is none; empty if there is no file. NULL if it cannot be read. Returns
 * (caller decrefs). Of a large file only the last megabytes. */
json_t *history_read(const char *directory, struct error *err);
bool history_append(const char *directory, const json_t *line, struct error *err);

#endif
