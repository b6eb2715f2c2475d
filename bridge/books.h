/* SPDX-License-Identifier: Apache-2.0 */
/*
 * books: what became of a stream's messages, by the minute in which they were published (core/book.h).
 *
 * A book begins when a message of its minute comes and none is there. It is announced on the ledger
 * before any of its messages goes on, so that a crash leaves it open, never unknown. It is written again
 * when it has changed, at most every BOOKS_WRITE_MS, and closed, for the last time, when nothing has
 * happened in it for BOOKS_QUIET_MS and nothing is on its way; then it is forgotten. What happens to the
 * minute afterwards begins a new book.
 *
 *     (none) ──expect──> NEW ──written──> ANNOUNCED ──reported, or after BOOKS_WAIT_MS──> OPEN ──quiet──> closed
 *
 * Memory: a book for each minute of what is held, and those of the last BOOKS_QUIET_MS, at most
 * BOOKS_KEPT of them. One thread; pure.
 */
#ifndef BRIDGE_BOOKS_H
#define BRIDGE_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/window.h"
#include "core/book.h"

enum {
    BOOKS_WRITE_MS = 5000,
    BOOKS_QUIET_MS = 120000,
    BOOKS_WAIT_MS = 5000, /* A ledger that cannot be written does not stop a stream. */
    BOOKS_KEPT = 1024,
};

struct books;

/* Names are those of every book: stream, instance, subscription, topic, dead_letter, run. Copies. */
struct books *books_new(const struct book *names);
void books_free(struct books *books);

/* A message of that minute was pulled and will be entered. */
void books_expect(struct books *books, uint32_t minute);
/* May it go on? Else once its book is reported, or a while has passed. Expects it, if nobody has. */
bool books_are_open(struct books *books, uint32_t minute);
/* BOOK_RECEIVED is for a message that was expected. */
void books_add(struct books *books, uint32_t minute, enum book_event event, struct window_id id);

/* A book was never written. */
bool books_have_new(const struct books *books);
/* Time goes on. Times are of the caller's monotonic clock. */
void books_tick(struct books *books, int64_t now_ms);
/* The next book that must be written now; NULL: none. It stays due until books_wrote is called. */
const struct book *books_due(struct books *books, int64_t now_ms);
/* The ledger's producer took it. A closed one is forgotten. */
void books_wrote(struct books *books, int64_t now_ms);
/* The ledger has, or will never have, what was written of the book of that number. */
void books_reported(struct books *books, uint32_t number);
/* The end: every book of which nothing is in flight is closed, and all are due. */
void books_close(struct books *books);

size_t books_count(const struct books *books);

#endif
