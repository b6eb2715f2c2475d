/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/flight.h"

#include <assert.h>
#include <stdlib.h>

enum { REF_BITS = 12, SLOT_NONE = UINT32_MAX };
static_assert(1 << REF_BITS == FLIGHT_BATCH_SIZE_MAX, "a ref holds batch and slot");

enum slot_state { SLOT_FREE, SLOT_SENDING, SLOT_WAITING, SLOT_READY, SLOT_ACKING };

struct slot {
    struct window_id id;
    uint32_t ack_offset; /* Into the batch's text. */
    uint32_t ack_size;
    uint32_t newer; /* The slot that acknowledges in this one's place. SLOT_NONE: none. */
    uint32_t size_bytes;
    uint32_t minute;
    uint8_t state;
    bool ack_plain : 1;
    bool unsure : 1;   /* Was sent in a request that named others as failed. */
    bool returned : 1; /* Was given back at the end. */
    bool queued : 1;   /* A place in the ready queue names it. */
};

struct batch {
    struct slot *slots; /* Owned. */
    uint32_t count;
    uint32_t capacity;
    uint32_t live; /* Not free, plus one while open. */
    struct buffer text;
    int64_t received_us;
    int64_t renew_us;
    uint32_t next_free; /* While unused. */
    bool used;
};

struct flight {
    struct window *window;
    struct batch *batches;
    uint32_t batch_count;
    uint32_t free_batch; /* First of the unused ones. SLOT_NONE: none. */
    uint32_t *queue;     /* Ring of ready slots. */
    uint32_t queue_head;
    uint32_t queue_count;
    uint32_t queue_mask;
    struct flight_counts counts;
};

struct flight *flight_new(uint32_t window_size)
{
    struct flight *flight = memory_new(sizeof *flight);

    flight->window = window_new(window_size);
    flight->free_batch = SLOT_NONE;
    flight->queue_mask = 1023;
    flight->queue = memory_array(flight->queue_mask + 1, sizeof *flight->queue);
    return flight;
}

void flight_free(struct flight *flight)
{
    if (flight == NULL)
        return;
    for (uint32_t i = 0; i < flight->batch_count; i++) {
        free(flight->batches[i].slots);
        buffer_fini(&flight->batches[i].text);
    }
    free(flight->batches);
    free(flight->queue);
    window_free(flight->window);
    free(flight);
}

const struct flight_counts *flight_counts(const struct flight *flight)
{
    return &flight->counts;
}

static struct batch *batch_of(const struct flight *flight, uint32_t ref)
{
    assert(ref >> REF_BITS < flight->batch_count);

    return &flight->batches[ref >> REF_BITS];
}

static struct slot *slot_of(const struct flight *flight, uint32_t ref)
{
    struct batch *batch = batch_of(flight, ref);

    assert((ref & (FLIGHT_BATCH_SIZE_MAX - 1)) < batch->count);
    return &batch->slots[ref & (FLIGHT_BATCH_SIZE_MAX - 1)];
}

/* The counter that a state is part of. */
static uint64_t *count_of(struct flight *flight, uint8_t state)
{
    return state == SLOT_READY    ? &flight->counts.ready
           : state == SLOT_ACKING ? &flight->counts.acking
                                  : &flight->counts.sending;
}

static void slot_move(struct flight *flight, struct slot *slot, uint8_t state)
{
    assert(slot->state != SLOT_FREE && state != SLOT_FREE);
    (*count_of(flight, slot->state))--;
    (*count_of(flight, state))++;
    slot->state = state;
}

static void batch_leave(struct flight *flight, uint32_t index)
{
    struct batch *batch = &flight->batches[index];

    assert(batch->live > 0);
    if (--batch->live > 0)
        return;
    batch->used = false;
    batch->next_free = flight->free_batch;
    flight->free_batch = index;
}

static void slot_release(struct flight *flight, uint32_t ref)
{
    struct slot *slot = slot_of(flight, ref);

    assert(slot->state != SLOT_FREE);
    (*count_of(flight, slot->state))--;
    flight->counts.bytes -= slot->size_bytes;
    slot->state = SLOT_FREE;
    if (!slot->queued) /* Else its place in the queue keeps the batch. */
        batch_leave(flight, ref >> REF_BITS);
}

static void queue_grow(struct flight *flight)
{
    uint32_t count = flight->queue_mask + 1;
    uint32_t *queue = memory_array((size_t)count * 2, sizeof *queue);

    for (uint32_t i = 0; i < flight->queue_count; i++)
        queue[i] = flight->queue[(flight->queue_head + i) & flight->queue_mask];
    free(flight->queue);
    flight->queue = queue;
    flight->queue_head = 0;
    flight->queue_mask = 2 * count - 1;
}

