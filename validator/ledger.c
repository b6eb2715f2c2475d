/* SPDX-License-Identifier: Apache-2.0 */
#include "validator/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/book.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/provenance.h"
#include "validator/result.h"

/* A record may lie so much before older ones: pulls run side by side. */
enum { DISORDER_MS = 600 * 1000, CAPACITY_LEAST = 256 };

/* The event that puts a record there. */
static const enum book_event side_events[LEDGER_SIDES] = {BOOK_DELIVERED, BOOK_DEAD_LETTERED};
static const char *const side_names[LEDGER_SIDES] = {"topic", "dead_letters"};

struct entry { /* The newest record of a key. Free while the key's hash is 0. */
    struct book_hash key;
    uint64_t run;
    uint32_t minute;
    bool closed, deleted;
    bool is_of[LEDGER_SIDES];
    struct book_sum sums[BOOK_EVENTS];
    struct book_sum fixed[LEDGER_SIDES];
};

struct tally { /* A minute. Free while it is not used. */
    uint32_t minute;
    bool used, open, broken;
    bool booked[LEDGER_SIDES];
    struct book_sum found[LEDGER_SIDES], least[LEDGER_SIDES], most[LEDGER_SIDES];
    struct book_sum received, returned, acked;
};

struct side {
    bool *cut; /* Per partition: retention has deleted its beginning, and no record came yet. */
    size_t partition_count;
    int64_t expired_ms; /* What was published up to this may have been deleted. */
};

struct ledger {
    const struct pipeline_stream *stream;
    const char *subscription;
    struct entry *entries; /* Open addressing, as the tallies. */
    size_t entry_count, entry_capacity;
    struct tally *tallies;
    size_t tally_count, tally_capacity;
    struct tally *last;
    struct side sides[LEDGER_SIDES];
};

struct ledger *ledger_new(const struct pipeline_stream *stream)
{
    struct ledger *ledger = memory_new(sizeof *ledger);
    const char *slash = stream->subscription != NULL ? strrchr(stream->subscription, '/') : NULL;

