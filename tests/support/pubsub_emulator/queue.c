/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a message, from publish to its end. One file, because every transition touches lists,
 * lines, timers and counts together; what moves a whole queue at once is in queue_seek.c.
 */
#include "queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "queue_private.h"

/* Lists */

static void list_init(struct ready *list)
{
    list->next = list;
    list->before = list;
}

static bool list_empty(const struct ready *list)
{
    return list->next == list;
}

static void list_remove(struct ready *node)
{
    if (node->before == NULL)
        return;
    node->before->next = node->next;
    node->next->before = node->before;
    node->next = NULL;
    node->before = NULL;
}

static void list_append(struct ready *list, struct ready *node)
{
    assert(node->before == NULL);
    node->before = list->before;
    node->next = list;
    list->before->next = node;
    list->before = node;
}

/* Timers */

static void timer_push(struct queue *queue, struct timer timer)
{
    if (queue->timer_count == queue->timer_capacity) {
        queue->timer_capacity = queue->timer_capacity > 0 ? 2 * queue->timer_capacity : 256;
        queue->timers = memory_resize(queue->timers, queue->timer_capacity * sizeof *queue->timers);
    }
    size_t at = queue->timer_count++;
    for (; at > 0 && queue->timers[(at - 1) / 2].due_us > timer.due_us; at = (at - 1) / 2)
        queue->timers[at] = queue->timers[(at - 1) / 2];
    queue->timers[at] = timer;
}

static struct timer timer_pop(struct queue *queue)
{
    struct timer *timers = queue->timers;
    struct timer top = timers[0];
    struct timer moved = timers[--queue->timer_count];
    size_t at = 0;

    for (size_t child = 1; child < queue->timer_count; child = 2 * at + 1) {
        if (child + 1 < queue->timer_count && timers[child + 1].due_us < timers[child].due_us)
            child++;
        if (timers[child].due_us >= moved.due_us)
            break;
        timers[at] = timers[child];
        at = child;
    }
    if (queue->timer_count > 0)
        timers[at] = moved;
    return top;
}

/* A later deadline waits for the entry that is already there. */
static void slot_set_deadline(struct queue *queue, struct slot *slot, int64_t deadline_us)
{
    slot->deadline_us = deadline_us;
    if (deadline_us >= slot->timer_us)
        return;
    slot->timer_us = deadline_us;
    timer_push(queue, (struct timer){.due_us = deadline_us, .number = slot->number});
}

/* Slots */

static struct slot *slot_find(const struct queue *queue, uint64_t number)
{
    if (number >= queue->next || queue->chunks[number / CHUNK_SLOTS] == NULL)
        return NULL;
    return &queue->chunks[number / CHUNK_SLOTS]->slots[number % CHUNK_SLOTS];
}

static struct chunk *chunk_of(const struct queue *queue, const struct slot *slot)
{
    return queue->chunks[slot->number / CHUNK_SLOTS];
}

static uint64_t *state_count(struct queue *queue, enum slot_state state)
{
    static uint64_t unused;

    switch (state) {
    case SLOT_READY:
        return &queue->counts.ready;
    case SLOT_LEASED:
        return &queue->counts.outstanding;
    case SLOT_WAITING:
        return &queue->counts.waiting;
    case SLOT_DONE:
        break;
    }
    return &unused;
}

static bool is_busy(enum slot_state state)
{
    return state == SLOT_LEASED || state == SLOT_WAITING;
}

static void slot_move(struct queue *queue, struct slot *slot, enum slot_state state)
{
    --*state_count(queue, slot->state);
    ++*state_count(queue, state);
    if (slot->line != NULL)
        slot->line->busy =
            slot->line->busy + (uint32_t)is_busy(state) - (uint32_t)is_busy(slot->state);
    slot->state = state;
}

static struct slot *slot_new(struct queue *queue)
{
    size_t index = queue->next / CHUNK_SLOTS;