static void make_ready(struct flight *flight, uint32_t ref)
{
    struct slot *slot = slot_of(flight, ref);

    slot_move(flight, slot, SLOT_READY);
    assert(!slot->queued);
    slot->queued = true;
    if (flight->queue_count > flight->queue_mask)
        queue_grow(flight);
    flight->queue[(flight->queue_head + flight->queue_count++) & flight->queue_mask] = ref;
}

uint32_t flight_open(struct flight *flight, int64_t now_us, int64_t renew_us)
{
    uint32_t index = flight->free_batch;

    if (index == SLOT_NONE) {
        index = flight->batch_count++;
        assert(index < SLOT_NONE >> REF_BITS);
        flight->batches =
            memory_resize(flight->batches, flight->batch_count * sizeof *flight->batches);
        flight->batches[index] = (struct batch){0};
    } else {
        flight->free_batch = flight->batches[index].next_free;
    }
    struct batch *batch = &flight->batches[index];
    batch->used = true;
    batch->count = 0;
    batch->live = 1;
    batch->received_us = now_us;
    batch->renew_us = renew_us;
    buffer_clear(&batch->text);
    return index;
}

void flight_close(struct flight *flight, uint32_t batch)
{
    batch_leave(flight, batch);
}

static struct slot *slot_add(struct flight *flight, struct batch *batch,
                             const struct flight_message *message, struct window_id id)
{
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 64 : 2 * batch->capacity;
        batch->slots = memory_resize(batch->slots, batch->capacity * sizeof *batch->slots);
    }
    struct slot *slot = &batch->slots[batch->count++];
    *slot = (struct slot){
        .id = id,
        .ack_offset = (uint32_t)batch->text.size,
        .ack_size = (uint32_t)message->ack_id_size,
        .newer = SLOT_NONE,
        .size_bytes = message->size_bytes,
        .minute = message->minute,
        .state = SLOT_SENDING,
        .ack_plain = message->ack_id_plain,
    };
    buffer_append(&batch->text, message->ack_id, message->ack_id_size);
    batch->live++;
    flight->counts.sending++;
    flight->counts.bytes += message->size_bytes;
    return slot;
}

/* The slot that the window remembers still belongs to this message and is not done. */
static struct slot *slot_alive(const struct flight *flight, uint32_t ref, struct window_id id)
{
    if (ref == SLOT_NONE) /* Written by a process before this one. */
        return NULL;

    struct batch *batch = batch_of(flight, ref);
    uint32_t index = ref & (FLIGHT_BATCH_SIZE_MAX - 1);

    if (!batch->used || index >= batch->count)
        return NULL;
    struct slot *slot = &batch->slots[index];
    bool same = slot->id.low == id.low && slot->id.high == id.high;
    return same && slot->state != SLOT_FREE ? slot : NULL;
}

/* `ref` is a further delivery of a message whose slot `earlier` may still be in use. */
static void enter_again(struct flight *flight, uint32_t known, bool alive, uint32_t ref)
{
    struct slot *slot = slot_of(flight, ref);
    struct slot *earlier = alive ? slot_of(flight, known) : NULL;

    if (alive && (earlier->state == SLOT_SENDING || earlier->state == SLOT_WAITING)) {
        slot_move(flight, slot, SLOT_WAITING);
        earlier->newer = ref;
        return;
    }
    if (alive && earlier->state == SLOT_READY)
        slot_release(flight, known); /* Its ack id is the older one. */
    make_ready(flight, ref);
}

void flight_expect(const struct flight *flight, const void *message_id, size_t size)
{
    window_prefetch(flight->window, window_hash(message_id, size));
}

enum flight_entry flight_enter(struct flight *flight, uint32_t index,
                               const struct flight_message *message, uint32_t *ref)
{
    struct batch *batch = &flight->batches[index];
    struct window_id id = window_hash(message->message_id, message->message_id_size);

    assert(index < flight->batch_count && batch->used);
    if (batch->count == FLIGHT_BATCH_SIZE_MAX)
        return FLIGHT_NO_ROOM;

    uint32_t *known = window_find(flight->window, id);
    /* Asked before the new slot exists, which may lie where the remembered one lay. */
    bool alive = known != NULL && slot_alive(flight, *known, id) != NULL;

    *ref = index << REF_BITS | batch->count;
    slot_add(flight, batch, message, id);

    if (known == NULL) {
        window_put(flight->window, id, *ref);
        return FLIGHT_NEW;
    }
    enter_again(flight, *known, alive, *ref);
    *known = *ref;
    return FLIGHT_DUPLICATE;
}

