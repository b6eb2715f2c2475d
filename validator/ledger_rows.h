/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_rows: what the parts of the ledger share: ledger.c takes books and records in, ledger_judge.c judges.
 */
#ifndef VALIDATOR_LEDGER_ROWS_H
#define VALIDATOR_LEDGER_ROWS_H

#include "core/book.h"
#include "validator/ledger.h"

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
    int64_t *from;      /* Per partition where the first run began; beyond from_count: at 0. */
    size_t from_count;
    bool begun; /* A run said where it began; else from is empty. */
    bool fixed; /* And it was known before records were read. */
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
    uint64_t *runs; /* Those that said where they began; sorted for the judgement. */
    size_t run_count;
    bool all_begun; /* Of every book the run has. */
};

/* The event that puts a record into the topic of a side. */
enum book_event ledger_event(enum ledger_side side);
/* The minute's, new if there is none. Valid until the next call. */
struct tally *ledger_tally(struct ledger *ledger, uint32_t minute);

#endif
