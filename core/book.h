/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book: what a run of the bridge says of the messages of one stream that were published in one minute.
 *
 * Lies on the ledger topic as JSON, under "books/STREAM/INSTANCE/RUN/MINUTE/NUMBER": a later record of a
 * key replaces the earlier one. A minute that was closed and to which something happens again gets a book
 * with a new number. Each event has a count and a sum of hashes of message ids, which do not depend on
 * the order and do not cancel what is there twice.
 *
 * A book is on the topic before the first record that it covers is written, so that a record whose book
 * is unknown was written by no bridge that keeps books.
 */
#ifndef CORE_BOOK_H
#define CORE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"

enum { BOOK_NAME_SIZE = 256, BOOK_MINUTE_MS = 60000 };
#define BOOK_KEY_PREFIX "books/"

enum book_event {
    BOOK_RECEIVED,      /* Taken out of an answer, redeliveries counted. */
    BOOK_DELIVERED,     /* Kafka confirmed the record in the stream's topic. */
    BOOK_DUPLICATE,     /* Known by its id: not sent. */
    BOOK_DEAD_LETTERED, /* Kafka confirmed the dead letter. */
    BOOK_RETURNED,      /* Kafka refused it, or the stream stopped at it. */
    BOOK_ACKED,         /* Pub/Sub confirmed the acknowledgement. */
    BOOK_EVENTS,
};
extern const char *const book_event_names[BOOK_EVENTS];

struct book_hash {
    uint64_t low; /* Never 0. */
    uint64_t high;
};
/* Of a message id. */
struct book_hash book_hash(const void *id, size_t size);

/* Modulo 2^64 each. */
struct book_sum {
    uint64_t count, low, high;
};

static inline void book_sum_add(struct book_sum *sum, struct book_hash hash)
{
    sum->count++;
    sum->low += hash.low;
    sum->high += hash.high;
}

static inline void book_sum_join(struct book_sum *sum, const struct book_sum *other)
{
    sum->count += other->count;
    sum->low += other->low;
    sum->high += other->high;
}

static inline bool book_sum_equal(const struct book_sum *a, const struct book_sum *b)
{
    return a->count == b->count && a->low == b->low && a->high == b->high;
}

struct book {
    char stream[BOOK_NAME_SIZE];
    char instance[BOOK_NAME_SIZE]; /* Of the bridge process: host and process id. */
    char subscription[BOOK_NAME_SIZE];
    char topic[BOOK_NAME_SIZE];       /* Of what is delivered. */
    char dead_letter[BOOK_NAME_SIZE]; /* Of what is dead-lettered; "": there is none. */
    uint64_t run;                     /* Random, of one life of the process. */
    uint32_t minute;                  /* Of the publish time, since 1970. */
    uint32_t number;                  /* Of the book in its run. */
    bool closed; /* Nothing is in flight, and no more is counted here. Else a lower bound. */
    struct book_sum sums[BOOK_EVENTS];
};

/*
 * Where a run begins, under "run/STREAM/INSTANCE/RUN", written before all its books: what lies before the offsets of
 * the first run is of no book.
 */
#define BOOK_RUN_KEY_PREFIX "run/"
enum { BOOK_RUN_PARTITIONS_MAX = 10000 };

struct book_run {
    struct book names;   /* Without minute, number and sums. */
    int64_t started_ms;  /* Wall clock. */
    int64_t *topic_ends; /* By partition the offset behind the last record. Owned. */
    size_t topic_count;  /* Partitions. */
    int64_t *dead_ends;  /* Of the dead letters. Owned. */
    size_t dead_count;
};

void book_run_fini(struct book_run *run);
void book_run_format(const struct book_run *run, struct buffer *key, struct buffer *value);
/* To be freed by book_run_fini, also if it is false. */
bool book_run_parse(const void *value, size_t size, struct book_run *run);

/* Of a publish time; what lies before 1970 or behind the year 9999 counts to the first or last one. */
uint32_t book_minute(int64_t publish_time_us);
int64_t book_minute_ms(uint32_t minute);

void book_format(const struct book *book, struct buffer *key, struct buffer *value);
bool book_parse(const void *value, size_t size, struct book *book);

#endif