struct flight_owner flight_owner(const struct flight *flight, uint32_t ref)
{
    const struct slot *slot = slot_of(flight, ref);

    return (struct flight_owner){slot->id, slot->minute};
}

void flight_remember(struct flight *flight, const void *message_id, size_t size)
{
    struct window_id id = window_hash(message_id, size);

    if (window_find(flight->window, id) == NULL)
        window_put(flight->window, id, SLOT_NONE);
}

void flight_settle(struct flight *flight, uint32_t ref, bool delivered)
{
    struct slot *slot = slot_of(flight, ref);

    assert(slot->state == SLOT_SENDING); /* Kafka reports each message once. */
    if (!delivered)
        window_forget(flight->window, slot->id);
    while (slot->newer != SLOT_NONE) {
        uint32_t newer = slot->newer;
        slot_release(flight, ref);
        ref = newer;
        slot = slot_of(flight, ref);
        assert(slot->state == SLOT_WAITING);
    }
    if (delivered)
        make_ready(flight, ref);
    else
        slot_release(flight, ref);
}

static void append_ack_id(struct buffer *body, const struct batch *batch, const struct slot *slot)
{
    const uint8_t *text = batch->text.data + slot->ack_offset;

    buffer_append_byte(body, '"');
    if (slot->ack_plain) {
        buffer_append(body, text, slot->ack_size);
    } else {
        for (uint32_t i = 0; i < slot->ack_size; i++) {
            if (text[i] == '"' || text[i] == '\\')
                buffer_append_byte(body, '\\');
            if (text[i] < ' ')
                buffer_appendf(body, "\\u%04x", text[i]);
            else
                buffer_append_byte(body, text[i]);
        }
    }
    buffer_append_byte(body, '"');
    buffer_append_byte(body, ',');
}

/* An escape makes six bytes of one. */
static bool has_room(const struct buffer *body, const struct slot *slot)
{
    size_t longest = (size_t)slot->ack_size * (slot->ack_plain ? 1 : 6);

    return body->size + longest + 64 < FLIGHT_REQUEST_BYTES_MAX;
}

static void refs_add(struct flight_refs *refs, uint32_t ref)
{
    if (refs->count == refs->capacity) {
        refs->capacity = refs->capacity == 0 ? 256 : 2 * refs->capacity;
        refs->refs = memory_resize(refs->refs, refs->capacity * sizeof *refs->refs);
    }
    refs->refs[refs->count++] = ref;
}

bool flight_take_acks(struct flight *flight, struct buffer *body, struct flight_refs *refs)
{
    buffer_clear(body);
    refs->count = 0;
    buffer_append_text(body, "{\"ackIds\":[");
    while (flight->queue_count > 0 && refs->count < FLIGHT_REQUEST_IDS_MAX) {
        uint32_t ref = flight->queue[flight->queue_head & flight->queue_mask];
        struct slot *slot = slot_of(flight, ref);

        if (slot->state == SLOT_READY && refs->count > 0 && !has_room(body, slot))
            break;
        flight->queue_head = (flight->queue_head + 1) & flight->queue_mask;
        flight->queue_count--;
        slot->queued = false;
        if (slot->state == SLOT_FREE) { /* Taken over while it stood in the queue. */
            batch_leave(flight, ref >> REF_BITS);
            continue;
        }
        slot_move(flight, slot, SLOT_ACKING);
        append_ack_id(body, batch_of(flight, ref), slot);
        refs_add(refs, ref);
    }
    if (refs->count == 0)
        return false;
    body->size--; /* The last comma. */
    buffer_append_text(body, "]}");
    return true;
}

int64_t flight_acked(struct flight *flight, uint32_t ref, int64_t now_us)
{
    int64_t age_us = now_us - batch_of(flight, ref)->received_us;

    assert(slot_of(flight, ref)->state == SLOT_ACKING);
    slot_release(flight, ref);
    return age_us;
}

void flight_ack_again(struct flight *flight, uint32_t ref)
{
    struct slot *slot = slot_of(flight, ref);
    const uint32_t *known = window_find(flight->window, slot->id);

    assert(slot->state == SLOT_ACKING);
    if (known != NULL && *known != ref && slot_alive(flight, *known, slot->id) != NULL)
        slot_release(flight, ref); /* A newer delivery will be acknowledged instead. */
    else
        make_ready(flight, ref);
}

