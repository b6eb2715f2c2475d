/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's judgement: books and topics against each other, minute by minute.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"
#include "validator/ledger_rows.h"

static const char *const side_names[LEDGER_SIDES] = {"topic", "dead_letters"};

struct judgement {
    int64_t minutes, open, unbalanced, not_judged, unbooked, missing;
    uint64_t totals[BOOK_EVENTS];
    json_t *list;
};

static int by_id(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static bool has_begun(const struct ledger *ledger, uint64_t run)
{
    return ledger->run_count > 0
           && bsearch(&run, ledger->runs, ledger->run_count, sizeof run, by_id) != NULL;
}

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
    if (ledger->run_count > 0)
        qsort(ledger->runs, ledger->run_count, sizeof *ledger->runs, by_id);
    for (size_t i = 0; i < ledger->entry_capacity; i++) {
        const struct entry *entry = &ledger->entries[i];
        if (entry->key.low == 0 || entry->deleted)
            continue;
        struct tally *tally = ledger_tally(ledger, entry->minute);
        tally->open |= !entry->closed;
        ledger->all_begun &= has_begun(ledger, entry->run);
        tally->broken |= !is_balanced(entry);
        book_sum_join(&tally->received, &entry->sums[BOOK_RECEIVED]);
        book_sum_join(&tally->returned, &entry->sums[BOOK_RETURNED]);
        book_sum_join(&tally->acked, &entry->sums[BOOK_ACKED]);
        for (int side = 0; side < LEDGER_SIDES; side++) {
            if (!entry->is_of[side])
                continue;
            tally->booked[side] = true;
            book_sum_join(&tally->least[side], &entry->fixed[side]);
            book_sum_join(&tally->most[side], &entry->sums[ledger_event((enum ledger_side)side)]);
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
static bool judge_side(const struct ledger *ledger, struct judgement *judgement,
                       const struct tally *tally, int side, const char *topic)
{
    bool bounded = !tally->open && ledger->all_begun && ledger->sides[side].fixed;
    const struct book_sum *found = &tally->found[side], *least = &tally->least[side];
    const struct book_sum *most = &tally->most[side];
    const char *what = book_event_names[ledger_event((enum ledger_side)side)];
    uint64_t booked = least->count;
    char *text = NULL;

    if (found->count < least->count) {
        judgement->missing += (int64_t)(least->count - found->count);
        text = memory_textf("the books say %" PRIu64 " %s%s, topic %s has %" PRIu64, least->count,
                            what, tally->open ? " at least" : "", topic, found->count);
    } else if (bounded && found->count > most->count + tally->returned.count) {
        /* What Kafka refused it may have all the same. */
        booked = most->count;
        text = memory_textf("the books say %" PRIu64 " %s, topic %s has %" PRIu64, most->count,
                            what, topic, found->count);
    } else if ((found->count == least->count && !book_sum_equal(found, least))
               || (bounded && found->count == most->count && !book_sum_equal(found, most))) {
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
        good &= judge_side(ledger, judgement, tally, side, topics[side]);
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