    while (index >= queue->chunk_capacity) {
        size_t capacity = queue->chunk_capacity > 0 ? 2 * queue->chunk_capacity : 16;
        queue->chunks = memory_resize(queue->chunks, capacity * sizeof(struct chunk *));
        queue->chunk_capacity = capacity;
    }
    while (queue->chunk_count <= index)
        queue->chunks[queue->chunk_count++] = NULL;
    if (queue->chunks[index] == NULL)
        queue->chunks[index] = memory_new(sizeof(struct chunk));

    struct chunk *chunk = queue->chunks[index];
    struct slot *slot = &chunk->slots[queue->next % CHUNK_SLOTS];

    *slot = (struct slot){.number = queue->next++, .timer_us = INT64_MAX};
    chunk->used++;
    return slot;
}

/* The payload goes; with the last of a full chunk, the chunk. Exactly-once queues keep the slot, to
 * tell a repeated acknowledgement from a late one. */
static void slot_let_go(struct queue *queue, struct slot *slot)
{
    struct chunk *chunk = chunk_of(queue, slot);

    if (slot->message == NULL)
        return;
    message_release(slot->message);
    slot->message = NULL;
    chunk->live--;
    if (chunk->live == 0 && chunk->used == CHUNK_SLOTS && !queue->options.exactly_once) {
        queue->chunks[slot->number / CHUNK_SLOTS] = NULL;
        free(chunk);
    }
}

/* Lines */

static struct line *line_get(struct queue *queue, const struct message *message)
{
    const char *key = message_key(message);
    uint64_t hash = XXH3_64bits(key, message->key_size);
    struct line **bucket = &queue->lines[hash % LINE_BUCKETS];

    for (struct line *line = *bucket; line != NULL; line = line->next)
        if (line->hash == hash && line->size == message->key_size
            && memcmp(line->key, key, line->size) == 0)
            return line;

    struct line *line = memory_new(sizeof *line + message->key_size);

    line->ready.is_line = true;
    line->next = *bucket;
    line->hash = hash;
    line->size = message->key_size;
    memcpy(line->key, key, message->key_size);
    *bucket = line;
    return line;
}

static void line_free(struct queue *queue, struct line *line)
{
    struct line **at = &queue->lines[line->hash % LINE_BUCKETS];

    while (*at != line)
        at = &(*at)->next;
    *at = line->next;
    list_remove(&line->ready);
    free(line);
}

static void line_skip_done(struct line *line)
{
    while (line->pending != NULL && line->pending->state != SLOT_READY)
        line->pending = line->pending->line_next;
}

/* Puts the line where it belongs after a change: on a list, off it, or away. */
static void line_settle(struct queue *queue, struct line *line, struct ready *list)
{
    while (line->first != NULL && line->first->state == SLOT_DONE) {
        struct slot *slot = line->first;
        line->first = slot->line_next;
        slot->line = NULL;
        slot->line_next = NULL;
        if (!queue->options.retain)
            slot_let_go(queue, slot);
    }
    if (line->first == NULL) {
        line_free(queue, line);
        return;
    }
    line_skip_done(line);
    if (line->busy > 0 || line->pending == NULL)
        list_remove(&line->ready);
    else if (line->ready.before == NULL)
        list_append(list, &line->ready);
}

static void line_append(struct queue *queue, struct slot *slot)
{
    struct line *line = line_get(queue, slot->message);

    slot->line = line;
    if (line->first == NULL)
        line->first = slot;
    else
        line->last->line_next = slot;
    line->last = slot;
    if (line->pending == NULL)
        line->pending = slot;
    line_settle(queue, line, &queue->fresh);
}

/* Transitions */

static void slot_finish(struct queue *queue, struct slot *slot)
{
    struct line *line = slot->line;

    list_remove(&slot->ready);
    slot_move(queue, slot, SLOT_DONE);
    slot->timer_us = INT64_MAX;
    if (line != NULL)
        line_settle(queue, line, &queue->again);
    else if (!queue->options.retain)
        slot_let_go(queue, slot);
}

static bool roll(struct queue *queue, double chance)
{
    if (chance <= 0)
        return false;
    queue->chance += 0x9e3779b97f4a7c15u;
    uint64_t z = queue->chance;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53 < chance;
}