bool flight_ack_unnamed(struct flight *flight, uint32_t ref)
{
    struct slot *slot = slot_of(flight, ref);

    assert(slot->state == SLOT_ACKING);
    if (slot->unsure) {
        slot_release(flight, ref);
        return true;
    }
    slot->unsure = true;
    flight_ack_again(flight, ref);
    return false;
}

void flight_ack_lost(struct flight *flight, uint32_t ref)
{
    assert(slot_of(flight, ref)->state == SLOT_ACKING);
    slot_release(flight, ref);
}

struct flight_ack_id flight_ack_id(const struct flight *flight, uint32_t ref)
{
    const struct slot *slot = slot_of(flight, ref);

    return (struct flight_ack_id){(const char *)batch_of(flight, ref)->text.data + slot->ack_offset,
                                  slot->ack_size};
}

int64_t flight_due_us(const struct flight *flight)
{
    int64_t due_us = INT64_MAX;

    for (uint32_t i = 0; i < flight->batch_count; i++) {
        if (flight->batches[i].used && flight->batches[i].renew_us < due_us)
            due_us = flight->batches[i].renew_us;
    }
    return due_us;
}

int64_t flight_oldest_us(const struct flight *flight)
{
    int64_t oldest_us = INT64_MAX;

    for (uint32_t i = 0; i < flight->batch_count; i++) {
        if (flight->batches[i].used && flight->batches[i].received_us < oldest_us)
            oldest_us = flight->batches[i].received_us;
    }
    return oldest_us;
}

int64_t flight_received_us(const struct flight *flight, uint32_t batch)
{
    assert(batch < flight->batch_count && flight->batches[batch].used);
    return flight->batches[batch].received_us;
}

void flight_renew(struct flight *flight, uint32_t batch, int64_t renew_us)
{
    assert(batch < flight->batch_count);
    if (flight->batches[batch].used)
        flight->batches[batch].renew_us = renew_us;
}

static void begin_extension(struct buffer *body, int32_t seconds)
{
    buffer_clear(body);
    buffer_appendf(body, "{\"ackDeadlineSeconds\":%d,\"ackIds\":[", seconds);
}

/* False if there are no ids in it. */
static bool end_extension(struct buffer *body, uint32_t count)
{
    if (count == 0)
        return false;
    body->size--; /* The last comma. */
    buffer_append_text(body, "]}");
    return true;
}

/* The slots from *cursor on, as far as the request has room. True when the batch is through. */
static bool extend_slots(const struct batch *batch, uint32_t *cursor, struct buffer *body,
                         uint32_t *count)
{
    for (; *cursor < batch->count; (*cursor)++) {
        const struct slot *slot = &batch->slots[*cursor];

        if (slot->state == SLOT_FREE || slot->newer != SLOT_NONE || slot->returned)
            continue;
        if (*count > 0 && (*count == FLIGHT_REQUEST_IDS_MAX || !has_room(body, slot)))
            return false;
        append_ack_id(body, batch, slot);
        (*count)++;
    }
    return true;
}

bool flight_take_extension(const struct flight *flight, struct flight_due *due, int32_t seconds,
                           struct buffer *body, struct flight_refs *batches)
{
    uint32_t count = 0;

    begin_extension(body, seconds);
    batches->count = 0;
    for (; due->batch < flight->batch_count; due->batch++, due->slot = 0) {
        const struct batch *batch = &flight->batches[due->batch];

        /* One that is half taken was renewed, so that it looks as if it were not due. */
        if (!batch->used || (due->slot == 0 && batch->renew_us > due->until_us))
            continue;
        refs_add(batches, due->batch);
        if (!extend_slots(batch, &due->slot, body, &count)) {
            batches->count -= due->slot == 0; /* Nothing of it was taken. */
            break;
        }
    }
    return end_extension(body, count);
}

bool flight_take_returns(struct flight *flight, struct buffer *body)
{
    uint32_t count = 0;
    bool room = true;

    begin_extension(body, 0);
    for (uint32_t i = 0; i < flight->batch_count && room; i++) {
        struct batch *batch = &flight->batches[i];
        uint32_t cursor = 0;

        if (!batch->used)
            continue;
        room = extend_slots(batch, &cursor, body, &count);
        for (uint32_t slot = 0; slot < cursor; slot++)
            batch->slots[slot].returned = true;
    }
    return end_extension(body, count);
}
