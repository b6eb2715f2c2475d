/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: one join in one process: its place in the consumer group, its shards, its transactions.
 *
 * The group spreads partitions over processes with the range assignor, so that partition p of every
 * input lands in one process. Owned by one thread, but for engine_status, engine_line and the two questions of
 * the status server, which may come from any.
 */
#ifndef JOINER_ENGINE_H
#define JOINER_ENGINE_H

#include <stdbool.h>

#include "core/error.h"
#include "core/metrics.h"
#include "core/pipeline.h"
#include "joiner/joiner.h"

struct engine;

/* Checks topics and schemas, takes a slot, joins the group. Borrows. */
struct engine *engine_open(const struct pipeline *pipeline, const struct pipeline_join *join,
                           struct metrics *metrics, struct error *err);
/* Leaves what is not committed to the successor. */
void engine_close(struct engine *engine);

/* The stages of a turn, in their order. */
bool engine_poll(struct engine *engine,
                 struct error *err); /* The group: who has which partition. */
bool engine_join(struct engine *engine, struct error *err);  /* Records in, labels out. */
bool engine_watch(struct engine *engine, struct error *err); /* Idle inputs, time. */
bool engine_commit(struct engine *engine, bool now, struct error *err);
/* What was just committed, as a checkpoint: of one task that is due, or `now` of all. */
bool engine_checkpoint(struct engine *engine, bool now, struct error *err); /* When it is due. */

/* True if the cause is a transaction's failure, the group's, or a passing one: what was committed tells how
 * to go on. */
bool engine_can_recover(const struct engine *engine, const struct error *cause);
bool engine_recover(struct engine *engine, const struct error *cause, struct error *err);

/*
 * Closes every row of the tasks that have read what was there at the start. Done once the whole
 * group has: tasks of a process that ended a moment ago still have to come here.
 */
bool engine_drain(struct engine *engine, bool *done, struct error *err);

/* Appends one JSON object (docs/joiner.md). */
void engine_status(struct engine *engine, struct buffer *out);
/* Appends the same as the line of a terminal. */
void engine_line(struct engine *engine, struct buffer *out);
bool engine_is_alive(struct engine *engine);
bool engine_is_ready(struct engine *engine);

#endif