static void slot_dead(struct queue *queue, struct slot *slot)
{
    if (queue->dead_count == queue->dead_capacity) {
        queue->dead_capacity = queue->dead_capacity > 0 ? 2 * queue->dead_capacity : 16;
        queue->dead = memory_resize(queue->dead, queue->dead_capacity * sizeof *queue->dead);
    }
    queue->dead[queue->dead_count++] =
        (struct dead){.message = message_retain(slot->message), .attempts = slot->attempts};
    queue->counts.dead++;
    slot_finish(queue, slot);
}

/* From slot on, whatever of its line was out or acknowledged is to be delivered again. */
static void line_rewind(struct queue *queue, struct slot *slot)
{
    for (struct slot *later = slot->line_next; later != NULL; later = later->line_next) {
        if (later->state == SLOT_READY)
            continue;
        slot_move(queue, later, SLOT_READY);
        later->generation++;
        later->timer_us = INT64_MAX;
    }
    slot->line->pending = slot;
}

static void slot_again(struct queue *queue, struct slot *slot, int64_t ready_us)
{
    bool waits = ready_us != INT64_MIN;

    slot->generation++;
    slot->timer_us = INT64_MAX;
    if (slot->line != NULL)
        line_rewind(queue, slot);
    slot_move(queue, slot, waits ? SLOT_WAITING : SLOT_READY);
    if (waits)
        slot_set_deadline(queue, slot, ready_us);
    if (slot->line != NULL) {
        line_settle(queue, slot->line, &queue->again);
        if (waits)
            slot->line->pending = slot; /* In front, though it is not ready yet. */
    } else if (!waits) {
        list_append(&queue->again, &slot->ready);
    }
}

/* A delivery failed: given back, or its time was up. */
static void slot_fail(struct queue *queue, struct slot *slot, int64_t now_us)
{
    const struct queue_options *options = &queue->options;

    if (options->max_attempts > 0 && slot->attempts >= (uint32_t)options->max_attempts) {
        slot_dead(queue, slot);
        return;
    }
    int64_t ready_us = INT64_MIN;
    if (options->backoff) {
        int64_t wait_us = options->retry_min_us;
        for (uint32_t i = 1; i < slot->attempts && wait_us < options->retry_max_us; i++)
            wait_us *= 2;
        wait_us = wait_us < options->retry_max_us ? wait_us : options->retry_max_us;
        ready_us = wait_us > 0 ? now_us + wait_us : INT64_MIN;
    }
    slot_again(queue, slot, ready_us);
}

static void slot_wake(struct queue *queue, struct slot *slot)
{
    slot->timer_us = INT64_MAX;
    slot_move(queue, slot, SLOT_READY);
    if (slot->line != NULL) {
        slot->line->pending = slot;
        line_settle(queue, slot->line, &queue->again);
    } else {
        list_append(&queue->again, &slot->ready);
    }
}

static void slot_drop(struct queue *queue, struct slot *slot)
{
    uint64_t number = slot->number;

    if (slot->state != SLOT_DONE) {
        queue->counts.dropped++;
        slot_finish(queue, slot);
    }
    slot = slot_find(queue, number); /* The chunk may have gone with it. */
    if (slot != NULL && slot->line == NULL)
        slot_let_go(queue, slot);
}

/* Drops what is too old in the chunk. False at the first message that is not. */
static bool chunk_drop_old(struct queue *queue, size_t index, int64_t now_us)
{
    for (uint64_t number = index * CHUNK_SLOTS; number < (index + 1) * CHUNK_SLOTS; number++) {
        struct slot *slot = slot_find(queue, number);
        if (slot == NULL)
            return queue->chunks[index] == NULL;
        if (slot->message == NULL)
            continue;
        int64_t end_us = slot->message->publish_time_us + queue->options.retention_us;
        if (end_us >= now_us) {
            queue->drop_due_us = end_us + 1;
            return false;
        }
        slot_drop(queue, slot);
    }
    return true;
}

