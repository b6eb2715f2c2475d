/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: dead letters back on their way, after the schema, the key or the topic was mended.
 *
 * Each dead letter of a stream is made the message again that it was (bytes, attributes, ordering key,
 * id, publish time) and goes through the same delivery as a live one. What fails again becomes a dead
 * letter anew, with the number of attempts. Records and the note that a letter was replayed commit in
 * one Kafka transaction, so that each letter is replayed once, whatever is interrupted.
 */
#ifndef BRIDGE_REPLAY_H
#define BRIDGE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/pipeline.h"

struct replay_options {
    const char *stream; /* NULL: every stream that has dead letters. */
    const char *reason; /* Only reasons that begin so, such as "DECODE". NULL: all. */
    int64_t from_us;    /* Publish times, from included, to not. */
    int64_t to_us;
    bool dry_run; /* Count, write nothing. */
    bool json;
};

/* Replays what lies there now and prints what became of it. *all_fit: nothing failed again. */
bool replay_run(const struct pipeline *pipeline, const struct replay_options *options,
                bool *all_fit, struct error *err);

#endif
