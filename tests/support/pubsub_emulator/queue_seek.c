/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeks and snapshots. A seek gathers the messages, purges the queue and gives each a new slot, in the
 * order of their ids: so every ack id of before is stale, and lines are in order again.
 */
#include <stdlib.h>

#include "queue_private.h"

static int by_id(const void *left, const void *right)
{
    const struct message *a = *(struct message *const *)left;
    const struct message *b = *(struct message *const *)right;

    return (a->id > b->id) - (a->id < b->id);
}

/* The messages held, or only the unacknowledged ones; ascending ids, a reference each. */
static struct message **collect(const struct queue *queue, bool all, size_t *count)
{
    size_t capacity = 0;

    *count = 0;
    for (size_t i = 0; i < queue->chunk_count; i++)
        capacity += queue->chunks[i] != NULL ? queue->chunks[i]->live : 0;

    struct message **messages = memory_array(capacity, sizeof(struct message *));

    for (size_t i = 0; i < queue->chunk_count; i++) {
        struct slot *slot;
        for (uint32_t j = 0; (slot = queue_slot_at(queue, i, j)) != NULL; j++)
            if (slot->message != NULL && (all || slot->state != SLOT_DONE))
                messages[(*count)++] = message_retain(slot->message);
    }
    qsort(messages, *count, sizeof(struct message *), by_id);
    return messages;
}

struct message **queue_unacked(const struct queue *queue, size_t *count)
{
    return collect(queue, false, count);
}

int64_t queue_oldest_us(const struct queue *queue)
{
    int64_t oldest_us = INT64_MAX;

    for (size_t i = 0; i < queue->chunk_count; i++) {
        struct slot *slot;
        for (uint32_t j = 0; (slot = queue_slot_at(queue, i, j)) != NULL; j++)
            if (slot->message != NULL && slot->state != SLOT_DONE
                && slot->message->publish_time_us < oldest_us)
                oldest_us = slot->message->publish_time_us;
    }
    return oldest_us;
}

static void free_messages(struct message **messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        message_release(messages[i]);
    free(messages);
}

static void seek_add(struct queue *queue, struct message *message, bool unacked)
{
    if (unacked || queue->options.retain)
        queue_place(queue, message, unacked);
    if (!unacked)
        queue->counts.dropped++;
}

void queue_seek_time(struct queue *queue, int64_t now_us, int64_t time_us)
{
    size_t count;

    queue_tick(queue, now_us);
    struct message **messages = collect(queue, true, &count);
    queue_purge(queue);
    for (size_t i = 0; i < count; i++)
        seek_add(queue, messages[i], messages[i]->publish_time_us >= time_us);
    free_messages(messages, count);
}

void queue_seek_snapshot(struct queue *queue, struct message *const *messages, size_t count,
                         uint64_t last_id)
{
    size_t held_count;
    struct message **held = collect(queue, true, &held_count);
    size_t i = 0;
    size_t j = 0;

    queue_purge(queue);
    while (i < held_count || j < count) { /* Merges two ascending lists. */
        if (j == count || (i < held_count && held[i]->id < messages[j]->id)) {
            seek_add(queue, held[i], held[i]->id > last_id);
            i++;
            continue;
        }
        if (i < held_count && held[i]->id == messages[j]->id)
            i++;
        seek_add(queue, messages[j], true);
        j++;
    }
    free_messages(held, held_count);
}