/* Messages past their retention go, whatever their state. */
static void drop_old(struct queue *queue, int64_t now_us)
{
    if (now_us < queue->drop_due_us)
        return;
    queue->drop_due_us = now_us + queue->options.retention_us;
    while (queue->chunk_oldest < queue->chunk_count
           && (queue->chunks[queue->chunk_oldest] == NULL
               || chunk_drop_old(queue, queue->chunk_oldest, now_us)))
        queue->chunk_oldest++;
}

void queue_tick(struct queue *queue, int64_t now_us)
{
    while (queue->timer_count > 0 && queue->timers[0].due_us <= now_us) {
        struct timer timer = timer_pop(queue);
        struct slot *slot = slot_find(queue, timer.number);
        if (slot == NULL || slot->timer_us != timer.due_us || !is_busy(slot->state))
            continue;
        slot->timer_us = INT64_MAX;
        if (slot->deadline_us > now_us) {
            slot_set_deadline(queue, slot, slot->deadline_us);
        } else if (slot->state == SLOT_WAITING) {
            slot_wake(queue, slot);
        } else {
            queue->counts.expired++;
            slot_fail(queue, slot, now_us);
        }
    }
    drop_old(queue, now_us);
}

int64_t queue_due_us(const struct queue *queue)
{
    return queue->timer_count > 0 ? queue->timers[0].due_us : INT64_MAX;
}

bool queue_has_ready(const struct queue *queue)
{
    return !list_empty(&queue->again) || !list_empty(&queue->fresh);
}

/* Life */

struct queue *queue_new(uint64_t identity, const struct queue_options *options)
{
    struct queue *queue = memory_new(sizeof *queue);

    queue->options = *options;
    queue->chance = options->seed;
    queue->drop_due_us = INT64_MIN;
    list_init(&queue->fresh);
    list_init(&queue->again);
    memcpy(queue->head, "{\"ackId\":\"", 10);
    ack_id_prefix(identity, queue->head + 10);
    return queue;
}

void queue_purge(struct queue *queue)
{
    for (size_t i = 0; i < queue->chunk_count; i++) {
        struct chunk *chunk = queue->chunks[i];
        for (uint32_t j = 0; chunk != NULL && j < chunk->used; j++)
            message_release(chunk->slots[j].message);
        free(chunk);
        queue->chunks[i] = NULL;
    }
    for (size_t i = 0; i < LINE_BUCKETS; i++) {
        while (queue->lines[i] != NULL) {
            struct line *line = queue->lines[i];
            queue->lines[i] = line->next;
            free(line);
        }
    }
    /* A chunk belongs to one life: its numbers are never given out again. */
    queue->next = (queue->next + CHUNK_SLOTS - 1) / CHUNK_SLOTS * CHUNK_SLOTS;
    while (queue->chunk_count < queue->next / CHUNK_SLOTS)
        queue->chunks[queue->chunk_count++] = NULL;
    queue->chunk_oldest = queue->chunk_count;
    queue->drop_due_us = INT64_MIN;
    list_init(&queue->fresh);
    list_init(&queue->again);
    queue->timer_count = 0;
    queue->counts.ready = 0;
    queue->counts.outstanding = 0;
    queue->counts.waiting = 0;
}

void queue_free(struct queue *queue)
{
    uint32_t attempts;

    if (queue == NULL)
        return;
    queue_purge(queue);
    for (struct message *dead; (dead = queue_take_dead(queue, &attempts)) != NULL;)
        message_release(dead);
    free(queue->chunks);
    free(queue->timers);
    free(queue->dead);
    free(queue);
}

void queue_set_options(struct queue *queue, const struct queue_options *options)
{
    bool let_go = queue->options.retain && !options->retain;

    if (options->seed != queue->options.seed)
        queue->chance = options->seed;
    queue->options = *options;
    queue->drop_due_us = INT64_MIN;
    for (size_t i = 0; let_go && i < queue->chunk_count; i++) {
        struct chunk *chunk = queue->chunks[i];
        for (uint32_t j = 0; chunk != NULL && queue->chunks[i] == chunk && j < chunk->used; j++)
            if (chunk->slots[j].state == SLOT_DONE && chunk->slots[j].line == NULL)
                slot_let_go(queue, &chunk->slots[j]);
    }
}

