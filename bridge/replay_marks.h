/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_marks: which dead letters of a stream were replayed.
 *
 * A bit for each offset of a partition, kept in pieces of 4096 offsets that are records of the ledger
 * topic: key "replay/STREAM/TOPIC/PARTITION/PIECE", value {"done":"HEX"}. A piece is written in the
 * transaction that replays its letters, and holds all that was replayed of it so far. Pure.
 */
#ifndef BRIDGE_REPLAY_MARKS_H
#define BRIDGE_REPLAY_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

enum { REPLAY_PIECE_OFFSETS = 4096 };

struct replay_piece {
    int32_t partition;
    int64_t number; /* Of the piece: offset / REPLAY_PIECE_OFFSETS. */
    bool changed;   /* Since it was formatted. */
    uint8_t bits[REPLAY_PIECE_OFFSETS / 8];
};

struct replay_marks {
    const char *stream; /* Borrowed. */
    const char *topic;
    struct replay_piece **pieces; /* Owned, as the array. */
    size_t count;
};

void replay_marks_init(struct replay_marks *marks, const char *stream, const char *topic);
void replay_marks_fini(struct replay_marks *marks);

/* A record of the ledger. False if it is no piece of this stream and topic. */
bool replay_marks_read(struct replay_marks *marks, const void *key, size_t key_size,
                       const void *value, size_t value_size);
bool replay_marks_has(const struct replay_marks *marks, int32_t partition, int64_t offset);
void replay_marks_add(struct replay_marks *marks, int32_t partition, int64_t offset);
/* The next changed piece as a record; false: there is none. */
bool replay_marks_write(struct replay_marks *marks, struct buffer *key, struct buffer *value);

#endif