    ledger->stream = stream;
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
    for (int side = 0; side < LEDGER_SIDES; side++)
        free(ledger->sides[side].cut);
    free(ledger->entries);
    free(ledger->tallies);
    free(ledger);
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

void ledger_book(struct ledger *ledger, const struct record *record)
{
    static const char prefix[] = BOOK_KEY_PREFIX;
    const struct pipeline_stream *stream = ledger->stream;
    struct book book;

    if (ledger->subscription == NULL || record->key_size < sizeof prefix - 1
        || memcmp(record->key, prefix, sizeof prefix - 1) != 0)
        return;
    if (record->value == NULL) { /* Somebody has deleted it. */
        struct entry *entry = entry_place(ledger, book_hash(record->key, record->key_size));
        entry->deleted = entry->key.low != 0;
        return;
    }
    if (!book_parse(record->value, record->value_size, &book)
        || strcmp(book.subscription, ledger->subscription) != 0)
        return;
    bool topic = strcmp(book.topic, stream->topic.name) == 0;
    bool dead = stream->dead_letter != NULL && strcmp(book.dead_letter, stream->dead_letter) == 0;
    if (!topic && !dead)
        return;
    struct entry *entry = entry_of(ledger, book_hash(record->key, record->key_size));
    entry->run = book.run;
    entry->minute = book.minute;
    entry->closed = book.closed;
    entry->deleted = false;
    entry->is_of[LEDGER_TOPIC] = topic;
    entry->is_of[LEDGER_DEAD] = dead;
    memcpy(entry->sums, book.sums, sizeof entry->sums);
}

void ledger_fix(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->entry_capacity; i++)
        for (int side = 0; side < LEDGER_SIDES; side++)
            ledger->entries[i].fixed[side] = ledger->entries[i].sums[side_events[side]];
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

static struct tally *tally_of(struct ledger *ledger, uint32_t minute)
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

void ledger_record(struct ledger *ledger, enum ledger_side side, const struct record *record)
{
    const struct record_header *header = record_find(record, HEADER_SOURCE);
    struct provenance_source source;

    note_cut(&ledger->sides[side], record);
    if (ledger->subscription == NULL || header == NULL
        || !provenance_parse_source(header->value, header->size, &source)
        || source.subscription_size != strlen(ledger->subscription)
        || memcmp(source.subscription, ledger->subscription, source.subscription_size) != 0
        || record_find(record, HEADER_REPLAY) != NULL)
        return;
    book_sum_add(&tally_of(ledger, book_minute(source.publish_time_us))->found[side],
                 book_hash(source.message_id, source.message_id_size));
}

void ledger_lose(struct ledger *ledger, enum ledger_side side)
{
    ledger->sides[side].expired_ms = INT64_MAX;
}

/* -- Judgement -- */

struct judgement {
    int64_t minutes, open, unbalanced, not_judged, unbooked, missing;
    uint64_t totals[BOOK_EVENTS];
    json_t *list;
};

/* What was received is what became of it, and what is on its way. */
static bool is_balanced(const struct entry *entry)
{
    struct book_sum became = {0};

    for (int event = BOOK_DELIVERED; event <= BOOK_RETURNED; event++)
        book_sum_join(&became, &entry->sums[event]);
    return entry->closed ? book_sum_equal(&became, &entry->sums[BOOK_RECEIVED])
                         : became.count <= entry->sums[BOOK_RECEIVED].count;
}

static void add_books(struct ledger *ledger, struct judgement *judgement)
{
    for (size_t i = 0; i < ledger->entry_capacity; i++) {
        const struct entry *entry = &ledger->entries[i];
        if (entry->key.low == 0 || entry->deleted)
            continue;
        struct tally *tally = tally_of(ledger, entry->minute);
        tally->open |= !entry->closed;
        tally->broken |= !is_balanced(entry);
        book_sum_join(&tally->received, &entry->sums[BOOK_RECEIVED]);
        book_sum_join(&tally->returned, &entry->sums[BOOK_RETURNED]);
        book_sum_join(&tally->acked, &entry->sums[BOOK_ACKED]);
        for (int side = 0; side < LEDGER_SIDES; side++) {
            if (!entry->is_of[side])
                continue;
            tally->booked[side] = true;
            book_sum_join(&tally->least[side], &entry->fixed[side]);
            book_sum_join(&tally->most[side], &entry->sums[side_events[side]]);
        }
        for (int event = 0; event < BOOK_EVENTS; event++)
            judgement->totals[event] += entry->sums[event].count;
    }
}

/* Nothing is acknowledged that was not received and kept; if all of it is, it is the same. Acknowledgements may
 * be in a later book than their messages, so that this holds of a whole minute only. */
static bool acks_are_covered(const struct tally *tally)
{
    struct book_sum sum = tally->acked;

    book_sum_join(&sum, &tally->returned);
    return sum.count < tally->received.count || book_sum_equal(&sum, &tally->received);
}

/* Takes the text. */
static void list_minute(struct judgement *judgement, const struct tally *tally, const char *where,
                        uint64_t booked, uint64_t found, char *text)
{
    if (json_array_size(judgement->list) < LEDGER_LISTED)
        json_array_append_new(judgement->list,
                              json_pack("{s:I, s:s, s:b, s:I, s:I, s:s}", "minute_ms",
                                        (json_int_t)book_minute_ms(tally->minute), "where", where,
                                        "open", tally->open, "booked", (json_int_t)booked, "found",
                                        (json_int_t)found, "text", text));
    free(text);
}

/* False, with a line in the list, if books and topic do not agree. */
static bool judge_side(struct judgement *judgement, const struct tally *tally, int side,
                       const char *topic)
{
    const struct book_sum *found = &tally->found[side], *least = &tally->least[side];
    const struct book_sum *most = &tally->most[side];
    const char *what = book_event_names[side_events[side]];
    uint64_t booked = least->count;
    char *text = NULL;

    if (found->count < least->count) {
        judgement->missing += (int64_t)(least->count - found->count);
        text = memory_textf("the books say %" PRIu64 " %s%s, topic %s has %" PRIu64, least->count,
                            what, tally->open ? " at least" : "", topic, found->count);
    } else if (!tally->open && found->count > most->count + tally->returned.count) {
        /* What Kafka refused it may have all the same. */
        booked = most->count;
        text = memory_textf("the books say %" PRIu64 " %s, topic %s has %" PRIu64, most->count,
                            what, topic, found->count);
    } else if ((found->count == least->count && !book_sum_equal(found, least))
               || (!tally->open && found->count == most->count && !book_sum_equal(found, most))) {
        text = memory_textf("the books and topic %s have %" PRIu64
                            " %s each, but not of the same messages",
                            topic, found->count, what);
    }
    if (text != NULL)
        list_minute(judgement, tally, side_names[side], booked, found->count, text);
    return text == NULL;
}

static void judge_minute(const struct ledger *ledger, struct judgement *judgement,
                         const struct tally *tally)
{
    const char *const topics[LEDGER_SIDES] = {ledger->stream->topic.name,
                                              ledger->stream->dead_letter};
    bool good = !tally->broken, judged = false;

    if (!tally->booked[LEDGER_TOPIC] && !tally->booked[LEDGER_DEAD]) {
        judgement->unbooked++;
        return;
    }
    if (tally->broken)
        list_minute(judgement, tally, "books", 0, 0,
                    memory_text("received is not delivered + duplicate + dead_lettered + returned "
                                "in a book"));
    if (!tally->open && !acks_are_covered(tally)) {
        good = false;
        list_minute(judgement, tally, "books", tally->received.count, tally->acked.count,
                    memory_textf("%" PRIu64 " received, %" PRIu64 " of them returned, but %" PRIu64
                                 " acked",
                                 tally->received.count, tally->returned.count, tally->acked.count));
    }
    for (int side = 0; side < LEDGER_SIDES; side++) {
        if (!tally->booked[side] || book_minute_ms(tally->minute) <= ledger->sides[side].expired_ms)
            continue;
        judged = true;
        good &= judge_side(judgement, tally, side, topics[side]);
    }
    if (!judged && good) {
        judgement->not_judged++;
        return;
    }
    judgement->minutes++;
    judgement->open += tally->open;
    judgement->unbalanced += !good;
}

static int by_minute(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    return (x->minute > y->minute) - (x->minute < y->minute);
}

static int by_run(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return (x->run > y->run) - (x->run < y->run);
}

/* Sorts the entries, so that the table is one no more. */
static void count_runs(struct ledger *ledger, int64_t *runs, int64_t *open_runs)
{
    bool open = false;
    const struct entry *previous = NULL;

    *runs = *open_runs = 0;
    qsort(ledger->entries, ledger->entry_capacity, sizeof *ledger->entries, by_run);
    for (size_t i = 0; i < ledger->entry_capacity; i++) {
        const struct entry *entry = &ledger->entries[i];
        if (entry->key.low == 0 || entry->deleted)
            continue;
        if (previous == NULL || previous->run != entry->run) {
            ++*runs;
            open = false;
        }
        *open_runs += !entry->closed && !open;
        open |= !entry->closed;
        previous = entry;
    }
}

json_t *ledger_judge(struct ledger *ledger)
{
    struct judgement judgement = {.list = json_array()};
    int64_t runs, open_runs;
    json_t *totals = json_object();

    for (int side = 0; side < LEDGER_SIDES; side++)
        for (size_t p = 0; p < ledger->sides[side].partition_count; p++)
            if (ledger->sides[side].cut[p]) /* All of it was deleted. */
                ledger_lose(ledger, (enum ledger_side)side);
    add_books(ledger, &judgement);
    qsort(ledger->tallies, ledger->tally_capacity, sizeof *ledger->tallies, by_minute);
    for (size_t i = 0; i < ledger->tally_capacity; i++)
        if (ledger->tallies[i].used)
            judge_minute(ledger, &judgement, &ledger->tallies[i]);
    count_runs(ledger, &runs, &open_runs);
    for (int event = 0; event < BOOK_EVENTS; event++)
        json_object_set_new(totals, book_event_names[event],
                            json_integer((json_int_t)judgement.totals[event]));
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "minutes",
                  (json_int_t)judgement.minutes, "open", (json_int_t)judgement.open, "unbalanced",
                  (json_int_t)judgement.unbalanced, "not_judged", (json_int_t)judgement.not_judged,
                  "unbooked", (json_int_t)judgement.unbooked, "runs", (json_int_t)runs, "open_runs",
                  (json_int_t)open_runs, "missing", (json_int_t)judgement.missing, "totals", totals,
                  "list", judgement.list);
    assert(json != NULL);
    if (runs > 0)
        return json;
    json_decref(json);
    return NULL;
}