const struct queue_options *queue_options(const struct queue *queue)
{
    return &queue->options;
}

const struct queue_counts *queue_counts(const struct queue *queue)
{
    return &queue->counts;
}

void queue_place(struct queue *queue, struct message *message, bool unacked)
{
    struct slot *slot = slot_new(queue);

    slot->message = message_retain(message);
    chunk_of(queue, slot)->live++;
    slot->state = unacked ? SLOT_READY : SLOT_DONE;
    if (!unacked)
        return;
    queue->counts.ready++;
    if (queue->options.ordered && message->key_size > 0)
        line_append(queue, slot);
    else
        list_append(&queue->fresh, &slot->ready);
}

void queue_add(struct queue *queue, struct message *message)
{
    queue->counts.published++;
    queue_place(queue, message, true);
}

/* Delivery */

static void render(struct queue *queue, const struct slot *slot, struct buffer *out)
{
    const struct message *message = slot->message;
    char tail[ACK_ID_SIZE - ACK_ID_PREFIX_SIZE];
    uint8_t *to = buffer_reserve(out, HEAD_SIZE + sizeof tail + 64 + message->fragment_size);
    uint8_t *start = to;

    memcpy(to, queue->head, HEAD_SIZE);
    to += HEAD_SIZE;
    ack_id_write(slot->number, slot->generation, tail);
    memcpy(to, tail, sizeof tail);
    to += sizeof tail;
    memcpy(to, "\",\"message\":", 12);
    to += 12;
    memcpy(to, message_fragment(message), message->fragment_size);
    to += message->fragment_size;
    out->size += (size_t)(to - start);
    if (queue->options.max_attempts > 0)
        buffer_appendf(out, ",\"deliveryAttempt\":%u", slot->attempts);
    buffer_append_byte(out, '}');
}

static void slot_deliver(struct queue *queue, struct slot *slot, int64_t now_us, struct buffer *out)
{
    list_remove(&slot->ready);
    slot_move(queue, slot, SLOT_LEASED);
    slot->generation++;
    queue->counts.delivered++;
    if (slot->attempts++ > 0)
        queue->counts.redelivered++;
    slot_set_deadline(queue, slot, now_us + queue->options.ack_deadline_us);
    render(queue, slot, out);
    if (slot->line == NULL && !queue->options.exactly_once && !slot->leased_twin
        && roll(queue, queue->options.duplicate_leased)) {
        slot->leased_twin = true;
        slot->generation++;
        slot->timer_us = INT64_MAX;
        queue->counts.duplicated++;
        slot_move(queue, slot, SLOT_READY);
        list_append(&queue->fresh, &slot->ready);
    }
}

static bool room(const struct buffer *out, size_t start, size_t count, size_t max)
{
    return count < max && (count == 0 || out->size - start < ANSWER_BYTES_MAX);
}

/* As many of a line as fit, in order. It stays off the lists until they are acknowledged. */
static size_t line_deliver(struct queue *queue, struct line *line, int64_t now_us, size_t max,
                           size_t start, struct buffer *out)
{
    size_t count = 0;

    list_remove(&line->ready);
    while (line->pending != NULL && count < max && (count == 0 || room(out, start, count, max))) {
        struct slot *slot = line->pending;
        if (count++ > 0)
            buffer_append_byte(out, ',');
        slot_deliver(queue, slot, now_us, out);
        line_skip_done(line);
    }
    return count;
}

size_t queue_pull(struct queue *queue, int64_t now_us, size_t max, struct buffer *out)
{
    size_t start = out->size;
    size_t count = 0;

    queue_tick(queue, now_us);
    uint64_t end = queue->counts.delivered + queue->counts.ready; /* A twin comes later. */
    while (room(out, start, count, max) && queue_has_ready(queue)
           && queue->counts.delivered < end) {
        struct ready *node = !list_empty(&queue->again) ? queue->again.next : queue->fresh.next;
        if (count > 0)
            buffer_append_byte(out, ',');
        if (node->is_line) {
            count += line_deliver(queue, (struct line *)node, now_us, max - count, start, out);
        } else {
            slot_deliver(queue, (struct slot *)node, now_us, out);
            count++;
        }
    }
    return count;
}

