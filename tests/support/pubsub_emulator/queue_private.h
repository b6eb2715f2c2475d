/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_private: how a queue looks inside, for queue.c and queue_seek.c alone.
 *
 * Slots live in chunks of fixed address; a slot's number never changes and is never used again. A
 * chunk goes when none of its slots holds a message. Timers are a heap of (due, slot): an entry
 * whose due is not the slot's timer_us any more is void, so that moving a deadline searches nothing.
 */
#ifndef EMULATOR_QUEUE_PRIVATE_H
#define EMULATOR_QUEUE_PRIVATE_H

#include "ack_id.h"
#include "queue.h"

enum {
    CHUNK_SLOTS = 1024,
    LINE_BUCKETS = 4096,
    ANSWER_BYTES_MAX = 10 * 1000 * 1000,
    HEAD_SIZE = 10 + ACK_ID_PREFIX_SIZE, /* `{"ackId":"` and the prefix. */
};

enum slot_state { SLOT_READY, SLOT_LEASED, SLOT_WAITING, SLOT_DONE };

/* A place in a list of what can be delivered: a slot without a key, or a whole line. */
struct ready {
    struct ready *next;
    struct ready *before; /* NULL: in no list. */
    bool is_line;
};

struct slot {
    struct ready ready;      /* First, so that one is the other. Unkeyed slots only. */
    struct message *message; /* NULL once it is settled. */
    struct line *line;       /* NULL without an ordering key. */
    struct slot *line_next;
    int64_t deadline_us;
    int64_t timer_us; /* Due of its entry in the heap; INT64_MAX without one. */
    uint64_t number;
    uint32_t generation;
    uint32_t attempts;
    enum slot_state state;
    bool acked_twin; /* Has had its duplicate after an acknowledgement. */
    bool leased_twin;
};

/* The messages of one ordering key, from the oldest that is not settled. */
struct line {
    struct ready ready; /* First. */
    struct line *next;  /* In its bucket. */
    struct slot *first;
    struct slot *last;
    struct slot *pending; /* First that is to be delivered; NULL if none is. */
    uint32_t busy;        /* Leased or waiting. */
    uint64_t hash;
    size_t size;
    char key[];
};

struct chunk {
    uint32_t used;
    uint32_t live; /* Slots with a message. */
    struct slot slots[CHUNK_SLOTS];
};

struct timer {
    int64_t due_us;
    uint64_t number;
};

struct dead {
    struct message *message;
    uint32_t attempts;
};

struct queue {
    struct queue_options options;
    struct queue_counts counts;
    struct chunk **chunks; /* Of slot number / CHUNK_SLOTS. */
    size_t chunk_count;
    size_t chunk_capacity;
    size_t chunk_oldest; /* All before it are gone. */
    int64_t drop_due_us; /* Before it no message is too old. */
    uint64_t next;       /* Number of the next slot. */
    struct ready fresh;  /* List heads. What comes back goes before what is new. */
    struct ready again;
    struct line *lines[LINE_BUCKETS];
    struct timer *timers;
    size_t timer_count;
    size_t timer_capacity;
    struct dead *dead;
    size_t dead_count;
    size_t dead_capacity;
    size_t dead_taken;
    uint64_t chance;
    char head[HEAD_SIZE];
};

/* Gives the message a slot. Shares it. */
void queue_place(struct queue *queue, struct message *message, bool unacked);
/* The slot of a chunk, or NULL behind its last. */
struct slot *queue_slot_at(const struct queue *queue, size_t chunk, uint32_t index);

#endif
