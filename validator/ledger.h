/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: the bridge's books (core/book.h) against what lies in its topics, minute by minute.
 *
 * Order matters, because all of it may still be written: first books, then ledger_fix, then the records of
 * the topics, then the books that were written meanwhile, then ledger_judge. For each minute and topic
 *
 *     what the fixed books say  <=  what was found  <=  what the later books say, if all are closed
 *
 * holds for any number of processes, killed at any moment: a record is in the topic before its book counts
 * it, and its book is on the ledger, open, before the record is written. Where the counts are equal, the
 * hashes must be, too. What lies before the beginning of the first run is left out; if a run does not say where
 * it began, there is no upper bound. Each book must balance in itself. Records that came out of the dead letters, or of
 * another subscription, are in no book and are left out. Pure.
 */
#ifndef VALIDATOR_LEDGER_H
#define VALIDATOR_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pipeline.h"
#include "validator/record.h"

enum ledger_side { LEDGER_TOPIC, LEDGER_DEAD, LEDGER_SIDES };
enum { LEDGER_LISTED = 20 };

struct ledger;

struct ledger *ledger_new(const struct pipeline_stream *stream); /* Borrowed until ledger_free. */
void ledger_free(struct ledger *ledger);

/* A record of the ledger topic; what is neither a book nor the beginning of a run is passed over. */
void ledger_book(struct ledger *ledger, const struct record *record);
void ledger_fix(struct ledger *ledger);

/* begins: of each partition the first offset. What retention has deleted is not judged. */
void ledger_begin(struct ledger *ledger, enum ledger_side side, const int64_t *begins,
                  size_t partition_count);
void ledger_record(struct ledger *ledger, enum ledger_side side, const struct record *record);
/* Not all of it could be read: nothing is judged there. */
void ledger_lose(struct ledger *ledger, enum ledger_side side);

/*
 * {minutes, open, unbalanced, not_judged, unbooked, runs, open_runs, missing, totals: {EVENT: count},
 * list: [{minute_ms, where, open, booked, found, text}]}; NULL: no book is of these topics.
 * Returns (caller decrefs).
 */
json_t *ledger_judge(struct ledger *ledger);

#endif
