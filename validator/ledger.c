/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/provenance.h"
#include "validator/ledger_rows.h"

/* A record may lie so much before older ones: pulls run side by side. */
enum { DISORDER_MS = 600 * 1000, CAPACITY_LEAST = 256 };

struct ledger *ledger_new(const struct pipeline_stream *stream)
{
    struct ledger *ledger = memory_new(sizeof *ledger);
    const char *slash = stream->subscription != NULL ? strrchr(stream->subscription, '/') : NULL;

    ledger->stream = stream;
    ledger->all_begun = true;
    ledger->subscription = slash != NULL ? slash + 1 : stream->subscription;
    ledger->entry_capacity = ledger->tally_capacity = CAPACITY_LEAST;
    ledger->entries = memory_array(CAPACITY_LEAST, sizeof *ledger->entries);
    ledger->tallies = memory_array(CAPACITY_LEAST, sizeof *ledger->tallies);
    for (int side = 0; side < LEDGER_SIDES; side++)
        ledger->sides[side].expired_ms = INT64_MIN;
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (int side = 0; side < LEDGER_SIDES; side++) {
        free(ledger->sides[side].cut);
        free(ledger->sides[side].from);
    }
    free(ledger->runs);
    free(ledger->entries);
    free(ledger->tallies);
    free(ledger);
}

enum book_event ledger_event(enum ledger_side side)
{
    return side == LEDGER_TOPIC ? BOOK_DELIVERED : BOOK_DEAD_LETTERED;
}

/* -- Books -- */

static struct entry *entry_place(const struct ledger *ledger, struct book_hash key)
{
    size_t mask = ledger->entry_capacity - 1, at = (size_t)key.low & mask;

    while (ledger->entries[at].key.low != 0
           && (ledger->entries[at].key.low != key.low || ledger->entries[at].key.high != key.high))
        at = (at + 1) & mask;
    return &ledger->entries[at];
}

static struct entry *entry_of(struct ledger *ledger, struct book_hash key)
{
    struct entry *entry = entry_place(ledger, key);

    if (entry->key.low != 0)
        return entry;
    if (++ledger->entry_count > ledger->entry_capacity / 2) {
        struct entry *old = ledger->entries;
        size_t count = ledger->entry_capacity;
        ledger->entry_capacity *= 2;
        ledger->entries = memory_array(ledger->entry_capacity, sizeof *ledger->entries);
        for (size_t i = 0; i < count; i++)
            if (old[i].key.low != 0)
                *entry_place(ledger, old[i].key) = old[i];
        free(old);
        entry = entry_place(ledger, key);
    }
    entry->key = key;
    return entry;
}

static bool has_prefix(const struct record *record, const char *prefix)
{
    size_t size = strlen(prefix);

    return record->key_size >= size && memcmp(record->key, prefix, size) == 0;
}

/* Which of the stream's topics it speaks of; false: of none. */
static bool is_ours(const struct ledger *ledger, const struct book *book,
                    bool is_of[static LEDGER_SIDES])
{
    const struct pipeline_stream *stream = ledger->stream;

    is_of[LEDGER_TOPIC] = strcmp(book->topic, stream->topic.name) == 0;
    is_of[LEDGER_DEAD] =
        stream->dead_letter != NULL && strcmp(book->dead_letter, stream->dead_letter) == 0;
    return strcmp(book->subscription, ledger->subscription) == 0
           && (is_of[LEDGER_TOPIC] || is_of[LEDGER_DEAD]);
}

/* The smaller offset of each partition; one that a run did not see yet begins at 0. */
static void begin_side(struct side *side, const int64_t *ends, size_t count)
{
    if (!side->begun) {
        side->from = memory_array(count + 1, sizeof *side->from);
        memcpy(side->from, ends, count * sizeof *ends);
        side->from_count = count;
        side->begun = true;
        return;
    }
    side->from_count = count < side->from_count ? count : side->from_count;
    for (size_t p = 0; p < side->from_count; p++)
        side->from[p] = ends[p] < side->from[p] ? ends[p] : side->from[p];
}

static void take_run(struct ledger *ledger, const struct record *record)
{
    struct book_run run = {0};
    bool is_of[LEDGER_SIDES];

    if (record->value != NULL && book_run_parse(record->value, record->value_size, &run)
        && is_ours(ledger, &run.names, is_of)) {
        if (is_of[LEDGER_TOPIC])
            begin_side(&ledger->sides[LEDGER_TOPIC], run.topic_ends, run.topic_count);
        if (is_of[LEDGER_DEAD])
            begin_side(&ledger->sides[LEDGER_DEAD], run.dead_ends, run.dead_count);
        ledger->runs = memory_resize(ledger->runs, (ledger->run_count + 1) * sizeof *ledger->runs);
        ledger->runs[ledger->run_count++] = run.names.run;
    }
    book_run_fini(&run);
}