/* Acknowledgement */

static enum queue_result find(struct queue *queue, const char *ack_id, size_t size,
                              struct slot **slot)
{
    uint64_t number;
    uint32_t generation;

    switch (ack_id_read(queue->head + 10, ack_id, size, &number, &generation)) {
    case ACK_ID_MALFORMED:
        return QUEUE_MALFORMED;
    case ACK_ID_FOREIGN:
        return QUEUE_FOREIGN;
    case ACK_ID_GOOD:
        break;
    }
    *slot = slot_find(queue, number);
    if (*slot == NULL || (*slot)->generation != generation
        || ((*slot)->state != SLOT_LEASED && (*slot)->state != SLOT_DONE))
        return QUEUE_STALE;
    return QUEUE_OK;
}

enum queue_result queue_check(struct queue *queue, int64_t now_us, const char *ack_id, size_t size)
{
    struct slot *slot;

    queue_tick(queue, now_us);
    return find(queue, ack_id, size, &slot);
}

enum queue_result queue_ack(struct queue *queue, int64_t now_us, const char *ack_id, size_t size)
{
    struct slot *slot;

    queue_tick(queue, now_us);
    enum queue_result result = find(queue, ack_id, size, &slot);
    if (result == QUEUE_STALE)
        queue->counts.stale++;
    if (result != QUEUE_OK || slot->state == SLOT_DONE) /* A repeated call succeeds again. */
        return result;
    queue->counts.acked++;
    if (!queue->options.exactly_once && !slot->acked_twin
        && roll(queue, queue->options.duplicate_acked)) {
        slot->acked_twin = true;
        queue->counts.duplicated++;
        slot_again(queue, slot, INT64_MIN);
    } else {
        slot_finish(queue, slot);
    }
    return QUEUE_OK;
}

enum queue_result queue_modify(struct queue *queue, int64_t now_us, const char *ack_id, size_t size,
                               int32_t seconds)
{
    struct slot *slot;

    queue_tick(queue, now_us);
    enum queue_result result = find(queue, ack_id, size, &slot);
    if (result == QUEUE_OK && slot->state == SLOT_DONE)
        result = QUEUE_STALE;
    if (result == QUEUE_STALE)
        queue->counts.stale++;
    if (result != QUEUE_OK)
        return result;
    if (seconds == 0) {
        queue->counts.nacked++;
        slot_fail(queue, slot, now_us);
    } else {
        queue->counts.extended++;
        slot_set_deadline(queue, slot, now_us + (int64_t)seconds * 1000000);
    }
    return QUEUE_OK;
}

struct message *queue_take_dead(struct queue *queue, uint32_t *attempts)
{
    if (queue->dead_taken == queue->dead_count) {
        queue->dead_taken = 0;
        queue->dead_count = 0;
        return NULL;
    }
    *attempts = queue->dead[queue->dead_taken].attempts;
    return queue->dead[queue->dead_taken++].message;
}

struct slot *queue_slot_at(const struct queue *queue, size_t chunk, uint32_t index)
{
    return queue->chunks[chunk] != NULL && index < queue->chunks[chunk]->used
               ? &queue->chunks[chunk]->slots[index]
               : NULL;
}

size_t queue_expire_all(struct queue *queue, int64_t now_us)
{
    size_t count = 0;

    queue_tick(queue, now_us);
    for (size_t i = 0; i < queue->chunk_count; i++) {
        struct slot *slot;
        for (uint32_t j = 0; (slot = queue_slot_at(queue, i, j)) != NULL; j++) {
            if (slot->state != SLOT_LEASED)
                continue;
            queue->counts.expired++;
            slot_fail(queue, slot, now_us);
            count++;
        }
    }
    return count;
}
