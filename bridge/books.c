/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/books.h"

#include <assert.h>
#include <stdlib.h>

#include "core/buffer.h"

enum { CHAINS = 256 };

struct page { /* A book of ours. */
    struct page *next;
    uint32_t minute;
    uint32_t number;
    uint32_t waiting; /* Expected and not yet received. */
    bool announced;   /* Was written once. */
    bool open;        /* Its messages may go on. */
    bool changed;     /* Since it was written. */
    int64_t begun_ms, touched_ms, written_ms;
    struct book_sum sums[BOOK_EVENTS];
};

struct books {
    struct page *chains[CHAINS]; /* Owned; by minute. */
    size_t count;
    size_t unannounced;
    uint32_t next_number;
    int64_t now_ms; /* Of the last tick: events ask for no time of their own. */
    bool ending;
    struct page *last; /* The likely one; NULL: none. */
    size_t chain;      /* How far books_due has looked: this chain, */
    struct page **at;  /* and in it the link to what is looked at next. */
    struct book shown;
};

struct books *books_new(const struct book *names)
{
    struct books *books = memory_new(sizeof *books);

    books->shown = *names;
    books->at = &books->chains[0];
    return books;
}

void books_free(struct books *books)
{
    if (books == NULL)
        return;
    for (size_t i = 0; i < CHAINS; i++) {
        while (books->chains[i] != NULL) {
            struct page *page = books->chains[i];
            books->chains[i] = page->next;
            free(page);
        }
    }
    free(books);
}

size_t books_count(const struct books *books)
{
    return books->count;
}

static struct page *find(struct books *books, uint32_t minute)
{
    struct page *page = books->last;

    if (page != NULL && page->minute == minute)
        return page;
    page = books->chains[minute % CHAINS];
    while (page != NULL && page->minute != minute)
        page = page->next;
    books->last = page != NULL ? page : books->last;
    return page;
}

static struct page *find_or_begin(struct books *books, uint32_t minute)
{
    struct page *page = find(books, minute);

    if (page != NULL)
        return page;
    page = memory_new(sizeof *page);
    page->minute = minute;
    page->number = books->next_number++;
    page->begun_ms = page->touched_ms = books->now_ms;
    page->next = books->chains[minute % CHAINS];
    books->chains[minute % CHAINS] = page;
    books->last = page;
    books->count++;
    books->unannounced++;
    return page;
}

void books_expect(struct books *books, uint32_t minute)
{
    find_or_begin(books, minute)->waiting++;
}

bool books_are_open(struct books *books, uint32_t minute)
{
    struct page *page = find(books, minute);

    if (page == NULL) {
        books_expect(books, minute);
        return false;
    }
    return page->open;
}

void books_add(struct books *books, uint32_t minute, enum book_event event, struct window_id id)
{
    struct page *page = find_or_begin(books, minute);

    if (event == BOOK_RECEIVED && page->waiting > 0)
        page->waiting--;
    page->touched_ms = books->now_ms;
    page->changed = true;
    book_sum_add(&page->sums[event], (struct book_hash){id.low, id.high});
}

static uint64_t in_flight(const struct page *page)
{
    const struct book_sum *sums = page->sums;

    return sums[BOOK_RECEIVED].count - sums[BOOK_DELIVERED].count - sums[BOOK_DUPLICATE].count
           - sums[BOOK_DEAD_LETTERED].count - sums[BOOK_RETURNED].count;
}

static void open_late(struct page *page, int64_t now_ms)
{
    page->open = page->open || now_ms - page->begun_ms >= BOOKS_WAIT_MS;
}

void books_tick(struct books *books, int64_t now_ms)
{
    books->now_ms = now_ms;
    for (size_t i = 0; i < CHAINS; i++)
        for (struct page *page = books->chains[i]; page != NULL; page = page->next)
            open_late(page, now_ms);
}

/* Nothing happens in it any more, so that what it says is the whole. */
static bool is_over(const struct books *books, const struct page *page, int64_t now_ms)
{
    int64_t quiet_ms = books->count > BOOKS_KEPT ? 1 : BOOKS_QUIET_MS;

    return in_flight(page) == 0
           && (books->ending || (page->waiting == 0 && now_ms - page->touched_ms >= quiet_ms));
}

static bool is_due(const struct books *books, const struct page *page, int64_t now_ms)
{
    return books->ending || !page->announced
           || (page->changed && now_ms - page->written_ms >= BOOKS_WRITE_MS)
           || is_over(books, page, now_ms);
}

const struct book *books_due(struct books *books, int64_t now_ms)
{
    for (; books->chain < CHAINS; books->chain++, books->at = &books->chains[books->chain]) {
        for (; *books->at != NULL; books->at = &(*books->at)->next) {
            const struct page *page = *books->at;
            if (!is_due(books, page, now_ms))
                continue;
            books->shown.minute = page->minute;
            books->shown.number = page->number;
            books->shown.closed = is_over(books, page, now_ms);
            for (int i = 0; i < BOOK_EVENTS; i++)
                books->shown.sums[i] = page->sums[i];
            return &books->shown;
        }
    }
    books->chain = 0;
    books->at = &books->chains[0];
    return NULL;
}

void books_wrote(struct books *books, int64_t now_ms)
{
    struct page *page = *books->at;

    assert(page != NULL && page->number == books->shown.number);
    books->unannounced -= !page->announced;
    if (books->shown.closed || books->ending) {
        *books->at = page->next;
        books->last = NULL;
        books->count--;
        free(page);
        return;
    }
    page->announced = true;
    page->changed = false;
    page->written_ms = now_ms;
    books->at = &page->next;
}

bool books_have_new(const struct books *books)
{
    return books->unannounced > 0;
}

void books_reported(struct books *books, uint32_t number)
{
    for (size_t i = 0; i < CHAINS; i++)
        for (struct page *page = books->chains[i]; page != NULL; page = page->next)
            page->open = page->open || page->number == number;
}

void books_close(struct books *books)
{
    books->ending = true;
    books->chain = 0;
    books->at = &books->chains[0];
}