void ledger_book(struct ledger *ledger, const struct record *record)
{
    bool is_of[LEDGER_SIDES];
    struct book book;

    if (ledger->subscription == NULL)
        return;
    if (has_prefix(record, BOOK_RUN_KEY_PREFIX))
        take_run(ledger, record);
    if (!has_prefix(record, BOOK_KEY_PREFIX))
        return;
    if (record->value == NULL) { /* Somebody has deleted it. */
        struct entry *entry = entry_place(ledger, book_hash(record->key, record->key_size));
        entry->deleted = entry->key.low != 0;
        return;
    }
    if (!book_parse(record->value, record->value_size, &book) || !is_ours(ledger, &book, is_of))
        return;
    struct entry *entry = entry_of(ledger, book_hash(record->key, record->key_size));
    entry->run = book.run;
    entry->minute = book.minute;
    entry->closed = book.closed;
    entry->deleted = false;
    memcpy(entry->is_of, is_of, sizeof entry->is_of);
    memcpy(entry->sums, book.sums, sizeof entry->sums);
}

void ledger_fix(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->entry_capacity; i++)
        for (int side = 0; side < LEDGER_SIDES; side++)
            ledger->entries[i].fixed[side] =
                ledger->entries[i].sums[ledger_event((enum ledger_side)side)];
    for (int side = 0; side < LEDGER_SIDES; side++)
        ledger->sides[side].fixed = ledger->sides[side].begun;
}

/* -- Records -- */

static struct tally *tally_place(const struct ledger *ledger, uint32_t minute)
{
    size_t mask = ledger->tally_capacity - 1;
    size_t at = (size_t)((uint64_t)minute * 0x9e3779b97f4a7c15U >> 32) & mask;

    while (ledger->tallies[at].used && ledger->tallies[at].minute != minute)
        at = (at + 1) & mask;
    return &ledger->tallies[at];
}

struct tally *ledger_tally(struct ledger *ledger, uint32_t minute)
{
    if (ledger->last != NULL && ledger->last->minute == minute)
        return ledger->last;

    struct tally *tally = tally_place(ledger, minute);

    if (!tally->used && ++ledger->tally_count > ledger->tally_capacity / 2) {
        struct tally *old = ledger->tallies;
        size_t count = ledger->tally_capacity;
        ledger->tally_capacity *= 2;
        ledger->tallies = memory_array(ledger->tally_capacity, sizeof *ledger->tallies);
        for (size_t i = 0; i < count; i++)
            if (old[i].used)
                *tally_place(ledger, old[i].minute) = old[i];
        free(old);
        tally = tally_place(ledger, minute);
    }
    tally->minute = minute;
    tally->used = true;
    ledger->last = tally;
    return tally;
}

void ledger_begin(struct ledger *ledger, enum ledger_side which, const int64_t *begins,
                  size_t partition_count)
{
    struct side *side = &ledger->sides[which];

    free(side->cut);
    side->partition_count = partition_count;
    side->cut = memory_array(partition_count + 1, sizeof *side->cut);
    for (size_t p = 0; p < partition_count; p++)
        side->cut[p] = begins[p] > 0;
}

/* The first record that retention left says how old the deleted ones were. */
static void note_cut(struct side *side, const struct record *record)
{
    size_t partition = (size_t)record->partition;

    if (partition >= side->partition_count || !side->cut[partition])
        return;
    side->cut[partition] = false;
    if (record->timestamp_ms + DISORDER_MS > side->expired_ms)
        side->expired_ms = record->timestamp_ms + DISORDER_MS;
}

/* Written before there were books. */
static bool is_before(const struct side *side, const struct record *record)
{
    size_t partition = (size_t)record->partition;

    return partition < side->from_count && record->offset < side->from[partition];
}

void ledger_record(struct ledger *ledger, enum ledger_side side, const struct record *record)
{
    const struct record_header *header = record_find(record, HEADER_SOURCE);
    struct provenance_source source;

    note_cut(&ledger->sides[side], record);
    if (ledger->subscription == NULL || header == NULL
        || !provenance_parse_source(header->value, header->size, &source)
        || source.subscription_size != strlen(ledger->subscription)
        || memcmp(source.subscription, ledger->subscription, source.subscription_size) != 0
        || record_find(record, HEADER_REPLAY) != NULL || is_before(&ledger->sides[side], record))
        return;
    book_sum_add(&ledger_tally(ledger, book_minute(source.publish_time_us))->found[side],
                 book_hash(source.message_id, source.message_id_size));
}

void ledger_lose(struct ledger *ledger, enum ledger_side side)
{
    ledger->sides[side].expired_ms = INT64_MAX;
}
