/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task_parts: what the files of a task share. For task*.c alone.
 */
#ifndef JOINER_TASK_PARTS_H
#define JOINER_TASK_PARTS_H

#include "core/arena.h"
#include "core/buffer.h"
#include "joiner/floor.h"
#include "joiner/row_index.h"
#include "joiner/task.h"

enum { TASK_GROUP_BLOCK = 64 * 1024 };

struct task_input {
    int64_t max_time_ms;
    int64_t offset;
    bool idle;
    struct floor_stairs floor;
};

/* Rows of one time and key while the sweep passes them. */
struct task_group {
    struct arena arena;
    struct buffer name; /* Time and key, as stored; empty: no group is open. */
    struct buffer key;
    struct row *rows;
    struct row_place *places; /* Of the rows, at the same positions. */
    size_t count, capacity;
    size_t primary_count; /* They come first. */
    struct row *matches;  /* For the primary that is being closed. */
    size_t match_capacity;
};

/* Rows on their way to a later primary row of the same sweep, as the store would have them. */
struct carried {
    uint8_t *bytes; /* Key, then value. Owned. */
    size_t key_size, value_size;
};

struct carried_heap { /* The one that the sweep meets first is on top. */
    struct carried *list;
    size_t count, capacity;
};

struct early_mark { /* A primary row that met its first match: its time and key. */
    int64_t time_ms;
    size_t key_at, key_size; /* In the buffer of keys. */
};

struct early_marks {
    struct early_mark *list;
    size_t count, capacity;
    struct buffer keys;
};

struct task {
    const struct task_join *join;
    struct store *store;
    const struct task_output *output;
    int64_t hi_ms, lo_ms, reach_ms;
    int64_t watermark_ms;
    int64_t cursor_ms; /* Everything that lies before has been closed. */
    bool cursor_set;
    struct task_input inputs[TASK_COMMIT_INPUTS_MAX];
    int64_t before_ms[TASK_COMMIT_INPUTS_MAX]; /* For the index. */
    struct row_index index;
    uint64_t row_hash;
    struct buffer place, content, from, to; /* Scratch. */
    int64_t *times;                         /* Scratch: of the live primary rows of a key. */
    size_t time_count, time_capacity;
    struct task_group group;
    struct early_marks early;
    struct carried_heap carried;
    int64_t limit_ms;  /* The scan ends here. */
    struct error *err; /* Of the scan that runs. */
    bool failed;
    bool loaded;              /* The store had rows when the task began. */
    bool silent;              /* What closes was written before. */
    int64_t replay_cutoff_ms; /* Restoring: rows before it are dead by now. */
};

static inline int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Where a row lies for as long as it lives: it dies when the cutoff passes this time. */
static inline int64_t task_home_ms(const struct task *task, uint32_t input, int64_t time_ms)
{
    return input == ROW_PRIMARY ? time_ms : time_ms + task->join->windows[input].before_ms;
}

static inline bool task_matches(const struct task *task, int64_t primary_ms, uint32_t input,
                                int64_t time_ms)
{
    const struct task_window *window = &task->join->windows[input];

    return time_ms - primary_ms >= -window->before_ms && time_ms - primary_ms <= window->after_ms;
}

static inline struct store_bytes bytes_of(const struct buffer *buffer)
{
    return (struct store_bytes){buffer->data, buffer->size};
}

bool task_put_row(struct task *task, int64_t place_ms, const struct row *row, struct error *err);
/* The times of the key's live primary rows after after_ms, sorted, into task->times. */
void task_find_primaries(struct task *task, uint64_t key_hash, int64_t after_ms);
/* The earliest of task->times that the row matches. */
bool task_first_match(const struct task *task, uint32_t input, int64_t time_ms,
                      int64_t *primary_ms);
/* The last one that it matches: with `latest` the one that it counts for. */
bool task_last_match(const struct task *task, uint32_t input, int64_t time_ms, int64_t *primary_ms);
/* Every row of a key whose input and event time are the row's, whatever its id, in the order of ids. */
bool task_scan_home(struct task *task, const struct row *row, store_visit *visit, void *context,
                    struct error *err);

void task_group_clear(struct task_group *group);
/* Copies, but for row->key. Primary rows first. */
void task_group_add(struct task_group *group, const struct row_place *place, const struct row *row);
/* The primary rows of the group with the others as their matches, as far as task->times, the later
 * primary rows of the key, leave them. Early ones come out only with a match. */
bool task_emit_group(struct task *task, bool final, struct error *err);

/* The row has just become live. */
void task_note_early(struct task *task, const struct row *row);
void carried_push(struct carried_heap *heap, struct store_bytes key, struct store_bytes value);
/* The caller frees its bytes. Only while there is one. */
struct carried carried_pop(struct carried_heap *heap);
void carried_fini(struct carried_heap *heap);

void task_early_fini(struct early_marks *marks);
/* Makes the row live. Sets duplicate and conflict instead if it is. */
bool task_keep_row(struct task *task, const struct row *row, struct task_verdict *verdict,
                   struct error *err);

#endif
